"""The data link of the car in the street."""
