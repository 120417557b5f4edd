"""The demo charger over a real TLS websocket: its software is renewed, and what it does is reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from devices.evce.charger import OcppEvce
from devices.evce.schemas import Version
from homeapp.demo.charger.firmware import Trusted
from homeapp.demo.charger.maker import ChargerMaker
from homeapp.demo.charger.station import DemoStation
from homeapp.errors import DeviceRefused
from homeapp.jobs.charger_software import ChargerSoftwareDesk
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus, SoftwareStage
from homeapp.model.record import DataRecord, RecordKind
from homeapp.reporting.records import RecordMaker
from homeapp.reporting.reporter import Reporter
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.quarters import Quarters
from kit.evce_street import ALL
from kit.one_station import DEVICE, NOON, WITHIN_S, OneStation, running


class Garage(OneStation):
    """The one station, and its maker."""

    def __init__(self, folder: Path, version: Version) -> None:
        super().__init__(folder, version, speed=20.0)
        self.maker = ChargerMaker(self.authority)
        self.options["trusted"] = Trusted(web=self.authority.client_context(), maker_pem=self.maker.ca_pem)

    @property
    def evce(self) -> OcppEvce:
        evce = self.endpoint.evce(DEVICE)
        assert evce is not None
        return evce

    async def idle(self) -> EvceState:
        return await self.register.until(lambda state: state.status is EvceStatus.AVAILABLE)

    async def charges(self, limit_w: float = 11_000.0) -> EvceState:
        self.wish = EvceCommand(limit_w=limit_w)
        return await self.register.until(lambda state: state.status is EvceStatus.CHARGING)

    def stages(self) -> list[SoftwareStage]:
        """Each stage of the software once, in order."""
        seen: list[SoftwareStage] = []
        for state in self.register.states:
            if state.software is not None and seen[-1:] != [state.software.stage]:
                seen.append(state.software.stage)
        return seen


Body = Callable[[Garage, DemoStation], Awaitable[None]]


def in_the_garage(folder: Path, version: Version, body: Body) -> None:
    async def main() -> None:
        garage = Garage(folder, version)
        async with running(garage.endpoint.run(garage.register), garage.maker.run(), garage.control()):
            await garage.endpoint.started()
            await garage.maker.started()
            station = garage.make_station()
            async with running(station.run()):
                await garage.idle()
                await body(garage, station)

    asyncio.run(main())


@pytest.mark.usecase("S5", "W2", "W9", "D2")
@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("signed", [True, False])
def test_the_charger_installs_new_software_and_comes_back_with_it(
    tmp_path: Path, version: Version, caplog: pytest.LogCaptureFixture, *, signed: bool
) -> None:
    async def body(garage: Garage, station: DemoStation) -> None:
        assert (await garage.idle()).firmware == "1.0.0"
        job = garage.maker.publish("2.0.0", signed=signed)
        await garage.evce.update_software(job)
        state = await garage.register.until(
            lambda state: (
                state.software is not None
                and state.software.stage is SoftwareStage.INSTALLED
                and state.status is EvceStatus.AVAILABLE
            )
        )
        assert (state.firmware, state.software and state.software.version) == ("2.0.0", "2.0.0")
        assert station.observation.firmware == "2.0.0"
        stages = garage.stages()
        assert stages == list(SoftwareStage)[:5]
        assert garage.maker.served == ["/charger-2.0.0.bin"]
        texts = [text for _, text in station.history]
        assert ("firmware signatureverified" in texts) is signed
        assert "restarted" in texts

    with caplog.at_level(logging.WARNING, logger="devices.evce"):
        in_the_garage(tmp_path, version, body)
    assert [record.message for record in caplog.records if "does not follow the standard" in record.message] == []
    # It is in the flash memory: a power cut does not bring the old one back.
    assert '"firmware": "2.0.0"' in (tmp_path / "station.json").read_text()


@pytest.mark.usecase("S5", "W6")
@pytest.mark.parametrize("version", [Version.V16, Version.V21])
def test_software_that_was_changed_after_it_was_signed_is_refused_by_the_charger(
    tmp_path: Path, version: Version
) -> None:
    async def body(garage: Garage, station: DemoStation) -> None:
        job = garage.maker.publish("2.0.0")
        garage.maker.spoil(job)
        await garage.evce.update_software(job)
        state = await garage.register.until(
            lambda state: state.software is not None and state.software.stage is SoftwareStage.FAILED
        )
        assert state.software is not None
        assert "signature is wrong" in (state.software.problem or "")
        assert station.observation.firmware == "1.0.0"
        # The next one is taken all the same.
        await garage.evce.update_software(garage.maker.publish("2.0.1"))
        await garage.register.until(lambda state: state.firmware == "2.0.1")

    in_the_garage(tmp_path, version, body)


@pytest.mark.usecase("S5", "W6")
@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_software_of_another_maker_and_software_that_is_not_there(tmp_path: Path, version: Version) -> None:
    async def body(garage: Garage, station: DemoStation) -> None:
        stranger = ChargerMaker(garage.authority)
        with pytest.raises(DeviceRefused, match="does not trust"):
            await garage.evce.update_software(stranger.publish("6.6.6"))
        assert garage.register.states[-1].software is None
        gone = garage.maker.publish("2.0.0")
        lost = Job(
            version=gone.version,
            location=gone.location + ".lost",
            signing_certificate=gone.signing_certificate,
            signature=gone.signature,
        )
        await garage.evce.update_software(lost)
        state = await garage.register.until(
            lambda state: state.software is not None and state.software.stage is SoftwareStage.FAILED
        )
        assert state.software is not None
        assert "could not load" in (state.software.problem or "")
        assert station.observation.firmware == "1.0.0"

    in_the_garage(tmp_path, version, body)


@pytest.mark.usecase("S5")
def test_what_the_hub_does_not_even_ask_for(tmp_path: Path) -> None:
    async def body(garage: Garage, station: DemoStation) -> None:
        job = garage.maker.publish("2.0.0")
        for wrong, why in (
            (Job(version="2.0.0", location=job.location.replace("https", "http")), "secure address"),
            (Job(version="2.0.0", location=job.location, signature=job.signature), "signature is missing"),
        ):
            with pytest.raises(DeviceRefused, match=why):
                await garage.evce.update_software(wrong)
        station.plug_in()
        await garage.charges()
        with pytest.raises(DeviceRefused, match="in use"):
            await garage.evce.update_software(job)
        assert garage.maker.served == []
        assert not any("firmware" in text for _, text in station.history)

    in_the_garage(tmp_path, Version.V21, body)


def agreed(job: Job, start: datetime) -> OfferCase:
    offer = Offer(
        offer_id="software-2",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.CHARGER_SOFTWARE,
        binding=Binding.OWNER_DECIDES,
        issued_at=start,
        expires_at=start,
        intervals=(OfferInterval(start=start, end=start + timedelta(hours=4)),),
        title="New software for your charger",
        job=job,
    )
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACTIVE, updated_at=start)


@pytest.mark.usecase("S5", "T4", "W2", "A2")
def test_agreed_software_waits_for_the_end_of_the_charge(tmp_path: Path) -> None:
    sent: list[DataRecord] = []
    outcomes: list[tuple[str, str | None]] = []
    news = asyncio.Event()

    async def finished(key: str, problem: str | None) -> None:
        outcomes.append((key, problem))
        cases.clear()
        news.set()

    async def put(record: DataRecord) -> None:
        sent.append(record)

    cases: list[OfferCase] = []

    async def body(garage: Garage, station: DemoStation) -> None:
        station.plug_in()
        await garage.charges()
        cases.append(agreed(garage.maker.publish("2.0.0"), garage.clock.now()))
        desk = ChargerSoftwareDesk(
            clock=garage.clock,
            evce=lambda: garage.endpoint.evce(DEVICE),
            jobs=lambda: tuple(cases),
            finished=finished,
            records=RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=garage.clock.now),
            put=put,
            allows=lambda _sp_id, _data_class: True,
        )
        async with running(desk.run()), asyncio.timeout(WITHIN_S):
            power_at = garage.register.states[-1].power_at
            await garage.register.until(lambda state: state.power_at != power_at)
            assert garage.maker.served == []
            garage.wish = EvceCommand(limit_w=0.0)
            await news.wait()
        assert outcomes == [("evc_sp/software-2", None)]
        assert sent[0].body["version"] == station.observation.firmware == "2.0.0"

    in_the_garage(tmp_path, Version.V21, body)


@pytest.mark.usecase("F2a", "F2b", "F2c", "F4", "S3", "A2", "D2", "D3", "W1", "W3")
def test_a_charge_and_a_power_feed_are_reported_with_the_energy_of_the_chargers_meter(tmp_path: Path) -> None:
    sent: list[DataRecord] = []
    news = asyncio.Event()

    async def put(record: DataRecord) -> None:
        sent.append(record)
        news.set()

    async def until(predicate: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                news.clear()
                await news.wait()

    def told(sp_id: str, kind: RecordKind) -> list[DataRecord]:
        return [record for record in sent if (record.sp_id, record.kind) == (sp_id, kind)]

    async def body(garage: Garage, station: DemoStation) -> None:
        clock = garage.clock
        async with Database(tmp_path) as database:
            reporter = Reporter(
                records=RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=clock.now),
                periods=Periods(database, clock),
                quarters=Quarters(database),
                ledger=Ledger(database, clock),
                clock=clock,
                put=put,
                allows=lambda _sp_id, _data_class: True,
                locate=_nowhere,
            )
            ready_by = NOON + timedelta(hours=8)
            reporter.goal_changed(
                Goal(mode=ChargingMode.NOW, target_pct=80, ready_by=ready_by, floor_pct=30, capacity_wh=60_000)
            )

            def heard(state: EvceState) -> None:
                reporter.evce_changed(state)
                reporter.car_changed(state)

            garage.register.listener = heard
            async with running(reporter.run()):
                station.plug_in()
                await until(lambda: any(record.body["plugged"] for record in told("pev_sp", RecordKind.PEV_STATE)))
                garage.wish = EvceCommand(limit_w=11_000.0)
                await until(lambda: told("evc_sp", RecordKind.CHARGING))
                await garage.register.until(lambda state: (state.import_wh or 0.0) > 100)
                garage.wish = EvceCommand(limit_w=0.0, feed_w=5000.0)
                await until(lambda: told("evc_sp", RecordKind.METERING))
                await garage.register.until(lambda state: (state.export_wh or 0.0) > 50)
                garage.wish = None
                station.unplug()
                await until(lambda: len(told("evc_sp", RecordKind.METERING)) == 2)
                await until(lambda: not told("evc_sp", RecordKind.PEV_STATE)[-1].body["plugged"])
            kept = await Periods(database, clock).newest(10)
        end = garage.register.states[-1]
        charged, fed = told("evc_sp", RecordKind.METERING)
        assert (charged.body["direction"], fed.body["direction"]) == ("charge", "feed")
        assert charged.body["energy_wh"] == pytest.approx(end.import_wh, abs=1.0)
        assert fed.body["energy_wh"] == pytest.approx(end.export_wh, abs=1.0)
        phases = [(item.body["direction"], item.body["phase"]) for item in told("evc_sp", RecordKind.CHARGING)]
        assert phases == [("charge", "begun"), ("charge", "ended"), ("feed", "begun"), ("feed", "ended")]
        parameters = told("evc_sp", RecordKind.CHARGING_PARAMETERS)
        assert parameters[-1].body["can_feed"] is True
        assert parameters[-1].body["max_feed_w"] == 6000.0
        assert [period.period_id for period in kept] == [fed.body["period_id"], charged.body["period_id"]]
        assert "EVCE" not in str([record.body for record in sent])

    in_the_garage(tmp_path, Version.V21, body)


async def _nowhere() -> None:
    return None
