"""Writes down what is measured, once a second: for the curves, for today's sums, for what a request has delivered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from homeapp.goal import local_midnight
from homeapp.model.live import Figure, Snapshot
from homeapp.model.offer import OfferKind, OfferState
from homeapp.offers.desk import OfferDesk
from homeapp.ports import Clock
from homeapp.snapshot import LiveState
from homeapp.store.ledger import Ledger
from homeapp.store.telemetry import Sample, Telemetry

RECORD_EVERY_S = 1.0
_LONGEST_S = 60.0
"""Over a longer pause nobody knows what has flowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """``run`` until cancelled.

    Attributes:
        snapshot: the live picture now.
    """

    live: LiveState
    telemetry: Telemetry
    ledger: Ledger
    desk: OfferDesk
    clock: Clock
    snapshot: Callable[[], Snapshot]

    async def run(self) -> NoReturn:
        """Record until cancelled.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        last = self.clock.monotonic()
        while True:
            await self.clock.sleep(RECORD_EVERY_S)
            now, monotonic = self.clock.now(), self.clock.monotonic()
            snapshot = self.snapshot()
            await self.telemetry.add(_sample(now, snapshot))
            await self._deliver(snapshot, min(monotonic - last, _LONGEST_S))
            last = monotonic
            await self._sum_up(now)

    async def _sum_up(self, now: datetime) -> None:
        midnight = local_midnight(now, self.live.site.time_zone)
        totals = await self.telemetry.today(midnight, now)
        earned = await self.ledger.earned(midnight)
        self.live.today = replace(
            self.live.today,
            charged_wh=totals.charged_wh,
            fed_wh=totals.fed_wh,
            cost=totals.cost,
            earned=earned,
            currency=self.live.tariff.currency if self.live.tariff else "",
        )

    async def _deliver(self, snapshot: Snapshot, seconds: float) -> None:
        """Count the energy that flows during an accepted request that is under way."""
        # A power feed is about one car, a limit about all; what the car charges is no part of what it has fed.
        feeder_id = self.live.feeder_id or self.live.primary_id or ""
        fed_w, power_w = _fresh(self.live.charger_w(feeder_id)), _fresh(snapshot.evce_w)
        for case in self.desk.cases:
            feeds = case.offer.kind is OfferKind.POWER_FEED
            counted_w = (None if fed_w is None else min(0.0, fed_w)) if feeds else power_w
            if case.state is OfferState.ACTIVE and counted_w is not None:
                await self.desk.delivered(case.offer.key, counted_w * seconds / 3600)


def _sample(now: datetime, snapshot: Snapshot) -> Sample:
    return Sample(
        at=now,
        grid_w=_fresh(snapshot.grid_w),
        home_w=_fresh(snapshot.home_w),
        evce_w=_fresh(snapshot.evce_w),
        soc_pct=_fresh(snapshot.soc_pct),
        price=snapshot.price,
    )


def _fresh(figure: Figure) -> float | None:
    return None if figure.stale else figure.value
