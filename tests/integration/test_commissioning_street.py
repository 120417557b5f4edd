"""Commissioning at the demo street: real meter, charger, car and providers, and a hub as a process that is killed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from homeapp.commissioning.answers_file import Answers
from homeapp.commissioning.report import JSON_NAME, PDF_NAME
from homeapp.demo.charger.faults import Faults
from homeapp.demo.street import Street, StreetPlan
from homeapp.errors import HubNotRunning, SettingsInvalid
from homeapp.model.commissioning import CHECKS_OF, CheckState, CommissioningView, GridAnswer, Step
from homeapp.settings import load
from kit.commissioned_street import ANSWERS, Installer
from kit.hub_process import homeapp

pytestmark = [pytest.mark.street, pytest.mark.timeout(300)]

KILLED_AT = [f"passed     {checks[-1]}:" for checks in CHECKS_OF.values()] + ["please     A car that is not full"]
"""Lines after which the hub gets SIGKILL: each step settled, and once in the middle of the test of the charger."""


def at_the_street(tmp_path: Path, body: Callable[[Street, Installer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Street(StreetPlan(directory=tmp_path)) as street:
            await street.home.start_hub()
            await street.power_charger()
            await body(street, Installer(street, tmp_path))

    asyncio.run(main())


@pytest.mark.usecase("A1", "A2", "A3", "A7", "D1", "D2", "D3", "F1", "W4", "W6", "W9")
def test_from_nothing_to_a_signed_report_with_a_hub_that_is_killed_at_every_step(tmp_path: Path) -> None:
    async def body(street: Street, installer: Installer) -> None:
        answers = await installer.write_answers()
        due = set(KILLED_AT)
        dying = asyncio.Event()

        def hear(line: str) -> None:
            if (found := next((mark for mark in due if line.startswith(mark)), None)) is not None:
                due.discard(found)
                dying.set()

        installer.on_line = hear
        view = await walk_and_kill(street, installer, answers, dying)
        assert not due
        assert view.finished_at is not None
        assert [check.state for step in view.steps for check in step.checks] == [CheckState.PASSED] * sum(
            map(len, CHECKS_OF.values())
        )
        settings = load(street.home.data_dir)
        assert (settings.site.fuse_a, settings.site.name) == (35.0, "Street 1")
        assert settings.ocpp.csms is not None, "what others have written stays"

    at_the_street(tmp_path, body)
    home = tmp_path / "home"
    for name in (JSON_NAME, PDF_NAME):
        said = homeapp("report", "verify", home / name, "--json", "--data-dir", home)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["hub"]
        changed = bytearray((home / name).read_bytes())
        changed[len(changed) // 2] ^= 1
        (tmp_path / name).write_bytes(changed)
        refused = homeapp("report", "verify", tmp_path / name, "--data-dir", home)
        assert (refused.returncode, "changed" in refused.stderr) == (1, True), refused.stderr


async def walk_and_kill(
    street: Street, installer: Installer, answers: Answers, dying: asyncio.Event
) -> CommissioningView:
    """Walk until the report is signed; whenever ``dying`` is set, the hub is killed and started anew."""
    for _ in range(2 * len(KILLED_AT)):
        walking = asyncio.create_task(installer.walk(answers))
        killing = asyncio.create_task(dying.wait())
        await asyncio.wait({walking, killing}, return_when=asyncio.FIRST_COMPLETED)
        killing.cancel()
        if not dying.is_set() and (view := walking.result()).finished_at is not None:
            return view
        dying.clear()
        await street.home.kill_hub()
        ended = await asyncio.gather(walking, return_exceptions=True)
        assert not isinstance(ended[0], BaseException) or isinstance(ended[0], HubNotRunning)
        await street.home.start_hub()
    raise AssertionError("it never came to an end: " + "\n".join(installer.lines[-12:]))


@pytest.mark.usecase("D2", "W4", "W6")
def test_faults_of_real_peers_end_in_a_sentence_and_go_on(tmp_path: Path) -> None:
    """With ``-s`` it prints what the installer reads."""

    async def body(street: Street, installer: Installer) -> None:
        right = await installer.write_answers(ANSWERS.replace("fuse_a = 35.0", "fuse_a = 25.0"))
        wrong = msgspec.structs.replace(right, grid=GridAnswer(phases=3, fuse_a=26.0))
        with pytest.raises(SettingsInvalid, match="No main fuse of 26 A is made"):
            await installer.walk(wrong)
        await installer.walk(right)
        await restarted(street)
        street.station.faults = Faults(refuse_amps=True, refuse_watts=True)
        await stops_at(installer, right, Step.CHARGER, "does not accept its safe limit")
        street.station.faults = Faults(ignore_limits=True)
        await restarted(street)
        await stops_at(installer, right, Step.CHARGER, "does not keep any of them")
        street.station.faults = Faults()
        await restarted(street)
        forged = msgspec.structs.replace(right.provider[0], fingerprint="0" * len(right.provider[0].fingerprint))
        await stops_at(
            installer,
            msgspec.structs.replace(right, provider=(forged, *right.provider[1:])),
            Step.PROVIDERS,
            "The fingerprint is not that of this descriptor",
        )
        installer.pins = ["123456"]
        await stops_at(installer, right, Step.PINS, "easy to guess")
        assert (await installer.walk(right)).finished_at is not None

    at_the_street(tmp_path, body)


async def stops_at(installer: Installer, answers: Answers, step: Step, words: str) -> None:
    """A walk comes as far as ``step``, and says these words there."""
    before = len(installer.lines)
    view = await installer.walk(answers)
    said = installer.lines[before:]
    print("\n".join(said[-3:]))
    assert view.current is step
    assert any(words in line for line in said), said


async def restarted(street: Street) -> None:
    """The hub stops and starts, as after settings were written."""
    await street.home.stop_hub()
    await street.home.start_hub()
