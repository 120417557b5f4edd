"""``homeapp demo``: the street with a window, without one, for pictures, or as a check."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from homeapp import event_loop
from homeapp.client import connect
from homeapp.demo.by_hand import serve_by_hand
from homeapp.demo.check import Check, StepSeen
from homeapp.demo.owner import Owner
from homeapp.demo.story import Story
from homeapp.demo.street import Street, StreetPlan
from homeapp.errors import EnvironmentProblem, HomeappError

DEFAULT_SPEED = 10.0
OFFSCREEN_SECONDS = 60.0
PICTURES = Path("build/demo-pictures").absolute()
_PICTURES_TIMEOUT_S = 60.0


def run_demo(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code."""
    logging.getLogger().setLevel(logging.DEBUG if arguments.verbose else logging.ERROR)
    with contextlib.ExitStack() as stack:
        if arguments.directory:
            directory = Path(arguments.directory).resolve()
            directory.mkdir(parents=True, exist_ok=True)
        else:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeapp-demo-")))
        plan = _plan(arguments, directory)
        pictures = Path(arguments.screenshots).resolve() if arguments.screenshots else None
        code = 1
        try:
            code = event_loop.run(_demo(arguments, plan, pictures))
        except* HomeappError as group:
            for error in _leaves(group):
                sys.stderr.write(f"homeapp: {error}\n")
        except* TimeoutError:
            sys.stderr.write("homeapp: Something that should have happened in the street did not.\n")
        if code:
            _show_log(directory)
        return code


def _plan(arguments: argparse.Namespace, directory: Path) -> StreetPlan:
    return StreetPlan(
        directory=directory,
        speed=arguments.speed or DEFAULT_SPEED,
        prices=arguments.prices,
        day=arguments.day,
        oddities=tuple(arguments.oddity),
        commissioned=not arguments.setup,
    )


async def _demo(arguments: argparse.Namespace, plan: StreetPlan, pictures: Path | None) -> int:
    _note(f"Starting the street at {plan.speed:g} times real time: broker, CSE, providers, meter, charger, car, hub.")
    async with Street(plan) as street:
        await street.home.start_hub()
        await street.power_charger()
        if arguments.setup:
            await _to_be_set_up(street, arguments.seconds)
            return 0
        if not arguments.check:
            await street.settle()
        if arguments.check:
            begun = time.monotonic()
            passed = await Check(street, _step_as_json if arguments.json else _step_in_words).run()
            if passed:
                _note(f"All steps seen in {time.monotonic() - begun:.0f} s.")
            return 0 if passed else 1
        if pictures is not None:
            await _with_pictures(street, pictures, seconds=None)
        elif _has_display():
            await _with_window(street, arguments.seconds)
        else:
            await _with_pictures(street, PICTURES, seconds=arguments.seconds or OFFSCREEN_SECONDS)
    return 0


async def _with_pictures(street: Street, directory: Path, seconds: float | None) -> None:
    """Tell the story without a window and take pictures at its moments."""
    ends = asyncio.get_running_loop().time() + (seconds or 0)

    async def moment(name: str) -> None:
        target = directory if name == "charging" else directory / name
        await _take_pictures(street, target)
        _say(f"Pictures of every page while {name}: {target}")

    async with _owner(street) as owner:
        await Story(street=street, owner=owner, say=_say, moment=moment, decides=True).tell()
    remaining = ends - asyncio.get_running_loop().time()
    if remaining > 0:
        _say(f"The street goes on for {remaining:.0f} s more.")
        await asyncio.sleep(remaining)
    _say("Done.")


async def _with_window(street: Street, seconds: float | None) -> None:
    """Show the window; the person in front of it decides."""

    async def moment(_name: str) -> None:
        _say("It is your turn: approve or decline in the window. Close it to end the demo.")

    async def story() -> None:
        async with _owner(street) as owner:
            told = Story(street=street, owner=owner, say=_say, moment=moment, decides=False)
            await told.tell()
            await told.go_on()

    await _beside_the_window(street, story(), seconds)


async def _to_be_set_up(street: Street, seconds: float | None) -> None:
    """Show the window with the setup wizard; without a screen somebody opens it with ``homeapp --data-dir``."""
    if _has_display():
        await _beside_the_window(street, serve_by_hand(street, _say), seconds)
        return
    _say(f"There is no screen. To open the window on one: homeapp --data-dir {street.home.data_dir}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await serve_by_hand(street, _say)


async def _beside_the_window(street: Street, body: Coroutine[Any, Any, None], seconds: float | None) -> None:
    """Run this until the window is closed, or so many seconds are over."""
    screen = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "homeapp", "--data-dir", str(street.home.data_dir)
    )
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(body)
        try:
            async with asyncio.timeout(seconds):
                await screen.wait()
        except TimeoutError:
            screen.terminate()
            await screen.wait()
        telling.cancel()


async def _take_pictures(street: Street, directory: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    screen = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "homeapp",
        "--data-dir",
        str(street.home.data_dir),
        "--pictures",
        str(directory),
        env=environment,
    )
    try:
        async with asyncio.timeout(_PICTURES_TIMEOUT_S):
            code = await screen.wait()
    except TimeoutError:
        screen.kill()
        await screen.wait()
        raise
    if code != 0:
        raise EnvironmentProblem(f"The screen ended with code {code} while it took pictures.")


@contextlib.asynccontextmanager
async def _owner(street: Street) -> AsyncIterator[Owner]:
    async with connect(street.home.socket) as client:
        owner = Owner(client)
        await owner.look()
        yield owner


def _has_display() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _leaves(group: BaseExceptionGroup[HomeappError]) -> list[HomeappError]:
    found: list[HomeappError] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _show_log(directory: Path) -> None:
    log = directory / "hub.log"
    if log.exists():
        lines = log.read_text(errors="replace").splitlines()[-40:]
        sys.stderr.write("The hub's log ends with:\n" + "".join(f"  {line}\n" for line in lines))


def _step_in_words(step: StepSeen) -> None:
    _say(f"{'ok    ' if step.passed else 'FAILED'} {step.item:<5} {step.title}\n             {step.evidence}")


def _step_as_json(step: StepSeen) -> None:
    _say(msgspec.json.encode(step).decode())


def _note(text: str) -> None:
    """For people only: standard output holds the result."""
    sys.stderr.write(text + "\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
