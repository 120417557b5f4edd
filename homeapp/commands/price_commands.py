"""``homeapp prices``: what energy costs, where that comes from, and prices from a file."""

import argparse
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import FileRefused
from homeapp.model.tariff import PriceSlot, PriceSource, Tariff

_LARGEST_FILE = 3_000_000
_MOST_LINES = 200
_DIGITS = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesShown:
    """What ``prices show`` prints.

    Attributes:
        now: hub time.
    """

    now: datetime
    tariff: Tariff | None
    sources: tuple[PriceSource, ...]


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``prices`` with its verbs."""
    prices = commands.add_parser("prices", help="show prices, or import them from a file", parents=[common])
    verbs = prices.add_subparsers(dest="verb", required=True)
    verbs.add_parser("show", help="from now on", parents=[common]).set_defaults(command=_show, lines=_shown_lines)
    take = verbs.add_parser("import", help="an ENTSO-E document (A44), or CSV", parents=[common])
    take.add_argument("file", type=Path)
    take.add_argument(
        "--market", action="store_true", help="the CSV has wholesale prices; the contract adds the rest to them"
    )
    take.set_defaults(command=_import, before=_read_file, lines=_imported_lines)
    verbs.add_parser("forget", help="all imported prices", parents=[common]).set_defaults(command=_forget)


async def _show(client: Client, _arguments: argparse.Namespace) -> object:
    hello = await client.call(api.SayHello())
    tariff = await client.call(api.GetTariff())
    return PricesShown(now=hello.now, tariff=tariff, sources=await client.call(api.GetPriceSources()))


def _read_file(arguments: argparse.Namespace) -> None:
    path: Path = arguments.file
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise FileRefused(f"{path} is larger than {_LARGEST_FILE // 1_000_000} MB.")
        arguments.content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path} is no UTF-8 text. Save it as UTF-8.") from error


async def _import(client: Client, arguments: argparse.Namespace) -> object:
    content: str = arguments.content
    if content.lstrip().startswith("<"):
        kind = api.PriceFormat.ENTSOE
    else:
        kind = api.PriceFormat.CSV_MARKET if arguments.market else api.PriceFormat.CSV_RETAIL
    return await client.call(api.ImportPrices(format=kind, content=content))


async def _forget(client: Client, _arguments: argparse.Namespace) -> object:
    await client.call(api.ForgetPrices())
    return None


def _imported_lines(source: PriceSource, zone: ZoneInfo) -> list[str]:
    until = _local(source.known_until, zone) if source.known_until else "nothing"
    unused = [] if source.used else ["The contract has prices of its own, so these do not change what you pay."]
    return [f"{source.name}: known until {until}", *unused]


def _shown_lines(shown: PricesShown, zone: ZoneInfo) -> list[str]:
    lines = [_source_line(source, zone) for source in shown.sources]
    if shown.tariff is None:
        return [*lines, "No prices are known. Pair the grid operator, import a file, or enter the contract's prices."]
    known = shown.tariff.known_until
    lines.append(f"known until {_local(known, zone)}" if known else "nothing is known, all of it is expected")
    coming = [slot for slot in shown.tariff.slots if slot.end > shown.now]
    lines += [_slot_line(slot, shown.tariff.currency, zone) for slot in coming[:_MOST_LINES]]
    return lines


def _source_line(source: PriceSource, zone: ZoneInfo) -> str:
    known = f", known until {_local(source.known_until, zone)}" if source.known_until else ""
    stale = f", STALE since {_local(source.stale_since, zone)}" if source.stale_since else ""
    return f"{source.name} ({source.kind}){known}{stale}{'' if source.used else ', not used'}"


def _slot_line(slot: PriceSlot, currency: str, zone: ZoneInfo) -> str:
    parts = ", ".join(f"{part.kind.replace('_', ' ')} {_money(part.amount)}" for part in slot.components)
    export = f"  export {_money(slot.export_price)}" if slot.export_price is not None else ""
    told = f"  ({parts})" if len(slot.components) > 1 else ""
    expected = "  expected" if slot.forecast else ""
    price = f"{_money(slot.import_price)} {currency}/kWh"
    return f"{_local(slot.start, zone)} to {slot.end.astimezone(zone):%H:%M}  {price}{told}{export}{expected}"


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(_DIGITS):f}"


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %d %b %H:%M}"
