"""Commands of the demo CSMS in OCPP 1.6 (edition 2 with the security whitepaper)."""

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
from homeapp.demo.ocpp.schemas import Json

_PURPOSES = {"ChargingStationMaxProfile": "ChargePointMaxProfile"}


class Commands16:
    """To a station that speaks 1.6."""

    def __init__(self, link: StationLink) -> None:
        self._link = link

    async def raw(self, action: str, payload: Json) -> Json:
        return await self._link.call(action, payload, checked=False)

    async def set_profile(self, order: ProfileOrder) -> str:
        return await self._status(
            "SetChargingProfile", {"connectorId": order.evse, "csChargingProfiles": _profile(order)}
        )

    async def clear_profiles(self, selection: ProfileSelection) -> str:
        purpose = selection.purpose
        return await self._status(
            "ClearChargingProfile",
            said(
                id=selection.profile_id,
                connectorId=selection.evse,
                chargingProfilePurpose=None if purpose is None else _PURPOSES.get(purpose, purpose),
                stackLevel=selection.stack_level,
            ),
        )

    async def get_profiles(self, _request_id: int, _selection: ProfileSelection) -> str:
        raise ValueError("OCPP 1.6 has no GetChargingProfiles")

    async def composite_schedule(self, evse: int, duration_s: int, unit: str = "W") -> Json:
        payload = {"connectorId": evse, "duration": duration_s, "chargingRateUnit": unit}
        return await self._link.call("GetCompositeSchedule", payload)

    async def start(self, token: str, evse: int = 1, profile: ProfileOrder | None = None) -> str:
        payload: Json = {"connectorId": evse, "idTag": token}
        if profile is not None:
            payload["chargingProfile"] = _profile(profile)
        return await self._status("RemoteStartTransaction", payload)

    async def stop(self, transaction_id: str) -> str:
        return await self._status("RemoteStopTransaction", {"transactionId": int(transaction_id)})

    async def update_software(self, order: SoftwareOrder) -> str:
        retrieve = rfc3339(order.retrieve_at)
        if not order.signature:
            await self._link.call("UpdateFirmware", {"location": order.location, "retrieveDate": retrieve})
            return ""
        firmware = said(
            location=order.location,
            retrieveDateTime=retrieve,
            installDateTime=None if order.install_at is None else rfc3339(order.install_at),
            signingCertificate=order.signing_certificate,
            signature=order.signature,
        )
        return await self._status("SignedUpdateFirmware", {"requestId": order.request_id, "firmware": firmware})

    async def send_local_list(self, version: int, tokens: Mapping[str, str], *, full: bool = True) -> str:
        entries = [{"idTag": token, "idTagInfo": {"status": status}} for token, status in tokens.items()]
        kind = "Full" if full else "Differential"
        payload = {"listVersion": version, "updateType": kind, "localAuthorizationList": entries}
        return await self._status("SendLocalList", payload)

    async def set_variable(self, name: str, value: str) -> str:
        return await self._status("ChangeConfiguration", {"key": name, "value": value})

    async def get_variable(self, name: str) -> str | None:
        answer = await self._link.call("GetConfiguration", {"key": [name]})
        return next((entry.get("value") for entry in answer.get("configurationKey", ())), None)

    async def set_network_profile(self, _order: NetworkOrder) -> str:
        raise ValueError("OCPP 1.6 has no SetNetworkProfile")

    async def install_certificate(self, kind: str, pem: str) -> str:
        # The whitepaper has these two words only.
        use = "CentralSystemRootCertificate" if kind == "CSMSRootCertificate" else "ManufacturerRootCertificate"
        return await self._status("InstallCertificate", {"certificateType": use, "certificate": pem})

    async def trigger(self, message: str, evse: int | None = None) -> str:
        return await self._status("TriggerMessage", said(requestedMessage=message, connectorId=evse))

    async def reset(self, *, when_idle: bool = False) -> str:
        return await self._status("Reset", {"type": "Soft" if when_idle else "Hard"})

    async def unlock(self, evse: int = 1) -> str:
        return await self._status("UnlockConnector", {"connectorId": evse})

    async def set_availability(self, *, operative: bool, evse: int = 0) -> str:
        kind = "Operative" if operative else "Inoperative"
        return await self._status("ChangeAvailability", {"connectorId": evse, "type": kind})

    async def data_transfer(self, vendor: str, message: str, data: str) -> str:
        return await self._status("DataTransfer", {"vendorId": vendor, "messageId": message, "data": data})

    async def update_dynamic_schedule(self, _profile_id: int, _update: Json) -> str:
        raise ValueError("OCPP 1.6 has no UpdateDynamicSchedule")

    async def allow_transfer(self, _transaction_id: str, _modes: list[str]) -> str:
        raise ValueError("OCPP 1.6 has no NotifyAllowedEnergyTransfer")

    async def _status(self, action: str, payload: Json) -> str:
        return str((await self._link.call(action, payload))["status"])


def _profile(order: ProfileOrder) -> Json:
    schedule = said(
        duration=order.duration_s,
        startSchedule=None if order.start is None else rfc3339(order.start),
        chargingRateUnit=order.unit,
        chargingSchedulePeriod=[_period(period) for period in order.periods],
    )
    return said(
        chargingProfileId=order.profile_id,
        transactionId=None if order.transaction_id is None else int(order.transaction_id),
        stackLevel=order.stack_level,
        chargingProfilePurpose=_PURPOSES.get(order.purpose, order.purpose),
        chargingProfileKind=order.kind,
        recurrencyKind=order.recurrency,
        validFrom=None if order.valid_from is None else rfc3339(order.valid_from),
        validTo=None if order.valid_to is None else rfc3339(order.valid_to),
        chargingSchedule=schedule,
    )


def _period(order: PeriodOrder) -> Json:
    if order.limit is None or (order.setpoint, order.discharge_limit, order.mode) != (None, None, None):
        raise ValueError("a period of OCPP 1.6 has a limit and nothing of power feed")
    return said(startPeriod=order.start_s, limit=order.limit, numberPhases=order.phases)
