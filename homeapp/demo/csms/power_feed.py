"""Power-feed cycles of a transaction, read from its meter values: what the provider pays the owner for."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from homeapp.demo.csms.books import TransactionBook
from homeapp.demo.ocpp.schemas import Json

_POWER = "Power.Active.Export"
_ENERGY = "Energy.Active.Export.Register"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCycle:
    """The car has fed power without a break.

    Attributes:
        begin, end: timestamps of the first and last meter value that shows it, as the station writes them.
        energy_wh: by the export register, from the first to the last of them; 0 where it was not told.
        peak_w: the most that was fed.
    """

    transaction_id: str
    begin: str
    end: str
    energy_wh: float
    peak_w: float


@dataclass(frozen=True, slots=True)
class _Sample:
    at: str
    export_w: float
    export_wh: float | None


def feed_cycles(transaction: TransactionBook) -> list[FeedCycle]:
    """The cycles, in the order of the meter values."""
    cycles: list[FeedCycle] = []
    running: list[_Sample] = []
    for sample in _samples(transaction):
        if sample.export_w > 0:
            running.append(sample)
        elif running:
            cycles.append(_cycle(transaction.transaction_id, running))
            running = []
    return [*cycles, _cycle(transaction.transaction_id, running)] if running else cycles


def _cycle(transaction_id: str, samples: list[_Sample]) -> FeedCycle:
    registers = [sample.export_wh for sample in samples if sample.export_wh is not None]
    return FeedCycle(
        transaction_id=transaction_id,
        begin=samples[0].at,
        end=samples[-1].at,
        energy_wh=registers[-1] - registers[0] if registers else 0.0,
        peak_w=max(sample.export_w for sample in samples),
    )


def _samples(transaction: TransactionBook) -> Iterator[_Sample]:
    for event in transaction.events:
        for value in event.received.payload.get("meterValue", ()):
            entries = value["sampledValue"]
            power = _total(entries, _POWER)
            if power is not None:
                yield _Sample(value["timestamp"], power, _total(entries, _ENERGY))


def _total(entries: Iterable[Json], measurand: str) -> float | None:
    found = [entry for entry in entries if entry.get("measurand") == measurand]
    # A station that tells the sum and the phases has not fed twice.
    found = [entry for entry in found if "phase" not in entry] or found
    return sum(_base_units(entry) for entry in found) if found else None


def _base_units(entry: Json) -> float:
    unit = entry.get("unit") or entry.get("unitOfMeasure", {}).get("unit", "")
    factor = math.pow(10, entry.get("unitOfMeasure", {}).get("multiplier", 0))
    return float(entry["value"]) * factor * (1000.0 if unit.startswith("k") else 1.0)
