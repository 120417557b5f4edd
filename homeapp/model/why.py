"""The timeline of decisions: what the hub did, when, and what it saw then."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from homeapp.model.live import Doing
from homeapp.model.offer import OfferState
from homeapp.model.plan import ChargingMode, SlotReason


class WhyTopic(StrEnum):
    """What an entry is about."""

    CHARGER = "charger"
    """a charger does something else, or for another reason"""
    MODE = "mode"
    """the household wants something else"""
    REQUEST = "request"
    """a provider's request has come to another state"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the hub saw at that moment; None for what was not known or too old to rely on.

    Attributes:
        grid_w: at the meter, import +.
        phase_a: on the phase of the main fuse that carries most, A; ``fuse_a`` is what the fuse carries.
        charger_w: measured at the charger, charging +, feeding -.
        soc_pct: of the car.
        price: import price per kWh.
        slot: why the plan has the slot of that moment; ``planned_w`` is its power.
    """

    fuse_a: float
    grid_w: float | None = None
    phase_a: float | None = None
    charger_w: float | None = None
    soc_pct: float | None = None
    price: Decimal | None = None
    currency: str = ""
    slot: SlotReason | None = None
    planned_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyEntry:
    """One thing that happened, with the facts it rests on, so that it can be answered for without any provider.

    Attributes:
        at: hub time, UTC.
        subject: the charger's device id, the request's key, or empty.
        name: the same for people; a request's title is the provider's own text.
        doing, power_w, until: of a charger: see ``homeapp.model.live.Activity``.
        mode: what the household wants from then on.
        state, decided_by: of a request: see ``homeapp.model.offer``.
    """

    at: datetime
    topic: WhyTopic
    seen: Circumstances
    subject: str = ""
    name: str = ""
    doing: Doing | None = None
    power_w: float | None = None
    until: datetime | None = None
    mode: ChargingMode | None = None
    state: OfferState | None = None
    decided_by: str = ""
