"""What the calls about sharing do, and what follows when the owner takes a consent back.

What waits to leave is void at once; then the provider is asked to delete what it has, again and again until it has
answered, over restarts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, NoReturn, Protocol

from homeapp import api
from homeapp.errors import HomeappError, NotFound, NotSupported, ProviderRefused
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.ports import Clock
from homeapp.sharing.consent_book import ConsentBook
from homeapp.supervision import jittered

logger = logging.getLogger(__name__)

ERASE_TIMEOUT_S = 45.0
"""Longer than a way that is opened for that alone may take. Real seconds: networks do not run faster in the demo."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0
REFRESH_S = 5.0
PURGE_EVERY = timedelta(days=1)

Handler = Callable[[Any, api.Role], Awaitable[object]]
Void = Callable[[str, Collection[DataClass]], Awaitable[int]]
Erase = Callable[[str, Collection[DataClass]], Awaitable[None]]


class Erasures(Protocol):
    """What is needed of ``homeapp.store.consents.Consents`` here."""

    async def due_erasures(self) -> dict[str, frozenset[DataClass]]:
        """What each provider has still to be asked to delete."""

    async def erased(self, sp_id: str, data_classes: Collection[DataClass], outcome: str) -> None:
        """These are due no longer."""

    async def purge(self) -> int:
        """Forget the rows of what has left that are too old, but for their totals."""


class SharingOperations:
    """``load``, then ``run`` until cancelled; the handlers work as soon as it is loaded.

    Args:
        book: loaded by the one who made it.
        void: makes everything of these kinds that waits for this provider useless; how many messages.
        erase: asks the provider to delete, over a way of its own where there is none; raises as
            ``homeapp.ports.Provider.erase`` does, NotFound where the home is not paired with it, and any other
            HomeappError where it is to be tried again.
        notice: tells the owner a sentence under a code.
    """

    def __init__(
        self,
        *,
        book: ConsentBook,
        erasures: Erasures,
        clock: Clock,
        void: Void,
        erase: Erase,
        notice: Callable[[str, str], None],
    ) -> None:
        self._book = book
        self._erasures = erasures
        self._clock = clock
        self._void = void
        self._erase = erase
        self._notice = notice
        self._due: dict[str, frozenset[DataClass]] = {}
        self._told: dict[str, frozenset[DataClass]] = {}
        self._news = asyncio.Event()
        self._erasing = asyncio.Lock()

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call about sharing."""
        return {api.GetSharing: self._get_sharing, api.SetConsent: self._set_consent}

    def current(self) -> tuple[ProviderSharing, ...]:
        """What each provider may get, and what it has got."""
        return self._book.views()

    def is_due(self, sp_id: str) -> bool:
        """Whether the provider has still to be asked to delete something."""
        return sp_id in self._due

    async def load(self) -> None:
        """Read what providers have still to be asked to delete.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self._due = await self._erasures.due_erasures()

    async def run(self) -> None:
        """Have deleted what is due, and keep the counts of what has left up to date, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._have_all_deleted())
            tasks.create_task(self._count())

    async def forget(self, sp_id: str, by: api.Role) -> None:
        """Before the home is unpaired from a provider: take all back, try once to have it deleted, forget it.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        if not any(provider.sp_id == sp_id for provider in self._book.views()):
            return
        await self._take_back(sp_id, DataClass.IDENTITY, by)
        if not await self._have_deleted(sp_id):
            left = self._due.get(sp_id, frozenset())
            self._notice(f"erase_by_provider.{sp_id}", _only_itself(self._name(sp_id), left))
        await self._book.unregister(sp_id)
        self._settle(sp_id, tuple(DataClass))

    async def _get_sharing(self, _call: api.GetSharing, _caller: api.Role) -> tuple[ProviderSharing, ...]:
        return self._book.views()

    async def _set_consent(self, call: api.SetConsent, caller: api.Role) -> ProviderSharing:
        if call.granted:
            await self._book.set(call.sp_id, call.data_class, granted=True, text_version=call.text_version, by=caller)
            self._settle(call.sp_id, (call.data_class,))
        else:
            await self._book.refuse(call.sp_id, call.data_class, caller)
            await self._take_back(call.sp_id, call.data_class, caller)
        return self._book.view(call.sp_id)

    async def _take_back(self, sp_id: str, data_class: DataClass, by: api.Role) -> None:
        revoked = await self._book.set(sp_id, data_class, granted=False, text_version=0, by=by)
        if not revoked:
            return
        # The store has noted the same in the transaction of the consent.
        self._due[sp_id] = self._due.get(sp_id, frozenset()) | revoked
        try:
            count = await self._void(sp_id, revoked)
            logger.info("%s: %s taken back, %d waiting messages void", sp_id, _listed(revoked), count)
        finally:
            self._news.set()

    async def _have_all_deleted(self) -> NoReturn:
        attempt = 0
        while True:
            self._news.clear()
            for sp_id in sorted(self._due):
                await self._have_deleted(sp_id)
            if not self._due:
                attempt = 0
                await self._news.wait()
            else:
                await self._pause(max(1.0, jittered(attempt, FIRST_PAUSE_S, LONGEST_PAUSE_S)))
                attempt += 1

    async def _have_deleted(self, sp_id: str) -> bool:
        """Ask once; True where nothing is due any more."""
        async with self._erasing:
            data_classes = self._due.get(sp_id)
            if data_classes is None:
                return True
            name = self._name(sp_id)
            try:
                async with asyncio.timeout(ERASE_TIMEOUT_S):
                    await self._erase(sp_id, data_classes)
            except (NotFound, NotSupported, ProviderRefused) as error:
                logger.warning("%s: cannot be made to delete: %s", sp_id, error)
                code, sentence = "erase_by_provider", _only_itself(name, data_classes)
            except (HomeappError, TimeoutError) as error:
                self._tell_it_waits(sp_id, name, data_classes, str(error) or "no answer in time")
                return False
            else:
                code, sentence = "erased", _deleted(name, data_classes)
            await self._erasures.erased(sp_id, data_classes, sentence)
            if code == "erased" or self._has_some(sp_id, data_classes):
                self._notice(f"{code}.{sp_id}", sentence)
            self._settle(sp_id, data_classes)
            return True

    def _tell_it_waits(self, sp_id: str, name: str, data_classes: frozenset[DataClass], problem: str) -> None:
        if self._told.get(sp_id) == data_classes:
            return
        self._told[sp_id] = data_classes
        logger.warning("%s: has not deleted yet, trying again: %s", sp_id, problem)
        self._notice(
            f"erase_waits.{sp_id}",
            f"{name} cannot be reached: what lies there of you ({_listed(data_classes)}) is not deleted yet. "
            "Nothing more is sent, and the hub asks again by itself.",
        )

    def _settle(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        due = self._due.pop(sp_id, frozenset()) - frozenset(data_classes)
        if due:
            self._due[sp_id] = due
        else:
            self._told.pop(sp_id, None)
        self._book.announce(sp_id)

    def _has_some(self, sp_id: str, data_classes: frozenset[DataClass]) -> bool:
        """Whether the provider has anything of these kinds; with IDENTITY it has at least a customer."""
        entries = [entry for view in self._book.views() if view.sp_id == sp_id for entry in view.entries]
        return DataClass.IDENTITY in data_classes or any(
            entry.disclosed is not None for entry in entries if entry.data_class in data_classes
        )

    def _name(self, sp_id: str) -> str:
        return next((view.name for view in self._book.views() if view.sp_id == sp_id), sp_id)

    async def _count(self) -> NoReturn:
        purged_at = None
        while True:
            await self._book.refresh()
            now = self._clock.now()
            if purged_at is None or now - purged_at >= PURGE_EVERY:
                await self._erasures.purge()
                purged_at = now
            await self._clock.sleep(REFRESH_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until something new is due."""
        waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


_WORDS = {
    DataClass.IDENTITY: "your customer number and answers",
    DataClass.CHARGING: "charging",
    DataClass.METERING: "energy",
    DataClass.HEALTH: "health of the car",
    DataClass.LOCATION: "location",
}


def _listed(data_classes: Collection[DataClass]) -> str:
    return ", ".join(words for data_class, words in _WORDS.items() if data_class in data_classes)


def _deleted(name: str, data_classes: Collection[DataClass]) -> str:
    return (
        f"What the hub had laid down for {name} is deleted ({_listed(data_classes)}). Copies that {name} has made "
        "for itself only it can delete: ask it to."
    )


def _only_itself(name: str, data_classes: Collection[DataClass]) -> str:
    return (
        f"Nothing more is sent to {name}, but what it has of you ({_listed(data_classes)}) only {name} itself can "
        "delete: ask it to."
    )
