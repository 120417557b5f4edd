"""Which charger carries out a power feed: the one that can, and words where none can."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.control_loop import ControlLoop, Controls
from homeapp.feeder import Ability, Candidate, ability, choose_feeder, others_doubt
from homeapp.goal import goal_at
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.plan import ChargingMode, Schedule
from homeapp.model.readings import EvceCapabilities, EvceCommand, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site
from homeapp.snapshot import LiveState
from kit.clocks import StandingClock

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ABLE = EvceCapabilities(protocol="ocpp2.1", can_feed=True, max_feed_w=8000, charger_can_feed=True)
OPEN = EvceCapabilities(protocol="ocpp2.1", charger_can_feed=True, feed_refusal="No car has told yet.")
OLD = EvceCapabilities(protocol="ocpp1.6", feed_refusal="The charger is too old.")


def evce(device_id: str, capabilities: EvceCapabilities | None = ABLE, **more: Any) -> EvceState:
    standing: dict[str, Any] = {"status": EvceStatus.CHARGING, "connected": True, "transaction_id": "t"}
    return EvceState(device_id=device_id, received_at=NOON, capabilities=capabilities, **(standing | more))


GONE = {"status": EvceStatus.AVAILABLE, "transaction_id": None}
WAITING = {"status": EvceStatus.PLUGGED, "transaction_id": None}


@pytest.mark.parametrize(
    ("state", "soc_pct", "found"),
    [
        (evce("a"), 60.0, Ability.ABLE),
        (evce("a"), None, Ability.MAY_BECOME),
        (evce("a"), 50.0, Ability.AT_FLOOR),
        (evce("a", OPEN, **WAITING), None, Ability.MAY_BECOME),
        (evce("a", OPEN), 60.0, Ability.UNABLE),
        (evce("a", OLD, **WAITING), None, Ability.UNABLE),
        (evce("a", **GONE), 60.0, Ability.UNABLE),
        (None, None, Ability.UNABLE),
    ],
)
def test_how_far_a_charger_is_from_feeding(state: EvceState | None, soc_pct: float | None, found: Ability) -> None:
    assert ability(state, soc_pct, 50.0) is found


def candidates(*states: tuple[EvceState, float | None]) -> list[Candidate]:
    return [
        Candidate(device_id=one.device_id, name=one.device_id.upper(), evce=one, soc_pct=soc) for one, soc in states
    ]


def chosen(them: Sequence[Candidate], present_id: str | None = None) -> str | None:
    return choose_feeder(them, primary_id="a", present_id=present_id, floor_pct=50.0, now=NOON)


@pytest.mark.usecase("D3")
def test_the_one_that_can_feed_does_and_goes_on_while_it_can() -> None:
    both = candidates((evce("a"), 60.0), (evce("b"), 60.0))
    assert chosen(both) == "a"
    assert chosen(both, "b") == "b"
    assert chosen(candidates((evce("a", OLD), 60.0), (evce("b"), 60.0))) == "b"
    assert chosen(candidates((evce("a"), 50.0), (evce("b"), 60.0)), "a") == "b", "the floor of the one is no end"
    assert chosen(candidates((evce("a", OLD), 60.0), (evce("b", OPEN, **WAITING), None))) == "b", "it may find out"
    assert chosen(candidates((evce("a", OLD), 60.0), (evce("b", OLD), 60.0)), "b") == "a"
    assert chosen([]) == "a"


def test_while_one_may_be_feeding_unseen_no_other_one_does() -> None:
    lost = evce("b", connected=False, status=EvceStatus.OFFLINE, granted_feed_w=3000.0)
    for until, other in ((NOON + timedelta(seconds=20), "b"), (NOON, "a")):
        assert chosen(candidates((evce("a"), 60.0), (replace(lost, lease_until=until), 60.0)), "b") == other


def test_it_is_said_of_each_other_one_why_it_cannot() -> None:
    them = candidates((evce("a", OLD), 60.0), (evce("b", **GONE), None), (evce("c"), 40.0))
    assert others_doubt(them, "a", 50.0) == (
        "Neither can another charger. “B”: The car is not plugged in, so it cannot feed power. "
        "“C”: The car has reached 50 %, below which it never feeds power."
    )
    assert others_doubt(them[:1], "a", 50.0) == ""


class Wallbox:
    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        self.newest: EvceCommand | None = None

    async def apply(self, command: EvceCommand) -> None:
        self.newest = command

    async def update_software(self, job: Job) -> None:
        raise AssertionError(job)


class Desk:
    """One accepted feed of 3 kW; what was aborted."""

    def __init__(self) -> None:
        self.aborted: dict[str, str] = {}
        offer = Offer(
            offer_id="o1",
            revision=1,
            sp_id="evc_sp",
            sp_name="EVC provider",
            kind=OfferKind.POWER_FEED,
            binding=Binding.OWNER_DECIDES,
            issued_at=NOON,
            expires_at=NOON,
            intervals=(OfferInterval(start=NOON - HOUR, end=NOON + HOUR, setpoint_w=-3000.0),),
            title="",
        )
        self.case = OfferCase(offer=offer, digest="", state=OfferState.ACTIVE, updated_at=NOON)

    def commitments(self, _now: datetime) -> tuple[OfferCase, ...]:
        return (self.case,)

    async def abort(self, key: str, reason: str) -> None:
        self.aborted[key] = reason


class Home:
    """Two chargers and the loop over them; the plan is about the car at ``ocpp:a``."""

    def __init__(self) -> None:
        self.clock, self.desk = StandingClock(NOON), Desk()
        self.boxes = {key: Wallbox(key) for key in ("ocpp:a", "ocpp:b")}
        goal = goal_at(NOON, Schedule(), ChargingMode.READY_BY, "Europe/Amsterdam", 60_000)
        self.live = LiveState(site=Site(), goal=goal, clock=self.clock)
        self.live.chargers_are({"ocpp:a": "Garage", "ocpp:b": "Carport"})
        desk: Any = self.desk
        ledger: Any = self
        controls = Controls(
            site=Site(),
            lease_s=60.0,
            clock=self.clock,
            speed=1.0,
            live=self.live,
            desk=desk,
            commitments=desk.commitments,
            ledger=ledger,
            circuits=lambda: tuple(Circuit(device_id=device_id) for device_id in self.boxes),
            evce=self.boxes.get,
            installing=lambda _device_id: False,
        )
        self.loop = ControlLoop(controls)

    async def commanded(self, _device_id: str, _command: EvceCommand) -> None:
        pass

    async def cycles(self, seconds: int, *states: EvceState) -> dict[str, tuple[float, float]]:
        """So many seconds of control; what each charger was told last, limit and feed in W."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(seconds):
                self.clock.at += timedelta(seconds=1)
                watts = (100.0,) * 3
                self.live.meter_read(
                    MeterReading(device_id="m", received_at=self.clock.at, power_w=300.0, phase_power_w=watts)
                )
                for state in states:
                    at, lease_until = self.clock.at, self.clock.at + timedelta(seconds=60)
                    stamps = {"power_at": at, "received_at": at, "soc_at": at, "lease_until": lease_until}
                    fresh = replace(state, granted_w=0.0, **stamps)
                    self.live.evce_changed(fresh)
                await self.loop._once(tasks)
        told = {key: box.newest for key, box in self.boxes.items()}
        return {key: (one.limit_w, one.feed_w) for key, one in told.items() if one is not None}


@pytest.mark.usecase("D3", "T2")
def test_a_car_at_the_second_charger_feeds_where_the_first_one_cannot() -> None:
    async def main() -> None:
        home = Home()
        old = evce("ocpp:a", OLD, soc_pct=60.0, power_w=0.0)
        able = evce("ocpp:b", ABLE, soc_pct=80.0, power_w=0.0)
        assert await home.cycles(40, old, able) == {"ocpp:a": (0, 0), "ocpp:b": (0, 3000)}
        assert (home.live.primary_id, home.live.feeder_id) == ("ocpp:a", "ocpp:b")
        await home.cycles(130, old, able)
        assert home.desk.aborted == {}

    asyncio.run(main())


def test_where_no_car_can_feed_the_request_ends_with_a_word_about_each_charger() -> None:
    async def main() -> None:
        home = Home()
        old = evce("ocpp:a", OLD, soc_pct=60.0, power_w=0.0)
        gone = evce("ocpp:b", ABLE, **GONE)
        await home.cycles(130, old, gone)
        assert list(home.desk.aborted.values()) == [
            "The charger is too old. Neither can another charger. “Carport”: The car is not plugged in, so it cannot "
            "feed power."
        ]

    asyncio.run(main())
