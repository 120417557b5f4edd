"""Programs and events of the demo grid operator as OpenADR 3.1 objects: dictionaries, as they go over the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from homeapp.demo.grid.prices import QuarterPrice

RETAILER = "Grid operator"
PRICE_PROGRAM = "program-tariff"
OFFER_PROGRAM = "program-demand-response"
LIMIT_PROGRAM = "program-connection-limit"
USAGE_EVENT = "event-meter-readings"
"""Stands for ever and asks for readings."""
GROUP = "district-7"
"""The target that the operator's vens are given."""
OTHER_PROGRAM = "program-of-another-town"
"""Not listed for this home; its event shows up where the VTN does not filter."""

_PROFILE = "V2G_OFFER-1.0.0"
"""Requests whose answers are confirmed by an event."""


class DrKind(StrEnum):
    """What the grid operator asks for."""

    LOAD_SHED = "load_shed"
    """charge with at most ``power_w``"""
    POWER_FEED = "power_feed"
    """feed ``power_w`` out of the car"""
    CAPACITY_LIMIT = "capacity_limit"
    """mandatory: take at most ``power_w`` at the grid connection"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrOffer:
    """A demand response event in the grid operator's words.

    Attributes:
        power_w: W, >= 0.
        reward: for the whole of it, or None.
        expires_at: when an answer is too late, or None to leave it to the receiver.
        contracted: the owner has agreed to such requests before; silence takes part.
        reward_per_kwh, penalty_per_kwh: for each kWh that is delivered, or is missing.
        guaranteed_soc_pct: what the car has at the end.
        max_feed_cycles, wear_per_kwh: what the battery is asked for at most, and what is paid for its wear.
        cancel_until: when the owner may still back out.
        randomize_start: each home begins earlier or later by up to this much.
    """

    kind: DrKind
    start: datetime
    end: datetime
    power_w: float
    title: str
    text: str = ""
    reward: Decimal | None = None
    currency: str = "EUR"
    min_soc_pct: float | None = None
    max_feed_wh: float | None = None
    expires_at: datetime | None = None
    contracted: bool = False
    reward_per_kwh: Decimal | None = None
    penalty_per_kwh: Decimal | None = None
    guaranteed_soc_pct: float | None = None
    max_feed_cycles: float | None = None
    wear_per_kwh: Decimal | None = None
    cancel_until: datetime | None = None
    randomize_start: timedelta | None = None

    @property
    def program_id(self) -> str:
        """The program that its event belongs to."""
        return LIMIT_PROGRAM if self.kind is DrKind.CAPACITY_LIMIT else OFFER_PROGRAM


def rfc3339(instant: datetime) -> str:
    """In UTC, with T and Z."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def metadata(kind: str, object_id: str, created: str, modified: str) -> dict[str, Any]:
    """The objectMetadata of OpenADR 3.1."""
    return {
        "id": object_id,
        "createdDateTime": created,
        "modificationDateTime": modified,
        "objectType": kind,
    }


def programs() -> dict[str, dict[str, Any]]:
    """The programRequests by id."""
    prices = [_descriptor("PRICE", "KWH", "EUR"), _descriptor("EXPORT_PRICE", "KWH", "EUR"), _descriptor("GHG", "GHG")]
    return {
        PRICE_PROGRAM: _program("HomeTariff", "RESIDENTIAL_TARIFF", binding=False) | {"payloadDescriptors": prices},
        OFFER_PROGRAM: _program("HomeFlex", _PROFILE, binding=False),
        LIMIT_PROGRAM: _program("ConnectionLimit", _PROFILE, binding=True),
    }


def price_event(name: str, quarters: Sequence[QuarterPrice]) -> dict[str, Any]:
    """The eventRequest with the prices of a day."""
    intervals = [
        {"id": index, "payloads": [_values("PRICE", item.import_price), _values("EXPORT_PRICE", item.export_price)]}
        for index, item in enumerate(quarters)
    ]
    return {
        "programID": PRICE_PROGRAM,
        "eventName": name,
        "intervalPeriod": {"start": rfc3339(quarters[0].start), "duration": "PT15M"},
        "payloadDescriptors": [_descriptor("PRICE", "KWH", "EUR"), _descriptor("EXPORT_PRICE", "KWH", "EUR")],
        "intervals": intervals,
    }


def emissions_event(name: str, quarters: Sequence[QuarterPrice]) -> dict[str, Any]:
    """The eventRequest with the emissions of a day's power, g/kWh, the same hour by hour."""
    hours = quarters[::4]
    intervals = [{"id": index, "payloads": [_values("GHG", item.emissions_g)]} for index, item in enumerate(hours)]
    return {
        "programID": PRICE_PROGRAM,
        "eventName": name,
        "intervalPeriod": {"start": rfc3339(quarters[0].start), "duration": "PT1H"},
        "payloadDescriptors": [_descriptor("GHG", "GHG")],
        "intervals": intervals,
    }


def usage_event(now: datetime) -> dict[str, Any]:
    """The eventRequest that asks for the energy of every quarter hour."""
    descriptor = {"payloadType": "USAGE", "readingType": "DIRECT_READ", "units": "KWH", "repeat": -1}
    return {
        "programID": PRICE_PROGRAM,
        "eventName": "Meter readings",
        # "For ever" (P9999Y) from now on is beyond what the calendars of some clients can do.
        "intervalPeriod": {"start": rfc3339(now), "duration": "P10Y"},
        "reportDescriptors": [descriptor, {"payloadType": "DATA_QUALITY", "repeat": -1}],
    }


def offer_event(offer: DrOffer) -> dict[str, Any]:
    """The eventRequest with a demand response request."""
    kilowatts = offer.power_w / 1000
    power = {
        DrKind.LOAD_SHED: _values("DISPATCH_SETPOINT", kilowatts),
        DrKind.POWER_FEED: _values("DISPATCH_SETPOINT", -kilowatts),
        DrKind.CAPACITY_LIMIT: _values("IMPORT_CAPACITY_LIMIT", kilowatts),
    }[offer.kind]
    period = {"start": rfc3339(offer.start), "duration": _duration(offer.end - offer.start)}
    if offer.randomize_start is not None:
        period["randomizeStart"] = _duration(offer.randomize_start)
    return {
        "programID": offer.program_id,
        "eventName": offer.title,
        "priority": 1,
        "intervalPeriod": period,
        "payloadDescriptors": [
            _descriptor(str(power["type"]), "KW"),
            _descriptor("REWARD_FIXED", None, offer.currency),
            _descriptor("MIN_SOC", "PERCENT"),
            _descriptor("MAX_FEED_ENERGY", "KWH"),
            *_descriptors_of_more(offer),
        ],
        "intervals": [{"id": 0, "payloads": [power, *_terms(offer), *_more_terms(offer)]}],
    }


def alert_event(kind: str, start: datetime, end: datetime, text: str) -> dict[str, Any]:
    """The eventRequest with words for people.

    Args:
        kind: a payload type that begins with ``ALERT_``.
        start: from when on it holds.
        end: until when.
        text: what people are to read.
    """
    return {
        "programID": LIMIT_PROGRAM,
        "eventName": "Alert",
        "priority": 0,
        "intervalPeriod": {"start": rfc3339(start), "duration": _duration(end - start)},
        "intervals": [{"id": 0, "payloads": [_values(kind, text)]}],
    }


def receipt_event(program_id: str, now: datetime, payloads: Mapping[str, str]) -> dict[str, Any]:
    """The eventRequest with the grid operator's word about a decision."""
    return {
        "programID": program_id,
        "eventName": "Receipt",
        "intervalPeriod": {"start": rfc3339(now), "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [_values(name, value) for name, value in payloads.items() if value]}],
    }


def other_event(now: datetime) -> dict[str, Any]:
    """A price event of a program that is none of this home's business: 9 EUR/kWh for ever."""
    return {
        "programID": OTHER_PROGRAM,
        "eventName": "Another town",
        "intervalPeriod": {"start": rfc3339(now), "duration": "P9999Y"},
        "payloadDescriptors": [_descriptor("PRICE", "KWH", "EUR")],
        "intervals": [{"id": 0, "payloads": [_values("PRICE", 9)]}],
    }


def senseless_event(now: datetime) -> dict[str, Any]:
    """A price event as a VTN takes it that checks nothing: unknown members, words for numbers, time that runs back."""
    return {
        "programID": PRICE_PROGRAM,
        "eventName": "Nonsense",
        "priority": "high",
        "colour": "green",
        "intervalPeriod": {"start": rfc3339(now), "duration": "-PT1H"},
        "payloadDescriptors": [_descriptor("PRICE", "KWH", "EUR")],
        "intervals": [{"id": 0, "payloads": [_values("PRICE", "abc"), _values("EXPORT_PRICE", float("nan"))]}],
    }


def _program(name: str, kind: str, *, binding: bool) -> dict[str, Any]:
    return {
        "programName": name,
        "attributes": [
            _values("RETAILER_NAME", RETAILER),
            _values("PROGRAM_TYPE", kind),
            _values("BINDING_EVENTS", binding),
            _values("COUNTRY", "NL"),
        ],
    }


def _terms(offer: DrOffer) -> list[dict[str, Any]]:
    told = [_values("OFFER_BINDING", _binding(offer))]
    if offer.expires_at is not None:
        told.append(_values("OFFER_EXPIRY", rfc3339(offer.expires_at)))
    if offer.reward is not None:
        told.append(_values("REWARD_FIXED", str(offer.reward)))
    if offer.min_soc_pct is not None:
        told.append(_values("MIN_SOC", offer.min_soc_pct / 100))
    if offer.max_feed_wh is not None:
        told.append(_values("MAX_FEED_ENERGY", offer.max_feed_wh / 1000))
    if offer.text:
        told.append(_values("OFFER_TEXT", offer.text))
    return told


def _more_terms(offer: DrOffer) -> list[dict[str, Any]]:
    told: list[tuple[str, object]] = [
        ("EXPORT_PRICE" if offer.kind is DrKind.POWER_FEED else "PRICE", _text(offer.reward_per_kwh)),
        ("PENALTY_PER_KWH", _text(offer.penalty_per_kwh)),
        ("GUARANTEED_SOC", None if offer.guaranteed_soc_pct is None else offer.guaranteed_soc_pct / 100),
        ("MAX_FEED_CYCLES", offer.max_feed_cycles),
        ("WEAR_COMPENSATION", _text(offer.wear_per_kwh)),
        ("OWNER_CANCEL_UNTIL", None if offer.cancel_until is None else rfc3339(offer.cancel_until)),
    ]
    return [_values(name, value) for name, value in told if value is not None]


def _descriptors_of_more(offer: DrOffer) -> list[dict[str, Any]]:
    """Units and currencies of those terms that the offer has."""
    known = {
        "EXPORT_PRICE": ("KWH", offer.currency),
        "PRICE": ("KWH", offer.currency),
        "PENALTY_PER_KWH": ("KWH", offer.currency),
        "GUARANTEED_SOC": ("PERCENT", None),
        "WEAR_COMPENSATION": ("KWH", offer.currency),
    }
    told = {str(item["type"]) for item in _more_terms(offer)}
    return [_descriptor(name, units, currency) for name, (units, currency) in known.items() if name in told]


def _binding(offer: DrOffer) -> str:
    if offer.kind is DrKind.CAPACITY_LIMIT:
        return "MANDATORY"
    return "OPT_OUT" if offer.contracted else "OWNER_DECIDES"


def _text(amount: Decimal | None) -> str | None:
    """Money as text keeps its digits."""
    return None if amount is None else str(amount)


def _duration(length: timedelta) -> str:
    return f"PT{int(length.total_seconds())}S"


def _values(name: str, value: object) -> dict[str, Any]:
    return {"type": name, "values": [value]}


def _descriptor(payload_type: str, units: str | None, currency: str | None = None) -> dict[str, Any]:
    told = {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": payload_type}
    return told | {key: value for key, value in (("units", units), ("currency", currency)) if value is not None}
