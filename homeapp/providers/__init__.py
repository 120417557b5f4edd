"""Service providers: the way to each of them and the checks on what they say."""
