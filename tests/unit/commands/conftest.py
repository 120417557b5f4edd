"""The program as it is typed, in a home of its own."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeapp import __main__ as program
from homeapp.server import socket_path
from kit.canned_commands import CannedHub, Terminal


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program's log and umask are not to become those of the tests."""
    monkeypatch.setattr(program, "_log_to_stderr", lambda **_: None)
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[CannedHub]:
    with CannedHub(socket_path(tmp_path)) as canned:
        yield canned


@pytest.fixture
def homeapp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.main([*arguments, "--data-dir", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))
