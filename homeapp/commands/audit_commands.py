"""``homeapp audit``: verify or export the audit log, straight from the file, with or without a hub."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from homeapp import audit
from homeapp.commands.terminal import printable


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``audit`` with its verbs."""
    log = commands.add_parser("audit", help="verify or export the audit log, with or without a hub", parents=[common])
    verbs = log.add_subparsers(dest="verb", required=True)
    verify = verbs.add_parser("verify", parents=[common], help="look whether anybody has changed it")
    verify.set_defaults(without_hub=_verify)
    export = verbs.add_parser("export", parents=[common], help="print it as JSON lines, newest last")
    export.set_defaults(without_hub=_export)


def _verify(arguments: argparse.Namespace, data_dir: Path) -> int:
    verdict = audit.examine(data_dir)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")
    else:
        broken = f"The audit log is broken: {verdict.problem}"
        sys.stdout.write(printable(broken if verdict.problem else f"{verdict.count} rows, unbroken.") + "\n")
    return 1 if verdict.problem else 0


def _export(_arguments: argparse.Namespace, data_dir: Path) -> int:
    try:
        for row in audit.read_rows(data_dir):
            sys.stdout.write(audit.json_line(row) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; nothing more may be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
