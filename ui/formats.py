"""How numbers, money and times are written."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from PySide6.QtCore import QLocale

from ui.tr import tr

DASH = "–"
_SPACE = "\u00a0"
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "CHF": "CHF ", "SEK": "SEK ", "NOK": "NOK ", "DKK": "DKK ", "PLN": "PLN "}
_HUNDREDTHS = {"EUR": "ct", "USD": "ct", "GBP": "p", "SEK": "öre", "NOK": "øre", "DKK": "øre", "CHF": "Rp", "PLN": "gr"}


def kilowatts(watts: float | None) -> str:
    """Size of a power in kW with one decimal, ``-`` where it is not known; the direction is said in words."""
    return DASH if watts is None else f"{_tenth(watts)}{_SPACE}kW"


def kilowatt_hours(watt_hours: float | None) -> str:
    """Size of an energy in kWh with one decimal."""
    return DASH if watt_hours is None else f"{_tenth(watt_hours)}{_SPACE}kWh"


def size(size_bytes: int) -> str:
    """An amount of data."""
    if size_bytes < 1000:
        return f"{size_bytes}{_SPACE}B"
    if size_bytes < 999_950:
        return f"{size_bytes / 1000:.1f}{_SPACE}kB"
    return f"{size_bytes / 1_000_000:.1f}{_SPACE}MB"


def percent(value: float | None) -> str:
    """A whole percentage."""
    return DASH if value is None else f"{value:.0f}{_SPACE}%"


def money(amount: Decimal | None, currency: str) -> str:
    """An amount to the cent with its currency."""
    if amount is None:
        return DASH
    rounded = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    sign = "−" if rounded < 0 else ""
    return f"{sign}{_SIGNS.get(currency, f'{currency} ')}{abs(rounded)}"


def price_number(per_kwh: Decimal) -> float:
    """A price per kWh in hundredths of the currency."""
    return float(per_kwh) * 100


def price_unit(currency: str) -> str:
    """Name of a hundredth of the currency."""
    return _HUNDREDTHS.get(currency, f"{currency}/100")


def price(per_kwh: Decimal | None, currency: str) -> str:
    """A price per kWh, short: ``18.7 ct``."""
    if per_kwh is None:
        return DASH
    return f"{price_number(per_kwh):.1f}".replace("-", "−") + f"{_SPACE}{price_unit(currency)}"


def age(seconds: float) -> str:
    """How old a figure is."""
    if seconds < 60:
        return tr("{count} s old", count=max(0, int(seconds)))
    if seconds < 3600:
        return tr("{count} min old", count=int(seconds // 60))
    if seconds < 48 * 3600:
        return tr("{count} h old", count=int(seconds // 3600))
    return tr("{count} days old", count=int(seconds // 86400))


def ago(seconds: float) -> str:
    """How long ago something was heard."""
    if seconds < 60:
        return tr("{count} s ago", count=max(0, int(seconds)))
    if seconds < 3600:
        return tr("{count} min ago", count=int(seconds // 60))
    if seconds < 48 * 3600:
        return tr("{count} h ago", count=int(seconds // 3600))
    return tr("{count} days ago", count=int(seconds // 86400))


def left(seconds: float) -> str:
    """What remains of a deadline."""
    if seconds <= 0:
        return tr("time is up")
    if seconds < 60:
        return tr("{count} s left", count=int(seconds))
    minutes = int(seconds // 60)
    if minutes < 60:
        return tr("{count} min left", count=minutes)
    if minutes < 48 * 60:
        return tr("{hours} h {minutes} min left", hours=minutes // 60, minutes=minutes % 60)
    return tr("{count} days left", count=minutes // 1440)


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """Local wall time."""
    return instant.astimezone(zone).strftime("%H:%M")


def moment(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Local wall time, with the day where it is not within the next 18 hours and not today."""
    local, today = instant.astimezone(zone), now.astimezone(zone).date()
    soon = timedelta(0) <= instant - now < timedelta(hours=18)
    if local.date() == today or soon:
        return clock(instant, zone)
    if abs((local.date() - today).days) < 7:
        return f"{weekday(local)} {clock(instant, zone)}"
    return f"{local.day} {QLocale().monthName(local.month, QLocale.FormatType.ShortFormat)} {clock(instant, zone)}"


def day(instant: datetime, zone: ZoneInfo) -> str:
    """Local day and month, short: ``24 Nov``."""
    local = instant.astimezone(zone)
    return f"{local.day}{_SPACE}{QLocale().monthName(local.month, QLocale.FormatType.ShortFormat)}"


def window(start: datetime, end: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A span of time."""
    last = clock(end, zone) if end - start < timedelta(hours=24) else moment(end, now, zone)
    return f"{moment(start, now, zone)}–{last}"


def weekday(local: datetime) -> str:
    """Short name of the day."""
    return day_name(local.isoweekday())


def day_name(number: int) -> str:
    """Short name of a day of the week; 1 is Monday."""
    return QLocale().dayName(number, QLocale.FormatType.ShortFormat)


def _tenth(value: float) -> str:
    return f"{abs(value) / 1000:.1f}"
