"""The ways of chargers to the CSMS of their provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from homeapp.model.live import LinkState


@dataclass(frozen=True, slots=True, kw_only=True)
class StationMessage:
    """A message of a charging station for its provider's CSMS.

    Attributes:
        message_id: the station's own; a repetition has the same one.
        action: name in the standard.
        payload: JSON, byte for byte as the station has sent it.
        periodic: one of many measurements; such are dropped first where too much waits.
        transaction: 1.6 StartTransaction: the id that the hub has given the transaction, else None.
        number: its place in the outbox; 0 before it is in it.
    """

    message_id: str
    action: str
    payload: bytes
    periodic: bool = False
    transaction: int | None = None
    number: int = 0


class StationOutbox(Protocol):
    """What charging stations have told and their CSMS has not heard yet, in order per station.

    Raises (all operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def begin(self) -> None:
        """Before anything else: what waits for a CSMS of other settings must not lie about any longer."""

    async def put(self, device_id: str, message: StationMessage) -> int | None:
        """Keep a message; durable on return. One that is or was in it, with the same id and content, changes nothing.

        Returns:
            The ``transaction`` that is kept with it, which for a repetition is the one of the first time.
        """

    async def first_waiting(self, device_id: str) -> StationMessage | None:
        """The oldest that waits."""

    async def delivered(self, device_id: str, message: StationMessage, csms_transaction: int | None = None) -> None:
        """The CSMS has answered; ``csms_transaction`` is its id for ``message.transaction``, kept with it."""

    async def failed(self, device_id: str, message: StationMessage) -> int:
        """The CSMS has refused it or stayed silent; how often so far."""

    async def give_up(self, device_id: str, message: StationMessage) -> None:
        """It will never be taken; it no longer stands in the way of the others."""

    async def void(self) -> int:
        """Nothing of any station is to leave any more; returns how much waited."""

    async def transactions(self, device_id: str) -> Mapping[int, int]:
        """The CSMS's ids of 1.6 transactions by the hub's ids, the latest few hundred."""

    async def keep_introduction(self, device_id: str, protocol: str, payload: bytes) -> None:
        """Keep the payload of the station's newest BootNotification, in place of an older one."""

    async def introduction(self, device_id: str, protocol: str) -> bytes | None:
        """The payload of its newest BootNotification in this version of the protocol, or None."""


class CsmsWay(Protocol):
    """What the hub lets out of the home to a CSMS, and learns of it; none of these blocks."""

    def may_relay(self) -> bool:
        """Whether the owner agrees that what the charging station says leaves the home."""

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        """A message is leaving the home; noted for the owner."""

    def link(self, device_id: str, state: LinkState, problem: str | None = None) -> None:
        """The way of this station to the CSMS has changed; ``problem`` is a sentence."""

    def notice(self, code: str, sentence: str) -> None:
        """Something to tell the owner."""


class StationUpstreams(Protocol):
    """The ways of all charging stations to their provider's CSMS."""

    async def run(self, way: CsmsWay) -> None:
        """Keep them open while they may be, until cancelled."""

    def consent_changed(self) -> None:
        """``CsmsWay.may_relay`` may say something else now; a way that may not be open any more is closed at once."""

    async def void(self) -> int:
        """What waits for the CSMS is not to leave any more; returns how much that was.

        Raises:
            StoreUnavailable: it cannot be written.
        """
