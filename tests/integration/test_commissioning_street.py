"""Commissioning at the demo street: real meter, charger, car and providers, and a hub as a process that is killed.

One walk from nothing to a signed report, through ten faults; ``pytest -s`` prints what the installer reads of each.
"""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from homeapp import api
from homeapp.client import connect, connect_again
from homeapp.clock import SharedClock
from homeapp.commissioning.answers_file import Answers, MeterChoice
from homeapp.commissioning.report import JSON_NAME, PDF_NAME
from homeapp.demo.charger.faults import Faults
from homeapp.demo.street import Street, StreetPlan
from homeapp.errors import EnvironmentProblem, HubNotRunning, SettingsInvalid
from homeapp.model.commissioning import CHECKS_OF, CheckId, CheckState, CommissioningView, GridAnswer, Step
from homeapp.settings import load
from kit.commissioned_street import Installer
from kit.commissioning_home import PLACE, HandMadeHome
from kit.fault_table import FaultTable
from kit.hub_process import homeapp
from kit.small_disk import can_be_mounted, hub_on_small_disk

KILLED_AT = [f"passed     {checks[-1]}:" for checks in CHECKS_OF.values()] + ["please     A car that is not full"]
"""Lines after which the hub gets SIGKILL: each step settled, and once in the middle of the test of the charger."""
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NOT_THERE = "192.0.2.1"
BACK_WITHIN_S = 60.0


class MortalHub:
    """A street whose hub is killed at every step, and its installer, who goes on each time."""

    def __init__(self, street: Street, installer: Installer) -> None:
        self.street = street
        self.installer = installer
        self.due = set(KILLED_AT)
        self.read: list[str] = []
        self._dying = asyncio.Event()
        installer.on_line = self._hear

    def _hear(self, line: str) -> None:
        if (found := next((mark for mark in self.due if line.startswith(mark)), None)) is not None:
            self.due.discard(found)
            self._dying.set()

    async def walk(self, answers: Answers) -> tuple[CommissioningView, list[str]]:
        """As far as it goes, however often the hub is killed on the way; the last view, and what was said."""
        before = len(self.installer.lines)
        while True:
            walking = asyncio.create_task(self.installer.walk(answers))
            killing = asyncio.create_task(self._dying.wait())
            await asyncio.wait({walking, killing}, return_when=asyncio.FIRST_COMPLETED)
            killing.cancel()
            if not self._dying.is_set():
                return await walking, self.installer.lines[before:]
            self._dying.clear()
            await self.street.home.kill_hub()
            (ended,) = await asyncio.gather(walking, return_exceptions=True)
            if isinstance(ended, BaseException):
                assert isinstance(ended, HubNotRunning), ended
                self.read.append(str(ended))
            await self.street.home.start_hub()

    async def stops_at(self, answers: Answers, step: Step, *words: str) -> list[str]:
        """A walk comes as far as ``step``; the lines that have these words."""
        view, said = await self.walk(answers)
        assert view.current is step, said[-8:]
        found = [next((line for line in said if word in line), "") for word in words]
        assert all(found), (words, said)
        return found

    async def begins_anew(self) -> None:
        """Another hub takes this one's place, and the charger comes to that."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connect(self.street.home.socket))
            await client.call(api.ApplySettings())
            await connect_again(client, stack, BACK_WITHIN_S)


def at_the_street(tmp_path: Path, body: Callable[[Street, MortalHub], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Street(StreetPlan(directory=tmp_path / "street")) as street:
            settings = street.home.data_dir / "settings.toml"
            settings.write_text(
                settings.read_text().replace('interfaces = ["127.0.0.1"]', f'interfaces = ["{NOT_THERE}"]')
            )
            right = street.home._clock
            street.home._clock = SharedClock(LONG_AGO, time.time(), right.speed)
            await street.home.start_hub()
            street.home._clock = right
            await street.power_charger()
            await body(street, MortalHub(street, Installer(street, tmp_path)))

    asyncio.run(main())


@pytest.mark.street
@pytest.mark.timeout(300)
@pytest.mark.usecase("A1", "A2", "A3", "A7", "D1", "D2", "D3", "F1", "W4", "W6", "W9")
def test_ten_faults_on_the_way_from_nothing_to_a_signed_report(tmp_path: Path) -> None:
    table = FaultTable()

    async def body(street: Street, hub: MortalHub) -> None:
        answers = await hub.installer.write_answers()
        right = msgspec.structs.replace(answers, meter=MeterChoice(address=street.meter.address("v2"), name="Meter"))
        await fuse_and_clock(table, hub, right)
        await meter(table, hub, right)
        await station(table, hub, right)
        await providers_and_pins(table, hub, right)
        view, _ = await hub.walk(right)
        assert not hub.due
        assert view.finished_at is not None
        assert {check.state for step in view.steps for check in step.checks} == {CheckState.PASSED}
        assert len(hub.read) == len(KILLED_AT)
        table.met("killed at every step", hub.read[0])
        table.mended(
            "killed at every step", f"{len(KILLED_AT)} times where it was; signed, SHA-256 {view.report_digest}"
        )
        settings = load(street.home.data_dir)
        assert (settings.site.fuse_a, settings.site.name) == (35.0, "Street 1")
        assert settings.ocpp.csms is not None, "what others have written stays"

    try:
        at_the_street(tmp_path, body)
        asyncio.run(full_disk(table, tmp_path))
        verified(tmp_path / "street" / "home", tmp_path)
    finally:
        print(f"\n{table}")
    assert len(table.read) == 10
    assert table.read.keys() == table.went_on.keys()


async def fuse_and_clock(table: FaultTable, hub: MortalHub, right: Answers) -> None:
    """The clock is wrong from the start: nothing is tried before it is right."""
    with pytest.raises(SettingsInvalid, match="No main fuse of 26 A is made") as refused:
        await hub.walk(msgspec.structs.replace(right, grid=GridAnswer(phases=3, fuse_a=26.0)))
    table.met("wrong fuse value", str(refused.value))
    said = await hub.stops_at(right, Step.PLACE, "answered   grid", "The clock says 2001", "Set the time", "applied ")
    table.mended("wrong fuse value", f"{said[0]}, {said[3]}")
    table.met("wrong clock", *said[1:3])
    await hub.street.home.stop_hub()
    await hub.street.home.start_hub()


async def meter(table: FaultTable, hub: MortalHub, right: Answers) -> None:
    """Nothing announces itself to this hub; and the address that was read is another one's."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = MeterChoice(address=f"127.0.0.1:{probe.getsockname()[1]}")
        wrong = msgspec.structs.replace(right, meter=nobody)
        hub.street.station.faults = Faults(refuse_amps=True, refuse_watts=True)
        said = await hub.stops_at(
            wrong,
            Step.METER,
            "passed     clock",
            f"Nothing answers at {nobody.address}",
            "Multicast does not work",
            "->",
        )
    table.mended("wrong clock", said[0])
    table.met("no meter", said[1])
    table.met("no multicast", *said[2:4])
    assert "allow UDP port 5353" in said[3]


async def station(table: FaultTable, hub: MortalHub, right: Answers) -> None:
    """The meter is found by its address; the charger refuses first, and then obeys in words alone."""
    said = await hub.stops_at(
        right, Step.CHARGER, "adopted    homewizard", "passed     meter_found", "does not accept its safe limit"
    )
    table.mended("no meter", f"{said[0]}, at the right address")
    table.mended("no multicast", said[1])
    table.met("station refuses", said[2])
    hub.street.station.faults = Faults(ignore_limits=True)
    await hub.begins_anew()
    said = await hub.stops_at(right, Step.CHARGER, "passed     charger_connected", "does not keep any of them")
    table.mended("station refuses", said[0])
    table.met("station ignores the limit", said[1])
    hub.street.station.faults = Faults()
    await hub.begins_anew()


async def providers_and_pins(table: FaultTable, hub: MortalHub, right: Answers) -> None:
    """A print that is another one's, and a PIN that everybody guesses."""
    forged = msgspec.structs.replace(right.provider[0], fingerprint="0" * len(right.provider[0].fingerprint))
    said = await hub.stops_at(
        msgspec.structs.replace(right, provider=(forged, *right.provider[1:])),
        Step.PROVIDERS,
        "passed     charger_limit",
        "The fingerprint is not that of this descriptor",
    )
    table.mended("station ignores the limit", said[0])
    table.met("fingerprint differs", said[1])
    hub.installer.pins = ["123456"]
    said = await hub.stops_at(right, Step.PINS, f"paired     {right.provider[0].descriptor[:-4]}", "easy to guess")
    table.mended("fingerprint differs", said[0])
    table.met("weak PIN", said[1])
    view, said = await hub.walk(right)
    table.mended("weak PIN", next(line for line in said if line.startswith("passed     pins")))
    assert view.finished_at is not None


async def full_disk(table: FaultTable, directory: Path) -> None:
    """A small disk of the hub's own, where it can have one; else a commissioning that cannot write."""
    await (on_a_small_disk if can_be_mounted() else disk_that_cannot_be_written)(table, directory)


async def on_a_small_disk(table: FaultTable, directory: Path) -> None:
    skip = api.SkipCheck(check=CheckId.CLOCK, reason="the customer has no watch")
    with hub_on_small_disk(directory) as disk:
        async with connect(disk.socket) as client:
            await client.call(api.AnswerStep(step_answer=PLACE))
            disk.fill()
            with pytest.raises(EnvironmentProblem, match=r"No space left on device\. Make room") as refused:
                await client.call(skip)
            view = await client.call(api.GetCommissioning())
            assert (view.answers, view.current) == ((PLACE,), Step.PLACE)
            disk.clear()
            kept(table, refused.value, await client.call(skip))


async def disk_that_cannot_be_written(table: FaultTable, directory: Path) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    skip = api.SkipCheck(check=CheckId.CLOCK, reason="the customer has no watch")
    async with HandMadeHome(directory).running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        with pytest.MonkeyPatch.context() as disk:
            disk.setattr("homeapp.identity.files.os.fsync", full)
            with pytest.raises(EnvironmentProblem, match=r"No space left on device\. Make room") as refused:
                await hub.ask(skip)
        kept(table, refused.value, await hub.ask(skip))


def kept(table: FaultTable, refused: EnvironmentProblem, view: CommissioningView) -> None:
    table.met("disk full", str(refused))
    assert [gap.check for gap in view.gaps] == [CheckId.CLOCK]
    table.mended("disk full", f"room was made; left out: {view.gaps[0].reason}")


def verified(home: Path, directory: Path) -> None:
    """The report holds, and one changed byte of it does not."""
    for name in (JSON_NAME, PDF_NAME):
        said = homeapp("report", "verify", home / name, "--json", "--data-dir", home)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["hub"]
        changed = bytearray((home / name).read_bytes())
        changed[len(changed) // 2] ^= 1
        (directory / name).write_bytes(changed)
        refused = homeapp("report", "verify", directory / name, "--data-dir", home)
        assert (refused.returncode, "changed" in refused.stderr) == (1, True), refused.stderr
