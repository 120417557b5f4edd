"""What a VTN has announced, compared at each poll with what was passed on before: only news goes to the inbox."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from homeapp.errors import MessageRejected
from homeapp.model.grid_report import ReportWish
from homeapp.model.offer import Offer, OfferKind
from homeapp.ports import Clock, ProviderInbox
from homeapp.providers.grid_sp.acknowledgements import Acknowledgements
from homeapp.providers.grid_sp.alerts import is_alert, read_alert
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.decisions import decision_of_report, is_receipt, read_receipt, reported_id
from homeapp.providers.grid_sp.figures import wish_of
from homeapp.providers.grid_sp.objects import Event, Program, read_event, read_program, refused
from homeapp.providers.grid_sp.offers import OfferSource, is_request, read_offer
from homeapp.providers.grid_sp.price_news import Priced, PriceNews, is_priced

MOST_PROGRAMS = 50
MOST_ALERTS = 20
MOST_WISHES = 20

EventKey = tuple[str, int]
"""Event id and revision."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """A request as it was passed on; ``end`` is None once it is cancelled."""

    revision: int
    end: datetime | None


@dataclass(slots=True)
class _Round:
    """One poll.

    Attributes:
        listed: ids of all events, readable or not.
        events: those that are this home's business.
        alerts: how many there are that hold.
        complete: whether an event that is not listed is gone.
    """

    connection: VtnConnection
    inbox: ProviderInbox
    now: datetime
    names: Collection[str]
    listed: set[str] = field(default_factory=set)
    keys: set[EventKey] = field(default_factory=set)
    problems: set[tuple[str, str]] = field(default_factory=set)
    priced: list[Priced] = field(default_factory=list)
    wishes: list[ReportWish] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    alerts: int = 0
    complete: bool = True


class Announcements:
    """The state that polling needs.

    It is lost with the process: afterwards everything is passed on once more, which the inbox takes without effect.

    Args:
        source: of requests; when they became known is filled in.
        client_name: the hub's own name at the VTN.
        clock: hub time.

    Attributes:
        programs: ids of the programs of the last poll.
    """

    def __init__(self, *, source: OfferSource, client_name: str, clock: Clock) -> None:
        self.programs: frozenset[str] = frozenset()
        self._source = source
        self._sp_id = source.sp_id
        self._clock = clock
        self._acknowledgements = Acknowledgements(client_name)
        self._price_news = PriceNews(source.sp_id)
        self._undated = _Undated()
        self._passed: dict[str, _Passed] = {}
        self._receipts: set[EventKey] = set()
        self._known_at: dict[EventKey, datetime] = {}
        self._problems: set[tuple[str, str]] = set()
        self._wishes: tuple[ReportWish, ...] | None = None

    async def pass_on(
        self,
        connection: VtnConnection,
        inbox: ProviderInbox,
        names: Collection[str] = (),
        targets: Sequence[str] = (),
    ) -> None:
        """Read everything once and pass on what is new.

        Args:
            connection: to the VTN.
            inbox: who is told.
            names: of this home's ven and resources; events for others by name are none of its business.
            targets: that this home was put into.

        Raises:
            ProviderError: the VTN cannot be read; nothing is concluded from what was missing.
        """
        this = _Round(connection, inbox, self._clock.now(), names)
        programs = self._programs(await connection.programs(targets), this)
        for program in programs:
            raw = await connection.events(program.program_id, targets)
            for event in self._events(await asyncio.to_thread(_read_events, raw), program, this):
                await self._take(event, program, this)
        await self._price_news.tell(
            inbox, this.priced, this.now, lambda event_id, error: self._reject(event_id, error, this)
        )
        await self._take_withdrawals(this)
        self._tell_wishes(this)
        self._forget(this)
        self.programs = frozenset(program.program_id for program in programs)
        # Last, so that nothing that is asked for waits for it.
        for event in this.events:
            await self._acknowledgements.acknowledge(connection, event)

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
            if not isinstance(event, Event):
                self._reject(event_id, event, this)
            elif event.is_for(this.names):
                dated = self._undated.dated(event, this.now)
                this.keys.add((dated.event_id, dated.revision))
                yield dated

    async def _take(self, event: Event, program: Program, this: _Round) -> None:
        this.events.append(event)
        try:
            self._take_wish(event, this)
            if is_receipt(event):
                await self._take_receipt(event, this)
            elif is_alert(event):
                await self._take_request(event, read_alert(event, self._source_of(event, this)), this)
            elif is_request(event):
                await self._take_request(event, read_offer(event, program, self._source_of(event, this)), this)
            elif is_priced(event):
                this.priced.append(Priced(event, program, self._when_known(event, this)))
            elif event.payload_types:
                asked = ", ".join(sorted(event.payload_types))[:200]
                raise refused("unsupported", f"it asks for something that this hub does not understand: {asked}")
        except MessageRejected as error:
            self._reject(event.event_id, error, this)

    async def _take_request(self, event: Event, offer: Offer | None, this: _Round) -> None:
        if offer is not None and offer.kind is OfferKind.ALERT and offer.end > this.now:
            this.alerts += 1
            if this.alerts > MOST_ALERTS:
                raise refused("too_many", f"it is one alert more than the {MOST_ALERTS} that are shown at once")
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

    def _take_wish(self, event: Event, this: _Round) -> None:
        wish = wish_of(event, known_at=self._when_known(event, this))
        if wish is not None and len(this.wishes) < MOST_WISHES:
            this.wishes.append(wish)

    def _tell_wishes(self, this: _Round) -> None:
        wishes = tuple(this.wishes)
        if wishes != self._wishes:
            this.inbox.report_wishes(self._sp_id, wishes)
            self._wishes = wishes

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

    def _forget(self, this: _Round) -> None:
        """What is not there any more."""
        self._problems = this.problems
        self._receipts &= this.keys
        self._known_at = {key: at for key, at in self._known_at.items() if key in this.keys}
        self._acknowledgements.forget_all_but(this.listed)
        self._undated.forget_all_but(this.listed)

    def _source_of(self, event: Event, this: _Round) -> OfferSource:
        return replace(self._source, known_at=self._when_known(event, this))

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


class _Undated:
    """Notices that an event has changed where its server does not date it in a way that can be read.

    As it was first seen it has no date, so that after a restart of the hub it is not taken for a new revision.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[bytes, datetime | None]] = {}

    def dated(self, event: Event, now: datetime) -> Event:
        """``event``, dated by when it was seen to have changed."""
        if event.changed_at is not None:
            return event
        mark = hashlib.sha256(repr(event).encode("utf-8", "replace")).digest()
        known, changed_at = self._seen.get(event.event_id, (mark, None))
        if known != mark:
            # Revisions are whole seconds.
            changed_at = now.replace(microsecond=0).astimezone(UTC)
        self._seen[event.event_id] = mark, changed_at
        return replace(event, changed_at=changed_at)

    def forget_all_but(self, event_ids: set[str]) -> None:
        """Only these events are still there."""
        self._seen = {event_id: seen for event_id, seen in self._seen.items() if event_id in event_ids}


def _read_events(raw: Sequence[Any]) -> list[tuple[str, Event | MessageRejected]]:
    read: list[tuple[str, Event | MessageRejected]] = []
    for item in raw:
        try:
            read.append((_id_of(item), read_event(item)))
        except MessageRejected as error:
            read.append((_id_of(item), error))
    return read


def _id_of(raw: object) -> str:
    """The id of an object that perhaps cannot be read."""
    told = raw.get("id") if isinstance(raw, dict) else None
    return told[:128] if isinstance(told, str) else ""
