"""Messages as a faulty station writes them: the payload that the standard wants, made wrong as the faults say; pure."""

import copy
from collections.abc import Iterator

from homeapp.demo.charger.faults import Faults
from homeapp.demo.ocpp.schemas import Json, Version

_KILO = {"Wh": "kWh", "W": "kW"}


def disordered(faults: Faults, version: Version, action: str, payload: Json) -> Json:
    """The payload as it goes out; the very same where no fault concerns it."""
    if not _concerned(faults):
        return payload
    payload = copy.deepcopy(payload)
    for meter_value in (*payload.get("meterValue", ()), *payload.get("transactionData", ())):
        meter_value["sampledValue"] = _samples(faults, version, meter_value["sampledValue"])
        if faults.no_timestamp:
            del meter_value["timestamp"]
    if faults.no_timestamp and action == "StatusNotification":
        payload.pop("timestamp", None)
    return payload


def _concerned(faults: Faults) -> bool:
    return (
        faults.phase_to_neutral
        or faults.only_sums
        or faults.kilowatt_hours
        or faults.no_unit
        or faults.values_as_text
        or faults.no_timestamp
    )


def _samples(faults: Faults, version: Version, entries: list[Json]) -> list[Json]:
    entries = [*(_sums(entries, version) if faults.only_sums else entries)]
    for entry in entries:
        if entry.get("format") == "SignedData":
            continue
        if faults.phase_to_neutral and "phase" in entry:
            entry["phase"] = f"{entry['phase']}-N"
        if faults.kilowatt_hours:
            _in_kilo(entry, version)
        if faults.no_unit:
            entry.pop("unit", None)
            entry.pop("unitOfMeasure", None)
        if faults.values_as_text:
            entry["value"] = float(entry["value"]) if version is Version.V16 else str(entry["value"])
    return entries


def _sums(entries: list[Json], version: Version) -> Iterator[Json]:
    sums: dict[str, Json] = {}
    for entry in entries:
        if "phase" not in entry:
            yield entry
        elif entry["measurand"] in sums:
            total = float(sums[entry["measurand"]]["value"]) + float(entry["value"])
            sums[entry["measurand"]]["value"] = str(total) if version is Version.V16 else total
        elif entry["measurand"] != "Voltage":
            sums[entry["measurand"]] = {key: entry[key] for key in entry if key != "phase"}
    yield from sums.values()


def _in_kilo(entry: Json, version: Version) -> None:
    place = entry if version is Version.V16 else entry.get("unitOfMeasure", {})
    unit = place.get("unit")
    if unit in _KILO:
        place["unit"] = _KILO[unit]
        value = float(entry["value"]) / 1000
        entry["value"] = str(value) if version is Version.V16 else value
