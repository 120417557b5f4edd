"""OCPP 2.0.1 and 2.1, spoken by the simulated station: what it answers about its variables and their monitors."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeapp.demo.charger.device_model import BASIC_AUTH, NETWORK_PRIORITY, report_data
from homeapp.demo.charger.dialect import Handler, Operations
from homeapp.demo.charger.settings import Verdict
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json, Version

_SHORTEST_PASSWORD = 16
_LONGEST_PASSWORD = {Version.V201: 40, Version.V21: 64}
_PER_REPORT = 32
_SUMMARY = ("Available", "AvailabilityState", "Enabled")
_SETTLED = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.REJECTED: "Rejected",
    Verdict.READ_ONLY: "Rejected",
}


def _set_variables(payload: Json, station: Operations) -> Json:
    return {"setVariableResult": [_set_variable(data, station) for data in payload["setVariableData"]]}


def _set_variable(data: Json, station: Operations) -> Json:
    name, value = _name(data), data["attributeValue"]
    if data.get("attributeType", "Actual") != "Actual":
        status = "NotSupportedAttributeType"
    elif name == BASIC_AUTH:
        status = "Rejected"
        if _SHORTEST_PASSWORD <= len(value) <= _LONGEST_PASSWORD[station.version]:
            station.new_password(value.encode())
            status = "Accepted"
    elif name == NETWORK_PRIORITY:
        # B09.FR.21: it takes a restart to come to be.
        status = "RebootRequired" if station.network.prioritise(value) else "Rejected"
    else:
        status = _SETTLED.get(station.settings.set(name, value)) or _unknown(name, station)
    return _about_variable(data, status)


def _get_variables(payload: Json, station: Operations) -> Json:
    return {"getVariableResult": [_get_variable(data, station) for data in payload["getVariableData"]]}


def _get_variable(data: Json, station: Operations) -> Json:
    name = _name(data)
    value = station.settings.get(name)
    if data.get("attributeType", "Actual") != "Actual":
        return _about_variable(data, "NotSupportedAttributeType")
    if value is not None:
        return _about_variable(data, "Accepted") | {"attributeValue": value}
    # The password is write-only.
    return _about_variable(data, "Rejected" if name == BASIC_AUTH else _unknown(name, station))


def _name(data: Mapping[str, Any]) -> str:
    return f"{data['component']['name']}.{data['variable']['name']}"


def _unknown(name: str, station: Operations) -> str:
    component = name.partition(".")[0]
    known = any(other.partition(".")[0] == component for other in (*station.settings.names, BASIC_AUTH))
    return "UnknownVariable" if known else "UnknownComponent"


def _about_variable(data: Json, status: str) -> Json:
    return {"attributeStatus": status, "component": data["component"], "variable": data["variable"]}


def _base_report(payload: Json, station: Operations) -> Json:
    names = [*station.settings.names, BASIC_AUTH]
    if payload["reportBase"] == "SummaryInventory":
        names = [name for name in names if name.partition(".")[2] in _SUMMARY]
    _send_report(payload["requestId"], names, station)
    return {"status": "Accepted"}


def _report(payload: Json, station: Operations) -> Json:
    wanted = payload.get("componentVariable", ())
    names = [
        name
        for name in (*station.settings.names, BASIC_AUTH)
        if not wanted or any(_matches(entry, *name.split(".", 1)) for entry in wanted)
    ]
    if not names:
        return {"status": "EmptyResultSet"}
    _send_report(payload["requestId"], names, station)
    return {"status": "Accepted"}


def _matches(entry: Json, component: str, variable: str) -> bool:
    asked = entry.get("variable", {}).get("name")
    return bool(entry["component"]["name"] == component and asked in (None, variable))


def _send_report(request_id: int, names: Sequence[str], station: Operations) -> None:
    parts = [names[start : start + _PER_REPORT] for start in range(0, len(names), _PER_REPORT)]
    for number, part in enumerate(parts):
        report: Json = {
            "requestId": request_id,
            "generatedAt": rfc3339(station.now()),
            "seqNo": number,
            "tbc": number < len(parts) - 1,
            "reportData": [report_data(name, station.settings) for name in part],
        }
        station.say("NotifyReport", report)


def _monitor(payload: Json, station: Operations) -> Json:
    return {"setMonitoringResult": [_one_monitor(data, station) for data in payload["setMonitoringData"]]}


def _one_monitor(data: Json, station: Operations) -> Json:
    about = {name: data[name] for name in ("type", "severity", "component", "variable")}
    params = data.get("periodicEventStream")
    if not station.streams.known(_name(data)):
        return about | {"status": "UnknownVariable"}
    # All that it monitors is what it streams.
    if station.version is not Version.V21 or params is None or data["type"] != "Periodic":
        return about | {"status": "UnsupportedMonitorType"}
    stream = station.streams.monitor(_name(data), params)
    station.say("OpenPeriodicEventStream", {"constantStreamData": stream.to_json()})
    return about | {"status": "Accepted", "id": stream.monitor_id}


def _clear_monitors(payload: Json, station: Operations) -> Json:
    results = []
    for number in payload["id"]:
        closed = station.streams.close(number)
        if closed:
            station.say("ClosePeriodicEventStream", {"id": number})
        results.append({"id": number, "status": "Accepted" if closed else "NotFound"})
    return {"clearMonitoringResult": results}


VARIABLE_ANSWERS: Mapping[str, Handler] = {
    "SetVariables": _set_variables,
    "GetVariables": _get_variables,
    "GetBaseReport": _base_report,
    "GetReport": _report,
    "SetVariableMonitoring": _monitor,
    "ClearVariableMonitoring": _clear_monitors,
}
