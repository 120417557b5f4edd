"""The forms of single fields in providers' messages, and the checks that no type can express."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from homeapp.errors import MessageRejected

MAX_POWER_W = 100_000.0
MAX_ENERGY_WH = 1_000_000.0

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~:+-]{1,64}\Z")]
OptionalId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~:+-]{0,64}\Z")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Word = Annotated[str, msgspec.Meta(max_length=200)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Power = Annotated[float, msgspec.Meta(ge=-MAX_POWER_W, le=MAX_POWER_W)]
PowerLimit = Annotated[float, msgspec.Meta(ge=0, le=MAX_POWER_W)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Energy = Annotated[float, msgspec.Meta(ge=0, le=MAX_ENERGY_WH)]
Money = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?\Z")]
SignedMoney = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?\Z")]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]

_YEARS = range(2000, 2200)
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of writing."""

T = TypeVar("T", bound=msgspec.Struct)


def content(members: dict[str, Any], kind: type[T]) -> T:
    """``members`` as ``kind``; those that it does not know are ignored.

    Raises:
        MessageRejected: ``schema``.
    """
    try:
        return msgspec.convert(members, kind)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise MessageRejected(
            "schema", "A message was refused because its content is not as agreed. Nothing was done with it."
        ) from error


def wrong(because: str) -> MessageRejected:
    """To be raised where a value makes no sense."""
    return MessageRejected("value", f"A message was refused because {because}. Nothing was done with it.")


def instant(told: datetime) -> datetime:
    """In UTC; the edges of the calendar are refused because arithmetic would leave it.

    Raises:
        MessageRejected: ``value``.
    """
    if told.year not in _YEARS:
        raise wrong("one of its times is not of this age")
    return told.astimezone(UTC)


def finite(value: float | None) -> float | None:
    """``value`` unless it is not a number of this world.

    Raises:
        MessageRejected: ``value``.
    """
    if value is not None and not math.isfinite(value):
        raise wrong("one of its numbers is not finite")
    return value


def check_texts(*texts: str) -> None:
    """Hidden characters can make a text look like something else than it is.

    Raises:
        MessageRejected: ``value``.
    """
    if any(_HIDDEN.search(text) for text in texts):
        raise wrong("its text contains hidden characters")
