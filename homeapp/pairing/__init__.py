"""How the home gets to know its providers."""
