"""Watches the live state and writes down every decision with what was seen at that moment.

What flickers is no decision: a charger's new activity is written down once it has lasted, with the moment at which it
began.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, Protocol

from homeapp import api
from homeapp.load.currents import phase_currents
from homeapp.model.live import Activity, Doing
from homeapp.model.offer import OfferCase, OfferState
from homeapp.model.plan import ChargingMode
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic
from homeapp.ports import Clock
from homeapp.server import Handler
from homeapp.snapshot import METER_STALE_S, LiveState
from homeapp.store.why_entries import WhyEntries

LOOK_EVERY_S = 1.0
LASTS_S = 5.0
_TELLS = frozenset(OfferState) - {OfferState.RECEIVED, OfferState.INVALID, OfferState.ACCEPTED}
"""An acceptance is told with the way that it goes at once: relayed, or refused."""


class Desk(Protocol):
    """The part of the offer desk that is watched."""

    @property
    def cases(self) -> tuple[OfferCase, ...]:
        """All requests."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """An activity that may yet pass."""

    entry: WhyEntry
    monotonic: float


class WhyTimeline:
    """``run`` until cancelled; ``news`` is one look."""

    def __init__(
        self, *, live: LiveState, desk: Desk, entries: WhyEntries, clock: Clock, name_of: Callable[[str], str | None]
    ) -> None:
        self._live = live
        self._desk = desk
        self._entries = entries
        self._clock = clock
        self._name_of = name_of
        self._told: dict[str, Doing] = {}
        self._begun: dict[str, _Begun] = {}
        self._mode: ChargingMode | None = None
        self._states: dict[str, tuple[int, OfferState]] | None = None

    async def run(self) -> NoReturn:
        """Write down what happens from now on.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        while True:
            if news := self.news():
                await self._entries.add(news)
            await self._clock.sleep(LOOK_EVERY_S)

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """Of the contract's calls."""
        return {api.GetWhy: self._answer}

    def news(self) -> list[WhyEntry]:
        """What has been decided since the last look, the oldest first; the first look finds what stands."""
        now = self._clock.now()
        return sorted([*self._of_mode(now), *self._of_chargers(now), *self._of_requests(now)], key=lambda one: one.at)

    async def _answer(self, call: api.GetWhy, _caller: api.Role) -> tuple[WhyEntry, ...]:
        return await self._entries.between(call.since, call.until)

    def _of_mode(self, now: datetime) -> list[WhyEntry]:
        mode = self._live.goal.mode
        changed = self._mode is not None and self._mode is not mode
        self._mode = mode
        return [WhyEntry(at=now, topic=WhyTopic.MODE, seen=self._seen(), mode=mode)] if changed else []

    def _of_chargers(self, now: datetime) -> list[WhyEntry]:
        monotonic, entries = self._clock.monotonic(), []
        for device_id in self._begun.keys() - self._live.activities.keys():
            del self._begun[device_id]
        for device_id, activity in self._live.activities.items():
            begun = self._begun.get(device_id)
            if self._told.get(device_id) is activity.doing:
                self._begun.pop(device_id, None)
            elif begun is None or begun.entry.doing is not activity.doing:
                self._begun[device_id] = _Begun(self._entry(device_id, activity, now), monotonic)
            elif monotonic - begun.monotonic >= LASTS_S:
                self._told[device_id] = activity.doing
                entries.append(self._begun.pop(device_id).entry)
        return entries

    def _of_requests(self, now: datetime) -> list[WhyEntry]:
        before = self._states
        cases = {case.offer.key: case for case in self._desk.cases}
        self._states = {key: (case.offer.revision, case.state) for key, case in cases.items()}
        if before is None:
            return []
        changed = [case for key, case in cases.items() if before.get(key) != self._states[key]]
        return [self._request(case, now) for case in changed if case.state in _TELLS]

    def _entry(self, device_id: str, activity: Activity, now: datetime) -> WhyEntry:
        return WhyEntry(
            at=now,
            topic=WhyTopic.CHARGER,
            seen=self._seen(device_id),
            subject=device_id,
            name=self._name_of(device_id) or "",
            doing=activity.doing,
            power_w=activity.power_w,
            until=activity.until,
        )

    def _request(self, case: OfferCase, now: datetime) -> WhyEntry:
        return WhyEntry(
            at=min(now, case.updated_at),
            topic=WhyTopic.REQUEST,
            seen=self._seen(),
            subject=case.offer.key,
            name=case.offer.title,
            state=case.state,
            decided_by=case.decision.decided_by if case.decision else "",
        )

    def _seen(self, device_id: str | None = None) -> Circumstances:
        live, now = self._live, self._clock.now()
        subject = live.primary_id if device_id is None else device_id
        fresh = live.meter is not None and live.meter_age_s <= METER_STALE_S
        reading = live.meter.reading if live.meter is not None and fresh else None
        currents = phase_currents(reading, live.site) if reading else ()
        price = live.tariff.at(now) if live.tariff else None
        slot = live.plan.at(now) if live.plan and subject == live.primary_id else None
        charger = live.charger_w(subject or "")
        return Circumstances(
            fuse_a=live.site.fuse_a,
            grid_w=reading.power_w if reading else None,
            phase_a=max(map(abs, currents)) if len(currents) == live.site.phases else None,
            charger_w=None if charger.stale else charger.value,
            soc_pct=live.fresh_soc_of(subject or ""),
            price=price.import_price if price else None,
            currency=live.tariff.currency if live.tariff else "",
            slot=slot.reason if slot else None,
            planned_w=slot.power_w if slot else None,
        )
