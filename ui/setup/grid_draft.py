"""The grid connection as it is entered: which values go together, and what one tap makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from homeapp.model.commissioning import FUSES_A, GridAnswer
from homeapp.model.site import MIN_CURRENT_A, Site

_POWER_STEP_W = 100.0


class Export(StrEnum):
    """What of the car's energy may leave the home."""

    NONE = "none"
    CAPPED = "capped"
    FUSE = "fuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """What is known of the connection besides what is entered.

    Attributes:
        fuse_margin: part of the fuse that the hub uses at most, 0..1.
        voltage_v: nominal phase voltage.
    """

    fuse_margin: float
    voltage_v: float

    def allowed_a(self, answer: GridAnswer) -> float:
        """A per phase that the guard lets through the main fuse."""
        return round(answer.fuse_a * self.fuse_margin, 1)

    def power_w(self, answer: GridAnswer, current_a: float) -> float:
        """Power of this current on all phases, W."""
        return answer.phases * self.voltage_v * current_a


def circuit_of(site: Site) -> Circuit:
    """What the hub has."""
    return Circuit(fuse_margin=site.fuse_margin, voltage_v=site.voltage_v)


def from_site(site: Site) -> GridAnswer:
    """What the hub works with before anything was entered."""
    return GridAnswer(
        phases=1 if site.phases == 1 else 3,
        fuse_a=site.fuse_a,
        max_current_a=site.max_current_a,
        safe_current_a=site.safe_current_a,
        feed_allowed=site.feed_allowed,
        feed_cap_a=site.feed_cap_a,
    )


def circuits_a(answer: GridAnswer) -> tuple[float, ...]:
    """Breakers that a charger's circuit behind this fuse can have, A."""
    return tuple(float(made) for made in FUSES_A if MIN_CURRENT_A <= made <= answer.fuse_a)


def floors_a(answer: GridAnswer, circuit: Circuit) -> tuple[float, ...]:
    """Currents that the charger may be left with when the hub is gone, A: none, or what a control pilot can offer.

    Nobody watches over it then, so it has to fit behind the fuse together with nothing else.
    """
    most = int(min(answer.max_current_a, circuit.allowed_a(answer)))
    return (0.0, *(float(current) for current in range(int(MIN_CURRENT_A), most + 1)))


def caps_a(answer: GridAnswer) -> tuple[float, ...]:
    """Limits of export that are less than what the fuse carries, A per phase."""
    return tuple(float(current) for current in range(1, int(answer.fuse_a)))


def export_of(answer: GridAnswer) -> Export:
    """Which of the three it is."""
    if not answer.feed_allowed:
        return Export.NONE
    return Export.FUSE if answer.feed_cap_a is None else Export.CAPPED


def with_export(answer: GridAnswer, export: Export) -> GridAnswer:
    """The same with another rule for export."""
    cap = caps_a(answer)[-1] if export is Export.CAPPED else None
    return msgspec.structs.replace(answer, feed_allowed=export is not Export.NONE, feed_cap_a=cap)


def with_fuse(answer: GridAnswer, fuse_a: float, circuit: Circuit) -> GridAnswer:
    """Another main fuse; what no longer fits behind it is taken down to what does."""
    changed = msgspec.structs.replace(answer, fuse_a=fuse_a)
    circuits = circuits_a(changed)
    changed = msgspec.structs.replace(changed, max_current_a=min(answer.max_current_a, circuits[-1]))
    if changed.feed_cap_a is not None and changed.feed_cap_a >= fuse_a:
        changed = msgspec.structs.replace(changed, feed_cap_a=None)
    return fitted(changed, circuit)


def fitted(answer: GridAnswer, circuit: Circuit) -> GridAnswer:
    """The same with a current without the hub, and an operator's limit, that the connection carries."""
    most_w = most_power_w(answer, circuit)
    return msgspec.structs.replace(
        answer,
        safe_current_a=min(answer.safe_current_a, floors_a(answer, circuit)[-1]),
        dso_floor_w=min(answer.dso_floor_w, most_w),
        failsafe_w=min(answer.failsafe_w, most_w),
    )


def most_power_w(answer: GridAnswer, circuit: Circuit) -> float:
    """What the connection carries, W, to whole hundreds."""
    return circuit.power_w(answer, answer.fuse_a) // _POWER_STEP_W * _POWER_STEP_W


def stepped(values: Sequence[float], value: float, direction: int) -> float:
    """The next of ``values`` in this direction; the same where there is none."""
    beyond = [item for item in values if (item > value if direction > 0 else item < value)]
    if not beyond:
        return value
    return min(beyond) if direction > 0 else max(beyond)


def stepped_power(value_w: float, direction: int, most_w: float) -> float:
    """A tenth of a kilowatt more or less, within 0 and ``most_w``."""
    steps = round(value_w / _POWER_STEP_W) + direction
    return min(max(0.0, steps * _POWER_STEP_W), most_w)
