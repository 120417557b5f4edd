"""Smart meters."""
