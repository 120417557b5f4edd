"""What a VTN has announced, compared at each poll with what was passed on before: only news goes to the inbox."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeapp.errors import MessageRejected
from homeapp.model.tariff import Tariff
from homeapp.ports import Clock, ProviderInbox
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.decisions import decision_of_report, is_receipt, read_receipt, reported_id
from homeapp.providers.grid_sp.intervals import Window
from homeapp.providers.grid_sp.objects import Event, Program, read_event, read_program, refused
from homeapp.providers.grid_sp.offers import OfferSource, follows_profile, is_request, read_offer
from homeapp.providers.grid_sp.tariffs import PriceEvent, PriceType, price_window, read_prices, tariff_of

logger = logging.getLogger(__name__)

MOST_PROGRAMS = 50

EventKey = tuple[str, int]
"""Event id and revision."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """A request as it was passed on; ``end`` is None once it is cancelled."""

    revision: int
    end: datetime | None


@dataclass(frozen=True, slots=True)
class _Priced:
    """A price event and when it became known."""

    event: Event
    program: Program
    known_at: datetime


@dataclass(slots=True)
class _Round:
    """One poll.

    Attributes:
        listed: ids of all events, readable or not.
        complete: whether an event that is not listed is gone.
    """

    connection: VtnConnection
    inbox: ProviderInbox
    now: datetime
    listed: set[str] = field(default_factory=set)
    keys: set[EventKey] = field(default_factory=set)
    problems: set[tuple[str, str]] = field(default_factory=set)
    priced: list[_Priced] = field(default_factory=list)
    complete: bool = True


class Announcements:
    """The state that polling needs.

    It is lost with the process: afterwards everything is passed on once more, which the inbox takes without effect.

    Args:
        sp_id: the provider.
        sp_name: its name for people.
        home: identifies this home.
        clock: hub time.
    """

    def __init__(self, *, sp_id: str, sp_name: str, home: str, clock: Clock) -> None:
        self._sp_id = sp_id
        self._sp_name = sp_name
        self._home = home
        self._clock = clock
        self._passed: dict[str, _Passed] = {}
        self._receipts: set[EventKey] = set()
        self._known_at: dict[EventKey, datetime] = {}
        self._problems: set[tuple[str, str]] = set()
        self._tariff: Tariff | None = None

    async def pass_on(self, connection: VtnConnection, inbox: ProviderInbox) -> None:
        """Read everything once and pass on what is new.

        Raises:
            ProviderError: the VTN cannot be read; nothing is concluded from what was missing.
        """
        this = _Round(connection, inbox, self._clock.now())
        for program in self._programs(await connection.programs(), this):
            raw = await connection.events(program.program_id)
            for event in self._events(await asyncio.to_thread(_read_events, raw), program, this):
                await self._take(event, program, this)
        await self._take_prices(this)
        await self._take_withdrawals(this)
        self._problems = this.problems
        self._receipts &= this.keys
        self._known_at = {key: at for key, at in self._known_at.items() if key in this.keys}

    def _programs(self, raw: Sequence[Any], this: _Round) -> list[Program]:
        found: dict[str, Program] = {}
        for item in raw[:MOST_PROGRAMS]:
            try:
                program = read_program(item)
            except MessageRejected as error:
                this.complete = False
                self._reject(_id_of(item), error, this)
            else:
                found.setdefault(program.program_id, program)
        this.complete = this.complete and len(raw) <= MOST_PROGRAMS
        return list(found.values())

    def _events(
        self, read: Iterable[tuple[str, Event | MessageRejected]], program: Program, this: _Round
    ) -> Iterable[Event]:
        """Those of the program, each once."""
        for event_id, event in read:
            if isinstance(event, Event) and event.program_id != program.program_id:
                continue
            if event_id in this.listed:
                continue
            this.listed.add(event_id)
            if isinstance(event, Event):
                this.keys.add((event.event_id, event.revision))
                yield event
            else:
                self._reject(event_id, event, this)

    async def _take(self, event: Event, program: Program, this: _Round) -> None:
        try:
            if is_receipt(event):
                await self._take_receipt(event, this)
            elif follows_profile(program):
                if is_request(event):
                    await self._take_request(event, program, this)
            elif event.has(*PriceType):
                this.priced.append(_Priced(event, program, self._when_known(event, this)))
        except MessageRejected as error:
            self._reject(event.event_id, error, this)

    async def _take_request(self, event: Event, program: Program, this: _Round) -> None:
        source = OfferSource(
            sp_id=self._sp_id, sp_name=self._sp_name, home=self._home, known_at=self._when_known(event, this)
        )
        offer = read_offer(event, program, source)
        passed = self._passed.get(event.event_id)
        if passed is not None and passed.revision == event.revision:
            return
        if offer is None:
            await this.inbox.withdrawn(self._sp_id, event.event_id)
            self._passed[event.event_id] = _Passed(event.revision, None)
        elif passed is not None or offer.end > this.now:
            await this.inbox.offer(offer)
            self._passed[event.event_id] = _Passed(event.revision, offer.end)

    async def _take_receipt(self, event: Event, this: _Round) -> None:
        key = (event.event_id, event.revision)
        if key in self._receipts:
            return
        report_id = reported_id(event)
        decision_id = None
        if report_id is not None:
            report = await this.connection.read(f"/reports/{report_id}")
            decision_id = decision_of_report(report.get("reportName")) if isinstance(report, dict) else None
        await this.inbox.receipt(read_receipt(event, sp_id=self._sp_id, decision_id=decision_id, received_at=this.now))
        self._receipts.add(key)

    async def _take_prices(self, this: _Round) -> None:
        read = await asyncio.to_thread(_read_prices, this.priced, price_window(this.now))
        usable: list[PriceEvent] = []
        for event_id, prices in read:
            if isinstance(prices, MessageRejected):
                self._reject(event_id, prices, this)
            elif usable and prices.currency != usable[0].currency:
                self._reject(event_id, refused("value", "its prices are in another currency than the others"), this)
            else:
                usable.append(prices)
        tariff = await asyncio.to_thread(tariff_of, usable, received_at=this.now)
        if tariff is not None and not _is_same(tariff, self._tariff):
            await this.inbox.tariff(self._sp_id, tariff)
            self._tariff = tariff
            logger.info("%s: prices known until %s", self._sp_id, tariff.known_until)

    async def _take_withdrawals(self, this: _Round) -> None:
        if not this.complete:
            return
        for event_id in self._passed.keys() - this.listed:
            end = self._passed[event_id].end
            if end is not None and end > this.now:
                await this.inbox.withdrawn(self._sp_id, event_id)
            del self._passed[event_id]
        # What was deleted while the hub was off.
        for event_id in set(this.inbox.open_offers(self._sp_id)) - this.listed:
            await this.inbox.withdrawn(self._sp_id, event_id)

    def _when_known(self, event: Event, this: _Round) -> datetime:
        """What "now" means in an event: its own date, so that it is the same at each poll."""
        if event.changed_at is not None:
            return event.changed_at
        return self._known_at.setdefault((event.event_id, event.revision), this.now)

    def _reject(self, event_id: str, error: MessageRejected, this: _Round) -> None:
        """Told once, however often it is polled."""
        problem = (event_id, str(error))
        if problem not in self._problems and problem not in this.problems:
            this.inbox.rejected(self._sp_id, error.code, str(error))
        this.problems.add(problem)


def _read_events(raw: Sequence[Any]) -> list[tuple[str, Event | MessageRejected]]:
    read: list[tuple[str, Event | MessageRejected]] = []
    for item in raw:
        try:
            read.append((_id_of(item), read_event(item)))
        except MessageRejected as error:
            read.append((_id_of(item), error))
    return read


def _read_prices(priced: Iterable[_Priced], window: Window) -> list[tuple[str, PriceEvent | MessageRejected]]:
    read: list[tuple[str, PriceEvent | MessageRejected]] = []
    for item in priced:
        try:
            prices = read_prices(item.event, item.program, known_at=item.known_at, window=window)
            read.append((item.event.event_id, prices))
        except MessageRejected as error:
            read.append((item.event.event_id, error))
    return read


def _id_of(raw: object) -> str:
    """The id of an object that perhaps cannot be read."""
    told = raw.get("id") if isinstance(raw, dict) else None
    return told[:128] if isinstance(told, str) else ""


def _is_same(one: Tariff, other: Tariff | None) -> bool:
    return other is not None and (one.slots, one.currency, one.source) == (other.slots, other.currency, other.source)
