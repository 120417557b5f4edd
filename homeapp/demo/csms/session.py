"""One connection of a station to the demo CSMS: what comes in is taken once, whatever comes again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection

from homeapp.demo.csms.books import Received, StationBook
from homeapp.demo.csms.faults import CsmsFaults
from homeapp.demo.csms.intake import Intake, Policy, take
from homeapp.demo.csms.journal import Journal
from homeapp.demo.csms.link import AnswerLost, StationLink
from homeapp.demo.ocpp.frames import CallRefused, ConnectionGone
from homeapp.demo.ocpp.schemas import Json, Version
from homeapp.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all sessions share.

    Attributes:
        faults: what is wrong with the CSMS now.
        breached: takes a station and the sentence of a breach.
        changed: called when something new can be seen.
    """

    clock: Clock
    policy: Policy
    journal: Journal | None
    faults: Callable[[], CsmsFaults]
    breached: Callable[[str, str], None]
    changed: Callable[[], None]


class Session:
    """A station that is connected.

    Attributes:
        link: the connection.
        lose_next_answer: the next CALL of a transaction takes effect, and then the socket is cut.
    """

    def __init__(
        self, socket: ServerConnection, version: Version, book: StationBook, intake: Intake, office: Office
    ) -> None:
        self.lose_next_answer = False
        self._book = book
        self._intake = intake
        self._office = office
        self._due: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self.link = StationLink(
            socket,
            version,
            office.clock,
            serve=self._serve,
            streamed=self._streamed,
            breached=self._breached,
            faults=office.faults,
        )

    async def run(self) -> None:
        """Until the socket closes."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow_up())
            await self.link.run()
            following.cancel()

    def _serve(self, message_id: str, action: str, payload: Json) -> Json:
        book = self._book
        known = book.answered(message_id)
        if known is not None and known[:2] == (action, payload):
            book.repeats[action] += 1
            answer = known[2]
        else:
            if known is not None:
                self._breached("a message id was used for two different CALLs")
            answer = self._take(message_id, action, payload)
        self._office.changed()
        losing = self.lose_next_answer or self._office.faults().lose_answers
        if losing and self._intake.belongs_to_transaction(action, payload):
            raise AnswerLost
        return answer

    def _take(self, message_id: str, action: str, payload: Json) -> Json:
        office, book = self._office, self._book
        received = Received(message_id=message_id, action=action, payload=payload, arrived_at=office.clock.now())
        try:
            answer = take(self._intake, book, received)
        except CallRefused as refusal:
            if refusal.code == "SecurityError":
                self._due.put_nowait(("TriggerMessage", {"requestedMessage": "BootNotification"}))
            raise
        book.remember(message_id, action, payload, answer)
        if office.journal is not None:
            office.journal.append(book.station_id, self.link.version, received)
        if action == "SignCertificate" and office.policy.sign is not None:
            chain = office.policy.sign(book.station_id, payload["csr"])
            kind = {"certificateType": payload["certificateType"]} if "certificateType" in payload else {}
            self._due.put_nowait(("CertificateSigned", {"certificateChain": chain} | kind))
        return answer

    def _streamed(self, _action: str, payload: Json) -> None:
        self._book.streams.append(payload)
        self._office.changed()

    def _breached(self, sentence: str) -> None:
        self._office.breached(self._book.station_id, sentence)

    async def _follow_up(self) -> None:
        while True:
            action, payload = await self._due.get()
            try:
                await self.link.call(action, payload)
            except ConnectionGone:
                return
            except (CallRefused, TimeoutError):
                # The station need not do it; what it says next shows whether it did.
                continue
