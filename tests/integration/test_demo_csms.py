"""The demo CSMS with the demo station at its door, in every version of OCPP, over TLS."""

import asyncio
from pathlib import Path

import pytest

from homeapp.demo.csms.books import Phase
from homeapp.demo.csms.faults import CsmsFaults
from homeapp.demo.csms.journal import entries
from homeapp.demo.csms.orders import NetworkOrder, PeriodOrder, ProfileSelection, SoftwareOrder
from homeapp.demo.csms.power_feed import feed_cycles
from homeapp.demo.ocpp.frames import CallRefused, ConnectionGone
from homeapp.demo.ocpp.schemas import Version
from kit.csms_bench import ALL, CARD, FLOOR_W, NAME, WAIT_S, CsmsBench, hear, limit, run, say
from kit.running_peer import alive

EVERY_VERSION = pytest.mark.parametrize("version", ALL)


@EVERY_VERSION
def test_a_session_is_in_the_books_from_boot_to_unplugging(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        await bench.until(lambda: len(transaction.events) >= 3)
        bench.station.unplug()
        await bench.until(lambda: transaction.ended)
        assert transaction.in_order
        assert transaction.missing == []
        assert transaction.evse == 1
        free = "Available"
        await bench.until(lambda: bench.book.statuses.get((1, 1)) == free)
        assert len(bench.book.boots) == 1
        assert bench.book.version is version
        assert bench.book.duplicates == bench.book.repeats.total() == 0
        assert bench.book.effects[Phase.STARTED] == bench.book.effects[Phase.ENDED] == 1
        assert bench.book.running == []

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_a_client_certificate_takes_the_place_of_the_password(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)

    run(CsmsBench(version, tmp_path, profile=3), story)


@EVERY_VERSION
def test_cards_are_looked_up_in_the_list(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.station.wait_for(lambda seen: seen.registered, WAIT_S)
        bench.station.plug_in()
        bench.station.present_card("STRANGER")
        await bench.until(lambda: len(list(bench.book.called("Authorize"))) == 1)
        await bench.starts_with(CARD)
        assert len(bench.book.transactions) == 1

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_profiles_are_set_read_and_cleared(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        assert await bench.commands.set_profile(limit(1, "ChargingStationMaxProfile", 9000)) == "Accepted"
        await bench.power(9000)
        order = limit(2, "TxProfile", FLOOR_W, evse=1, stack_level=1, transaction_id=transaction.transaction_id)
        assert await bench.commands.set_profile(order) == "Accepted"
        await bench.power(FLOOR_W)
        schedule = await bench.commands.composite_schedule(1, 60)
        periods = (schedule.get("chargingSchedule") or schedule["schedule"])["chargingSchedulePeriod"]
        assert [period["limit"] for period in periods] == [pytest.approx(FLOOR_W)]
        assert await bench.commands.clear_profiles(ProfileSelection(profile_id=2)) == "Accepted"
        await bench.power(9000)
        assert await bench.commands.clear_profiles(ProfileSelection(profile_id=2)) == "Unknown"
        assert await bench.commands.stop(transaction.transaction_id) == "Accepted"
        await bench.until(lambda: transaction.ended)

    run(CsmsBench(version, tmp_path), story)


def test_a_power_feed_is_counted_as_a_cycle(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        for number, period in enumerate((PeriodOrder(setpoint=-6000, mode="CentralSetpoint"), PeriodOrder(limit=9000))):
            order = limit(
                1, "TxProfile", 0, evse=1, stack_level=2, transaction_id=transaction.transaction_id, period=period
            )
            assert await bench.commands.set_profile(order) == "Accepted"
            await bench.power(9000 if number else -6000)
            told = len(transaction.events)
            await bench.until(lambda told=told: len(transaction.events) >= told + 3)  # type: ignore[misc]
        (cycle,) = feed_cycles(transaction)
        assert cycle.peak_w == pytest.approx(6000)
        assert cycle.energy_wh > 0
        assert cycle.begin < cycle.end

    run(CsmsBench(Version.V21, tmp_path), story)


@EVERY_VERSION
def test_commands_of_every_kind_pass_the_schemas(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)
        name, readable = (
            ("HeartbeatInterval", "SecurityProfile")
            if version is Version.V16
            else ("OCPPCommCtrlr.HeartbeatInterval", "SecurityCtrlr.SecurityProfile")
        )
        assert await bench.commands.set_variable(name, "77") == "Accepted"
        assert await bench.commands.get_variable(readable) in ("2", "3")
        beats = len(list(bench.book.called("Heartbeat")))
        assert await bench.commands.trigger("Heartbeat") == "Accepted"
        await bench.until(lambda: len(list(bench.book.called("Heartbeat"))) > beats)
        assert await bench.commands.unlock() == "Unlocked"
        assert await bench.commands.data_transfer("com.example", "hello", "x") == "UnknownVendorId"
        # Known to the standard or not, a raw CALL goes out as it is.
        with pytest.raises(CallRefused, match="NotImplemented"):
            await bench.commands.raw("Dance", {"steps": 3})
        with pytest.raises(ValueError, match="ClearChargingProfile"):
            await bench.commands.clear_profiles(ProfileSelection(purpose="x" * 99))
        assert await bench.commands.reset() == "Accepted"
        await bench.until(lambda: len(bench.book.boots) == 2)

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_what_a_provider_sets_up_at_a_station(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)
        assert await bench.commands.send_local_list(3, {CARD: "Accepted"}) == "Accepted"
        root = bench.authority.ca_pem.decode()
        assert await bench.commands.install_certificate("CSMSRootCertificate", root) == "Accepted"
        assert await bench.commands.set_availability(operative=False) in ("Accepted", "Scheduled")
        await bench.until(lambda: bench.book.statuses.get((1, 1)) == "Unavailable")
        assert await bench.commands.set_availability(operative=True) == "Accepted"
        await bench.until(lambda: bench.book.statuses.get((1, 1)) == "Available")

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_a_station_gets_the_certificate_that_it_asks_for(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        asked: list[str] = []

        def sign(name: str, csr: str) -> str:
            asked.append(name)
            return bench.authority.sign_request(csr.encode(), name).decode()

        bench.csms.policy.sign = sign
        await bench.until(lambda: bench.book.registered)
        if version is Version.V16:
            answer = await bench.commands.raw(
                "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}
            )
            assert answer == {"status": "Accepted"}
        else:
            assert await bench.commands.trigger("SignChargingStationCertificate") == "Accepted"
        await bench.until(lambda: asked == [NAME])
        assert len(list(bench.book.called("SignCertificate"))) == 1

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_software_is_ordered_and_its_progress_told(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)
        nowhere = SoftwareOrder(location="https://127.0.0.1:9/none.bin", retrieve_at=bench.clock.now())
        assert await bench.commands.update_software(nowhere) == ("" if version is Version.V16 else "Accepted")
        await bench.until(lambda: [told["status"] for told in bench.book.firmware][-1:] == ["DownloadFailed"])

    run(CsmsBench(version, tmp_path), story)


def test_a_dynamic_profile_follows_its_updates(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        order = limit(
            5, "TxProfile", 9000.0, evse=1, kind="Dynamic", transaction_id=transaction.transaction_id, stack_level=3
        )
        assert await bench.commands.set_profile(order) == "Accepted"
        await bench.power(9000)
        assert await bench.commands.update_dynamic_schedule(5, {"limit": 6000}) == "Accepted"
        await bench.power(6000)
        assert await bench.commands.get_profiles(7, ProfileSelection(profile_id=5)) == "Accepted"
        await bench.until(lambda: ("ReportChargingProfiles", 7) in bench.book.reports)

    run(CsmsBench(Version.V21, tmp_path), story)


def test_what_a_version_does_not_have_cannot_be_said(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)
        order = NetworkOrder(slot=1, url="wss://127.0.0.1/ocpp", security_profile=2)
        with pytest.raises(ValueError, match="SetNetworkProfile"):
            await bench.commands.set_network_profile(order)
        with pytest.raises(ValueError, match="UpdateDynamicSchedule"):
            await bench.commands.update_dynamic_schedule(1, {"limit": 1000})
        with pytest.raises(ValueError, match="power feed"):
            await bench.commands.set_profile(limit(1, "TxDefaultProfile", 0, period=PeriodOrder(setpoint=-1.0)))

    run(CsmsBench(Version.V16, tmp_path), story)


@EVERY_VERSION
def test_an_answer_that_is_lost_makes_no_second_effect(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.station.wait_for(lambda seen: seen.registered, WAIT_S)
        bench.station.plug_in()
        assert await bench.commands.start("owner") == "Accepted"
        bench.csms.lose_next_answer(NAME)
        # The station says the same again over the next connection.
        await bench.until(lambda: bench.book.repeats.total() == 1)
        await bench.station.wait_for(lambda seen: seen.transaction_id is not None, WAIT_S)
        bench.station.unplug()
        await bench.until(lambda: bool(bench.book.transactions) and bench.transaction.ended)
        assert len(bench.book.transactions) == 1
        assert bench.transaction.in_order
        assert bench.transaction.missing == []
        assert bench.book.connections == 2

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_a_cut_loses_no_event(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        bench.csms.faults = CsmsFaults(refuse=503)
        assert bench.csms.cut() == 1
        await bench.station.wait_for(lambda seen: not seen.connected, WAIT_S)
        bench.station.unplug()
        bench.csms.faults = CsmsFaults()
        await bench.until(lambda: transaction.ended)
        assert transaction.in_order
        assert transaction.missing == []

    run(CsmsBench(version, tmp_path), story)


def test_errors_and_silence_on_demand(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        await bench.until(lambda: bench.book.registered)
        bench.csms.faults = CsmsFaults(call_error="InternalError")
        assert await bench.commands.trigger("Heartbeat") == "Accepted"
        await bench.station.wait_for(
            lambda _: any("InternalError" in text for _, text in bench.station.history), WAIT_S
        )
        bench.csms.faults = CsmsFaults(silent=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await bench.commands.trigger("Heartbeat")
        bench.csms.faults = CsmsFaults(slow_s=1.0)
        assert await bench.commands.trigger("Heartbeat") == "Accepted"
        bench.csms.freeze()
        bench.csms.cut()
        await bench.until(lambda: bench.book.connections == 2)

    run(CsmsBench(Version.V201, tmp_path), story)


@EVERY_VERSION
def test_a_csms_without_memory_takes_what_still_comes(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        transaction = await bench.charging()
        bench.csms.lose_memory()
        assert bench.book.transactions == {}
        await bench.until(lambda: bool(bench.book.transactions))
        assert bench.transaction.transaction_id == transaction.transaction_id
        assert not bench.transaction.started

    run(CsmsBench(version, tmp_path), story)


@EVERY_VERSION
def test_a_csms_that_starts_on_its_journal_has_its_memory_back(version: Version, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    bench = CsmsBench(version, tmp_path)

    async def go() -> None:
        first = bench.csms = bench.make_csms(journal=journal)
        async with alive(first):
            await first.started()
            bench.station = bench.make_station()
            port = first.port
            async with alive(bench.station):
                transaction = await bench.charging()
                await bench.until(lambda: len(transaction.events) >= 2)
        # A crash in the middle of a line.
        with journal.open("ab") as file:
            file.write(b'{"station": "EV')
        second = bench.csms = bench.make_csms(journal=journal, port=port)
        assert bench.book.transactions.keys() == first.station(NAME).transactions.keys()
        assert [event.at for event in bench.transaction.events] == [event.at for event in transaction.events]
        assert bench.book.registered
        async with alive(second):
            await second.started()
            bench.station = bench.make_station()
            async with alive(bench.station):
                before = len(bench.book.calls)
                await bench.until(lambda: len(bench.book.calls) > before)
        assert len(list(entries(journal))) == len(bench.book.calls)

    asyncio.run(go())


def test_no_commands_to_a_station_that_is_not_there(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        with pytest.raises(ConnectionGone):
            bench.csms.commands("EVCE-2")

    run(CsmsBench(Version.V21, tmp_path), story, station=False)


def test_a_certificate_that_is_asked_for_is_sent(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        bench.csms.policy.sign = lambda name, csr: f"chain of {name} for {csr}"
        async with bench.socket() as socket:
            boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "Demo", "model": "Bench"}}
            await say(socket, 2, "1", "BootNotification", boot)
            assert (await hear(socket))[:2] == [3, "1"]
            await say(socket, 2, "2", "SignCertificate", {"csr": "CSR"})
            assert await hear(socket) == [3, "2", {"status": "Accepted"}]
            kind, _, action, payload = await hear(socket)
            assert (kind, action) == (2, "CertificateSigned")
            assert payload["certificateChain"] == f"chain of {NAME} for CSR"

    run(CsmsBench(Version.V201, tmp_path), story, station=False)
