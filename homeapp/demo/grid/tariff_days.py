"""The demo operator's tariff events: one with the prices of each local day, another with its emissions."""

from datetime import date, timedelta

from homeapp.demo.grid import objects as vtn_objects
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.store import VtnStore
from homeapp.ports import Clock

_PRICES, _EMISSIONS = "prices-", "emissions-"


class TariffDays:
    """Today and tomorrow are announced; with local midnight a new day comes and the oldest goes."""

    def __init__(self, store: VtnStore, clock: Clock, curve: PriceCurve) -> None:
        self._store = store
        self._clock = clock
        self._curve = curve

    @property
    def newest_prices(self) -> str:
        """Event id of the prices that were announced last."""
        return f"{_PRICES}{self._today() + timedelta(days=1)}"

    def refresh(self) -> None:
        """Bring the events up to now."""
        today = self._today()
        for day in (today, today + timedelta(days=1)):
            if not self._store.has("events", f"{_PRICES}{day}"):
                quarters = self._curve.day(day)
                event = vtn_objects.price_event(f"Prices {day}", quarters)
                self._store.put("events", event, f"{_PRICES}{day}")
                event = vtn_objects.emissions_event(f"Emissions {day}", quarters)
                self._store.put("events", event, f"{_EMISSIONS}{day}")
        self._forget_before(today - timedelta(days=1))

    def _forget_before(self, oldest: date) -> None:
        for prefix in (_PRICES, _EMISSIONS):
            for event_id in [str(item["id"]) for item in self._store.every("events")]:
                if event_id.startswith(prefix) and event_id < f"{prefix}{oldest}":
                    self._store.delete("events", event_id)

    def _today(self) -> date:
        return self._curve.local_day(self._clock.now())
