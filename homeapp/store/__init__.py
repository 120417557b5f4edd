"""The two SQLite databases of the hub."""
