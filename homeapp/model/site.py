"""The home's grid connection and where it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Facts an installer sets once.

    Attributes:
        name: greets people on Home; may be empty.
        time_zone: IANA name, for display and local midnight.
        fuse_a: main fuse, A per phase.
        phases: 1 or 3.
        voltage_v: nominal phase voltage.
        fuse_margin: part of the fuse that the hub uses at most, 0..1.
        safe_current_a: A per phase a charger may draw when the hub is gone; 0 means stop.
        max_current_a: A per phase the charger's own circuit carries.
        feed_allowed: the connection may export the car's energy.
    """

    name: str = ""
    time_zone: str = "Europe/Amsterdam"
    fuse_a: float = 25.0
    phases: int = 3
    voltage_v: float = 230.0
    fuse_margin: float = 0.9
    safe_current_a: float = 6.0
    max_current_a: float = 16.0
    feed_allowed: bool = True
