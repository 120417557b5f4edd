"""Load management: what the grid connection leaves for the chargers, and who of them gets how much of it."""
