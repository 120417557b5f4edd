"""The provider ``grid_sp``: follows a VTN by polling, and hands it the owner's decisions and the energy as reports."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import NoReturn

import httpx
import msgspec

from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Receipt, ReceiptLevel
from homeapp.model.record import DataRecord, RecordKind
from homeapp.ports import Clock, DecisionMessage, ProviderInbox, Signer
from homeapp.providers.grid_sp.announcements import Announcements
from homeapp.providers.grid_sp.client import TRY_AGAIN, VtnClient, VtnConnection
from homeapp.providers.grid_sp.decisions import decision_report, plain_decision_report, report_name
from homeapp.providers.grid_sp.figures import figure_report
from homeapp.providers.grid_sp.login import CredentialsRefused
from homeapp.providers.grid_sp.mqtt_hints import MqttHints
from homeapp.providers.grid_sp.objects import Program, object_id, plain_text, read_program
from homeapp.providers.grid_sp.offers import OfferSource
from homeapp.providers.grid_sp.own_reports import OwnReports, ReportName, id_in
from homeapp.providers.grid_sp.profile import profile_of
from homeapp.providers.grid_sp.registration import Registration
from homeapp.providers.grid_sp.usage import UsageReports, is_quarter_hour
from homeapp.providers.outbound import DECISION_TYPE, decision_payload
from homeapp.settings import GridSpSettings
from homeapp.supervision import jittered, rest, supervise

logger = logging.getLogger(__name__)

SP_ID = "grid_sp"
UNKNOWN_RETAILER = "vtn"
"""Audience of a decision whose program does not say who stands behind it."""

_OWN_NAME = "homeapp"
_OWN_NAME_LENGTH = 16
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0
_LEAST_APART_S = 0.25
"""Real seconds between two readings of the VTN."""
_REPORTS_OF = {
    DataClass.METERING: (ReportName.USAGE,),
    DataClass.CHARGING: (ReportName.FIGURES,),
    DataClass.IDENTITY: tuple(ReportName),
}
"""What is deleted when the owner no longer agrees to a kind of data."""


class GridSp:
    """Implements ``homeapp.ports.Provider`` as an OpenADR 3.1 VEN.

    Args:
        settings: where the VTN is and who the hub is there.
        client_secret: of the OAuth 2 client.
        signer: of decisions.
        hub_id: ``iss`` of what is signed.
        clock: hub time; polls and pauses follow it.
        allows: what the owner agrees to share with it; decides what is registered there.
        charger_w: the most that the home's charger can draw, W.
    """

    def __init__(
        self,
        *,
        settings: GridSpSettings,
        client_secret: str,
        signer: Signer,
        hub_id: str,
        clock: Clock,
        allows: Callable[[DataClass], bool] = lambda _data_class: False,
        charger_w: float = 11_000.0,
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._hub_id = hub_id
        self._clock = clock
        self._allows = allows
        self._ven_name = settings.ven_name or f"{_OWN_NAME}-{hub_id[:_OWN_NAME_LENGTH]}"
        self._vtn = VtnClient(settings=settings, client_secret=client_secret, clock=clock)
        source = OfferSource(sp_id=SP_ID, sp_name=settings.name, home=hub_id, known_at=clock.now(), charger_w=charger_w)
        self._announcements = Announcements(source=source, client_name=self._ven_name, clock=clock)
        self._registration = Registration(settings.name, self._ven_name)
        self._own_reports = OwnReports(settings.name, self._ven_name)
        self._usage = UsageReports(settings.name, self._ven_name, self._own_reports)
        self._hinted = asyncio.Event()
        self._hints = MqttHints(name=settings.name, vtn=self._vtn, clock=clock, hint=self._hinted.set)
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
        hints = asyncio.ensure_future(supervise(f"notifications of {SP_ID}", self._hints.run, self._clock))
        try:
            await self._keep_up(inbox)
        finally:
            hints.cancel()
            await asyncio.gather(hints, return_exceptions=True)

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
        try:
            async with self._delivering, self._vtn.connected() as connection:
                if record.data_class is DataClass.METERING and is_quarter_hour(record.body):
                    return await self._usage.hand_over(connection, record)
                if record.kind is RecordKind.GRID_REPORT:
                    report = figure_report(record, self._ven_name)
                    program_id = await self._program_of(connection, str(report["eventID"]))
                    return await self._own_reports.add(connection, report, program_id)
        except MessageRejected as error:
            raise ProviderRefused(f"A record could not be reported to {self.name}: {error}") from error
        except CredentialsRefused as error:
            raise ProviderUnreachable(str(error)) from error
        raise ProviderRefused(f"{self.name} takes no records of the kind {record.kind}.")

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        kinds = {kind for data_class in data_classes for kind in _REPORTS_OF.get(data_class, ())}
        if not kinds:
            return
        try:
            async with self._delivering, self._vtn.connected() as connection:
                await self._own_reports.erase(connection, kinds)
                await self._registration.erase(connection, data_classes)
        except CredentialsRefused as error:
            raise ProviderUnreachable(str(error)) from error

    async def _keep_up(self, inbox: ProviderInbox) -> NoReturn:
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

    async def _follow(self, connection: VtnConnection, inbox: ProviderInbox) -> NoReturn:
        while True:
            begun_s = asyncio.get_running_loop().time()
            # What is hinted at while everything is read may have come too late for that.
            self._hinted.clear()
            await self._registration.keep(connection, {kind for kind in DataClass if self._allows(kind)})
            mine = self._registration
            await self._announcements.pass_on(connection, inbox, mine.names, mine.targets)
            self._failures = 0
            self._tell_link(inbox, LinkState.UP)
            self._hints.about(self._registration.ven_id, self._announcements.programs)
            await rest(self._clock, self._settings.poll_s, self._hinted)
            if self._hinted.is_set():
                # However many hints there are, the VTN is not read without a pause.
                await asyncio.sleep(begun_s + _LEAST_APART_S - asyncio.get_running_loop().time())

    async def _hand_over(self, connection: VtnConnection, message: DecisionMessage) -> tuple[str, int]:
        """The report's id at the VTN and its size, bytes; it is made only where an earlier attempt has not made it."""
        event_id = message.offer.offer_id
        name = report_name(message.decision.decision_id)
        existing = await connection.report_id(event_id, self._ven_name, name)
        program = await _program(connection, event_id)
        report = self._decision_report(message, program)
        size = len(msgspec.json.encode(report))
        if existing is not None:
            return existing, size
        answer = await connection.add_report(report, "" if program is None else program.program_id)
        if answer.status in (httpx.codes.CREATED, httpx.codes.OK):
            logger.info("grid_sp: decision %s was handed over", message.decision.decision_id)
            return id_in(answer.content()), size
        if answer.status == httpx.codes.CONFLICT:
            return await connection.report_id(event_id, self._ven_name, name) or "", size
        raise self._failure(answer.status)

    def _decision_report(self, message: DecisionMessage, program: Program | None) -> dict[str, object]:
        """In the words of the program's profile; signed where that has room for it."""
        if program is not None and not profile_of(program).private_terms:
            return plain_decision_report(message, client_name=self._ven_name)
        retailer = "" if program is None else plain_text(program.attribute("RETAILER_NAME"), 128)
        payload = decision_payload(
            message, issuer=self._hub_id, audience=retailer or UNKNOWN_RETAILER, now=self._clock.now()
        )
        compact = self._signer.sign(payload, DECISION_TYPE)
        return decision_report(message, client_name=self._ven_name, compact_jws=compact)

    async def _program_of(self, connection: VtnConnection, event_id: str) -> str:
        program = await _program(connection, event_id)
        return "" if program is None else program.program_id

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


async def _program(connection: VtnConnection, event_id: str) -> Program | None:
    """The event's program; asked anew each time, so that it works right after a restart."""
    try:
        event = await connection.read(f"/events/{object_id(event_id)}")
        program_id = object_id(event.get("programID") if isinstance(event, dict) else None)
        return read_program(await connection.read(f"/programs/{program_id}"))
    except MessageRejected:
        return None
