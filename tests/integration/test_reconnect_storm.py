"""Five hundred homes lose their broker at once, and every one of them comes back, spread over some seconds."""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from homeapp.demo.operator.broker import Broker, BrokerProgram, installed_broker
from homeapp.demo.operator.pki import StreetAuthority

HOMES = 500
PROCESSES = 4
"""The network threads use select(), which ends at 1024 descriptors a process."""
SPREAD_S = 10.0
CLIENTS = Path(__file__).with_name("storm_clients.py")


def _write_certificates(authority: StreetAuthority, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for number in range(HOMES):
        name = f"Chub-{number:04}"
        credentials = authority.issue_client(name)
        (folder / f"{name}.pem").write_bytes(credentials.key_pem + credentials.certificate_pem)


async def _start_homes(number: int, broker: Broker, folder: Path) -> Process:
    each = HOMES // PROCESSES
    particulars = [broker.port, broker.ca_file, number * each, each, SPREAD_S, folder]
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CLIENTS), *map(str, particulars), stdin=PIPE, stdout=PIPE, env=dict(os.environ)
    )


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if await process.wait() != 0:
        raise AssertionError("a process of homes failed")


async def _said(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


@pytest.mark.usecase("A5", "A6", "W4")
@pytest.mark.skipif(installed_broker() is not BrokerProgram.MOSQUITTO, reason="needs mosquitto")
def test_all_homes_come_back_after_the_broker_was_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        authority = StreetAuthority()
        broker = Broker(tmp_path, authority)
        folder = tmp_path / "homes"
        await asyncio.to_thread(_write_certificates, authority, folder)
        async with AsyncExitStack() as stack:
            await broker.start()
            stack.push_async_callback(broker.stop)
            processes = []
            for number in range(PROCESSES):
                processes.append(await _start_homes(number, broker, folder))
                stack.push_async_callback(_end, processes[-1])
            connected = [(await _said(process))["connected"] for process in processes]
            assert sum(connected) == HOMES

            begun = time.monotonic()
            await broker.restart()
            answers = time.monotonic()
            tallies = [await _said(process) for process in processes]
            took_s = time.monotonic() - answers

            failures = [failure for tally in tallies for failure in tally["failures"]]
            while_away = [end for at, end in failures if at < answers]
            since = [end for at, end in failures if at >= answers]
            counts = {word: sum(tally[word] for tally in tallies) for word in ("lost", "back", "standing")}
            with capsys.disabled():
                print(
                    f"\nreconnect storm: {HOMES} homes lost, broker away for {answers - begun:.1f} s, "
                    f"{counts['back']} back within {took_s:.1f} s, {len(since)} failures, "
                    f"{len(while_away)} found it closed"
                )
            assert counts == {"lost": HOMES, "back": HOMES, "standing": HOMES}
            assert since == []

    asyncio.run(main())
