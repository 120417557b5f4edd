"""Writes single values and tables into ``settings.toml`` and leaves every other byte of it as it is, comments included.

A section whose last value is taken out goes with it, unless something else is written there. The lines are changed as
text; then the whole file is read again and must say what it said before plus the changes, or nothing is written.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeapp.commissioning.settings_tables import Tables, by_hand
from homeapp.errors import EnvironmentProblem, SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.settings import FILE_NAME, Settings, parse

Value = str | float | bool | None
"""None takes the line out."""
Changes = Mapping[str, Mapping[str, Value]]
"""By section and name."""

_HEADER = re.compile(r"\s*\[")
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#,\[\]{}"']+)"""


def write_settings(data_dir: Path, changes: Changes, *tables: Tables) -> Settings:
    """Change the file and return what holds once it is applied; blocks, durable on return.

    Raises:
        SettingsInvalid: with the changes the settings contradict themselves, or the file is laid out in a way that
            cannot be changed line by line. Nothing was written.
        EnvironmentProblem: it cannot be read or written.
    """
    path = data_dir / FILE_NAME
    before = _text(path)
    after = changed(before, changes)
    for change in tables:
        after = change.written(after)
    if _is_toml(before) and not _says(before, after, changes, tables):
        what = "; ".join(filter(None, (_by_hand(changes), *map(by_hand, tables))))
        raise SettingsInvalid(
            f"{path} is laid out in a way that cannot be changed safely. Write into it by hand: {what}"
        )
    settings = parse(after.encode(), path)
    if after != before:
        write_whole(path, after.encode())
    return settings


def changed(text: str, changes: Changes) -> str:
    """``text`` with each value on its line: replaced, added at the head of its section, or taken out."""
    for section, values in changes.items():
        for name, value in values.items():
            text = _with_value(text, section, name, value)
    return text


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}. Mend its rights.") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{path} is no text file. Move it away, or mend it.") from error


def _with_value(text: str, section: str, name: str, value: Value) -> str:
    lines = text.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    begin = next((number for number, line in enumerate(lines) if header.match(line)), None)
    if begin is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return text if value is None else f"{text}{gap}[{section}]\n{name} = {_toml(value)}\n"
    end = next((number for number in range(begin + 1, len(lines)) if _HEADER.match(lines[number])), len(lines))
    entry = re.compile(rf"(?P<head>\s*{re.escape(name)}\s*=\s*){_VALUE}(?P<rest>[^\S\n]*(?:#.*)?\n?)$")
    for number in range(begin + 1, end):
        if (found := entry.match(lines[number])) is not None:
            if value is None:
                return "".join(_without_bare_section([*lines[:number], *lines[number + 1 :]], begin, end - 1))
            line = f"{found['head']}{_toml(value)}{found['rest']}"
            return "".join([*lines[:number], line, *lines[number + 1 :]])
    if value is None:
        return text
    head = lines[begin] if lines[begin].endswith("\n") else lines[begin] + "\n"
    return "".join([*lines[:begin], head, f"{name} = {_toml(value)}\n", *lines[begin + 1 :]])


def _without_bare_section(lines: list[str], begin: int, end: int) -> list[str]:
    """Without the section from ``begin`` to ``end`` where nothing is left of it but its name."""
    if "#" in lines[begin] or any(line.strip() for line in lines[begin + 1 : end]):
        return lines
    if end == len(lines) and begin and not lines[begin - 1].strip():
        begin -= 1
    return [*lines[:begin], *lines[end:]]


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # A JSON string without escapes of surrogates is a TOML basic string.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _says(before: str, after: str, changes: Changes, tables: tuple[Tables, ...]) -> bool:
    if not _is_toml(after):
        return False
    wanted = tomllib.loads(before)
    for section, values in changes.items():
        place: dict[str, Any] = wanted.setdefault(section, {})
        for name, value in values.items():
            place.pop(name, None)
            if value is not None:
                place[name] = value
    for change in tables:
        section = wanted.setdefault(change.section, {})
        section[change.name] = change.merged(section.get(change.name, []))
        if not section[change.name]:
            del section[change.name]
    said = tomllib.loads(after)
    return _without_empty(said) == _without_empty(wanted)


def _without_empty(read: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in read.items() if value != {}}


def _by_hand(changes: Changes) -> str:
    return "; ".join(
        f"[{section}] {name} = {_toml(value)}" if value is not None else f"[{section}] without {name}"
        for section, values in changes.items()
        for name, value in values.items()
    )
