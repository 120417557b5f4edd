"""What a plan rests on besides the live state: forecasts, past prices, what was fed. Read seldom, kept in between."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from homeapp.model.period import Period
from homeapp.model.plan import FeedUse, Goal, HomeForecast
from homeapp.model.tariff import Tariff
from homeapp.planning.feed_budget import feed_use, spent, year_start
from homeapp.planning.forecast import LOOK_BACK, home_forecast
from homeapp.planning.grid import LONGEST
from homeapp.planning.price_outlook import NO_HISTORY, PriceHistory, history_of
from homeapp.store.periods import Periods
from homeapp.store.price_history import PriceStore
from homeapp.store.telemetry import Telemetry

_FORECAST_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where it is read from."""

    telemetry: Telemetry
    periods: Periods
    prices: PriceStore


class PlanGround:
    """Reads from the stores what plans rest on.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, stores: Stores, time_zone: str) -> None:
        self._stores = stores
        self._time_zone = time_zone
        self._forecast: HomeForecast | None = None
        self._history = NO_HISTORY
        self._read_at: datetime | None = None
        self._tariff: Tariff | None = None

    async def forecast(self, now: datetime) -> HomeForecast:
        """Of the home for the next two days."""
        await self._refresh(now)
        return self._forecast or home_forecast((), now, now + LONGEST, self._time_zone)

    async def history(self, now: datetime, tariff: Tariff | None) -> PriceHistory:
        """What prices have been; a new tariff is added to it."""
        if tariff is not None and tariff != self._tariff:
            await self._stores.prices.keep(tariff, now)
            self._tariff = tariff
            self._read_at = None
        await self._refresh(now)
        return self._history

    def nothing_known(self, now: datetime, goal: Goal) -> tuple[PriceHistory, HomeForecast, FeedUse]:
        """What to go by while the stores cannot be read: what was read last, and no feeding."""
        forecast = self._forecast or home_forecast((), now, now + LONGEST, self._time_zone)
        return self._history, forecast, spent(goal.feed)

    async def fed(self, now: datetime, goal: Goal) -> FeedUse:
        """What the car has fed today and this year."""
        cycles: tuple[Period, ...] = await self._stores.periods.fed_since(year_start(now, self._time_zone))
        return feed_use(cycles, goal.feed, now, self._time_zone, goal.capacity_wh)

    async def _refresh(self, now: datetime) -> None:
        if self._read_at is not None and timedelta() <= now - self._read_at < _FORECAST_LIFE:
            return
        past = await self._stores.telemetry.home_power(now - LOOK_BACK, now)
        self._forecast = home_forecast(past, now, now + LONGEST + _FORECAST_LIFE, self._time_zone)
        if self._tariff is not None:
            prices = await self._stores.prices.past(now, self._tariff.currency)
            self._history = history_of(prices, self._time_zone)
        self._read_at = now
