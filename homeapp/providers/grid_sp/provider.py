"""The provider ``grid_sp``: follows a VTN by polling, and hands it the owner's decisions and the energy as reports."""

import asyncio
import logging
from collections.abc import Collection
from typing import NoReturn

import httpx
import msgspec

from homeapp.errors import MessageRejected, NotSupported, ProviderRefused, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Receipt, ReceiptLevel
from homeapp.model.record import DataRecord
from homeapp.ports import Clock, DecisionMessage, ProviderInbox, Signer
from homeapp.providers.grid_sp.announcements import Announcements
from homeapp.providers.grid_sp.client import TRY_AGAIN, VtnClient, VtnConnection
from homeapp.providers.grid_sp.decisions import decision_report, report_name
from homeapp.providers.grid_sp.exchange import Answer
from homeapp.providers.grid_sp.login import CredentialsRefused
from homeapp.providers.grid_sp.objects import object_id, plain_text, read_program
from homeapp.providers.grid_sp.usage import UsageReports, is_quarter_hour
from homeapp.providers.outbound import DECISION_TYPE, decision_payload
from homeapp.settings import GridSpSettings
from homeapp.supervision import jittered

logger = logging.getLogger(__name__)

SP_ID = "grid_sp"
UNKNOWN_RETAILER = "vtn"
"""Audience of a decision whose program does not say who stands behind it."""

_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0


class GridSp:
    """Implements ``homeapp.ports.Provider`` as an OpenADR 3.1 VEN.

    Args:
        settings: where the VTN is and who the hub is there.
        client_secret: of the OAuth 2 client.
        signer: of decisions.
        hub_id: ``iss`` of what is signed.
        clock: hub time; polls and pauses follow it.
    """

    def __init__(
        self, *, settings: GridSpSettings, client_secret: str, signer: Signer, hub_id: str, clock: Clock
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._hub_id = hub_id
        self._clock = clock
        self._vtn = VtnClient(settings=settings, client_secret=client_secret, clock=clock)
        self._announcements = Announcements(sp_id=SP_ID, sp_name=settings.name, home=hub_id, clock=clock)
        self._usage = UsageReports(settings.name, settings.ven_name)
        self._enrolled = False
        self._failures = 0
        self._link: tuple[LinkState, str | None] | None = None
        self._delivering = asyncio.Lock()

    @property
    def sp_id(self) -> str:
        return SP_ID

    @property
    def name(self) -> str:
        return self._settings.name

    async def run(self, inbox: ProviderInbox) -> NoReturn:
        self._link = None
        self._tell_link(inbox, LinkState.CONNECTING)
        while True:
            try:
                async with self._vtn.connected() as connection:
                    await self._follow(connection, inbox)
            except ProviderRefused as error:
                self._tell_link(inbox, LinkState.DOWN, str(error))
                raise
            except ProviderUnreachable as error:
                self._tell_link(inbox, LinkState.DOWN, str(error))
                self._failures += 1
                pause_s = jittered(self._failures, longest_s=_LONGEST_PAUSE_S)
                await self._clock.sleep(max(_SHORTEST_PAUSE_S, pause_s))

    async def deliver(self, message: DecisionMessage) -> Receipt:
        if message.not_after <= self._clock.now():
            raise ProviderRefused(f"The answer to {self.name} could not be sent in time and is void.")
        try:
            # One at a time: looking for an earlier report and making a new one belong together.
            async with self._delivering, self._vtn.connected() as connection:
                reference, size = await self._hand_over(connection, message)
        except CredentialsRefused as error:
            # A person can mend that, and then the same message is welcome.
            raise ProviderUnreachable(str(error)) from error
        return Receipt(
            decision_id=message.decision.decision_id,
            sp_id=SP_ID,
            level=ReceiptLevel.TRANSPORT,
            received_at=self._clock.now(),
            reference=reference,
            size_bytes=size,
        )

    async def disclose(self, record: DataRecord) -> int:
        if record.data_class is not DataClass.METERING or not is_quarter_hour(record.body):
            raise ProviderRefused(f"{self.name} takes no records of the kind {record.kind}.")
        try:
            async with self._delivering, self._vtn.connected() as connection:
                return await self._usage.hand_over(connection, record)
        except MessageRejected as error:
            raise ProviderRefused(f"A quarter hour could not be reported to {self.name}: {error}") from error
        except CredentialsRefused as error:
            raise ProviderUnreachable(str(error)) from error

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        if DataClass.METERING in data_classes:
            try:
                async with self._delivering, self._vtn.connected() as connection:
                    await self._usage.erase(connection)
            except CredentialsRefused as error:
                raise ProviderUnreachable(str(error)) from error
        if DataClass.IDENTITY in data_classes:
            raise NotSupported(f"{self.name} has to be asked to forget the home and its answers.")

    async def _follow(self, connection: VtnConnection, inbox: ProviderInbox) -> NoReturn:
        while True:
            if not self._enrolled:
                await connection.enrol(self._settings.ven_name)
                self._enrolled = True
            await self._announcements.pass_on(connection, inbox)
            self._failures = 0
            self._tell_link(inbox, LinkState.UP)
            await self._clock.sleep(self._settings.poll_s)

    async def _hand_over(self, connection: VtnConnection, message: DecisionMessage) -> tuple[str, int]:
        """The report's id at the VTN and its size, bytes; it is made only where an earlier attempt has not made it."""
        event_id, client_name = message.offer.offer_id, self._settings.ven_name
        name = report_name(message.decision.decision_id)
        existing = await connection.report_id(event_id, client_name, name)
        payload = decision_payload(
            message, issuer=self._hub_id, audience=await _retailer(connection, event_id), now=self._clock.now()
        )
        compact = self._signer.sign(payload, DECISION_TYPE)
        report = decision_report(message, client_name=client_name, compact_jws=compact)
        size = len(msgspec.json.encode(report))
        if existing is not None:
            return existing, size
        answer = await connection.add_report(report)
        if answer.status in (httpx.codes.CREATED, httpx.codes.OK):
            logger.info("grid_sp: decision %s was handed over", message.decision.decision_id)
            return _id_in(answer), size
        if answer.status == httpx.codes.CONFLICT:
            return await connection.report_id(event_id, client_name, name) or "", size
        raise self._failure(answer.status)

    def _failure(self, status: int) -> ProviderRefused | ProviderUnreachable:
        if httpx.codes.is_client_error(status) and status not in TRY_AGAIN:
            return ProviderRefused(f"{self.name} refuses the answer for good (status {status}).")
        return ProviderUnreachable(f"{self.name} does not take the answer now (status {status}). The hub tries again.")

    def _tell_link(self, inbox: ProviderInbox, state: LinkState, problem: str | None = None) -> None:
        if self._link == (state, problem):
            return
        if self._link is None or self._link[0] is not state:
            level = logging.WARNING if state is LinkState.DOWN else logging.INFO
            logger.log(level, "grid_sp: link %s%s", state, f": {problem}" if problem else "")
        self._link = (state, problem)
        inbox.link(SP_ID, state, problem)


async def _retailer(connection: VtnConnection, event_id: str) -> str:
    """Who stands behind the event's program; asked anew each time, so that it works right after a restart."""
    try:
        event = await connection.read(f"/events/{object_id(event_id)}")
        program_id = object_id(event.get("programID") if isinstance(event, dict) else None)
        retailer = read_program(await connection.read(f"/programs/{program_id}")).attribute("RETAILER_NAME")
    except MessageRejected:
        return UNKNOWN_RETAILER
    return plain_text(retailer, 128) or UNKNOWN_RETAILER


def _id_in(answer: Answer) -> str:
    told = answer.content()
    return str(told.get("id", ""))[:128] if isinstance(told, dict) else ""
