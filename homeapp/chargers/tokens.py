"""Cards and other idTokens that may charge here (OCPP 2.1 part 2, C and D): the household's, and the provider's word.

Numbers of cards are personal data: they are kept as hashes under the home's own key and shown by the names that people
give them. They do not tell upper from lower case (1.6 CiString, 2.1 IdTokenType); the types of 2.x are not told apart.
Of the provider's word a copy is kept per station: its local list, which goes first, and what it has decided of late.
A card may belong to a group (C09), whose number has to be told to the station and so is kept sealed under the same key.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

from homeapp.chargers.group_seal import GroupSeal
from homeapp.errors import NotFound, WrongState
from homeapp.model.charger import TokenView
from homeapp.ports import Clock, TokenGroup, TokenVerdict
from homeapp.reporting.pseudonym import pseudonym
from homeapp.sessions import HUB_ID_TOKEN
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

MOST_TOKENS = 50
MOST_LISTED = 5000
MOST_JUDGED = 500
LONGEST_TOKEN = 255
LONGEST_NAME = 40
LONGEST_GROUP = 64
"""A card of a group with a longer name counts as one of no group."""
UNKNOWN_AFTER = timedelta(seconds=5)
"""For so long the provider may still say that it knows the card."""
UNKNOWN_FOR = timedelta(minutes=10)
JUDGED_FOR = timedelta(days=14)
SAVE_EVERY_S = 60.0
_TICK_S = 1.0
_OWN, _PROVIDER = "tokens.household", "tokens.provider"


class TokenLedger(Protocol):
    """The ledger, as far as small values go."""

    async def value(self, key: str) -> str | None:
        """A value, or None."""

    async def keep_value(self, key: str, value: str) -> None:
        """Keep one; a change of it is in the audit trail."""

    async def keep_mark(self, key: str, value: str) -> None:
        """Keep one; the audit trail does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnToken:
    """A card of the household; ``hashed`` is its number under the home's key."""

    name: str
    hashed: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Word:
    """What a provider has said of a card; ``group`` is sealed, empty where it has none."""

    allowed: bool
    expires_at: datetime | None = None
    group: str = ""
    group_kind: str = ""


@dataclass(frozen=True, slots=True)
class ProviderCopy:
    """What the provider of one station has said, by hashed token; ``master_pass`` is a hashed group, or empty."""

    listed: dict[str, Word] = field(default_factory=dict)
    judged: dict[str, Word] = field(default_factory=dict)
    master_pass: str = ""


@dataclass(frozen=True, slots=True)
class _Unknown:
    hashed: str
    at: datetime
    told: bool = False


class Tokens:
    """Decides about cards where the provider does not; implements ``TokenBook``.

    Args:
        ledger: where they are kept.
        clock: the hub's.
        key: the home's own, under which tokens are hashed.
        auto_start: a car that is plugged in charges without a card.
        unknown: told of a station where an unknown card was shown.
        changed: what ``unknown_at`` says has changed.
    """

    def __init__(
        self,
        ledger: TokenLedger,
        clock: Clock,
        key: bytes,
        *,
        auto_start: bool,
        unknown: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._key = key
        self._seal = GroupSeal(key)
        self._auto_start = auto_start
        self._tell_unknown = unknown
        self._changed = changed
        self._own: tuple[OwnToken, ...] = ()
        self._copies: dict[str, ProviderCopy] = {}
        self._unsaved = False
        self._unknown: dict[str, _Unknown] = {}

    @property
    def views(self) -> tuple[TokenView, ...]:
        """The household's cards, the oldest first."""
        return tuple(TokenView(name=token.name, added_at=token.added_at) for token in self._own)

    async def load(self) -> None:
        """Take up what was kept.

        Raises:
            StoreUnavailable: the ledger cannot be read.
        """
        own, copies = await self._ledger.value(_OWN), await self._ledger.value(_PROVIDER)
        self._own = decode(own, tuple[OwnToken, ...]) if own else ()
        self._copies = decode(copies, dict[str, ProviderCopy]) if copies else {}

    def authorizes(self, device_id: str, id_token: str) -> bool:
        """Whether a card may charge, as far as it is known here; the hub's own and none at all where none is needed."""
        if id_token == "" or _same(id_token) == _same(HUB_ID_TOKEN):
            return self._auto_start
        if self.is_households(id_token):
            return True
        hashed = self._hash(id_token)
        word = self._word(device_id, hashed)
        if word is not None:
            return word.allowed
        self._unknown[device_id] = _Unknown(hashed, self._clock.now())
        return False

    def is_households(self, token: str) -> bool:
        hashed = self._hash(token)
        return any(own.hashed == hashed for own in self._own)

    def unknown_at(self, device_id: str) -> datetime | None:
        """When an unknown card was shown at a station lately; None once it is known or long ago."""
        unknown = self._unknown.get(device_id)
        return unknown.at if unknown is not None and unknown.told else None

    async def add(self, name: str, id_token: str) -> TokenView:
        """Let a card charge.

        Args:
            name: what people call it; empty for the next free number.
            id_token: its number; empty for the unknown one that was shown last.

        Raises:
            WrongState: no unknown card was shown lately, or the name or the card is there already.
            StoreUnavailable: it cannot be kept.
        """
        hashed = self._hash(id_token) if id_token else self._shown_last()
        name = " ".join(name.split()) or self._free_name()
        self._check_new(name, id_token, hashed)
        token = OwnToken(name=name, hashed=hashed, added_at=self._clock.now())
        await self._keep_own((*self._own, token))
        self._forget_unknown(hashed)
        logger.info("a card was added to the household's")
        return TokenView(name=token.name, added_at=token.added_at)

    async def remove(self, name: str) -> None:
        """A card charges no more.

        Raises:
            NotFound: there is none of this name.
            StoreUnavailable: it cannot be kept.
        """
        left = tuple(token for token in self._own if token.name.casefold() != name.casefold())
        if len(left) == len(self._own):
            raise NotFound(f"There is no card called {name!r}. The list shows their names.")
        await self._keep_own(left)
        logger.info("a card was removed from the household's")

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        copy = self._copies.get(device_id, ProviderCopy())
        listed = {} if full else dict(copy.listed)
        for verdict in verdicts:
            hashed = self._hash(verdict.token)
            listed.pop(hashed, None)
            if verdict.allowed is not None and len(listed) < MOST_LISTED:
                listed[hashed] = self._worded(verdict, allowed=verdict.allowed, expires_at=verdict.expires_at)
        self._copies[device_id] = replace(copy, listed=listed)
        self._unsaved = True

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        if verdict.token == "" or verdict.allowed is None:
            return
        hashed = self._hash(verdict.token)
        if verdict.allowed:
            self._forget_unknown(hashed)
        copy = self._copies.get(device_id, ProviderCopy())
        judged = {other: word for other, word in copy.judged.items() if other != hashed}
        while len(judged) >= MOST_JUDGED:
            del judged[next(iter(judged))]
        expires_at = verdict.expires_at or self._clock.now() + JUDGED_FOR
        judged[hashed] = self._worded(verdict, allowed=verdict.allowed, expires_at=expires_at)
        self._copies[device_id] = replace(copy, judged=judged)
        self._unsaved = True

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        word = self._word(device_id, self._hash(token))
        group = self._seal.open(word.group) if word is not None and word.allowed and word.group else None
        if word is None or group is None:
            return None
        master = self._copies[device_id].master_pass
        is_master = bool(master) and self._hash_of_group(group) == master
        return TokenGroup(token=group, kind=word.group_kind, is_master_pass=is_master)

    def master_pass(self, device_id: str, group: str) -> None:
        copy = self._copies.get(device_id, ProviderCopy())
        self._copies[device_id] = replace(copy, master_pass=self._hash_of_group(group) if group else "")
        self._unsaved = True

    async def watch(self) -> NoReturn:
        """Tell of unknown cards and keep what the provider has said, until cancelled.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        saved_s = self._clock.monotonic()
        while True:
            await self._clock.sleep(_TICK_S)
            self._tend_unknown()
            if self._unsaved and self._clock.monotonic() - saved_s >= SAVE_EVERY_S:
                saved_s, self._unsaved = self._clock.monotonic(), False
                await self._ledger.keep_mark(_PROVIDER, encode(self._copies))

    def _tend_unknown(self) -> None:
        now = self._clock.now()
        for device_id, unknown in tuple(self._unknown.items()):
            if now - unknown.at > UNKNOWN_FOR:
                del self._unknown[device_id]
                self._changed()
            elif not unknown.told and now - unknown.at >= UNKNOWN_AFTER:
                self._unknown[device_id] = replace(unknown, told=True)
                self._tell_unknown(device_id)
                self._changed()

    def _word(self, device_id: str, hashed: str) -> Word | None:
        copy, now = self._copies.get(device_id, ProviderCopy()), self._clock.now()
        for words in (copy.listed, copy.judged):
            word = words.get(hashed)
            if word is not None:
                over = word.expires_at is not None and word.expires_at <= now
                return Word(allowed=False) if over else word
        return None

    def _shown_last(self) -> str:
        shown = max(self._unknown.values(), key=lambda unknown: unknown.at, default=None)
        if shown is None:
            raise WrongState("No unknown card was shown at the charger lately. Hold it to the charger, then try again.")
        return shown.hashed

    def _check_new(self, name: str, id_token: str, hashed: str) -> None:
        if len(name) > LONGEST_NAME or len(id_token) > LONGEST_TOKEN:
            raise WrongState(f"A card's name has at most {LONGEST_NAME} letters, its number {LONGEST_TOKEN}.")
        if id_token and _same(id_token) == _same(HUB_ID_TOKEN):
            raise WrongState("This is the name under which the hub itself charges. Enter the card's own number.")
        if any(token.name.casefold() == name.casefold() for token in self._own):
            raise WrongState(f"There is a card called {name!r} already. Choose another name.")
        if any(token.hashed == hashed for token in self._own):
            raise WrongState("This card is in the list already.")
        if len(self._own) >= MOST_TOKENS:
            raise WrongState(f"There is room for {MOST_TOKENS} cards. Remove one first.")

    def _free_name(self) -> str:
        names = {token.name.casefold() for token in self._own}
        return next(name for number in range(1, MOST_TOKENS + 2) if (name := f"Card {number}").casefold() not in names)

    def _forget_unknown(self, hashed: str) -> None:
        for device_id, unknown in tuple(self._unknown.items()):
            if unknown.hashed == hashed:
                del self._unknown[device_id]
                self._changed()

    async def _keep_own(self, tokens: tuple[OwnToken, ...]) -> None:
        await self._ledger.keep_value(_OWN, encode(tokens))
        self._own = tokens

    def _worded(self, verdict: TokenVerdict, *, allowed: bool, expires_at: datetime | None) -> Word:
        group = verdict.group
        if group is None or not 0 < len(group.token) <= LONGEST_GROUP:
            return Word(allowed, expires_at)
        return Word(allowed, expires_at, self._seal.seal(group.token), group.kind)

    def _hash_of_group(self, group: str) -> str:
        return pseudonym(self._key, "groupIdToken", _same(group))

    def _hash(self, id_token: str) -> str:
        return pseudonym(self._key, "idToken", _same(id_token))


def _same(id_token: str) -> str:
    return id_token.strip().casefold()
