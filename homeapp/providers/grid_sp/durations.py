"""ISO 8601 durations as OpenADR uses them: ``P[n]Y[n]M[n]W[n]DT[n]H[n]M[n]S``; ``P9999Y`` stands for ever.

The User Guide writes ``P0S`` for no time at all; it is understood, although it lacks the T.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from homeapp.errors import MessageRejected

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

_NOTHING = "P0S"

_FORM = re.compile(
    r"P(?=[0-9T])(?:(?P<years>[0-9]{1,7})Y)?(?:(?P<months>[0-9]{1,7})M)?(?:(?P<weeks>[0-9]{1,7})W)?"
    r"(?:(?P<days>[0-9]{1,7})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,7})H)?(?:(?P<minutes>[0-9]{1,7})M)?"
    r"(?:(?P<seconds>[0-9]{1,7}(?:\.[0-9]{1,6})?)S)?)?"
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time; months are of the calendar, counted in UTC.

    Attributes:
        months: >= 0.
        rest: >= 0.
    """

    months: int
    rest: timedelta

    def after(self, start: datetime) -> datetime:
        """The instant this long after ``start``; ``FOREVER`` where the calendar ends before."""
        years, month = divmod(start.month - 1 + self.months, 12)
        try:
            year = start.year + years
            day = min(start.day, monthrange(year, month + 1)[1])
            return min(start.replace(year=year, month=month + 1, day=day) + self.rest, FOREVER)
        except (ValueError, OverflowError):
            return FOREVER


def parse_duration(text: str) -> Duration:
    """Read a duration.

    Raises:
        MessageRejected: ``value`` for a negative one, ``schema`` for anything else that is none.
    """
    if text.startswith("-"):
        raise MessageRejected("value", "A message was refused because it names a negative span of time.")
    if text == _NOTHING:
        return Duration(0, timedelta())
    found = _FORM.fullmatch(text)
    if found is None:
        raise MessageRejected("schema", "A message was refused because it names a span of time in an unknown form.")
    parts = {name: float(value) for name, value in found.groupdict().items() if value is not None}
    months = int(parts.pop("years", 0) * 12 + parts.pop("months", 0))
    return Duration(months, timedelta(**parts))
