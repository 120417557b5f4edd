"""Meter readings to the grid operator, and its prices to others, over real HTTPS."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from homeapp.clock import SharedClock
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.vtn import DemoVtn
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.price_reader import PriceReader
from homeapp.errors import NotSupported, ProviderRefused, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.record import DataRecord, RecordKind, Value
from homeapp.providers.grid_sp.provider import GridSp
from homeapp.reporting.records import RecordMaker
from homeapp.settings import GridSpSettings

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SECRET = "canary-client-secret"
READER, READER_SECRET = "evc-provider", "another-secret"


class Unsigned:
    key_id = "none"

    def sign(self, payload: bytes, typ: str) -> str:
        raise AssertionError(typ)


class Grid:
    """A VTN and what is needed to talk to it."""

    def __init__(self, folder: Path) -> None:
        self.clock = SharedClock(NOON, time.time(), 20.0)
        self.authority = StreetAuthority()
        self.ca_file = folder / "vtn-ca.pem"
        self.ca_file.write_bytes(self.authority.ca_pem)
        self.vtn = DemoVtn(
            clock=self.clock,
            tls=self.authority.server_context(),
            client_id="ven-0001",
            client_secret=SECRET,
            readers={READER: READER_SECRET},
        )
        self.records = RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=self.clock.now)

    def ven(self, secret: str = SECRET) -> GridSp:
        settings = GridSpSettings(
            name="Grid operator", vtn_url=self.vtn.url, client_id="ven-0001", ca_file=str(self.ca_file)
        )
        return GridSp(settings=settings, client_secret=secret, signer=Unsigned(), hub_id="Chub-0001", clock=self.clock)

    def reader(self, secret: str = READER_SECRET) -> PriceReader:
        return PriceReader(
            url=self.vtn.url,
            client_id=READER,
            client_secret=secret,
            tls=self.authority.client_context(),
            clock=self.clock,
        )

    def quarter(self, number: int, **change: Value) -> DataRecord:
        start = NOON + number * timedelta(minutes=15)
        body: dict[str, Value] = {
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=15)).isoformat(),
            "import_wh": 151 + number,
            "export_wh": 0,
            "quality": "OK",
        }
        return self.records.quarter("grid_sp", body | change)

    def imported(self) -> list[tuple[datetime, float | None, str]]:
        return [(item.start, item.kwh, item.quality) for item in self.vtn.usage if item.resource == "grid-import"]

    def count(self, method: str, path: str) -> int:
        return sum((seen.method, seen.path) == (method, path) for seen in self.vtn.history)


def with_grid(folder: Path, body: Callable[[Grid], Awaitable[None]]) -> None:
    async def main() -> None:
        grid = Grid(folder)
        async with serving(grid), asyncio.timeout(30):
            await body(grid)

    asyncio.run(main())


@asynccontextmanager
async def serving(grid: Grid) -> AsyncGenerator[None, None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(grid.vtn.run())
        await grid.vtn.started()
        try:
            yield
        finally:
            task.cancel()


@pytest.mark.usecase("S4", "A1", "L4", "W1", "W2")
def test_each_quarter_hour_is_reported_once_however_often_it_is_handed_over(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        sizes = [await ven.disclose(grid.quarter(number)) for number in (0, 1, 0, 1)]
        # A hub that has just started knows nothing of what it has reported.
        sizes += [await grid.ven().disclose(grid.quarter(number)) for number in (0, 1)]
        assert grid.imported() == [(NOON, 0.151, "OK"), (NOON + timedelta(minutes=15), 0.152, "OK")]
        assert min(sizes) > 300
        assert sizes[:2] == sizes[2:4] == sizes[4:]
        assert grid.count("POST", "/reports") == 2
        assert {report["eventID"] for report in grid.vtn.objects("reports")} == {"event-meter-readings"}
        assert grid.vtn.reports == [], "a reading is no decision"

    with_grid(tmp_path, body)


@pytest.mark.parametrize("oddities", [Oddities(lost_report_answer=True), Oddities(one_report_per_name=True)])
def test_a_reading_whose_receipt_is_lost_or_unlisted_is_not_reported_twice(tmp_path: Path, oddities: Oddities) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        grid.vtn.oddities = oddities
        if oddities.lost_report_answer:
            with pytest.raises(ProviderUnreachable, match="does not answer"):
                await ven.disclose(grid.quarter(0))
        else:
            await ven.disclose(grid.quarter(0))
        await ven.disclose(grid.quarter(0))
        await grid.ven().disclose(grid.quarter(0))
        assert len(grid.imported()) == 1

    with_grid(tmp_path, body)


def test_without_an_event_that_asks_the_tariff_takes_the_readings(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        grid.vtn.oddities = Oddities(no_usage_wanted=True, foreign_events=True, duplicate_events=True)
        await grid.ven().disclose(grid.quarter(0))
        (report,) = grid.vtn.objects("reports")
        assert report["eventID"].startswith("prices-2027-01-1")

    with_grid(tmp_path, body)


def test_an_event_that_is_gone_is_looked_for_anew(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        await ven.disclose(grid.quarter(0))
        grid.vtn.withdraw("event-meter-readings")
        with pytest.raises(ProviderUnreachable):
            await ven.disclose(grid.quarter(1))
        await ven.disclose(grid.quarter(1))
        assert len(grid.imported()) == 2

    with_grid(tmp_path, body)


def test_a_grid_operator_without_any_event_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(grid: Grid) -> None:
        monkeypatch.setattr(grid.vtn._api, "_found", lambda _account, _kind, _query: [])
        with pytest.raises(ProviderUnreachable, match="no event for meter readings"):
            await grid.ven().disclose(grid.quarter(0))

    with_grid(tmp_path, body)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, ProviderRefused), (429, ProviderUnreachable), (500, ProviderUnreachable), (403, ProviderUnreachable)],
)
def test_a_refusal_is_final_where_trying_again_is_useless(tmp_path: Path, status: int, error: type[Exception]) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        await ven.disclose(grid.quarter(0))
        grid.vtn.problem_status = status
        with pytest.raises(error):
            await ven.disclose(grid.quarter(1))
        grid.vtn.problem_status = None
        await ven.disclose(grid.quarter(1))
        assert len(grid.imported()) == 2

    with_grid(tmp_path, body)


def test_wrong_credentials_are_mended_by_a_person_and_the_reading_waits(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        with pytest.raises(ProviderUnreachable):
            await grid.ven(secret="wrong").disclose(grid.quarter(0))

    with_grid(tmp_path, body)


@pytest.mark.usecase("W8")
def test_nothing_but_quarter_hours_goes_to_the_grid_operator(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        period = grid.records.make("grid_sp", RecordKind.METERING, "p", {"period_id": "p", "energy_wh": 5.0})
        state = replace(grid.quarter(0), kind=RecordKind.PEV_STATE, data_class=DataClass.CHARGING)
        malformed = grid.quarter(0, start="yesterday")
        for record in (period, state, malformed):
            with pytest.raises(ProviderRefused):
                await grid.ven().disclose(record)
        assert grid.vtn.usage == ()

    with_grid(tmp_path, body)


@pytest.mark.usecase("W8")
def test_readings_are_deleted_on_request_also_by_a_hub_that_has_just_started(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        # More than one page of the VTN's list.
        for number in range(60):
            await ven.disclose(grid.quarter(number))
        assert len(grid.imported()) == 60
        await ven.erase({DataClass.CHARGING})
        assert len(grid.imported()) == 60
        await grid.ven().erase({DataClass.METERING})
        assert grid.vtn.usage == ()
        await ven.erase({DataClass.METERING})
        # After a new consent it begins anew.
        await ven.disclose(grid.quarter(70))
        assert len(grid.imported()) == 1

    with_grid(tmp_path, body)


@pytest.mark.usecase("W8")
def test_what_a_vtn_does_not_delete_it_has_to_be_asked_for(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        ven = grid.ven()
        await ven.disclose(grid.quarter(0))
        grid.vtn.oddities = Oddities(no_deletion=True)
        with pytest.raises(NotSupported, match="Ask it to delete"):
            await ven.erase({DataClass.METERING})
        grid.vtn.oddities = Oddities(one_report_per_name=True)
        with pytest.raises(NotSupported, match="Ask it to delete"):
            await grid.ven().erase({DataClass.METERING})
        grid.vtn.oddities = Oddities()
        await ven.erase({DataClass.METERING, DataClass.IDENTITY})
        assert grid.vtn.usage == ()

    with_grid(tmp_path, body)


@pytest.mark.usecase("S6", "A1", "A2", "W1")
def test_the_evc_provider_reads_the_same_prices_with_credentials_of_its_own(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        reader = grid.reader()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reader.run())
            await reader.has_read()
            task.cancel()
        wanted = [item for day in (15, 16) for item in PriceCurve().day(date(2027, 1, day))]
        assert [(price.start, price.import_price, price.currency) for price in reader.prices] == [
            (item.start, item.import_price, "EUR") for item in wanted
        ]
        assert reader.prices[0].import_price > Decimal(0)

    with_grid(tmp_path, body)


@pytest.mark.usecase("S6", "W5", "W8")
def test_a_reader_of_prices_sees_no_readings_and_needs_its_secret(tmp_path: Path) -> None:
    async def body(grid: Grid) -> None:
        await grid.ven().disclose(grid.quarter(0))
        with pytest.raises(httpx.HTTPStatusError):
            await grid.reader(secret="wrong").read()
        async with httpx.AsyncClient(verify=grid.authority.client_context(), trust_env=False) as http:
            form = {"grant_type": "client_credentials", "client_id": READER, "client_secret": READER_SECRET}
            token = (await http.post(f"{grid.vtn.url}/auth/token", data=form)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            report_id = grid.vtn.objects("reports")[0]["id"]
            for method, path in (("GET", "/reports"), ("GET", "/vens"), ("DELETE", f"/reports/{report_id}")):
                assert (await http.request(method, grid.vtn.url + path, headers=headers)).status_code == 403
            assert (await http.get(f"{grid.vtn.url}/events", headers=headers)).status_code == 200
        assert len(grid.imported()) == 1

    with_grid(tmp_path, body)
