"""The objects of the demo VTN, and the oddities with which they are shown."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from homeapp.demo.grid import objects as vtn_objects
from homeapp.demo.grid.objects import metadata
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.ports import Clock

PAGE = 50
"""The largest page of OpenADR 3.1."""

_PRICES = "prices-"
_FILTERS = ("programID", "eventID", "clientName", "venName")


class VtnRefusal(Exception):
    """A request is answered with an error status."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status


class VtnStore:
    """Programs, events, vens, resources and reports; prices are published when somebody looks.

    Attributes:
        oddities: may be replaced at any time.
    """

    def __init__(self, clock: Clock, prices: PriceCurve) -> None:
        self.oddities = Oddities()
        self._clock = clock
        self._prices = prices
        self._made = 0
        self._objects: dict[str, dict[str, dict[str, Any]]] = {
            kind: {} for kind in ("programs", "events", "vens", "resources", "reports")
        }
        for program_id, program in vtn_objects.programs().items():
            self.put("PROGRAM", program, program_id)
        self.put("EVENT", vtn_objects.usage_event(clock.now()), vtn_objects.USAGE_EVENT)

    def put(self, kind: str, body: Mapping[str, Any], object_id: str | None = None) -> dict[str, Any]:
        """Make an object, or change the one with that id; return it."""
        if object_id is None:
            self._made += 1
            object_id = f"{kind.lower()}-{self._made:04d}"
        collection, now = self._objects[f"{kind.lower()}s"], vtn_objects.rfc3339(self._clock.now())
        created = collection[object_id]["createdDateTime"] if object_id in collection else now
        # The metadata wins: what a client sends as objectType only tells two kinds of request apart.
        collection[object_id] = {**body, **metadata(kind, object_id, created, now)}
        return collection[object_id]

    def delete(self, kind: str, object_id: str) -> None:
        """Take an object away; ``kind`` is a plural.

        Raises:
            KeyError: there is none.
        """
        del self._objects[kind][object_id]

    def has(self, kind: str, object_id: object) -> bool:
        """Whether there is such an object; ``kind`` is a plural."""
        return isinstance(object_id, str) and object_id in self._objects.get(kind, {})

    def one(self, kind: str, object_id: str) -> dict[str, Any]:
        """The object as it is shown.

        Raises:
            VtnRefusal: there is none.
        """
        if not self.has(kind, object_id):
            raise VtnRefusal(404, "Not found")
        return self._shown(self._objects[kind][object_id])

    def every(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind as they are shown.

        Raises:
            VtnRefusal: there is no such kind.
        """
        if kind not in self._objects:
            raise VtnRefusal(404, "Not found")
        if kind == "events":
            self._publish_prices()
        return [self._shown(item) for item in self._objects[kind].values()]

    def page(self, kind: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The answer to a search.

        Raises:
            VtnRefusal: an unknown kind or impossible parameters.
        """
        if kind == "reports" and self.oddities.one_report_per_name:
            raise VtnRefusal(403, "Reports cannot be listed")
        items = self._odd_events() if kind == "events" else self.every(kind)
        if kind != "events" or not self.oddities.foreign_events:
            wanted = {key: query[key] for key in _FILTERS if key in query}
            items = [item for item in items if all(item.get(key) == value for key, value in wanted.items())]
        try:
            skip, limit = int(query.get("skip", "0")), int(query.get("limit", str(PAGE)))
        except ValueError as error:
            raise VtnRefusal(400, "skip and limit are numbers") from error
        if skip < 0 or not 0 <= limit <= PAGE:
            raise VtnRefusal(400, f"limit is at most {PAGE}")
        return items[skip : skip + limit]

    def _shown(self, item: Mapping[str, Any]) -> dict[str, Any]:
        shown = dict(item)
        if self.oddities.plain_dates:
            for key in ("createdDateTime", "modificationDateTime"):
                shown[key] = str(shown[key]).replace("T", " ")[:19]
        return shown

    def _publish_prices(self) -> None:
        """Today and tomorrow, each as one event; with local midnight a new day comes and the oldest goes."""
        today = self._prices.local_day(self._clock.now())
        for day in (today, today + timedelta(days=1)):
            if not self.has("events", _price_event_id(day)):
                event = vtn_objects.price_event(f"Prices {day}", self._prices.day(day))
                self.put("EVENT", event, _price_event_id(day))
        oldest = _price_event_id(today - timedelta(days=1))
        for event_id in [name for name in self._objects["events"] if name.startswith(_PRICES) and name < oldest]:
            del self._objects["events"][event_id]

    def _odd_events(self) -> list[dict[str, Any]]:
        events = self.every("events")
        if self.oddities.no_usage_wanted:
            events = [item for item in events if item["id"] != vtn_objects.USAGE_EVENT]
        if self.oddities.foreign_events:
            now = self._clock.now()
            told = vtn_objects.rfc3339(now)
            events.insert(0, vtn_objects.other_event(now) | metadata("EVENT", "event-of-another-town", told, told))
        if self.oddities.bad_price is not None:
            newest = _price_event_id(self._prices.local_day(self._clock.now()) + timedelta(days=1))
            price = self.oddities.bad_price
            events = [_with_bad_price(item, price) if item["id"] == newest else item for item in events]
        if self.oddities.duplicate_events:
            events = [copy for item in events for copy in (item, item)]
        return events


def _price_event_id(day: date) -> str:
    return f"{_PRICES}{day.isoformat()}"


def _with_bad_price(event: Mapping[str, Any], price: str | float) -> dict[str, Any]:
    first, *rest = event["intervals"]
    spoilt = {**first, "payloads": [{"type": "PRICE", "values": [price]}]}
    return {**event, "intervals": [spoilt, *rest]}
