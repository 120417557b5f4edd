"""The provider's side of charging control: its charging profiles are kept and evaluated here, never in the station."""
