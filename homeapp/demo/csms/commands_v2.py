"""Commands of the demo CSMS in OCPP 2.0.1 (edition 3) and 2.1."""

import itertools
from collections.abc import Mapping

from homeapp.demo.csms.link import StationLink
from homeapp.demo.csms.orders import (
    NetworkOrder,
    PeriodOrder,
    ProfileOrder,
    ProfileSelection,
    SoftwareOrder,
    said,
)
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json, Version

_OCPP = {Version.V201: "OCPP20", Version.V21: "OCPP21"}
_remote_starts = itertools.count(1)


class Commands2:
    """To a station that speaks 2.0.1 or 2.1."""

    def __init__(self, link: StationLink) -> None:
        self._link = link

    async def raw(self, action: str, payload: Json) -> Json:
        return await self._link.call(action, payload, checked=False)

    async def set_profile(self, order: ProfileOrder) -> str:
        return await self._status("SetChargingProfile", {"evseId": order.evse, "chargingProfile": _profile(order)})

    async def clear_profiles(self, selection: ProfileSelection) -> str:
        criteria = said(
            evseId=selection.evse,
            chargingProfilePurpose=selection.purpose,
            stackLevel=selection.stack_level,
        )
        payload = said(chargingProfileId=selection.profile_id, chargingProfileCriteria=criteria or None)
        return await self._status("ClearChargingProfile", payload)

    async def get_profiles(self, request_id: int, selection: ProfileSelection) -> str:
        criteria = said(
            chargingProfilePurpose=selection.purpose,
            stackLevel=selection.stack_level,
            chargingProfileId=None if selection.profile_id is None else [selection.profile_id],
        )
        payload = said(requestId=request_id, evseId=selection.evse, chargingProfile=criteria)
        return await self._status("GetChargingProfiles", payload)

    async def composite_schedule(self, evse: int, duration_s: int, unit: str = "W") -> Json:
        payload = {"evseId": evse, "duration": duration_s, "chargingRateUnit": unit}
        return await self._link.call("GetCompositeSchedule", payload)

    async def start(self, token: str, evse: int = 1, profile: ProfileOrder | None = None) -> str:
        payload = said(
            evseId=evse,
            idToken={"idToken": token, "type": "Central"},
            remoteStartId=next(_remote_starts),
            chargingProfile=None if profile is None else _profile(profile),
        )
        return await self._status("RequestStartTransaction", payload)

    async def stop(self, transaction_id: str) -> str:
        return await self._status("RequestStopTransaction", {"transactionId": transaction_id})

    async def update_software(self, order: SoftwareOrder) -> str:
        firmware = said(
            location=order.location,
            retrieveDateTime=rfc3339(order.retrieve_at),
            installDateTime=None if order.install_at is None else rfc3339(order.install_at),
            signingCertificate=order.signing_certificate or None,
            signature=order.signature or None,
        )
        return await self._status("UpdateFirmware", {"requestId": order.request_id, "firmware": firmware})

    async def send_local_list(self, version: int, tokens: Mapping[str, str], *, full: bool = True) -> str:
        entries = [
            {"idToken": {"idToken": token, "type": "ISO14443"}, "idTokenInfo": {"status": status}}
            for token, status in tokens.items()
        ]
        kind = "Full" if full else "Differential"
        payload = said(versionNumber=version, updateType=kind, localAuthorizationList=entries or None)
        return await self._status("SendLocalList", payload)

    async def set_variable(self, name: str, value: str) -> str:
        data = _variable(name) | {"attributeValue": value}
        answer = await self._link.call("SetVariables", {"setVariableData": [data]})
        return str(answer["setVariableResult"][0]["attributeStatus"])

    async def get_variable(self, name: str) -> str | None:
        answer = await self._link.call("GetVariables", {"getVariableData": [_variable(name)]})
        value = answer["getVariableResult"][0].get("attributeValue")
        return None if value is None else str(value)

    async def set_network_profile(self, order: NetworkOrder) -> str:
        data = {
            "ocppVersion": _OCPP[self._link.version],
            "ocppTransport": "JSON",
            "ocppCsmsUrl": order.url,
            "messageTimeout": order.timeout_s,
            "securityProfile": order.security_profile,
            "ocppInterface": order.interface,
        }
        payload = {"configurationSlot": order.slot, "connectionData": data}
        return await self._status("SetNetworkProfile", payload)

    async def install_certificate(self, kind: str, pem: str) -> str:
        return await self._status("InstallCertificate", {"certificateType": kind, "certificate": pem})

    async def trigger(self, message: str, evse: int | None = None) -> str:
        place = None if evse is None else said(id=evse, connectorId=1 if message == "StatusNotification" else None)
        return await self._status("TriggerMessage", said(requestedMessage=message, evse=place))

    async def reset(self, *, when_idle: bool = False) -> str:
        return await self._status("Reset", {"type": "OnIdle" if when_idle else "Immediate"})

    async def unlock(self, evse: int = 1) -> str:
        return await self._status("UnlockConnector", {"evseId": evse, "connectorId": 1})

    async def set_availability(self, *, operative: bool, evse: int = 0) -> str:
        kind = "Operative" if operative else "Inoperative"
        payload = said(operationalStatus=kind, evse={"id": evse} if evse else None)
        return await self._status("ChangeAvailability", payload)

    async def data_transfer(self, vendor: str, message: str, data: str) -> str:
        return await self._status("DataTransfer", {"vendorId": vendor, "messageId": message, "data": data})

    async def update_dynamic_schedule(self, profile_id: int, update: Json) -> str:
        payload = {"chargingProfileId": profile_id, "scheduleUpdate": update}
        return await self._status("UpdateDynamicSchedule", payload)

    async def allow_transfer(self, transaction_id: str, modes: list[str]) -> str:
        payload = {"transactionId": transaction_id, "allowedEnergyTransfer": modes}
        return await self._status("NotifyAllowedEnergyTransfer", payload)

    async def _status(self, action: str, payload: Json) -> str:
        return str((await self._link.call(action, payload))["status"])


def _variable(name: str) -> Json:
    component, _, variable = name.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


def _profile(order: ProfileOrder) -> Json:
    schedule = said(
        id=order.profile_id,
        duration=order.duration_s,
        startSchedule=None if order.start is None else rfc3339(order.start),
        chargingRateUnit=order.unit,
        chargingSchedulePeriod=[_period(period) for period in order.periods],
    )
    return said(
        id=order.profile_id,
        transactionId=order.transaction_id,
        stackLevel=order.stack_level,
        chargingProfilePurpose=order.purpose,
        chargingProfileKind=order.kind,
        recurrencyKind=order.recurrency,
        validFrom=None if order.valid_from is None else rfc3339(order.valid_from),
        validTo=None if order.valid_to is None else rfc3339(order.valid_to),
        maxOfflineDuration=order.max_offline_s,
        invalidAfterOfflineDuration=order.ends_offline,
        chargingSchedule=[schedule],
    )


def _period(order: PeriodOrder) -> Json:
    return said(
        startPeriod=order.start_s,
        limit=order.limit,
        numberPhases=order.phases,
        setpoint=order.setpoint,
        dischargeLimit=order.discharge_limit,
        operationMode=order.mode,
    )
