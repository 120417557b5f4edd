"""CALLs over one connection, with answers reduced to a status, and the giving of a password."""

import logging
import secrets
from collections.abc import Callable

from devices.evce.dialect import Dialect, Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.rpc import CallRefused, CallTimeout, Connection, Priority, RpcPeer, Serve, Throttle
from homeapp.errors import DeviceRefused, DeviceUnreachable

logger = logging.getLogger(__name__)

ACCEPTED = "Accepted"
NOT_SUPPORTED = "NotSupported"
REJECTED = "Rejected"
SILENT_CALLS = 3
_SILENT = "The charger is connected but does not answer; the hub keeps trying. Restart it if this stays."
_PASSWORD_BYTES = 15
"""Makes 20 characters: all that the 40 hex digits of a 1.6 AuthorizationKey hold; 2.x wants 16 to 40."""


class Link:
    """One connection of one station, adopted or not.

    Attributes:
        dialect: the OCPP version spoken on it.
        on_silence: told a sentence after several CALLs in a row without an answer, None after the next answer.
    """

    def __init__(
        self, device_id: str, dialect: Dialect, connection: Connection, serve: Serve, throttle: Throttle
    ) -> None:
        self.dialect = dialect
        self.on_silence: Callable[[str | None], None] = lambda _sentence: None
        self._device_id = device_id
        self._peer = RpcPeer(device_id, dialect.version, connection, serve, throttle)

    async def run(self) -> None:
        """Exchange messages until the socket closes."""
        await self._peer.run()

    async def ask(self, call: Outgoing, priority: Priority, replaces: str | None = None) -> tuple[str, Payload]:
        """Make a CALL.

        Returns:
            The status in its answer and the answer; a CALLERROR becomes the status ``NotSupported`` or ``Rejected``.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
            Superseded: a newer CALL took its place.
        """
        try:
            answer = await self._peer.call(call.action, call.payload, priority=priority, replaces=replaces)
        except CallTimeout as error:
            if self._peer.silent_calls >= SILENT_CALLS:
                self.on_silence(_SILENT)
            raise DeviceUnreachable("The charger did not answer in time; the hub will try again.") from error
        except CallRefused as refusal:
            logger.info("%s: %s", self._device_id, refusal)
            self.on_silence(None)
            return (NOT_SUPPORTED if refusal.code in ("NotSupported", "NotImplemented") else REJECTED), {}
        self.on_silence(None)
        return self.dialect.settled(answer), answer

    async def relay(self, frame: Frame, payload: bytes) -> Frame:
        """Pass on a CALL of the provider with ``payload`` in place of its own; the CALLRESULT or CALLERROR.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
        """
        try:
            return await self._peer.relay(frame.action, payload, message_id=frame.id)
        except CallTimeout as error:
            raise DeviceUnreachable("The charger did not answer in time.") from error

    async def call(self, call: Outgoing, priority: Priority = Priority.HOUSEKEEPING) -> str:
        """Make a CALL and return the status in its answer; see ``ask``."""
        status, _ = await self.ask(call, priority)
        return status

    async def give_password(self) -> str:
        """Give the station a new random password and return it.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
            DeviceRefused: the station does not take it.
        """
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        if await self.call(self.dialect.password(password)) != ACCEPTED:
            raise DeviceRefused(
                "The charger does not accept a password from the hub. Allow its security settings to be changed from "
                "outside, or set it back to factory settings and try again."
            )
        logger.info("%s: has been given a new password", self._device_id)
        return password
