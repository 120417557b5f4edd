"""Why the hub did what it did."""
