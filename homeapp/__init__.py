"""The hub: finds the meter and the charger, plans, guards the fuse, and lets the owner answer the service providers."""

__version__ = "0.1.0"
