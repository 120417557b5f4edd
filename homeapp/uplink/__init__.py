"""The way out of the home: what it may carry, and what it has carried."""
