"""Arrays of tables in ``settings.toml``, like ``[[tariff.energy_band]]``: own ones come and go, others' stay.

Which ones are own is known by what was written before: a table that somebody has changed by hand is another's.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Table = Mapping[str, str | tuple[str, ...]]
"""By name; an empty tuple is left out."""

_ANY_HEADER = re.compile(r"\s*\[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """A change of one array of tables.

    Attributes:
        section, name: of the array, which is ``[[section.name]]``.
        before: the own ones that may stand there.
        wanted: the own ones that are to stand there, in this order.
    """

    section: str
    name: str
    before: tuple[Table, ...] = ()
    wanted: tuple[Table, ...] = ()

    def merged(self, said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What the array says after the change, where it says this before."""
        own = self._own(said)
        others = [dict(table) for index, table in enumerate(said) if index not in own]
        first = min(own) if own else len(said)
        return [*others[:first], *map(_plain, self.wanted), *others[first:]]

    def written(self, text: str) -> str:
        """``text`` after the change; what stays of the own tables keeps its lines, comments included."""
        lines = text.splitlines(keepends=True)
        blocks = self._blocks(lines)
        own = self._own([self._said(lines, block) for block in blocks])
        kept = [(_plain(self._said(lines, blocks[index])), blocks[index]) for index in sorted(own)]
        if [table for table, _block in kept] == [_plain(table) for table in self.wanted]:
            return text
        place = blocks[min(own)].start if own else self._end(lines, blocks)
        new = "".join(self._chunk(lines, table, kept) for table in self.wanted)
        gone = {number for index in own for number in blocks[index]}
        before = "".join(line for number, line in enumerate(lines[:place]) if number not in gone)
        after = "".join(line for number, line in enumerate(lines[place:], place) if number not in gone)
        if new and before and not before.endswith("\n"):
            before += "\n"
        return f"{before}{new if before else new.lstrip()}{after}"

    def _own(self, said: Sequence[Mapping[str, Any]]) -> set[int]:
        """Which of them are own ones; wanted ones too, that were written before a hub was cut off."""
        left = [_plain(table) for table in self.before]
        for table in map(_plain, self.wanted):
            missing = [_plain(one) for one in self.wanted].count(table) - left.count(table)
            left += [table] * missing
        own = set()
        for index, plain in enumerate(map(_plain, said)):
            if plain in left:
                left.remove(plain)
                own.add(index)
        return own

    def _blocks(self, lines: list[str]) -> list[range]:
        """The lines of each table: with the blank one before, without what follows its last value."""
        header = self._header(rf"\[\[\s*{re.escape(self.section)}\s*\.\s*{re.escape(self.name)}\s*\]\]")
        blocks = []
        for begin in (number for number, line in enumerate(lines) if header.match(line)):
            before = begin - 1 if begin and not lines[begin - 1].strip() else begin
            blocks.append(range(before, _last_value(lines, begin) + 1))
        return blocks

    def _end(self, lines: list[str], blocks: list[range]) -> int:
        """Where the first own table goes: behind those of others, else behind its section."""
        if blocks:
            return blocks[-1].stop
        header = self._header(rf"\[\s*{re.escape(self.section)}\s*\]")
        begin = next((number for number, line in enumerate(lines) if header.match(line)), None)
        return len(lines) if begin is None else _last_value(lines, begin) + 1

    def _said(self, lines: list[str], block: range) -> dict[str, Any]:
        try:
            read = tomllib.loads("".join(lines[block.start : block.stop]))
            said: dict[str, Any] = read[self.section][self.name][0]
        except (tomllib.TOMLDecodeError, KeyError):
            return {}
        return said

    def _chunk(self, lines: list[str], table: Table, kept: list[tuple[dict[str, Any], range]]) -> str:
        wanted = _plain(table)
        for said, block in kept:
            if said == wanted:
                text = "".join(lines[block.start : block.stop])
                return text if text.endswith("\n") else f"{text}\n"
        values = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in wanted.items())
        return f"\n[[{self.section}.{self.name}]]\n{values}"

    @staticmethod
    def _header(pattern: str) -> re.Pattern[str]:
        return re.compile(rf"\s*{pattern}\s*(#.*)?$")


def by_hand(change: Tables) -> str:
    """What somebody would have to write."""
    tables = (
        "; ".join(f"{name} = {json.dumps(value)}" for name, value in _plain(table).items()) for table in change.wanted
    )
    return "; ".join(f"[[{change.section}.{change.name}]] {values}" for values in tables)


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """As TOML says it."""
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in table.items()}
    return {name: value for name, value in lists.items() if value != []}


def _last_value(lines: list[str], begin: int) -> int:
    """The last line of a section that is neither blank nor a comment."""
    last = begin
    for number in range(begin + 1, len(lines)):
        if _ANY_HEADER.match(lines[number]):
            break
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            last = number
    return last
