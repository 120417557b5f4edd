"""Between a command and its terminal: results as lines or JSON, errors as a sentence, secrets typed unseen."""

import getpass
import sys
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from homeapp.errors import HomeappError, SettingsInvalid

Lines = Callable[[Any, ZoneInfo], list[str]]


def print_result(result: object, lines: Lines | None, zone: ZoneInfo, *, as_json: bool) -> None:
    """Write ``result`` as JSON, or as the lines that ``lines`` makes of it."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
        return
    if result is None:
        words = ["Done."]
    elif lines is None:
        words = [str(result)]
    else:
        words = lines(result, zone) or ["Nothing."]
    sys.stdout.write("".join(printable(line) + "\n" for line in words))


def print_error(error: HomeappError, *, as_json: bool) -> None:
    """Write the error's sentence, or its kind and sentence as JSON."""
    if as_json:
        body = {"error": {"kind": type(error).__name__, "message": str(error)}}
        sys.stdout.write(msgspec.json.encode(body).decode() + "\n")
    else:
        sys.stderr.write(f"homeapp: {error}\n")


def printable(line: str) -> str:
    """Names and titles come from outside: none of them may steer the terminal or begin a line of its own."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def ask_unseen(question: str) -> str:
    """What a person types without an echo, or the next line of a pipe; never an argument, which all users can see.

    Raises:
        SettingsInvalid: nothing was entered.
    """
    typed = getpass.getpass(f"{question}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not typed:
        raise SettingsInvalid("Nothing was entered; all stays as it was.")
    return typed
