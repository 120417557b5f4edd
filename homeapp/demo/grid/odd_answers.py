"""What an odd VTN makes of its answers before they go out."""

from collections.abc import Mapping
from typing import Any

from homeapp.demo.grid import objects as vtn_objects
from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.objects import metadata, rfc3339
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.store import Json
from homeapp.demo.grid.tariff_days import TariffDays
from homeapp.ports import Clock

_DATES = ("createdDateTime", "modificationDateTime")


def odd_events(events: list[Json], oddities: Oddities, clock: Clock, tariff: TariffDays) -> list[Json]:
    """The answer to ``GET /events`` with what the oddities add, spoil and leave out."""
    if oddities.no_usage_wanted:
        events = [item for item in events if item["id"] != vtn_objects.USAGE_EVENT]
    now = rfc3339(clock.now())
    if oddities.foreign_events:
        other = vtn_objects.other_event(clock.now())
        events = [other | metadata("EVENT", "event-of-another-town", now, now), *events]
    if oddities.unchecked_values:
        events = [*events, vtn_objects.senseless_event(clock.now()) | metadata("EVENT", "event-of-nonsense", now, now)]
    if oddities.bad_price is not None:
        price, newest = oddities.bad_price, tariff.newest_prices
        events = [_with_bad_price(item, price) if item["id"] == newest else item for item in events]
    if oddities.duplicate_events:
        events = [copy for item in events for copy in (item, item)]
    return events


def plain_dates(item: Mapping[str, Any], dialect: Dialect) -> Json:
    """The object with dates that have neither T nor zone; in 3.0.1 not even a day."""
    plain = {key: str(item[key]).replace("T", " ")[:19] for key in _DATES if key in item}
    if dialect is Dialect.V3_0_1:
        plain = {key: value[11:] for key, value in plain.items()}
    return {**item, **plain}


def _with_bad_price(event: Mapping[str, Any], price: str | float) -> Json:
    first, *rest = event["intervals"]
    spoilt = {**first, "payloads": [{"type": "PRICE", "values": [price]}]}
    return {**event, "intervals": [spoilt, *rest]}
