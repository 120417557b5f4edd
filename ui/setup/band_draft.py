"""Prices at certain hours, as they are entered: half hours, tenths of a cent, days of the week."""

from decimal import Decimal

import msgspec

from homeapp.model.commissioning import BandAnswer

MOST_BANDS = 8
"""That are entered at the screen; there may be more in a file of answers."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STEP_MIN, _DAY_MIN = 30, 24 * 60
COARSE, FINE = Decimal("0.01"), Decimal("0.001")
_MOST = Decimal("99.999")


def first(price: Decimal) -> BandAnswer:
    """Before anything was entered: the nights, at the price of the other hours."""
    return BandAnswer(price=plain(price), start="22:00", end="06:00")


def stepped_price(price: Decimal, steps: int, *, fine: bool) -> Decimal:
    """Some hundredths or thousandths of the currency more or less."""
    return min(_MOST, max(Decimal(0), price + steps * (FINE if fine else COARSE)))


def with_price(band: BandAnswer, steps: int, *, fine: bool) -> BandAnswer:
    """The same for a band."""
    return msgspec.structs.replace(band, price=plain(stepped_price(Decimal(band.price), steps, fine=fine)))


def with_start(band: BandAnswer, steps: int) -> BandAnswer:
    """Half an hour later or earlier, around the clock."""
    return msgspec.structs.replace(band, start=_stepped(band.start, steps))


def with_end(band: BandAnswer, steps: int) -> BandAnswer:
    """The same for its end."""
    return msgspec.structs.replace(band, end=_stepped(band.end, steps))


def with_days(band: BandAnswer, days: tuple[str, ...]) -> BandAnswer:
    """On these days; none and all are the same."""
    return msgspec.structs.replace(band, days=() if set(days) >= set(DAYS) else days)


def goes_over_midnight(band: BandAnswer) -> bool:
    """It ends on another day than it begins."""
    return "00:00" < band.end < band.start


def lasts_all_day(band: BandAnswer) -> bool:
    """It holds from midnight to midnight."""
    return band.start == band.end


def plain(amount: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _stepped(wall_time: str, steps: int) -> str:
    hours, _, minutes = wall_time.partition(":")
    now = int(hours) * 60 + int(minutes)
    # From between two half hours to the next one in that direction.
    begun = now // _STEP_MIN if steps > 0 else -(-now // _STEP_MIN)
    minute = (begun + steps) * _STEP_MIN % _DAY_MIN
    return f"{minute // 60:02}:{minute % 60:02}"
