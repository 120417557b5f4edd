"""What the service manager is told, over a real socket."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homeapp.service_notify import ALIVE, READY, ServiceNotifier
from kit.clocks import LeapingClock

PID = 4711
START = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Its socket, and the name of that in the environment."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.settimeout(10)
        if request.param == "path":
            name = address = str(tmp_path / "notify")
        else:
            name, address = f"@homeapp-test-{os.getpid()}", f"\0homeapp-test-{os.getpid()}"
        listening.bind(address)
        yield listening, name


def notifier(**environment: str) -> ServiceNotifier:
    return ServiceNotifier.of_environment(environment, PID)


def test_ready_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    notifier(NOTIFY_SOCKET=name).tell(READY)
    assert listening.recv(100) == b"READY=1"


def test_it_is_told_twice_within_the_time_it_gives(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    told = notifier(NOTIFY_SOCKET=name, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(PID))
    clock = LeapingClock(START)
    (body,) = told.bodies(clock).values()

    async def three_naps() -> None:
        alive = asyncio.ensure_future(body())
        while len(clock.naps) < 3:
            await asyncio.sleep(0)
        alive.cancel()
        with suppress(asyncio.CancelledError):
            await alive

    asyncio.run(three_naps())
    assert clock.naps[:3] == [15.0, 15.0, 15.0]
    assert [listening.recv(100).decode() for _ in range(3)] == [ALIVE] * 3


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID + 1)},
    ],
)
def test_where_nobody_watches_nothing_runs(watchdog: dict[str, str]) -> None:
    assert notifier(NOTIFY_SOCKET="/run/notify", **watchdog).bodies(LeapingClock(START)) == {}


@pytest.mark.parametrize("named", ["", "vsock:2:1234", "notify"])
def test_a_socket_of_no_known_kind_is_left_alone(named: str, caplog: pytest.LogCaptureFixture) -> None:
    told = notifier(NOTIFY_SOCKET=named, WATCHDOG_USEC="30000000")
    told.tell(READY)
    assert told == ServiceNotifier(address=None, watchdog_s=None)
    assert [record.levelno for record in caplog.records] == ([logging.WARNING] if named else [])


def test_a_manager_that_is_gone_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier(NOTIFY_SOCKET=str(tmp_path / "gone")).tell(READY)
    assert "cannot be told READY=1" in caplog.text


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        told = notifier(NOTIFY_SOCKET=str(tmp_path / "notify"))
        for _ in range(2000):
            told.tell(ALIVE)
            if caplog.records:
                break
        assert "cannot be told WATCHDOG=1" in caplog.text
