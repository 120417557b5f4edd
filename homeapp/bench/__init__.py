"""Measurements of the hub over its real protocols, with peers in processes of their own."""
