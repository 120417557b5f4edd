"""``homeapp setup`` and ``report`` beside a hub as a process: what is refused is told, and one call does it all."""

import asyncio
import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homeapp import api
from homeapp.client import connect
from homeapp.clock import SharedClock
from homeapp.demo.meter.homewizard import DemoMeter
from homeapp.model.commissioning import CHECKS_OF
from homeapp.server import socket_path
from homeapp.settings import FILE_NAME, load
from kit.hub_process import homeapp, hub_process, new_data_dir, running_hub

ANSWERS = """\
[place]
time_zone = "Europe/Amsterdam"
[grid]
phases = 3
fuse_a = 26.0
"""


def due(data_dir: Path) -> str:
    checks = json.loads(homeapp("doctor", "--json", "--data-dir", data_dir).stdout)
    return next(str(check["finding"]) for check in checks if check["name"] == "Commissioning")


@pytest.mark.usecase("W4", "W6")
def test_an_empty_home_is_due_and_what_is_refused_is_told(tmp_path: Path) -> None:
    data_dir, answers = new_data_dir(tmp_path), tmp_path / "answers.toml"
    with running_hub(data_dir):
        assert due(data_dir) == "due: nothing of it was done yet"
        answers.write_text(ANSWERS + '[skip]\nno_such_check = "why"\n')
        refused = homeapp("setup", "--answers", answers, "--data-dir", data_dir)
        assert (refused.returncode, "no_such_check" in refused.stderr) == (1, True), refused.stderr
        answers.write_text(ANSWERS)
        refused = homeapp("setup", "--answers", answers, "--data-dir", data_dir)
        assert (refused.returncode, "No main fuse of 26 A is made" in refused.stderr) == (1, True), refused.stderr
        assert refused.stderr.startswith("answered   place\n")
        view = json.loads(homeapp("setup", "--json", "--data-dir", data_dir).stdout)
        assert (view["current"], view["due"]) == ("place", False)
        assert due(data_dir) == "under way, next: place"
    nobody = homeapp("report", "verify", "--data-dir", data_dir)
    assert (nobody.returncode, "cannot be read" in nobody.stderr) == (1, True), nobody.stderr


PASS = {"clock", "grid_in_force", "meter_found", "meter_reading", "car_known", "pins"}
"""What a home without charger and providers can have."""
REST = [check for checks in CHECKS_OF.values() for check in checks if check not in PASS]
ALL_OF_IT = """\
installer = "Demo installer"
[place]
time_zone = "Europe/Amsterdam"
name = "{name}"
[grid]
phases = 3
fuse_a = {fuse_a}
[car]
capacity_kwh = 60.0
address = "{car}"
[tariff]
kind = "time_of_use"
currency = "EUR"
energy = "0.25"
{bands}
[meter]
address = "{meter}"
name = "Hall"
[skip]
"""
BANDS = """\
[[tariff.band]]
price = "0.19"
start = "22:00"
end = "06:00"
days = ["sat", "sun"]
"""
BY_HAND = """\

[[tariff.energy_band]]
price = "0.4"   # by hand
start = "17:00"
end = "19:00"
"""
INSTALLER_PIN, OWNER_PIN = "918273645", "564738291"


@pytest.mark.usecase("D1", "W4", "W6")
def test_one_call_goes_from_nothing_to_a_report_and_another_one_changes_the_fuse(tmp_path: Path) -> None:
    data_dir, answers = new_data_dir(tmp_path), tmp_path / "answers.toml"

    def write(fuse_a: float, meter: str, *, name: str = "", car: str = "", bands: str = "") -> None:
        skipped = "".join(f'{check} = "no such thing here"\n' for check in REST)
        said = ALL_OF_IT.format(fuse_a=fuse_a, meter=meter, name=name, car=car, bands=bands)
        answers.write_text(said + skipped)

    def setup(*pins: str) -> "subprocess.CompletedProcess[str]":
        typed = "".join(f"{pin}\n" for pin in pins)
        done = homeapp("setup", "--answers", answers, "--data-dir", data_dir, typed=typed)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Commissioned "), done.stderr
        return done

    async def body() -> None:
        clock = SharedClock(datetime.now(UTC), time.time(), 60.0)
        meter = DemoMeter(clock=clock, power=lambda: (400.0, 0.0, 0.0), api="v1", announce=False)
        running = asyncio.create_task(meter.run())
        await meter.started()
        try:
            with hub_process(data_dir, "--clock", str(clock)) as process:
                write(35.0, meter.address("v1"), name="Anna", car="127.0.0.1", bands=BANDS)
                first = await asyncio.to_thread(setup, INSTALLER_PIN, OWNER_PIN)
                assert "applied    settings" in first.stderr
                assert "adopted    homewizard:5c2fafde3001" in first.stderr
                assert await fuse_in_force(data_dir) == 35.0
                written = load(data_dir)
                assert (written.site.name, written.pev.address) == ("Anna", "127.0.0.1")
                assert [band.days for band in written.tariff.energy_band] == [("sat", "sun")]
                with (data_dir / FILE_NAME).open("a") as file:
                    file.write(BY_HAND)
                write(25.0, meter.address("v1"))
                # The PIN is asked for once, and the hub that begins anew gets it again.
                second = await asyncio.to_thread(setup, INSTALLER_PIN)
                answered = "".join(f"answered   {step}\n" for step in ("place", "grid", "car", "providers"))
                assert f"{answered}applied    settings\n" in second.stderr, second.stderr
                assert await fuse_in_force(data_dir) == 25.0
                assert process.poll() is None, "nobody has started anything"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(body())
    written = load(data_dir)
    assert (written.site.fuse_a, written.site.name, written.pev.address) == (25.0, "", "")
    assert [band.price for band in written.tariff.energy_band] == ["0.4"], "what somebody wrote by hand stays"
    assert homeapp("report", "verify", "--data-dir", data_dir).returncode == 0


async def fuse_in_force(data_dir: Path) -> float:
    async with connect(socket_path(data_dir)) as client:
        return (await client.call(api.SayHello())).site.fuse_a


def test_settings_that_were_written_by_hand_are_applied_by_a_command(tmp_path: Path) -> None:
    data_dir = new_data_dir(tmp_path)
    path = data_dir / "settings.toml"
    with running_hub(data_dir):
        path.write_text(path.read_text() + "[site]\nfuse_a = 35.0\n")
        done = homeapp("setup", "--apply", "--data-dir", data_dir)
        assert (done.returncode, done.stdout) == (0, "Done.\n"), done.stderr
        path.write_text("this is no setting")
        refused = homeapp("setup", "--apply", "--data-dir", data_dir)
        assert (refused.returncode, "settings.toml" in refused.stderr) == (1, True), refused.stderr
