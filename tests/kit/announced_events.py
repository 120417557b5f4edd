"""What a VTN lists, an inbox that keeps what it hears of it, and a poll between them."""

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from homeapp.errors import ProviderUnreachable
from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert
from homeapp.model.live import LinkState
from homeapp.model.offer import Offer, Receipt
from homeapp.model.tariff import Tariff
from homeapp.providers.grid_sp.announcements import Announcements
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.exchange import Answer
from homeapp.providers.grid_sp.objects import read_json
from homeapp.providers.grid_sp.offers import OfferSource
from kit.clocks import StandingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
FLEX = {
    "id": "flex",
    "programName": "Flex",
    "attributes": [{"type": "PROGRAM_TYPE", "values": ["HOMEAPP_DR_OFFER-1.0.0"]}],
}
DOE = FLEX | {"attributes": [{"type": "BINDING_EVENTS", "values": [True]}]}
TARIFF = {
    "id": "tariff",
    "programName": "Tariff",
    "payloadDescriptors": [{"payloadType": "PRICE", "units": "KWH", "currency": "EUR"}],
}


class CannedVtn:
    """Answers as a ``VtnConnection`` would."""

    client_id = "ven-1"

    def __init__(self) -> None:
        self.listed: list[Any] = [FLEX, TARIFF]
        self.published: dict[str, list[Any]] = {}
        self.reports: dict[str, Any] = {}
        self.broken = False
        self.added: list[dict[str, Any]] = []
        self.made_before: set[str] = set()
        self.report_status = 201

    async def programs(self, targets: Sequence[str]) -> list[Any]:
        return cast(list[Any], _decoded(self.listed))

    async def events(self, program_id: str, targets: Sequence[str]) -> list[Any]:
        if self.broken:
            raise ProviderUnreachable("It does not answer.")
        return cast(list[Any], _decoded(self.published.get(program_id, [])))

    async def read(self, path: str) -> Any:
        return self.reports.get(path)

    async def report_id(self, event_id: str, client_name: str, name: str) -> str | None:
        return "made-before" if name in self.made_before else None

    async def add_report(self, report: dict[str, Any], program_id: str = "") -> Answer:
        self.added.append(report)
        return Answer(self.report_status, b"{}")


def _decoded(value: object) -> object:
    return read_json(json.dumps(value).encode())


class Heard:
    """The inbox."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []
        self.tariffs: list[Tariff] = []
        self.offers: list[Offer] = []
        self.open: tuple[str, ...] = ()
        self.wishes: tuple[ReportWish, ...] | None = None

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        self.tariffs.append(tariff)
        self.words.append(("tariff", str(len(tariff.slots))))

    async def offer(self, offer: Offer) -> None:
        self.offers.append(offer)
        self.words.append(("offer", f"{offer.offer_id}/{offer.revision - int(NOON.timestamp())}"))

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self.words.append(("withdrawn", offer_id))

    def open_offers(self, sp_id: str) -> Collection[str]:
        return self.open

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        assert sp_id == "grid_sp"
        self.wishes = tuple(wishes)

    async def receipt(self, receipt: Receipt) -> None:
        self.words.append(("receipt", receipt.decision_id))

    async def health(self, alert: HealthAlert) -> None:
        raise AssertionError(alert)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        raise AssertionError(message_id)

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        self.words.append(("rejected", code))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        raise AssertionError(state)


class Scene:
    def __init__(self) -> None:
        self.clock = StandingClock(NOON)
        self.wishes: tuple[ReportWish, ...] = ()
        self.heard = Heard()
        self.vtn = CannedVtn()
        self.restart()

    def restart(self) -> None:
        source = OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOON)
        self._announcements = Announcements(source=source, client_name="homeapp", clock=self.clock)

    async def poll(self, *still_open: str) -> list[tuple[str, str]]:
        inbox = Heard()
        inbox.open = still_open
        await self._announcements.pass_on(cast(VtnConnection, self.vtn), inbox, {"homeapp", "ev"})
        self.heard = inbox
        if inbox.wishes is not None:
            self.wishes = inbox.wishes
        return inbox.words


def request(event_id: str = "e", *, changed_s: int = 0, hours: float = 1, duration: str = "PT1H", **parts: Any) -> Any:
    return {
        "id": event_id,
        "programID": "flex",
        "modificationDateTime": (NOON + timedelta(seconds=changed_s)).isoformat(),
        "intervalPeriod": {"start": (NOON + timedelta(hours=hours)).isoformat(), "duration": duration},
        "intervals": [{"id": 0, "payloads": [{"type": "DISPATCH_SETPOINT", "values": [1]}]}],
    } | parts


def prices(event_id: str = "p", *, start: str = NOON.isoformat(), value: object = 0.2, **parts: Any) -> Any:
    return {
        "id": event_id,
        "programID": "tariff",
        "intervalPeriod": {"start": start, "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [value]}]}],
    } | parts


def receipt(event_id: str = "r", **payloads: str) -> Any:
    told = [{"type": name, "values": [value]} for name, value in payloads.items()]
    return {"id": event_id, "programID": "flex", "intervals": [{"id": 0, "payloads": told}]}


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(act(Scene()))


def asking(*payload_types: str, **how: object) -> dict[str, Any]:
    return {"reportDescriptors": [{"payloadType": name, **how} for name in payload_types]}
