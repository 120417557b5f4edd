"""What is entered of the car."""

import ipaddress
from enum import StrEnum

import msgspec

from homeapp.model.commissioning import CarAnswer

DEFAULT_KWH = 60.0
LEAST_KWH, MOST_KWH = 5.0, 200.0
"""Usable batteries of cars and vans; a step is one kilowatt-hour."""


class Source(StrEnum):
    """From where the battery's size is known; the value is what the report says."""

    CERTIFICATE = "registration certificate"
    OWNER = "the owner"
    SCREEN = "the car's screen"


def first() -> CarAnswer:
    """Before anything was entered."""
    return CarAnswer(capacity_kwh=DEFAULT_KWH, source=Source.OWNER)


def stepped(answer: CarAnswer, direction: int) -> CarAnswer:
    """A kilowatt-hour more or less."""
    wanted = round(answer.capacity_kwh) + direction
    return msgspec.structs.replace(answer, capacity_kwh=min(MOST_KWH, max(LEAST_KWH, float(wanted))))


def is_address(text: str) -> bool:
    """A literal IP address, or nothing."""
    if not text:
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
