"""What the provider has set for one station, the transaction that it is about, and what both amount to now."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from devices.evce.fields import instant, items, mapping, plain, whole
from devices.evce.provider.charging_profile import Profile, ProfileRefused
from devices.evce.provider.evaluation import Circumstances, evaluate, outlived
from devices.evce.provider.pending_starts import PendingStarts
from devices.evce.provider.profile_shelf import (
    Shelf,
    from_kept,
    placed,
    renamed,
    surviving,
    to_kept,
    transaction_over,
)
from devices.evce.upstream.port import StationFacts
from homeapp.ports import Clock, ProfileKeeper, ProviderRights

logger = logging.getLogger(__name__)

_LOOK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Running:
    """The transaction that the profiles are about; ``began_at`` by the hub's clock, when it was seen first."""

    id: str
    evse: int
    began_at: datetime


class StationShelf:
    """The charging profiles of one station; ``follow`` brings the station's facts up to date.

    Attributes:
        profiles: all that the provider has set.
        running: the transaction, or None.
        priority: priority charging is active for it (K21).
        starts: profiles for transactions that are yet to begin.
        offline_since: since when the CSMS has been out of reach, or None.
    """

    def __init__(self, station: StationFacts, clock: Clock, keeper: ProfileKeeper, rights: ProviderRights) -> None:
        self.profiles: Shelf = ()
        self.running: Running | None = None
        self.priority = False
        self.starts = PendingStarts()
        self.offline_since: datetime | None = None
        self.station = station
        self._clock = clock
        self._keeper = keeper
        self._rights = rights
        self._seen = False
        self._next_look: datetime | None = None
        self._looked_at: tuple[object, ...] = ()
        self._looked_on = clock.now()
        self._control_told: bool | None = None
        self._loaded = False
        self._kept = ""
        self._eras = 0
        self._ended = False
        self._writing = asyncio.Lock()
        rights.attached(station.device_id)

    @property
    def provider_commands(self) -> bool:
        """The owner has not taken control back."""
        return self._rights.controls(self.station.device_id)

    def may_feed_w(self, at: datetime) -> float | None:
        """The power feed that the owner has approved for an instant, W, or None."""
        return self._rights.may_feed_w(at)

    async def load(self) -> None:
        """Take back what an earlier run of the hub has kept; once.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        # Once that is done nobody waits here for what is being written just now.
        if not self._loaded:
            await self._load()

    async def _load(self) -> None:
        async with self._writing:
            if self._loaded:
                return
            kept = await self._keeper.load(self.station.device_id)
            # Meanwhile the provider may have nothing to say any more.
            if kept is not None and not self._ended:
                self._restore(kept)
                self._kept = kept
            self._loaded = True
        self.follow()

    async def save(self) -> None:
        """Keep what has changed of what has to survive a restart.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        if self._loaded and not self._ended:
            async with self._writing:
                await self._keep(self.profiles)

    def end(self) -> None:
        """The provider has nothing to say any more: what it has set is gone at once, and does not come back."""
        self.profiles, self.priority = (), False
        self.starts.clear()
        self._eras += 1
        self._ended = self._loaded = True
        self._kept = ""
        self.follow()

    async def change(self, change: Callable[[Shelf], Shelf]) -> None:
        """Apply a change once what of it has to survive a restart is kept; one of nothing else waits for no disk.

        Raises:
            ProfileRefused: of ``change``, or the provider has nothing to say any more.
            StoreUnavailable: it cannot be kept; nothing has changed.
        """
        changed = change(self.profiles)
        if surviving(changed) == surviving(self.profiles):
            self._ended = False
            self.profiles = changed
            return
        async with self._writing:
            era = self._eras
            await self._keep(change(self.profiles))
            if era != self._eras:
                self._kept = ""
                raise ProfileRefused("NotEnabled", "The owner has taken the consent back.")
            self._ended = False
            # A transaction may have ended meanwhile.
            self.profiles = change(self.profiles)

    def replace(self, profile: Profile) -> None:
        """Another one in the place of the one with its id, kept with the next ``save``."""
        self.profiles = tuple(profile if other.profile_id == profile.profile_id else other for other in self.profiles)

    def begin(self, profile: Profile | None) -> None:
        """The profile that came with a start becomes the TxProfile of its transaction (K05.FR.03)."""
        running = self.running
        if profile is None or running is None:
            return
        try:
            self.profiles = placed(self.profiles, replace(profile, evse=running.evse, transaction_id=running.id))
        except ProfileRefused as refusal:
            logger.warning("%s: the profile of a start is not in force: %s", self.station.device_id, refusal)

    def renamed(self, old: str, new: str) -> None:
        """The transaction ``old`` goes by ``new`` from now on."""
        self.profiles = renamed(self.profiles, old, new)
        if self.running is not None and self.running.id == old:
            self.running = replace(self.running, id=new)

    def csms_is(self, *, reachable: bool) -> None:
        """The way to the CSMS is up, or is down (K01.FR.101)."""
        if not reachable:
            self.offline_since = self.offline_since or self._clock.now()
        else:
            self._forget_outlived()
            self.offline_since = None
        self.follow()

    def follow(self) -> None:
        """Tell the station what its provider permits now."""
        self._notice_transaction()
        self._forget_outlived()
        permitted = evaluate(self.profiles, self.station.limits, self.circumstances())
        self._next_look = permitted.next_change
        self._control_told = self.provider_commands
        self.station.provider_permits(permitted.limit_w, permitted.feed_w, control=self._control_told)
        self._looked_at, self._looked_on = self._facts(), self._clock.now()

    def heard(self) -> None:
        """The station has said something; most of what it says changes nothing here.

        What is known is looked at anew from time to time all the same, since the hub's clock may have been set.
        """
        fresh = timedelta(0) <= self._clock.now() - self._looked_on < _LOOK_AGAIN
        if not fresh or self._looked_at != self._facts() or self.is_due():
            self.follow()

    def is_due(self) -> bool:
        """Whether time or the owner has changed what ``follow`` has told."""
        if self._control_told is not self.provider_commands:
            return True
        return self._next_look is not None and self._next_look <= self._clock.now()

    def circumstances(self) -> Circumstances:
        """As they are now."""
        running = self.running
        return Circumstances(
            now=self._clock.now(),
            evse=1 if running is None else running.evse,
            transaction_id=None if running is None else running.id,
            began_at=None if running is None else running.began_at,
            offline_since=self.offline_since,
            priority=self.priority,
        )

    def _facts(self) -> tuple[object, ...]:
        """All but the time and the owner that ``follow`` goes by."""
        transaction = self.station.transaction
        told = None if transaction is None else (transaction.id, transaction.evse)
        return self.station, told, self.running, self.profiles, self.priority, self.offline_since

    async def _keep(self, shelf: Shelf) -> None:
        running = self.running
        transaction = running and {"id": running.id, "evse": running.evse, "beganAt": running.began_at.isoformat()}
        kept = msgspec.json.encode({"profiles": to_kept(shelf), "transaction": transaction}).decode()
        if kept != self._kept:
            await self._keeper.keep(self.station.device_id, kept)
            self._kept = kept

    def _restore(self, kept: str) -> None:
        try:
            document = mapping({"kept": msgspec.json.decode(kept)}, "kept")
        except msgspec.DecodeError:
            logger.warning("%s: the kept charging profiles cannot be read", self.station.device_id)
            return
        self.profiles = from_kept(items(document, "profiles"))
        known = mapping(document, "transaction")
        began_at, transaction_id = instant(known, "beganAt"), plain(known.get("id"))
        running = self.running
        if began_at is not None and transaction_id and (running is None or running.id == transaction_id):
            self.running = Running(transaction_id, whole(known, "evse", 1), began_at)
        elif running is not None:
            self.profiles = transaction_over(self.profiles, running.id)

    def _notice_transaction(self) -> None:
        transaction, running = self.station.transaction, self.running
        if transaction is None:
            # After a restart of the hub a kept one counts until the station has told of itself.
            if running is not None and self._seen:
                self._switch(None)
            return
        self._seen = True
        evse = transaction.evse or 1
        if running is not None and running.id == transaction.id:
            self.running = replace(running, evse=evse)
            return
        self._switch(Running(transaction.id, evse, self._clock.now()))
        self.begin(self.starts.take_next(evse, self._clock.now()))

    def _switch(self, running: Running | None) -> None:
        self.running, self.priority = running, False
        self.profiles = transaction_over(self.profiles, None if running is None else running.id)

    def _forget_outlived(self) -> None:
        when = self.circumstances()
        self.profiles = tuple(
            profile for profile in self.profiles if not (profile.void_after_offline and outlived(profile, when))
        )
