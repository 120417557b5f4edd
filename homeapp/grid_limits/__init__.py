"""Limits that the grid operator imposes: obeyed at once, and kept safe where the operator is out of reach."""
