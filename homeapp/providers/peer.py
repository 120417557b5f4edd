"""The provider at the other end of one flow: what it may say, what it may be told, and the keys that this hangs on."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.errors import SettingsInvalid
from homeapp.model.consent import DataClass
from homeapp.providers.jose import verification_key
from homeapp.providers.sealing import Seal

LONGEST_OVERLAP = timedelta(days=30)
"""How long replaced keys may go on to hold at most."""

Jwk = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A paired provider behind the system operator.

    Attributes:
        name: for people.
        ae_id: its AE-ID: ``iss`` of what it signs, ``aud`` of what it gets.
        hub_ae_id: the hub's own AE-ID in this flow.
        keys: its public keys in force (RFC 7517) with ``use`` ``sig`` or ``enc``, the newest of each use first.
        purposes: types of messages that it may send, without ``+jws``.
        data: what it may ask consent for.
        old_keys: those that ``keys`` have replaced; what they sign counts until ``old_keys_until``.
    """

    name: str
    ae_id: str
    hub_ae_id: str
    keys: tuple[Jwk, ...]
    purposes: tuple[str, ...]
    data: tuple[DataClass, ...]
    old_keys: tuple[Jwk, ...] = ()
    old_keys_until: datetime | None = None

    def with_keys(self, keys: tuple[Jwk, ...], old_keys_until: datetime) -> "Peer":
        """The same provider after a roll-over; keys from before the last one hold no more."""
        return replace(self, keys=keys, old_keys=self.keys, old_keys_until=old_keys_until)


class KeyRing:
    """What a peer's keys are good for.

    Attributes:
        signing: all that can be told apart, those that hold no more among them.
        seal: to the newest key for encryption.

    Raises:
        SettingsInvalid: a key cannot be used, or there is none for one of the two uses.
    """

    def __init__(self, peer: Peer) -> None:
        current = tuple(verification_key(jwk) for jwk in peer.keys if jwk.get("use") == "sig")
        old = tuple(verification_key(jwk) for jwk in peer.old_keys if jwk.get("use") == "sig")
        encryption = [jwk for jwk in peer.keys if jwk.get("use") == "enc"]
        if not current or not encryption:
            raise SettingsInvalid(
                f"{peer.name} needs a key for signatures and one for encryption. Pair it again with a new descriptor."
            )
        self.signing = current + old
        self.seal = Seal(encryption[0])
        self._current = frozenset(key.key_id for key in current)
        self._old_until = peer.old_keys_until

    def is_current(self, key_id: str) -> bool:
        """Whether this key has not been replaced."""
        return key_id in self._current

    def holds(self, key_id: str, now: datetime) -> bool:
        """Whether what this key signs counts."""
        return key_id in self._current or (self._old_until is not None and now < self._old_until)
