"""One page for each step of commissioning."""
