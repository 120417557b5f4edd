"""Pure functions from rates, demand, limits and offers to a plan."""
