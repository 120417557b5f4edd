"""What each provider may get: the owner's consent per provider and kind of data, and the check of every record."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from homeapp.api.base import Role
from homeapp.errors import NotConsented, NotFound, WrongState
from homeapp.model.consent import Consent, DataClass, Disclosed, ProviderSharing, SharingEntry
from homeapp.model.record import DataRecord
from homeapp.ports import Clock
from homeapp.sharing import allow_list
from homeapp.sharing.consent_texts import Terms, terms
from homeapp.store.consents import added

logger = logging.getLogger(__name__)

Key = tuple[str, DataClass]


class ConsentStore(Protocol):
    """What the book needs of ``homeapp.store.consents.Consents``."""

    async def all(self) -> tuple[Consent, ...]:
        """The newest word about each kind of data, per provider."""

    async def keep(self, *consents: Consent) -> None:
        """Replace the older words about the same; all of them or none."""

    async def refuse(self, consent: Consent) -> None:
        """Keep a no to what was never agreed to."""

    async def forget(self, sp_id: str) -> None:
        """Remove all about a provider."""

    async def disclosed(self, after: int | None = None) -> tuple[int, Mapping[Key, Disclosed]]:
        """What has left in rows numbered higher than ``after``, or ever; and the highest number."""


@dataclass(frozen=True, slots=True)
class _Provider:
    name: str
    data: tuple[DataClass, ...]
    words: str


class ConsentBook:
    """Nothing is agreed to from the start; what was agreed to holds until the owner takes it back.

    A consent counts only while the provider is registered, IDENTITY is granted too, and the words have not come to
    mean more since. ``load`` before anything else.

    Args:
        on_change: told a provider about which something is different, and what was just taken back, if anything.
    """

    def __init__(
        self, store: ConsentStore, clock: Clock, on_change: Callable[[str, Collection[DataClass]], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._providers: dict[str, _Provider] = {}
        self._consents: dict[Key, Consent] = {}
        self._unkept: dict[Key, Consent] = {}
        self._disclosed: Mapping[Key, Disclosed] = {}
        self._last_row: int | None = None
        self._one_at_a_time = asyncio.Lock()

    async def load(self) -> None:
        """Read what was agreed to and what has left.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self._consents = {(consent.sp_id, consent.data_class): consent for consent in await self._store.all()}
        await self.refresh()

    async def refresh(self) -> None:
        """Read what has left since the last call.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self._last_row, news = await self._store.disclosed(self._last_row)
        self._disclosed = added(self._disclosed, news)
        for sp_id in sorted({key[0] for key in news}):
            self.announce(sp_id)

    def register(self, sp_id: str, name: str, data: Collection[DataClass], words: str = "") -> None:
        """The home is paired with a provider that asks for ``data``; what it may never get is left out.

        ``words`` names other words than its own in ``consent_texts``.
        """
        known = tuple(
            kind for kind in DataClass if terms(words or sp_id, kind) and (kind in data or kind is DataClass.IDENTITY)
        )
        for refused in sorted(set(data) - set(known)):
            logger.warning("%s asks for %s, which it may never get", sp_id, refused)
        self._providers[sp_id] = _Provider(name, known, words or sp_id)
        self.announce(sp_id)

    async def unregister(self, sp_id: str) -> None:
        """The home is no longer paired with it; its consents are forgotten. Unknown ones are fine.

        Raises:
            StoreUnavailable: it holds until the next start only.
        """
        async with self._one_at_a_time:
            revoked = [key[1] for key, consent in self._consents.items() if key[0] == sp_id and consent.granted]
            self._providers.pop(sp_id, None)
            for kept in (self._consents, self._unkept):
                for key in [key for key in kept if key[0] == sp_id]:
                    del kept[key]
            self.announce(sp_id, revoked)
            await self._store.forget(sp_id)

    def allows(self, sp_id: str, data_class: DataClass) -> bool:
        """Whether this kind of data may leave for this provider now."""
        return self._counts(sp_id, DataClass.IDENTITY) and self._counts(sp_id, data_class)

    def check(self, record: DataRecord) -> None:
        """Whether this record may leave now.

        Raises:
            NotConsented: the owner has not agreed, it is of another kind than it says, or holds more than it may.
        """
        name, what = self._name(record.sp_id), f"A record {record.kind!r} for {self._name(record.sp_id)}"
        if not self.allows(record.sp_id, record.data_class):
            raise NotConsented(f"You have not agreed that {name} gets {record.data_class} data; nothing was sent.")
        found = self._words(record.sp_id, record.data_class)
        allowed = found.records.get(record.kind) if found else None
        if allowed is None:
            raise NotConsented(f"{what} was stopped: it is no {record.data_class} data.")
        fault = next(allow_list.faults(record.body, allowed), None)
        if fault is not None:
            raise NotConsented(f"{what} was stopped: {fault}.")

    async def set(
        self, sp_id: str, data_class: DataClass, *, granted: bool, text_version: int, by: Role
    ) -> frozenset[DataClass]:
        """The owner agrees, or takes it back; what was taken back by this, durably.

        Taking back is never refused for the version of the words, and holds at once, even where it cannot be kept;
        doing it again then tries to keep it again.

        Raises:
            NotFound: no such provider, or it does not ask for this.
            WrongState: other words were shown than those in force, or IDENTITY is not granted.
            StoreUnavailable: it cannot be kept.
        """
        async with self._one_at_a_time:
            if granted:
                await self._grant(sp_id, data_class, text_version, by)
                return frozenset()
            return await self._revoke(sp_id, data_class, by)

    async def refuse(self, sp_id: str, data_class: DataClass, by: Role) -> None:
        """The owner gives nothing of this, where nothing was decided before; that is a decision too, and is kept.

        Raises:
            NotFound: no such provider, or it does not ask for this.
            StoreUnavailable: it cannot be kept.
        """
        async with self._one_at_a_time:
            words, key = self._terms(sp_id, data_class).newest, (sp_id, data_class)
            if key in self._consents:
                return
            refusal = Consent(
                sp_id=sp_id,
                data_class=data_class,
                granted=False,
                text_version=words.version,
                at=self._clock.now(),
                by=by,
            )
            await self._store.refuse(refusal)
            self._consents[key] = refusal
            self.announce(sp_id)

    def views(self) -> tuple[ProviderSharing, ...]:
        """All providers as the owner sees them."""
        return tuple(self.view(sp_id) for sp_id in self._providers)

    def view(self, sp_id: str) -> ProviderSharing:
        """One of them.

        Raises:
            NotFound: no such provider.
        """
        provider = self._provider(sp_id)
        entries = tuple(self._entry(sp_id, data_class) for data_class in provider.data)
        return ProviderSharing(sp_id=sp_id, name=provider.name, entries=entries)

    def announce(self, sp_id: str, revoked: Collection[DataClass] = ()) -> None:
        """Something about this provider is different: tell ``on_change``."""
        self._on_change(sp_id, revoked)

    async def _grant(self, sp_id: str, data_class: DataClass, text_version: int, by: Role) -> None:
        words = self._terms(sp_id, data_class).newest
        if text_version != words.version:
            raise WrongState("The words of this consent have changed since you saw them. Read them again, then decide.")
        if data_class is not DataClass.IDENTITY and not self._counts(sp_id, DataClass.IDENTITY):
            name = self._name(sp_id)
            raise WrongState(f"First allow that {name} knows this home as a customer (identity); then this.")
        if self._counts(sp_id, data_class):
            return
        consent = Consent(
            sp_id=sp_id,
            data_class=data_class,
            granted=True,
            text_version=words.version,
            at=self._clock.now(),
            by=by,
        )
        await self._store.keep(consent)
        self._consents[sp_id, data_class] = consent
        self.announce(sp_id)

    async def _revoke(self, sp_id: str, data_class: DataClass, by: Role) -> frozenset[DataClass]:
        self._terms(sp_id, data_class)
        wanted = tuple(DataClass) if data_class is DataClass.IDENTITY else (data_class,)
        for key in [(sp_id, kind) for kind in wanted]:
            known = self._consents.get(key)
            if known is not None and known.granted:
                self._unkept[key] = self._consents[key] = replace(known, granted=False, at=self._clock.now(), by=by)
        revoked = {key: self._unkept[key] for key in self._unkept if key[0] == sp_id and key[1] in wanted}
        if revoked:
            self.announce(sp_id, [kind for _sp_id, kind in revoked])
            await self._store.keep(*revoked.values())
            for key in revoked:
                del self._unkept[key]
        return frozenset(kind for _sp_id, kind in revoked)

    def _counts(self, sp_id: str, data_class: DataClass) -> bool:
        provider, consent = self._providers.get(sp_id), self._consents.get((sp_id, data_class))
        found = self._words(sp_id, data_class)
        if provider is None or consent is None or found is None or data_class not in provider.data:
            return False
        return consent.granted and consent.text_version >= found.newest.valid_from_version

    def _entry(self, sp_id: str, data_class: DataClass) -> SharingEntry:
        found, consent = self._terms(sp_id, data_class), self._consents.get((sp_id, data_class))
        return SharingEntry(
            data_class=data_class,
            text=found.newest.text,
            text_version=found.newest.version,
            fields=found.fields,
            granted=self.allows(sp_id, data_class),
            outdated=consent is not None and consent.granted and not self._counts(sp_id, data_class),
            changed_at=consent.at if consent else None,
            disclosed=self._disclosed.get((sp_id, data_class)),
        )

    def _terms(self, sp_id: str, data_class: DataClass) -> Terms:
        provider, found = self._provider(sp_id), self._words(sp_id, data_class)
        if found is None or data_class not in provider.data:
            raise NotFound(f"{provider.name} does not ask for {data_class} data.")
        return found

    def _words(self, sp_id: str, data_class: DataClass) -> Terms | None:
        provider = self._providers.get(sp_id)
        return terms(provider.words if provider else sp_id, data_class)

    def _provider(self, sp_id: str) -> _Provider:
        if sp_id not in self._providers:
            raise NotFound(f"This home is not paired with a provider {sp_id!r}.")
        return self._providers[sp_id]

    def _name(self, sp_id: str) -> str:
        provider = self._providers.get(sp_id)
        return provider.name if provider else sp_id
