"""Follows a VTN's MQTT notifier. Whatever comes is only a hint to read the VTN again, and never read itself.

Brokers were seen to keep old notifications for ever and to spell them differently; none of that can do harm here. Where
there is no notifier, or it cannot be had over TLS, polling alone goes on.
"""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable
from typing import NoReturn

from homeapp.errors import HomeappError, MessageRejected, ProviderRefused, ProviderUnreachable, SettingsInvalid
from homeapp.identity.tls import show_certificate
from homeapp.ports import Clock
from homeapp.providers.grid_sp.client import VtnClient, VtnConnection
from homeapp.providers.grid_sp.notifier import Authentication, MqttBinding, read_binding, topics_for
from homeapp.providers.onem2m.mqtt_link import MqttLink, MqttVersion
from homeapp.providers.onem2m.transport import Inbound, LinkEnd, LinkEnded
from homeapp.redaction import redact
from homeapp.supervision import jittered, rest

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 3600.0
"""Where the VTN offers no notifier, or none that may be used, s of hub time."""
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0
_OTHER_VERSION = (LinkEnd.WRONG_VERSION, LinkEnd.SILENT)


class NoNotifier(ProviderUnreachable):
    """There is nothing to follow."""


class MqttHints:
    """Calls ``hint`` whenever something may have changed at the VTN.

    Args:
        name: the provider's, for sentences.
        vtn: where the notifier is found.
        clock: hub time.
        hint: called in the event loop; also after each connection, for what came before.
    """

    def __init__(self, *, name: str, vtn: VtnClient, clock: Clock, hint: Callable[[], None]) -> None:
        self._name = name
        self._vtn = vtn
        self._clock = clock
        self._hint = hint
        self._about: tuple[str | None, frozenset[str]] | None = None
        self._changed = asyncio.Event()
        self._version = MqttVersion.V5
        self._problem = ""

    def about(self, ven_id: str | None, program_ids: frozenset[str]) -> None:
        """What there is to be told about; where it is another than before, topics are fetched anew."""
        if self._about != (ven_id, program_ids):
            self._about = ven_id, program_ids
            self._changed.set()

    async def run(self) -> NoReturn:
        """Follow the notifier until cancelled; survives everything that can go wrong with it."""
        attempt = 0
        while True:
            if self._about is None:
                await self._changed.wait()
            self._changed.clear()
            pause_s = LOOK_AGAIN_S
            try:
                await self._follow()
                attempt = 0
                continue
            except (NoNotifier, MessageRejected, SettingsInvalid, ProviderRefused) as error:
                self._tell(error)
            except ProviderUnreachable as error:
                attempt += 1
                self._tell(error)
                pause_s = max(_SHORTEST_PAUSE_S, jittered(attempt, longest_s=_LONGEST_PAUSE_S))
            await rest(self._clock, pause_s, self._changed)

    async def _follow(self) -> None:
        """Until there is something else to follow.

        Raises:
            HomeappError: it cannot be followed.
        """
        ven_id, program_ids = self._about or (None, frozenset())
        async with self._vtn.connected() as connection:
            binding = read_binding(await connection.read("/notifiers"), connection.client_id)
            if binding is None:
                raise NoNotifier("it offers none")
            topics = await topics_for(connection, ven_id, sorted(program_ids))
            if not topics:
                raise NoNotifier("it does not tell its topics")
            link = await self._link(connection, binding)
        try:
            await link.open(topics)
            logger.info("grid_sp: notifications come by MQTT on %d topics", len(topics))
            self._problem = ""
            # What has changed before the topics were subscribed to.
            self._hint()
            await self._until_over(link)
        except LinkEnded as ended:
            await self._think_over(ended.end, binding)
            raise
        finally:
            await link.close()

    async def _link(self, connection: VtnConnection, binding: MqttBinding) -> MqttLink:
        host, port = binding.brokers[0]
        login = None
        if binding.authentication is Authentication.OAUTH2_BEARER_TOKEN:
            login = binding.username, await connection.bearer() or ""
        link: MqttLink

        def told(message: Inbound) -> None:
            link.acknowledge(message)
            self._hint()

        link = MqttLink(
            host=host,
            port=port,
            tls=await self._context(binding),
            client_id=f"{connection.client_id or 'homeapp'}-{secrets.token_hex(4)}",
            version=self._version,
            on_message=told,
            on_refused=lambda _number: None,
            persistent=False,
            login=login,
        )
        return link

    async def _context(self, binding: MqttBinding) -> ssl.SSLContext:
        if binding.authentication is Authentication.CERTIFICATE:
            return await asyncio.to_thread(_own_context, binding)
        return await self._vtn.tls()

    async def _until_over(self, link: MqttLink) -> None:
        """Return where something else is to be followed.

        Raises:
            LinkEnded: the connection is gone.
        """
        ended = asyncio.ensure_future(link.ended())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((ended, changed), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise ended.result()
        finally:
            for wait in (ended, changed):
                wait.cancel()
            await asyncio.gather(ended, changed, return_exceptions=True)

    async def _think_over(self, end: LinkEnd, binding: MqttBinding) -> None:
        """What to try otherwise next time."""
        if end in _OTHER_VERSION:
            self._version = self._version.other
        if binding.authentication is Authentication.OAUTH2_BEARER_TOKEN and end in (LinkEnd.REFUSED, LinkEnd.SILENT):
            await self._vtn.forget_token()

    def _tell(self, error: HomeappError) -> None:
        """Once for each kind of trouble; polling goes on all the while."""
        problem = f"{error.end}" if isinstance(error, LinkEnded) else str(error)
        if problem != self._problem:
            self._problem = problem
            logger.info("grid_sp: %s is only polled: notifications do not come (%s)", self._name, problem)


def _own_context(binding: MqttBinding) -> ssl.SSLContext:
    """TLS with what the VTN has sent for its broker; the key does not touch the disk. Blocks.

    Raises:
        SettingsInvalid: it cannot be used.
    """
    redact(binding.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=binding.ca_pem)
        show_certificate(context, binding.certificate_pem, binding.key_pem)
    except (ssl.SSLError, ValueError, SettingsInvalid) as error:
        raise SettingsInvalid("the certificates that it has sent for it do not fit together") from error
    return context
