"""The home's grid connection, where it is, and the circuits of its chargers."""

from dataclasses import dataclass

MIN_CURRENT_A = 6.0
"""IEC 61851-1: the least current that a control pilot can offer."""


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
        feed_cap_a: most A per phase that may be exported; None for what the fuse carries.
        asymmetry_a: most A that chargers which do not use all three phases may add to one of them, charging or feeding;
            None for no such rule.
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
    feed_cap_a: float | None = None
    asymmetry_a: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The circuit of one charger, as its installer has set it.

    Attributes:
        device_id: ``ocpp:<station identity>``.
        max_current_a: A per phase that it carries.
        safe_current_a: A per phase that the charger may draw when the hub is gone; 0 means stop.
        rotation: the phase of the grid, 0 for L1, on which each of the charger's own phases lies, its L1 first.
        priority: who goes first where there is not enough for all; the lower, the sooner.
    """

    device_id: str
    max_current_a: float = 16.0
    safe_current_a: float = 6.0
    rotation: tuple[int, ...] = (0, 1, 2)
    priority: int = 0

    @property
    def phases(self) -> int:
        """Phases wired."""
        return len(self.rotation)
