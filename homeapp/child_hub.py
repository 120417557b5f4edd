"""A hub as a child process of the screen, where none runs for the data directory."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeapp.client import connect
from homeapp.errors import HubNotRunning

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0


@contextmanager
def hub_running(data_dir: Path, path: Path) -> Iterator[None]:
    """Have a hub answer at the socket ``path``; one that was started for that ends with the context.

    Raises:
        HubNotRunning: it does not start, or not in time.
    """
    if asyncio.run(_answers(path)):
        yield
        return
    child = _start(data_dir, path)
    try:
        yield
    finally:
        _stop(child)


def _start(data_dir: Path, path: Path) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen([sys.executable, "-m", "homeapp", "hub", "--data-dir", os.fspath(data_dir)])

    async def ready() -> None:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not await _answers(path):
                if child.poll() is not None:
                    raise HubNotRunning("The hub did not start; it says above why.")
                await asyncio.sleep(0.1)

    try:
        asyncio.run(ready())
    except TimeoutError as error:
        _stop(child)
        raise HubNotRunning("The hub did not start in time; see its log above.") from error
    except BaseException:
        _stop(child)
        raise
    return child


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(timeout=_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


async def _answers(path: Path) -> bool:
    try:
        async with connect(path):
            return True
    except HubNotRunning:
        return False
