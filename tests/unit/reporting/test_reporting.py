"""What the hub tells providers of its own accord about charges and the car."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from homeapp import audit
from homeapp.errors import NotConsented, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.period import Quality
from homeapp.model.plan import Goal
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.reporting.reporter import TAKE_UP_WITHIN_S
from kit.clocks import LeapingClock
from kit.reporting_home import CHARGING, DENMARK, EVERYTHING, GOAL, IDLE, NOON, PLUGGED, Home, living


@pytest.mark.usecase("F2a", "F2b", "A2", "W1", "W8")
def test_the_plugged_in_car_is_told_to_both_applications_under_another_name_each(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.evce(IDLE)
        await ours.reporter.report()
        ours.evce(PLUGGED)
        await ours.reporter.report()
        await ours.reporter.report()
        evc, pev = (ours.told(sp_id, RecordKind.PEV_STATE) for sp_id in ("evc_sp", "pev_sp"))
        for records in (evc, pev):
            assert [record.body["plugged"] for record in records] == [False, True]
            assert [record.body["status"] for record in records] == ["available", "plugged"]
            assert records[1].body["soc_pct"] == 55.04
            assert records[1].data_class is DataClass.CHARGING
            assert records[1].priority is Priority.METERING
            assert records[1].not_after - records[1].created_at == timedelta(days=7)
        assert evc[1].body["pev"] != pev[1].body["pev"]
        assert {record.sp_id for record in ours.sent} == {"evc_sp", "pev_sp"}

    living(tmp_path, body)


def test_the_car_keeps_its_name_until_it_tells_who_it_is(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        for vin in (None, None, "WVWZZZ1JZXW000001"):
            ours.vin = vin
            for state in (IDLE, PLUGGED):
                ours.evce(state)
                await ours.reporter.report()
                ours.clock.at += timedelta(seconds=1)
        names = [record.body["pev"] for record in ours.told("evc_sp", RecordKind.PEV_STATE)]
        assert names[0] == names[3] != names[4] == names[5]

    living(tmp_path, body)


def test_a_restless_state_is_told_once_a_minute_but_plugging_at_once(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        for status in (EvceStatus.PLUGGED, EvceStatus.SUSPENDED_EV, EvceStatus.SUSPENDED_EVSE, EvceStatus.SUSPENDED_EV):
            ours.evce(replace(PLUGGED, status=status))
            await ours.reporter.report()
            ours.clock.at += timedelta(seconds=15)
        assert [record.body["status"] for record in ours.told("pev_sp")] == ["plugged"]
        await ours.reporter.report()
        assert [record.body["status"] for record in ours.told("pev_sp")] == ["plugged", "suspended_ev"]
        ours.evce(IDLE)
        await ours.reporter.report()
        assert [record.body["plugged"] for record in ours.told("pev_sp")] == [True, True, False]

    living(tmp_path, body)


def test_a_lost_connection_says_nothing_about_the_car(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        for status in (EvceStatus.PLUGGED, EvceStatus.OFFLINE, EvceStatus.STARTING, EvceStatus.PLUGGED):
            ours.evce(replace(PLUGGED, status=status, connected=status is not EvceStatus.OFFLINE))
            await ours.reporter.report()
            ours.clock.at += timedelta(minutes=2)
        assert len(ours.told("pev_sp")) == 1

    living(tmp_path, body)


@pytest.mark.usecase("F2c", "S3", "A2", "W1", "W3")
def test_a_charge_is_told_at_its_begin_and_end_and_metered(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        await ours.charge(600)
        await ours.charge(60, replace(PLUGGED, import_wh=1000.0 + 1200.0))
        begun, ended = ours.told("evc_sp", RecordKind.CHARGING)
        (metered,) = ours.told("evc_sp", RecordKind.METERING)
        assert (begun.body["phase"], ended.body["phase"]) == ("begun", "ended")
        assert begun.body["direction"] == "charge"
        assert "ended_at" not in begun.body
        assert ended.body["ended_at"] == (NOON + timedelta(seconds=600)).isoformat()
        assert begun.body["period_id"] == ended.body["period_id"] == metered.body["period_id"]
        assert metered.body["energy_wh"] == pytest.approx(1200.0)
        assert (metered.body["meter_start_wh"], metered.body["meter_end_wh"]) == (1000.0, 2200.0)
        assert metered.body["quality"] == "OK"
        assert metered.not_after - metered.created_at == timedelta(days=35)
        assert "pev" not in metered.body
        (kept,) = await ours.periods.newest(10)
        assert kept.ended_at == NOON + timedelta(seconds=600)

    living(tmp_path, body)


@pytest.mark.usecase("S3", "F2c")
def test_a_power_feed_cycle_is_metered_by_the_export_register(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        feeding = replace(PLUGGED, status=EvceStatus.FEEDING, power_w=-6000.0)
        for passed in range(0, 300, 10):
            ours.evce(replace(feeding, export_wh=50.0 + 6000.0 * passed / 3600))
            await ours.reporter.report()
            ours.clock.at += timedelta(seconds=10)
        ours.evce(replace(IDLE, export_wh=550.0))
        await ours.reporter.report()
        (metered,) = ours.told("evc_sp", RecordKind.METERING)
        assert metered.body["direction"] == "feed"
        assert metered.body["energy_wh"] == pytest.approx(500.0)

    living(tmp_path, body)


@pytest.mark.usecase("W3", "S3")
def test_a_period_that_was_open_when_the_hub_died_is_ended_once(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)
    first: list[DataRecord] = []

    async def dies(ours: Home) -> None:
        await ours.charge(200)
        first.extend(ours.sent)

    async def comes_back(ours: Home) -> None:
        ours.sent.extend(first)
        clock.at += timedelta(minutes=5)
        await ours.reporter.report()
        await ours.reporter.report()
        begun, ended = ours.told("evc_sp", RecordKind.CHARGING)
        (metered,) = ours.told("evc_sp", RecordKind.METERING)
        assert begun.body["period_id"] == ended.body["period_id"]
        assert metered.body["quality"] == "ESTIMATED"
        # Kept once a minute: the last of the 200 seconds are not known.
        assert 7200.0 * 140 / 3600 <= metered.body["energy_wh"] <= 7200.0 * 200 / 3600
        (kept,) = await ours.periods.newest(10)
        assert (kept.quality, kept.ended_at) == (Quality.ESTIMATED, kept.seen_at)
        await ours.charge(60, replace(CHARGING, import_wh=2000.0))
        assert len(ours.told("evc_sp", RecordKind.CHARGING)) == 3

    living(tmp_path, dies, clock=clock)
    living(tmp_path, comes_back, clock=clock)


def test_a_charger_that_is_taken_away_ends_its_period_and_is_silent(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        await ours.charge(60)
        ours.reporter.evce_gone("ocpp:a")
        ours.reporter.car_changed(None)
        await ours.reporter.report()
        (metered,) = ours.told("evc_sp", RecordKind.METERING)
        assert metered.body["quality"] == "ESTIMATED"
        before = len(ours.sent)
        ours.reporter.goal_changed(replace(GOAL, floor_pct=10.0))
        ours.clock.at += timedelta(minutes=5)
        ours.reporter.evce_gone("ocpp:a")
        ours.reporter.car_changed(None)
        await ours.reporter.report()
        assert len(ours.sent) == before

    living(tmp_path, body)


@pytest.mark.usecase("F2c", "S3")
def test_two_chargers_have_periods_of_their_own_and_the_car_is_at_one_of_them(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        for passed in range(0, 300, 10):
            for device_id, power_w, begins in (("ocpp:a", 7200.0, 0), ("ocpp:b", 3600.0, 100)):
                state = replace(
                    CHARGING if passed >= begins else PLUGGED,
                    device_id=device_id,
                    power_w=power_w if passed >= begins else 0.0,
                    power_at=ours.clock.at,
                    import_wh=1000.0 + power_w * max(0, passed - begins) / 3600,
                )
                ours.reporter.evce_changed(state)
                if device_id == "ocpp:a":
                    ours.reporter.car_changed(state)
            await ours.reporter.report()
            ours.clock.at += timedelta(seconds=10)
        for device_id in ("ocpp:a", "ocpp:b"):
            ours.reporter.evce_gone(device_id)
        await ours.reporter.report()
        metered = ours.told("evc_sp", RecordKind.METERING)
        assert [record.body["energy_wh"] for record in metered] == [
            pytest.approx(580, abs=25),
            pytest.approx(190, abs=15),
        ]
        assert len({record.body["period_id"] for record in metered}) == 2
        assert {period.device_id for period in await ours.periods.newest(10)} == {"ocpp:a", "ocpp:b"}
        assert [record.body["phase"] for record in ours.told("evc_sp", RecordKind.CHARGING)] == ["begun", "begun"] + [
            "ended"
        ] * 2

    living(tmp_path, body)


def test_what_could_not_be_kept_is_told_later_and_only_once(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        await ours.charge(60)
        for place in range(4):
            ours.evce(IDLE)
            ours.failure = StoreUnavailable("The disk is full.") if place < 3 else None
            if place < 3:
                with pytest.raises(StoreUnavailable):
                    await ours.reporter.report()
            else:
                await ours.reporter.report()
        assert [record.body["phase"] for record in ours.told("evc_sp", RecordKind.CHARGING)] == ["begun", "ended"]
        assert len(ours.told("evc_sp", RecordKind.METERING)) == 1

    living(tmp_path, body)


@pytest.mark.usecase("F4", "A2")
def test_parameters_are_pushed_at_plug_in_and_when_they_move(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        async def minute(state: EvceState, goal: Goal = GOAL) -> int:
            ours.clock.at += timedelta(seconds=61)
            ours.reporter.goal_changed(goal)
            ours.evce(state)
            await ours.reporter.report()
            return len(ours.told("evc_sp", RecordKind.CHARGING_PARAMETERS))

        assert await minute(IDLE) == 0
        assert await minute(PLUGGED) == 1
        assert await minute(replace(PLUGGED, soc_pct=59.0)) == 1
        assert await minute(replace(PLUGGED, soc_pct=60.1)) == 2
        assert await minute(replace(PLUGGED, soc_pct=60.1), replace(GOAL, floor_pct=40.0)) == 3
        assert await minute(IDLE) == 3
        assert await minute(PLUGGED) == 4, "another car may have come"
        first = ours.told("evc_sp", RecordKind.CHARGING_PARAMETERS)[0]
        assert first.body == {
            "pev": ours.told("evc_sp")[0].body["pev"],
            "soc_pct": 55.0,
            "target_pct": 80.0,
            "floor_pct": 50.0,
            "ready_by": GOAL.ready_by.isoformat(),
            "capacity_wh": 60_000,
            "max_charge_w": 11_000.0,
            "max_feed_w": 6000.0,
            "can_feed": True,
        }
        assert first.not_after - first.created_at == timedelta(hours=1)
        assert ours.told("pev_sp", RecordKind.CHARGING_PARAMETERS) == []

    living(tmp_path, body)


@pytest.mark.usecase("W8")
def test_without_consent_nothing_is_made(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.position = DENMARK
        await ours.charge(1200)
        await ours.charge(60, PLUGGED)
        ours.clock.at += timedelta(hours=2)
        await ours.reporter.report()
        assert ours.tried == []
        # Not even later: what was measured before stays at home, only the present is told.
        ours.agreed = set(EVERYTHING)
        await ours.reporter.report()
        assert {record.kind for record in ours.sent} == {
            RecordKind.PEV_STATE,
            RecordKind.CHARGING_PARAMETERS,
            RecordKind.LOCATION,
        }

    living(tmp_path, body, agreed=frozenset())


@pytest.mark.usecase("W8")
def test_each_kind_needs_its_own_consent(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        await ours.charge(600)
        await ours.charge(60, replace(PLUGGED, import_wh=2200.0))
        assert {(record.sp_id, record.kind) for record in ours.sent} == {("evc_sp", RecordKind.METERING)}

    living(tmp_path, body, agreed={("evc_sp", DataClass.METERING)})


def test_after_a_withdrawn_consent_the_provider_is_told_anew(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.evce(PLUGGED)
        await ours.reporter.report()
        ours.agreed.clear()
        await ours.reporter.report()
        ours.agreed = set(EVERYTHING)
        ours.clock.at += timedelta(seconds=1)
        await ours.reporter.report()
        assert len(ours.told("pev_sp", RecordKind.PEV_STATE)) == 2

    living(tmp_path, body)


def test_a_consent_withdrawn_in_between_holds_the_record_back(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.evce(PLUGGED)
        ours.failure = NotConsented("The owner has not agreed.")
        await ours.reporter.report()
        await ours.reporter.report()
        assert len(ours.told("evc_sp", RecordKind.PEV_STATE)) == 1

    living(tmp_path, body)


@pytest.mark.usecase("W3")
def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def life(ours: Home) -> None:
        ours.evce(PLUGGED)
        await ours.reporter.report()
        lives.append(len(ours.sent))

    lives: list[int] = []
    living(tmp_path, life, clock=clock)
    clock.at += timedelta(minutes=5)
    living(tmp_path, life, clock=clock)
    assert lives == [3, 0]


@pytest.mark.usecase("W8")
def test_where_the_car_was_and_what_it_did_is_not_in_the_log_that_is_for_ever(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.position = DENMARK
        for state in (PLUGGED, CHARGING, PLUGGED):
            for _ in range(20):
                ours.evce(state)
                await ours.reporter.report()
                ours.clock.at += timedelta(minutes=1)
        assert {record.sp_id for record in ours.sent} == {"evc_sp", "pev_sp", "grid_sp", "fleet"}

    living(tmp_path, body)
    assert list(audit.read_rows(tmp_path)) == []


@pytest.mark.usecase("W3", "S3", "F2c")
def test_a_hub_that_dies_during_power_feed_at_two_chargers_still_records_each_cycle_whole(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)
    feeding = replace(PLUGGED, status=EvceStatus.FEEDING, power_w=-3600.0)

    def tell(ours: Home, device_id: str, state: EvceState) -> None:
        ours.reporter.evce_changed(replace(state, device_id=device_id, power_at=clock.at))

    async def first_life(ours: Home) -> None:
        for passed in range(0, 80, 10):
            for device_id in ("ocpp:a", "ocpp:b", "ocpp:c"):
                tell(ours, device_id, replace(feeding, export_wh=50.0 + passed))
            await ours.reporter.report()
            clock.at += timedelta(seconds=10)
        assert len(await ours.periods.unfinished()) == 3

    async def second_life(ours: Home) -> None:
        await ours.reporter.report()
        assert len(await ours.periods.unfinished()) == 3, "nobody has heard of the chargers yet"
        # One of them has ended by itself, one goes on, and one is not heard of any more.
        tell(ours, "ocpp:a", replace(PLUGGED, power_w=0.0, export_wh=150.0))
        tell(ours, "ocpp:b", replace(feeding, export_wh=170.0))
        await ours.reporter.report()
        (ended,) = ours.told("evc_sp", RecordKind.METERING)
        assert (ended.body["energy_wh"], ended.body["direction"], ended.body["quality"]) == (100.0, "feed", "ESTIMATED")
        clock.at += timedelta(seconds=10)
        tell(ours, "ocpp:b", replace(IDLE, export_wh=180.0))
        await ours.reporter.report()
        whole = ours.told("evc_sp", RecordKind.METERING)[-1]
        begun = [record for record in ours.told("evc_sp", RecordKind.CHARGING) if record.body["phase"] == "begun"]
        assert begun == [], "the same cycle goes on"
        assert (whole.body["energy_wh"], whole.body["begun_at"], whole.body["quality"]) == (
            130.0,
            NOON.isoformat(),
            "OK",
        )
        assert [period.device_id for period in await ours.periods.unfinished()] == ["ocpp:c"]
        clock.at += timedelta(seconds=TAKE_UP_WITHIN_S)
        await ours.reporter.report()
        assert await ours.periods.unfinished() == ()
        assert len({record.body["period_id"] for record in ours.told("evc_sp", RecordKind.METERING)}) == 3
        assert all(period.ended_at and period.energy_wh > 0 for period in await ours.periods.newest(10))
        await ours.reporter.report()
        assert len(ours.told("evc_sp", RecordKind.METERING)) == 3

    living(tmp_path, first_life, clock=clock)
    clock.at += timedelta(seconds=60)
    living(tmp_path, second_life, clock=clock)


@pytest.mark.usecase("W3", "S3", "F2c")
def test_a_hub_that_dies_a_second_into_power_feed_has_recorded_the_cycle(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)
    feeding = replace(PLUGGED, status=EvceStatus.FEEDING, power_w=-3600.0)

    async def first_life(ours: Home) -> None:
        ours.evce(PLUGGED)
        ours.evce(feeding)
        clock.at += timedelta(seconds=1)
        ours.evce(feeding)
        await ours.reporter.report()

    async def second_life(ours: Home) -> None:
        ours.evce(replace(PLUGGED, power_w=0.0, export_wh=110.0))
        await ours.reporter.report()
        (metered,) = ours.told("evc_sp", RecordKind.METERING)
        assert (metered.body["direction"], metered.body["energy_wh"]) == ("feed", 60.0)

    living(tmp_path, first_life, clock=clock)
    clock.at += timedelta(seconds=90)
    living(tmp_path, second_life, clock=clock)
