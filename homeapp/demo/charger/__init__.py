"""The charging station of the street and the car in it."""
