"""What was, by quarter hour: the ground for what is expected."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPrice:
    """What energy has cost in the quarter hour that began at ``start``, per kWh."""

    start: datetime
    import_price: Decimal
    export_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPower:
    """What the home besides the car took in the quarter hour that began at ``start``, W.

    Attributes:
        home_w: mean, solar power taken off; < 0 where something was left over.
    """

    start: datetime
    home_w: float
