"""Drivers: they know the hub's model, ports and errors, and nothing else of it."""
