"""What may leave the home, what has left it, and how all of it is taken out or erased."""
