"""``homeapp report``: show a commissioning report, and whether anybody has changed it; with or without a hub."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from homeapp.commands.terminal import printable
from homeapp.commissioning.report import JSON_NAME, VerifiedReport, read_file, verify
from homeapp.errors import SettingsInvalid
from homeapp.identity.hub_key import KEY_NOTE
from homeapp.providers.jose import VerificationKey, verification_key


class _Key(msgspec.Struct, frozen=True):
    """One key of ``homeapp providers card``."""

    kty: str
    crv: str
    x: str
    y: str
    use: str = "sig"

    def members(self) -> dict[str, str]:
        """As JWK (RFC 7517)."""
        return {"kty": self.kty, "crv": self.crv, "x": self.x, "y": self.y}


class _Card(msgspec.Struct, frozen=True):
    keys: list[_Key]


class _Note(msgspec.Struct, frozen=True):
    """What is read of ``hub-key.json``."""

    jwk: _Key


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``report`` with its verbs."""
    report = commands.add_parser("report", help="the commissioning report", parents=[common])
    verbs = report.add_subparsers(dest="verb", required=True)
    for verb, words in (("show", "what it says"), ("verify", "whether the hub has signed it and nobody changed it")):
        parser = verbs.add_parser(verb, parents=[common], help=words)
        parser.add_argument("file", metavar="FILE", nargs="?", help="JSON or PDF; the home's own without it")
        parser.add_argument(
            "--card", metavar="FILE", help="of the hub (homeapp providers card); else the home's own key"
        )
        parser.set_defaults(without_hub=_show if verb == "show" else _verify)


def _show(arguments: argparse.Namespace, data_dir: Path) -> int:
    report = _checked(arguments, data_dir)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report.content), indent=2).decode() + "\n")
    else:
        sys.stdout.write("".join(printable(line) + "\n" for line in _lines(report)))
    return 0


def _verify(arguments: argparse.Namespace, data_dir: Path) -> int:
    report = _checked(arguments, data_dir)
    told = {"hub": report.key_id, "sha256": report.digest, "finished_at": report.content["finished_at"]}
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        sys.stdout.write(
            f"Unchanged since hub {report.key_id} signed it on {told['finished_at']}.\nSHA-256: {report.digest}\n"
        )
    return 0


def _checked(arguments: argparse.Namespace, data_dir: Path) -> VerifiedReport:
    path = Path(arguments.file) if arguments.file else data_dir / JSON_NAME
    keys = _card(Path(arguments.card)) if arguments.card else _own(data_dir / KEY_NOTE)
    return verify(read_file(path), keys)


def _card(path: Path) -> tuple[VerificationKey, ...]:
    try:
        card = msgspec.json.decode(read_file(path), type=_Card)
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingsInvalid(f"{path} is no card of a hub. Make one with: homeapp providers card") from error
    return tuple(verification_key(key.members()) for key in card.keys if key.use == "sig")


def _own(path: Path) -> tuple[VerificationKey, ...]:
    try:
        note = msgspec.json.decode(path.read_bytes(), type=_Note)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise SettingsInvalid(
            "Which hub must have signed it is not known here: name its card with --card, or its data directory."
        ) from error
    return (verification_key(note.jwk.members()),)


def _lines(report: VerifiedReport) -> list[str]:
    said: dict[str, Any] = report.content
    lines = [f"Home: {said['home'] or '-'}", f"Begun {said['begun_at']}, finished {said['finished_at']}"]
    lines += [f"Left out: {', '.join(said['gaps']) or 'nothing'}"]
    for step in said["steps"]:
        for check in step["checks"]:
            lines.append(f"{check['state']:8}  {check['check']}: {check['seen']}")
            lines += [f"          -> {check['advice']}"] if check["advice"] else []
            lines += [f"          left out: {check['reason']}"] if check["reason"] else []
    return lines
