"""All imposed limits of this home: what holds now, at once and whatever happens to the disk or to the link."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, Protocol
from zoneinfo import ZoneInfo

from homeapp.errors import StoreUnavailable
from homeapp.grid_limits.early_limits import EarlyLimits
from homeapp.grid_limits.failsafe import FailsafeState, Reach, stepped
from homeapp.grid_limits.imposed import LimitTerms, interval_at, is_imposed, not_below, tightest
from homeapp.grid_limits.limit_log import Applied, LimitLog
from homeapp.model.live import GridLimit, LinkState, ProviderLink
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.readings import EvceCommand
from homeapp.model.site import Site
from homeapp.ports import Clock
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

CYCLE_S = 1.0
_KEPT = "grid_limit.failsafe"
_SAME_TIME = timedelta(seconds=2)
_FAILSAFE_ID = "failsafe"


class Desk(Protocol):
    """The offer desk, as far as limits need it."""

    @property
    def cases(self) -> tuple[OfferCase, ...]:
        """Every request and where it stands."""

    def commitments(self, now: datetime) -> tuple[OfferCase, ...]:
        """What control must honour."""


class LimitLedger(Protocol):
    """Where limits leave their traces.

    Raises (``keep_mark``, ``value``):
        StoreUnavailable: it cannot be read or written.
    """

    async def value(self, key: str) -> str | None:
        """A small value kept under ``key``, or None."""

    async def keep_mark(self, key: str, value: str) -> None:
        """Keep a small value."""

    async def limit_noted(self, word: str, subject: str, detail: Mapping[str, object]) -> None:
        """A row in the audit log."""


class Home(Protocol):
    """The live state, as far as limits need it."""

    site: Site

    @property
    def links(self) -> Mapping[str, ProviderLink]:
        """To the providers, by sp_id."""

    @property
    def connected(self) -> Collection[str]:
        """Chargers that can be talked to, by device id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitListeners:
    """Whom the limits ask and tell; no call blocks.

    Attributes:
        name_of: a provider's name for people.
        limited: something holds that the chargers have to know at once.
        notice: something to tell the owner.
    """

    name_of: Callable[[str], str]
    limited: Callable[[], None]
    notice: Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The fail-safe of one operator as it is kept; civil times."""

    reach: Reach
    begun_at: datetime
    ends_at: datetime


class GridLimits:
    """What control obeys besides what the owner has agreed to."""

    def __init__(
        self,
        *,
        terms: LimitTerms,
        desk: Desk,
        ledger: LimitLedger,
        clock: Clock,
        home: Home,
        tell: LimitListeners,
    ) -> None:
        self._terms = terms
        self._desk = desk
        self._ledger = ledger
        self._clock = clock
        self._home = home
        self._tell = tell
        self._early = EarlyLimits()
        self._log = LimitLog()
        self._failsafes: dict[str, FailsafeState] = {}
        self._spans: dict[str, tuple[datetime, datetime]] = {}
        self._rows: list[Applied] = []
        self._is_kept = True

    async def load(self) -> None:
        """Take up what an earlier run of the hub has kept; to be called once, before everything else."""
        text = await self._ledger.value(_KEPT)
        kept = decode(text, dict[str, _Kept]) if text else {}
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for sp_id, item in kept.items():
            left_s = min(self._terms.failsafe_s, max(0.0, (item.ends_at - now).total_seconds()))
            self._failsafes[sp_id] = FailsafeState(
                reach=item.reach,
                lost_at=monotonic,
                begun_at=monotonic - max(0.0, (now - item.begun_at).total_seconds()),
                ends_at=monotonic + left_s,
            )

    def arrived(self, offer: Offer) -> bool:
        """A verified request has come in; one that imposes a limit holds from now on, kept or not: then True."""
        now = self._clock.now()
        if not self._early.arrived(offer, self._desk.cases, now):
            return False
        self._log.received(offer, now)
        self._tell.limited()
        return True

    def kept(self, key: str) -> None:
        """The offer desk has it now, or it was taken back."""
        self._early.over(key)

    def taken(self, device_id: str, command: EvceCommand) -> None:
        """A charger has accepted a command."""
        self._log.taken(device_id, command.limit_w)
        self._look_for_applied(self._clock.now())

    def commitments(self, now: datetime) -> tuple[OfferCase, ...]:
        """What control and planner must honour: agreed requests, and imposed limits as they hold in this home."""
        return (*self._imposed(now), *self._failsafe_cases(now))

    def in_force(self, now: datetime) -> GridLimit | None:
        """The tightest limit that holds now, or None."""
        return tightest(self._imposed(now), self._failsafe_cases(now), now)

    async def run(self) -> NoReturn:
        """Watch over reach and time until cancelled."""
        while True:
            await self.tick()
            await self._clock.sleep(CYCLE_S)

    async def tick(self) -> None:
        """Everything that time, links and chargers have brought about since the last call."""
        now = self._clock.now()
        before = self._failsafes
        self._failsafes = self._stepped(now)
        for sp_id in sorted(before.keys() | self._failsafes.keys()):
            old, new = before.get(sp_id, FailsafeState()).reach, self._failsafes.get(sp_id, FailsafeState()).reach
            if (old is Reach.FAILSAFE) is not (new is Reach.FAILSAFE):
                await self._told(sp_id, new, now)
            self._is_kept = self._is_kept and (old is new or {old, new} <= {Reach.IN_REACH, Reach.LOST})
        if not self._is_kept:
            await self._keep(now)
        self._look_for_applied(now)
        rows, self._rows = self._rows, []
        for row in rows:
            detail = {"limit_w": row.limit_w, "received_at": row.received_at, "applied_at": row.applied_at}
            await self._ledger.limit_noted("grid_limit_applied", row.key, detail)

    def _look_for_applied(self, now: datetime) -> None:
        self._rows += self._log.applied(self._imposed(now), self._home.connected, now)

    def _imposed(self, now: datetime) -> tuple[OfferCase, ...]:
        cases = self._early.with_early(self._desk.commitments(now), now)
        if self._terms.floor_w <= 0:
            return cases
        return tuple(not_below(case, self._terms.floor_w) if is_imposed(case.offer) else case for case in cases)

    def _stepped(self, now: datetime) -> dict[str, FailsafeState]:
        links, monotonic = self._home.links, self._clock.monotonic()
        limited = {
            case.offer.sp_id
            for case in self._imposed(now)
            if is_imposed(case.offer) and interval_at(case.offer, now) is not None
        }
        states = {
            sp_id: stepped(
                self._failsafes.get(sp_id, FailsafeState()),
                monotonic=monotonic,
                in_reach=sp_id in links and links[sp_id].state is LinkState.UP,
                limited=sp_id in limited,
                duration_s=self._terms.failsafe_s,
            )
            for sp_id in limited | self._failsafes.keys() | links.keys()
        }
        return {sp_id: state for sp_id, state in states.items() if state.reach is not Reach.IN_REACH}

    def _failsafe_cases(self, now: datetime) -> tuple[OfferCase, ...]:
        return tuple(
            self._failsafe_case(sp_id, state, now)
            for sp_id, state in self._failsafes.items()
            if state.reach is Reach.FAILSAFE
        )

    def _failsafe_case(self, sp_id: str, state: FailsafeState, now: datetime) -> OfferCase:
        """The fail-safe value as a request that nobody has made."""
        begun_at, ends_at = self._span(sp_id, state, now)
        offer = Offer(
            offer_id=_FAILSAFE_ID,
            revision=1,
            sp_id=sp_id,
            sp_name=self._tell.name_of(sp_id),
            kind=OfferKind.CAPACITY_LIMIT,
            binding=Binding.MANDATORY,
            issued_at=begun_at,
            expires_at=ends_at,
            intervals=(OfferInterval(start=begun_at, end=ends_at, max_w=self._terms.failsafe_w),),
            title="Fail-safe limit",
        )
        return OfferCase(offer=offer, digest="", state=OfferState.ACTIVE, updated_at=begun_at)

    def _span(self, sp_id: str, state: FailsafeState, now: datetime) -> tuple[datetime, datetime]:
        """Begin and end, civil; they move only where the civil time is set anew, and ``now`` lies between them."""
        monotonic = self._clock.monotonic()
        begun_s = monotonic - (monotonic if state.begun_at is None else state.begun_at)
        left_s = max(1.0, (monotonic if state.ends_at is None else state.ends_at) - monotonic)
        fresh = now - timedelta(seconds=begun_s), now + timedelta(seconds=left_s)
        known = self._spans.get(sp_id)
        if known is None or abs(known[1] - fresh[1]) > _SAME_TIME or not known[0] <= now < known[1]:
            self._spans[sp_id] = known = fresh
        return known

    async def _told(self, sp_id: str, reach: Reach, now: datetime) -> None:
        name, limit_kw = self._tell.name_of(sp_id), self._terms.failsafe_w / 1000
        if reach is Reach.FAILSAFE:
            ends_at = self._span(sp_id, self._failsafes[sp_id], now)[1].astimezone(ZoneInfo(self._home.site.time_zone))
            word, why = "failsafe_began", f"{name} has set a limit and is out of reach"
            sentence = f"{why}. Charging keeps to {limit_kw:.1f} kW until {ends_at:%H:%M}, or until it is back."
        else:
            word = "failsafe_ended"
            why = "it is in reach again" if reach is Reach.IN_REACH else "its time is over"
            sentence = f"{name}: the limit of {limit_kw:.1f} kW no longer holds, because {why}."
        logger.warning("%s: %s", sp_id, sentence)
        self._tell.notice(f"{word}.{sp_id}", sentence)
        self._tell.limited()
        await self._ledger.limit_noted(word, sp_id, {"limit_w": self._terms.failsafe_w, "why": why})

    async def _keep(self, now: datetime) -> None:
        """Over a restart; where the disk cannot take it now, the next second may do."""
        kept: dict[str, _Kept] = {}
        for sp_id, state in self._failsafes.items():
            if state.reach in (Reach.FAILSAFE, Reach.OVER):
                begun_at, ends_at = self._span(sp_id, state, now)
                kept[sp_id] = _Kept(reach=state.reach, begun_at=begun_at, ends_at=ends_at)
        try:
            await self._ledger.keep_mark(_KEPT, encode(kept))
        except StoreUnavailable as error:
            logger.error("the fail-safe limit is not kept over a restart: %s", error)
        else:
            self._is_kept = True
