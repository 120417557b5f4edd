"""The way out of the home: how much of it each provider may use, what it has used, and who sends too much.

The communication operator's data service may cost by volume, and nobody behind it may flood the home or be flooded by
it. Sizes are those of the messages; what TCP, TLS and MQTT add is not known here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

from homeapp import api
from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.record import DataRecord, Priority
from homeapp.model.uplink import BudgetUse, UplinkView
from homeapp.ports import Clock, DecisionMessage
from homeapp.settings import UplinkSettings
from homeapp.store.uplink_use import INBOUND, UplinkUse, Used, UseKey
from homeapp.uplink.token_bucket import TokenBucket

logger = logging.getLogger(__name__)

SPARING_S = 900.0
"""On a metered link: between two times at which what can wait is sent."""
CAN_WAIT = (DataClass.METERING, DataClass.LOCATION)
KEEP_EVERY_S = 60.0
_OUT_PER_S = 100.0
_OUT_BURST_S = 10.0
_IN_BYTES_PER_S = 16_384.0
_IN_BURST_S = 120.0
_BYTES_PER_MB = 1_000_000


class Verdict(StrEnum):
    """What to do with a message that has come in."""

    ADMITTED = "admitted"
    THROTTLED = "throttled"
    """it stays where it is; look again later"""


class Uplink:
    """Limits and counts, per provider; none of the calls but ``run`` blocks.

    Args:
        settings: ``[uplink]``.
        store: where the counts are kept.
        clock: hub time.
        notice: told (code, sentence) when a provider begins or ends to send too much.
        changed: told every minute and when a provider begins or ends to send too much: ``view`` is a new one.
        name_of: a provider's name for people.
    """

    def __init__(
        self,
        *,
        settings: UplinkSettings,
        store: UplinkUse,
        clock: Clock,
        notice: Callable[[str, str], None] = lambda _code, _sentence: None,
        changed: Callable[[], None] = lambda: None,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._notice = notice
        self._changed = changed
        self._name_of = name_of
        self._outward: dict[str, TokenBucket] = {}
        self._inward: dict[str, TokenBucket] = {}
        self._throttled: set[str] = set()
        self._used: dict[UseKey, Used] = {}
        self._unkept: dict[UseKey, Used] = {}
        self._loaded = False
        self._sparing: dict[str, _Sparing] = {}

    async def run(self) -> NoReturn:
        """Keep the counts, and notice who has calmed down, until cancelled.

        Raises:
            StoreUnavailable: the counts cannot be kept; nothing of them is lost by that.
        """
        await self._load()
        self._changed()
        try:
            while True:
                await self._clock.sleep(KEEP_EVERY_S)
                await self._keep()
                for sp_id in sorted(self._throttled):
                    self._recover(sp_id)
                self._changed()
        except asyncio.CancelledError:
            try:
                await self._keep()
            except StoreUnavailable as error:
                logger.warning("uplink: the last counts are not kept: %s", error)
            raise

    def handlers(self) -> Mapping[type[api.Call[Any]], Callable[[Any, api.Role], Awaitable[object]]]:
        """What the contract asks of the uplink."""
        return {api.GetUplink: self._get_uplink}

    def view(self) -> UplinkView:
        """How the link stands this month."""
        month = _month(self._clock.now())
        budgets = {(sp_id, data_class) for sp_id, classes in self._settings.budget_mb.items() for data_class in classes}
        used = {(key.sp_id, key.data_class) for key in self._used if key.month == month}
        rows = sorted(budgets | used)
        return UplinkView(
            metered=self._settings.metered,
            use=tuple(self._row(UseKey(month, sp_id, data_class)) for sp_id, data_class in rows),
            throttled=tuple(sorted(self._throttled)),
        )

    def held(self, sp_id: str) -> Mapping[DataClass, float]:
        """Kinds of data that have to wait as a whole, and how long, s: for the next sparing time or the next month.

        Decisions and what is about safety never wait.
        """
        waits: dict[DataClass, float] = {}
        if self._settings.metered:
            left_s = self._sparing_of(sp_id).left_s(self._clock.monotonic())
            waits = dict.fromkeys(CAN_WAIT, left_s) if left_s > 0 else {}
        now = self._clock.now()
        for data_class, budget_mb in self._settings.budget_mb.get(sp_id, {}).items():
            used = self._used.get(UseKey(_month(now), sp_id, data_class), Used())
            if used.size_bytes >= budget_mb * _BYTES_PER_MB:
                waits[data_class] = _left_of_month_s(now)
        return waits

    def send_allowed(self, message: DecisionMessage | DataRecord, size_bytes: int) -> float:
        """How long this has to wait, s; 0 for now. Decisions and what is about safety never wait.

        ``size_bytes`` is about what it will have on the wire.
        """
        if isinstance(message, DecisionMessage) or message.priority is Priority.SAFETY:
            return 0.0
        held_s = self.held(message.sp_id).get(message.data_class, 0.0)
        return max(held_s, self._outward_of(message.sp_id).wait_s(size_bytes))

    def sent(self, sp_id: str, data_class: DataClass, size_bytes: int) -> None:
        """This has gone out."""
        self._outward_of(sp_id).take(size_bytes)
        self._count(sp_id, data_class, size_bytes)
        if data_class in CAN_WAIT:
            self._sparing_of(sp_id).begun = True

    def passed(self, sp_id: str, data_class: DataClass, size_bytes: int) -> None:
        """This has gone out on a way that cannot wait, as a charging station's messages; it only counts."""
        self._count(sp_id, data_class, size_bytes)

    def drained(self, sp_id: str) -> None:
        """Nothing waits for this provider any more that may be sent now."""
        sparing = self._sparing_of(sp_id)
        if sparing.begun:
            sparing.begun, sparing.next_at = False, self._clock.monotonic() + SPARING_S

    def received(self, sp_id: str, size_bytes: int) -> Verdict:
        """Whether a message that has come in may be dealt with; it is counted only then."""
        bucket = self._inward_of(sp_id)
        if bucket.wait_s(size_bytes) > 0:
            self._throttle(sp_id)
            return Verdict.THROTTLED
        bucket.take(size_bytes)
        self._count(sp_id, INBOUND, size_bytes)
        if sp_id in self._throttled:
            self._recover(sp_id)
        return Verdict.ADMITTED

    async def admit(self, sp_id: str, size_bytes: int) -> None:
        """Let a message in that is about to be dealt with for the first time.

        Raises:
            ProviderUnreachable: the provider sends too much; leave the message where it is and look again later.
        """
        if self.received(sp_id, size_bytes) is Verdict.THROTTLED:
            raise ProviderUnreachable(f"{self._name_of(sp_id)} sends too much; the rest waits.")

    def old_news(self, sp_id: str, size_bytes: int) -> None:
        """What was let in had lain in the mailbox, and has no effect: after a restart all of it is read again.

        It does not count as sent now, unless the provider sends too much.
        """
        if sp_id not in self._throttled:
            self._inward_of(sp_id).give_back(size_bytes)

    async def _get_uplink(self, _call: api.GetUplink, _caller: api.Role) -> UplinkView:
        return self.view()

    async def _load(self) -> None:
        if not self._loaded:
            for key, kept in (await self._store.of_month(_month(self._clock.now()))).items():
                _add(self._used, key, kept)
            self._loaded = True

    async def _keep(self) -> None:
        unkept, self._unkept = self._unkept, {}
        try:
            # What is cancelled halfway would be lost, or counted twice.
            await asyncio.shield(self._store.add(unkept))
        except StoreUnavailable:
            for key, used in unkept.items():
                _add(self._unkept, key, used)
            raise
        this_month = _month(self._clock.now())
        self._used = {key: used for key, used in self._used.items() if key.month == this_month}

    def _count(self, sp_id: str, data_class: str, size_bytes: int) -> None:
        key, used = UseKey(_month(self._clock.now()), sp_id, data_class), Used(1, size_bytes)
        _add(self._used, key, used)
        _add(self._unkept, key, used)

    def _row(self, key: UseKey) -> BudgetUse:
        used = self._used.get(key, Used())
        data_class = None if key.data_class == INBOUND else DataClass(key.data_class)
        budget_mb = self._settings.budget_mb.get(key.sp_id, {}).get(data_class) if data_class else None
        return BudgetUse(
            sp_id=key.sp_id,
            data_class=data_class,
            messages=used.messages,
            size_bytes=used.size_bytes,
            budget_bytes=None if budget_mb is None else round(budget_mb * _BYTES_PER_MB),
        )

    def _throttle(self, sp_id: str) -> None:
        if sp_id not in self._throttled:
            self._throttled.add(sp_id)
            name = self._name_of(sp_id)
            logger.warning("%s: sends too much and is throttled", sp_id)
            self._notice(
                f"uplink.throttled.{sp_id}",
                f"{name} sends more than it may; the rest is left at the system operator and read bit by bit. "
                f"If this goes on, ask {name} about it.",
            )
            self._changed()

    def _recover(self, sp_id: str) -> None:
        if self._inward_of(sp_id).half_full:
            self._throttled.discard(sp_id)
            logger.info("%s: is no longer throttled", sp_id)
            self._notice(
                f"uplink.recovered.{sp_id}", f"{self._name_of(sp_id)} no longer sends too much; nothing is held back."
            )
            self._changed()

    def _outward_of(self, sp_id: str) -> TokenBucket:
        if sp_id not in self._outward:
            self._outward[sp_id] = TokenBucket(
                self._clock,
                messages_per_s=_OUT_PER_S,
                bytes_per_s=self._settings.out_kb_per_s * 1000,
                burst_s=_OUT_BURST_S,
            )
        return self._outward[sp_id]

    def _inward_of(self, sp_id: str) -> TokenBucket:
        if sp_id not in self._inward:
            self._inward[sp_id] = TokenBucket(
                self._clock,
                messages_per_s=self._settings.in_messages_per_min / 60,
                bytes_per_s=_IN_BYTES_PER_S,
                burst_s=_IN_BURST_S,
            )
        return self._inward[sp_id]

    def _sparing_of(self, sp_id: str) -> "_Sparing":
        return self._sparing.setdefault(sp_id, _Sparing())


class _Sparing:
    """When a provider gets what can wait: all of it at once, then nothing for a while.

    Attributes:
        next_at: monotonic.
        begun: some of it has gone out since.
    """

    def __init__(self) -> None:
        self.next_at = float("-inf")
        self.begun = False

    def left_s(self, now: float) -> float:
        return max(0.0, self.next_at - now)


def _add(counts: dict[UseKey, Used], key: UseKey, used: Used) -> None:
    counts[key] = counts.get(key, Used()).plus(used)


def _month(at: datetime) -> str:
    return f"{at:%Y-%m}"


def _left_of_month_s(now: datetime) -> float:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(first.year * 12 + first.month, 12)
    return (first.replace(year=year, month=month + 1) - now).total_seconds()
