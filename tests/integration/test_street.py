"""The whole home against the whole street, each part a process or a real socket of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from homeapp.client import connect
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.meter.homewizard import MeterFault
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.model.offer import OfferState

pytestmark = [pytest.mark.street, pytest.mark.timeout(240)]

PROJECT = Path(__file__).parents[2]
WAIT_S = 40.0
FLOOR_W = 6 * 230 * 3


def on_the_street(tmp_path: Path, body: Callable[[Street], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Street(StreetPlan(directory=tmp_path)) as street:
            await street.home.start_hub()
            await street.power_charger()
            await street.settle()
            await body(street)

    asyncio.run(main())


async def move_in(street: Street, owner: Owner) -> None:
    """Adopt both devices and let the car charge."""
    await owner.look()
    await owner.finds(street.meter_id)
    await owner.adopts_meter(street.meter, street.meter_id)
    await owner.finds(street.charger_id)
    await owner.adopts(street.charger_id, "Charger")
    street.plug_in()
    await street.station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)


@pytest.mark.timeout(400)
@pytest.mark.usecase("D1", "D2", "D3", "T1", "T2", "T4", "A1", "A2", "A5", "L3", "F1", "F2a", "F2b", "F2c", "F3", "F4")
@pytest.mark.usecase("F5", "F6", "F8-9", "F10", "F11", "F12", "S1", "S2", "S3", "S4", "S5", "S6", "S7")
@pytest.mark.usecase("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9")
def test_the_check_of_the_demo_passes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "homeapp", "demo", "--check", "--json", "--directory", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=360,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(step["passed"] and step["evidence"] for step in steps)
    assert {step["item"] for step in steps} == {
        item for mark in request.node.iter_markers("usecase") for item in mark.args
    }


@pytest.mark.usecase("W6", "L3")
def test_a_kill_between_approval_and_relay_loses_nothing_and_the_charger_falls_back(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        evc = street.providers.evc_sp
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await move_in(street, owner)
            start = street.in_minutes(60)
            await evc.offer_power_feed(
                start, start + timedelta(minutes=5), 6000.0, Decimal("1.92"), 50.0, start, "Sell", offer_id="once"
            )
            case = await owner.receives("evc_sp/once")
            await street.providers.broker.kill()
            await owner.approves(case)
            assert not evc.decisions
        await street.home.kill_hub()
        await street.station.wait_for(
            lambda seen: seen.limit_source == "TxDefaultProfile" and 0 < seen.power_w <= FLOOR_W + 50, WAIT_S
        )
        await street.providers.broker.start()
        await street.home.start_hub()
        await evc.wait_for(lambda: bool(evc.decisions), WAIT_S)
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await owner.look()
            await owner.sees("evc_sp/once", OfferState.CONFIRMED, OfferState.SCHEDULED)
            await street.station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)
        decided = [known for known in evc.decisions.values() if known.offer_id == "once"]
        assert [(known.choice, known.confirmed) for known in decided] == [("accept", True)]

    on_the_street(tmp_path, body)


@pytest.mark.usecase("W2")
def test_a_killed_screen_changes_nothing_at_the_station(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await move_in(street, owner)
            before, losses = street.station.observation, lost_connections(street)
            for _ in range(2):
                screen = await start_screen(street)
                await owner.wait(lambda: True)
                screen.send_signal(signal.SIGKILL)
                assert await screen.wait() == -signal.SIGKILL
            moment = street.station.observation.at
            await street.station.wait_for(lambda seen: seen.at > moment + timedelta(seconds=90), WAIT_S)
            after = street.station.observation
        assert (after.transaction_id, after.connected) == (before.transaction_id, True)
        assert after.power_w > 6000
        assert lost_connections(street) == losses

    on_the_street(tmp_path, body)


@pytest.mark.usecase("W6", "W7")
def test_bad_input_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        evc = street.providers.evc_sp
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await move_in(street, owner)

            def told(code: str) -> bool:
                return any(notice.code == code for notice in owner.snapshot.notices)

            envelope = evc.envelope()
            offer = {"offer": {"id": "bad"}}
            past = street.clock.now() - timedelta(hours=1)
            elsewhere = replace(envelope, audience="Cother-hub", message_id="elsewhere")
            expired = replace(envelope, issued_at=past, expires_at=past + timedelta(minutes=5), message_id="expired")
            nonsense = replace(envelope, message_id="nonsense")
            for message, code in (
                (street.providers.pev_sp.sign("offer+jws", envelope, offer), "signature"),
                (evc.sign("offer+jws", elsewhere, offer), "audience"),
                (evc.sign("offer+jws", expired, offer), "expired"),
                (evc.sign("offer+jws", nonsense, {"offer": {"id": 5}}), "schema"),
            ):
                await evc.send_raw(message)
                await owner.wait(partial(told, f"message_rejected.evc_sp.{code}"), WAIT_S)
            assert owner.cases == ()

            street.vtn.oddities = Oddities(bad_price=float("nan"))
            await owner.wait(lambda: told("message_rejected.grid_sp.value"), WAIT_S)
            assert owner.snapshot.price is not None

            street.meter.fault = MeterFault.GARBAGE
            await owner.wait(lambda: owner.snapshot.meter_online is False, WAIT_S)
            broken = owner.device(street.meter_id)
            assert broken is not None
            assert broken.problem
            await street.station.wait_for(lambda seen: 0 < seen.power_w <= FLOOR_W + 50, WAIT_S)
            street.meter.fault = None
            await owner.wait(lambda: owner.snapshot.meter_online, WAIT_S)
            await street.station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)

            start = street.in_minutes(60)
            await evc.offer_power_feed(
                start, start + timedelta(minutes=5), 6000.0, None, 50.0, start, "A good one", offer_id="good"
            )
            assert (await owner.receives("evc_sp/good")).offer.reward is None

    on_the_street(tmp_path, body)


def lost_connections(street: Street) -> int:
    return sum("connection lost" in text for _, text in street.station.history)


async def start_screen(street: Street) -> asyncio.subprocess.Process:
    """The real screen, until its first picture is saved: then it is up and has the hub's data."""
    pictures = street.plan.directory / "pictures"
    screen = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "homeapp",
        "--data-dir",
        str(street.home.data_dir),
        "--pictures",
        str(pictures),
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    async with asyncio.timeout(WAIT_S):
        while not (pictures.exists() and any(pictures.iterdir())):
            assert screen.returncode is None
            await asyncio.sleep(0.05)
    for picture in pictures.iterdir():
        picture.unlink()
    return screen
