"""Writes homeapp(1) to standard output, from the command line's own parser. ``make_man_page.py YYYY-MM-DD``."""

import argparse
import sys
from collections.abc import Iterator

from homeapp import __version__
from homeapp.commands.program_options import command_parser

_FILES = {
    "/var/lib/homeapp": "the data of the service homeapp-hub",
    "~/.local/share/homeapp": "the data of a hub that a user starts",
    "/etc/credstore.encrypted/homeapp-master-key": "the key of the service's secrets, encrypted for this machine",
    "/usr/share/doc/homeapp": "how to operate it",
}
_EXIT = {"0": "good", "1": "a sentence says why not", "2": "wrong arguments", "130": "interrupted"}


def page(date: str) -> Iterator[str]:
    """Lines of man(7)."""
    parser = command_parser()
    yield f'.TH HOMEAPP 1 "{date}" "homeapp {__version__}" "User Commands"'
    yield from (".SH NAME", r"homeapp \- home energy hub", ".SH SYNOPSIS", _synopsis(parser))
    yield ".SH DESCRIPTION"
    yield _text(
        "Without a command the screen is shown; where no hub runs for this data directory, one is started with it. "
        "The service homeapp-hub runs the hub for a whole home; its data is reached as the user homeapp, for instance: "
        "sudo -u homeapp homeapp doctor"
    )
    yield ".SH OPTIONS"
    yield from _options(parser)
    yield ".SH COMMANDS"
    yield from _commands(parser, "homeapp")
    for title, entries in (("FILES", _FILES), ("EXIT STATUS", _EXIT)):
        yield f".SH {title}"
        for name, meaning in entries.items():
            yield from (".TP", rf"\fB{_text(name)}\fR", _text(meaning))


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for choices, helps in _subparsers(parser):
        for word, sub in choices.items():
            full = f"{name} {word}"
            inner = list(_subparsers(sub))
            if not inner:
                yield from (".TP", _synopsis(sub, full), _text(helps.get(word, "")))
                yield from (".RS", *_options(sub), ".RE")
            else:
                yield from (f".SS {_text(full)}", _text(helps.get(word, "")))
                yield from _commands(sub, full)


def _subparsers(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[dict[str, argparse.ArgumentParser], dict[str, str]]]:
    for action in parser._actions:  # noqa: SLF001 - argparse tells its options to nobody else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            yield action.choices, helps


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    # What every command takes stands once, at the top.
    common = {"data_dir", "json", "as_role", "verbose", "help"} if " " in parser.prog else {"help"}
    for action in parser._actions:  # noqa: SLF001
        hidden = action.help == argparse.SUPPRESS or action.dest in common
        if hidden or isinstance(action, argparse._SubParsersAction) or not (action.help or action.option_strings):  # noqa: SLF001
            continue
        shown = ", ".join(rf"\fB{_text(option)}\fR" for option in action.option_strings) or rf"\fI{_name(action)}\fR"
        if action.option_strings and action.nargs != 0:
            shown += rf" \fI{_name(action)}\fR"
        yield from (".TP", shown, _text((action.help or "") % _fields(action, parser)))


def _fields(action: argparse.Action, parser: argparse.ArgumentParser) -> dict[str, object]:
    return {**vars(action), "prog": parser.prog}


def _name(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return _text(action.metavar)
    if action.choices is not None:
        return _text("|".join(map(str, action.choices)))
    return _text(action.dest.upper())


def _synopsis(parser: argparse.ArgumentParser, name: str = "homeapp") -> str:
    usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
    rest = usage.removeprefix(parser.prog).replace("[-h] [--data-dir DATA_DIR] [--json] [--as ROLE] [--verbose]", "")
    return rf"\fB{_text(name)}\fR {_text(rest.strip())}".rstrip()


def _text(words: str) -> str:
    escaped = words.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    sys.stdout.write("\n".join(line for line in page(sys.argv[1]) if line) + "\n")
