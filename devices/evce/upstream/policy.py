"""What becomes of each message between a station and its CSMS: one table of (version, direction, action).

OCPP 2.1 part 4 chapter 6 wants a local controller to relay everything. The hub does so but for what it has to keep to
itself: the settings of its own leg to the station (A00, A05, M05), and everything that decides about power.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from devices.evce.fields import Payload
from devices.evce.schemas import Version
from devices.evce.upstream.own_leg import (
    asks_about_the_leg,
    certifies_the_leg,
    changes_the_leg,
    has_profile,
    outside_transactions,
    trusts_on_the_leg,
)


class Direction(StrEnum):
    """Which way a message goes."""

    UP = "up"
    """from the station"""
    DOWN = "down"
    """from the CSMS"""


class Treatment(StrEnum):
    """What becomes of a message."""

    RELAY = "relay"
    """passed on byte for byte; the answer is the other side's"""
    OUTBOX = "outbox"
    """passed on at once where that is possible; else kept durably, answered by the hub and passed on later, in order"""
    MIRROR = "mirror"
    """answered by the hub; a copy is passed on while there is a way, and may be lost"""
    LOCAL = "local"
    """between the hub and that side alone"""
    TERMINATE = "terminate"
    """ends at the hub with a refusal"""
    CLAMP = "clamp"
    """kept and carried out by the hub within its own limits; the station does not get it"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one action.

    Attributes:
        treatment: of most payloads.
        but: of the payloads for which ``where`` holds, instead.
        where: looks at a payload that may hold anything.
        reason, sentence: why TERMINATE; see ``port.Refused``.
        checked: software for the station, looked at before it is passed on.
        commands: starts or stops charging, so only while the provider is in control.
    """

    treatment: Treatment
    but: Treatment | None = None
    where: Callable[[Payload], bool] = lambda _payload: False
    reason: str = ""
    sentence: str = ""
    checked: bool = False
    commands: bool = False

    def of(self, payload: Payload) -> Treatment:
        """The treatment of this payload."""
        return self.but if self.but is not None and self.where(payload) else self.treatment

    @property
    def may_be(self) -> frozenset[Treatment]:
        """All treatments that it knows."""
        return frozenset({self.treatment} if self.but is None else {self.treatment, self.but})


def rule(version: Version, direction: Direction, action: str) -> Rule | None:
    """The rule for an action, or None for one that the standard does not know in this version and direction."""
    return TABLE[version, direction].get(action)


@functools.cache
def known_actions() -> frozenset[str]:
    """All actions of all versions, in small letters."""
    return frozenset(action.casefold() for actions in TABLE.values() for action in actions)


_RELAY, _OUTBOX, _MIRROR = Rule(Treatment.RELAY), Rule(Treatment.OUTBOX), Rule(Treatment.MIRROR)
_LOCAL, _CLAMP = Rule(Treatment.LOCAL), Rule(Treatment.CLAMP)
_COMMAND = Rule(Treatment.RELAY, commands=True)
_START = Rule(Treatment.RELAY, Treatment.CLAMP, has_profile, commands=True)
_SOFTWARE = Rule(Treatment.RELAY, checked=True)
_LEG = "The hub stands between the station and this CSMS; its own leg to the station is not for others to change."


def _leg(
    where: Callable[[Payload], bool] | None = None,
    otherwise: Treatment = Treatment.RELAY,
    reason: str = "NotAllowed",
    sentence: str = _LEG,
) -> Rule:
    if where is None:
        return Rule(Treatment.TERMINATE, reason=reason, sentence=sentence)
    return Rule(otherwise, Treatment.TERMINATE, where, reason=reason, sentence=sentence)


_SETTINGS = _leg(changes_the_leg)
# Which certificate is meant can only be told by whoever knows the hub's.
_DELETE = Rule(Treatment.RELAY, Treatment.TERMINATE, reason="NotAllowed", sentence=_LEG)
_ROOT = _leg(trusts_on_the_leg)
_SIGNED = _leg(certifies_the_leg)
_CERTIFICATE = Rule(Treatment.RELAY, Treatment.LOCAL, certifies_the_leg)
_TRIGGER = Rule(Treatment.RELAY, Treatment.LOCAL, asks_about_the_leg)
_PUBLISH = _leg(reason="UnsupportedRequest", sentence="The hub does not keep software for stations.")

_UP_16: Mapping[str, Rule] = {
    "Authorize": _RELAY,
    "BootNotification": _MIRROR,
    "DataTransfer": _RELAY,
    "DiagnosticsStatusNotification": _MIRROR,
    "FirmwareStatusNotification": _OUTBOX,
    "Heartbeat": _LOCAL,
    "LogStatusNotification": _MIRROR,
    "MeterValues": Rule(Treatment.OUTBOX, Treatment.MIRROR, outside_transactions),
    "SecurityEventNotification": _OUTBOX,
    # The only certificate of 1.6 is the one for the hub's leg.
    "SignCertificate": _LOCAL,
    "SignedFirmwareStatusNotification": _OUTBOX,
    "StartTransaction": _OUTBOX,
    "StatusNotification": _MIRROR,
    "StopTransaction": _OUTBOX,
}
_DOWN_16: Mapping[str, Rule] = {
    "CancelReservation": _RELAY,
    "CertificateSigned": _leg(),
    "ChangeAvailability": _RELAY,
    "ChangeConfiguration": _SETTINGS,
    "ClearCache": _RELAY,
    "ClearChargingProfile": _CLAMP,
    "DataTransfer": _RELAY,
    "DeleteCertificate": _DELETE,
    "ExtendedTriggerMessage": _TRIGGER,
    "GetCompositeSchedule": _CLAMP,
    "GetConfiguration": _RELAY,
    "GetDiagnostics": _RELAY,
    "GetInstalledCertificateIds": _RELAY,
    "GetLocalListVersion": _RELAY,
    "GetLog": _RELAY,
    "InstallCertificate": _ROOT,
    "RemoteStartTransaction": _START,
    "RemoteStopTransaction": _COMMAND,
    "ReserveNow": _RELAY,
    "Reset": _RELAY,
    "SendLocalList": _RELAY,
    "SetChargingProfile": _CLAMP,
    "SignedUpdateFirmware": _SOFTWARE,
    "TriggerMessage": _TRIGGER,
    "UnlockConnector": _RELAY,
    "UpdateFirmware": _SOFTWARE,
}
_UP_201: Mapping[str, Rule] = {
    "Authorize": _RELAY,
    "BootNotification": _MIRROR,
    "ClearedChargingLimit": _MIRROR,
    "DataTransfer": _RELAY,
    "FirmwareStatusNotification": _OUTBOX,
    "Get15118EVCertificate": _RELAY,
    "GetCertificateStatus": _RELAY,
    "Heartbeat": _LOCAL,
    "LogStatusNotification": _MIRROR,
    "MeterValues": _MIRROR,
    "NotifyChargingLimit": _MIRROR,
    "NotifyCustomerInformation": _MIRROR,
    "NotifyDisplayMessages": _MIRROR,
    "NotifyEVChargingNeeds": _RELAY,
    "NotifyEVChargingSchedule": _RELAY,
    "NotifyEvent": _MIRROR,
    "NotifyMonitoringReport": _MIRROR,
    "NotifyReport": _MIRROR,
    "PublishFirmwareStatusNotification": _LOCAL,
    # The station holds the hub's profiles only; the provider's are reported by the hub.
    "ReportChargingProfiles": _LOCAL,
    "ReservationStatusUpdate": _MIRROR,
    "SecurityEventNotification": _OUTBOX,
    "SignCertificate": _CERTIFICATE,
    "StatusNotification": _MIRROR,
    "TransactionEvent": _OUTBOX,
}
_DOWN_201: Mapping[str, Rule] = {
    "CancelReservation": _RELAY,
    "CertificateSigned": _SIGNED,
    "ChangeAvailability": _RELAY,
    "ClearCache": _RELAY,
    "ClearChargingProfile": _CLAMP,
    "ClearDisplayMessage": _RELAY,
    "ClearVariableMonitoring": _RELAY,
    "CostUpdated": _RELAY,
    "CustomerInformation": _RELAY,
    "DataTransfer": _RELAY,
    "DeleteCertificate": _DELETE,
    "GetBaseReport": _RELAY,
    "GetChargingProfiles": _CLAMP,
    "GetCompositeSchedule": _CLAMP,
    "GetDisplayMessages": _RELAY,
    "GetInstalledCertificateIds": _RELAY,
    "GetLocalListVersion": _RELAY,
    "GetLog": _RELAY,
    "GetMonitoringReport": _RELAY,
    "GetReport": _RELAY,
    "GetTransactionStatus": _RELAY,
    "GetVariables": _RELAY,
    "InstallCertificate": _ROOT,
    "PublishFirmware": _PUBLISH,
    "RequestStartTransaction": _START,
    "RequestStopTransaction": _COMMAND,
    "ReserveNow": _RELAY,
    "Reset": _RELAY,
    "SendLocalList": _RELAY,
    "SetChargingProfile": _CLAMP,
    "SetDisplayMessage": _RELAY,
    "SetMonitoringBase": _RELAY,
    "SetMonitoringLevel": _RELAY,
    "SetNetworkProfile": _leg(),
    "SetVariableMonitoring": _RELAY,
    "SetVariables": _SETTINGS,
    "TriggerMessage": _TRIGGER,
    "UnlockConnector": _RELAY,
    "UnpublishFirmware": _PUBLISH,
    "UpdateFirmware": _SOFTWARE,
}
_UP_21: Mapping[str, Rule] = {
    **_UP_201,
    "BatterySwap": _OUTBOX,
    "ClosePeriodicEventStream": _RELAY,
    "GetCertificateChainStatus": _RELAY,
    "NotifyDERAlarm": _MIRROR,
    "NotifyDERStartStop": _MIRROR,
    "NotifyPeriodicEventStream": _MIRROR,
    "NotifyPriorityCharging": _MIRROR,
    "NotifySettlement": _RELAY,
    "OpenPeriodicEventStream": _RELAY,
    "PullDynamicScheduleUpdate": _LOCAL,
    "ReportDERControl": _LOCAL,
    "VatNumberValidation": _RELAY,
}
_DOWN_21: Mapping[str, Rule] = {
    **_DOWN_201,
    "AFRRSignal": _CLAMP,
    "AdjustPeriodicEventStream": _RELAY,
    "ChangeTransactionTariff": _RELAY,
    "ClearDERControl": _CLAMP,
    "ClearTariffs": _RELAY,
    "GetDERControl": _CLAMP,
    "GetPeriodicEventStream": _RELAY,
    "GetTariffs": _RELAY,
    "NotifyAllowedEnergyTransfer": _RELAY,
    "NotifyWebPaymentStarted": _RELAY,
    "RequestBatterySwap": _RELAY,
    "SetDERControl": _CLAMP,
    "SetDefaultTariff": _RELAY,
    "UpdateDynamicSchedule": _CLAMP,
    "UsePriorityCharging": _CLAMP,
}
TABLE: Mapping[tuple[Version, Direction], Mapping[str, Rule]] = {
    (Version.V16, Direction.UP): _UP_16,
    (Version.V16, Direction.DOWN): _DOWN_16,
    (Version.V201, Direction.UP): _UP_201,
    (Version.V201, Direction.DOWN): _DOWN_201,
    (Version.V21, Direction.UP): _UP_21,
    (Version.V21, Direction.DOWN): _DOWN_21,
}
