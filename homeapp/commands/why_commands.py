"""``homeapp why``: what the hub did and what it saw then."""

import argparse
from datetime import timedelta
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``why``."""
    why = commands.add_parser("why", help="what the hub did, when, and what it saw then", parents=[common])
    why.add_argument("--hours", type=float, default=24.0, help="how far back to look")
    why.set_defaults(command=_why, lines=_lines)


async def _why(client: Client, arguments: argparse.Namespace) -> object:
    now = (await client.call(api.SayHello())).now
    since = now - timedelta(hours=max(0.0, min(arguments.hours, 24.0 * 90)))
    return await client.call(api.GetWhy(since=since, until=now + timedelta(seconds=1)))


def _lines(entries: tuple[WhyEntry, ...], zone: ZoneInfo) -> list[str]:
    lines = []
    for entry in reversed(entries):
        lines.append(f"{entry.at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}  {_what(entry)}")
        if seen := _seen(entry.seen):
            lines.append(f"           seen: {seen}")
    return lines or ["Nothing was written down in this time."]


def _what(entry: WhyEntry) -> str:
    match entry.topic:
        case WhyTopic.CHARGER:
            power = "" if entry.power_w is None else f", {entry.power_w:+.0f} W meant"
            return f"{entry.name or entry.subject}: {entry.doing}{power}"
        case WhyTopic.MODE:
            return f"mode: {entry.mode}"
        case WhyTopic.REQUEST:
            by = f" (by {entry.decided_by})" if entry.decided_by else ""
            return f"{entry.subject}: {entry.state}{by}  {entry.name}"


def _seen(seen: Circumstances) -> str:
    figures = [
        ("grid {:+.0f} W", seen.grid_w),
        (f"fuse {{:.1f}} of {seen.fuse_a:.0f} A", seen.phase_a),
        ("charger {:+.0f} W", seen.charger_w),
        ("car {:.0f} %", seen.soc_pct),
        (f"price {{}} {seen.currency}/kWh", seen.price),
        ("plan {}", seen.slot),
    ]
    return ", ".join(words.format(value) for words, value in figures if value is not None)
