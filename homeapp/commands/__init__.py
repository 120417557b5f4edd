"""The command line, by area."""
