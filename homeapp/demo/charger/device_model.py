"""The device model of the simulated station: components and variables of 2.0.1 and 2.1 (part 2 appendix 3)."""

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.charger.certificates import MOST_ROOTS
from homeapp.demo.charger.charging_profile import MAX_PERIODS, MAX_STACK_LEVEL
from homeapp.demo.charger.dialect import About
from homeapp.demo.charger.local_list import MOST_ENTRIES
from homeapp.demo.charger.measurands import MEASURANDS
from homeapp.demo.charger.network import ATTEMPTS
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.demo.ocpp.schemas import Json, Version

BASIC_AUTH = "SecurityCtrlr.BasicAuthPassword"
NETWORK_PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ORGANISATION = "SecurityCtrlr.OrganizationName"
_KNOBS = {
    "SampledDataCtrlr.TxUpdatedInterval": Knob.SAMPLE_INTERVAL,
    "SampledDataCtrlr.TxUpdatedMeasurands": Knob.MEASURANDS,
    "AlignedDataCtrlr.Interval": Knob.ALIGNED_INTERVAL,
    "OCPPCommCtrlr.HeartbeatInterval": Knob.HEARTBEAT_INTERVAL,
    "TxCtrlr.EVConnectionTimeOut": Knob.CONNECT_TIMEOUT,
    "AuthCtrlr.AuthorizeRemoteStart": Knob.AUTHORIZE_REMOTE,
    "LocalAuthListCtrlr.Enabled": Knob.LOCAL_LIST,
    "AuthCtrlr.LocalPreAuthorize": Knob.PRE_AUTHORIZE,
    "AuthCtrlr.LocalAuthorizeOffline": Knob.AUTHORIZE_OFFLINE,
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": Knob.UNKNOWN_OFFLINE,
}
_FREE = {
    ORGANISATION: "",
    "OCPPCommCtrlr.WebSocketPingInterval": "0",
    "OCPPCommCtrlr.OfflineThreshold": "0",
    "OCPPCommCtrlr.MessageTimeout": "30",
    "OCPPCommCtrlr.MessageAttempts": "3",
    "OCPPCommCtrlr.MessageAttemptInterval": "30",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "1",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "3",
    "OCPPCommCtrlr.ResetRetries": "1",
    "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "true",
    "SmartChargingCtrlr.LimitChangeSignificance": "10",
    "SecurityCtrlr.CertSigningWaitMinimum": "30",
    "SecurityCtrlr.CertSigningRepeatTimes": "2",
    "TxCtrlr.StopTxOnEVSideDisconnect": "true",
    "TxCtrlr.StopTxOnInvalidId": "true",
    "ClockCtrlr.TimeZone": "Etc/UTC",
}
_ON_THE_EVSE = ("EVSE", "Connector")
_LISTS = ("TxStartPoint", "TxStopPoint", "RateUnit", "Measurands", "Priority", "Modes", "Purposes", "Protocols")


def device_settings(version: Version, about: About, abilities: Abilities) -> Settings:
    """Everything that can be read and set, as it comes from the factory."""
    fixed = _fixed(about, abilities) | _smart_charging(abilities)
    if version is Version.V21:
        fixed |= {
            "SmartChargingCtrlr.SupportsDynamicProfiles": "true",
            "SmartChargingCtrlr.SupportsUseLocalTime": "false",
            "SmartChargingCtrlr.SupportsRandomizedDelay": "false",
            "SmartChargingCtrlr.SupportsLimitAtSoC": "false",
            "SmartChargingCtrlr.SupportsEvseSleep": "false",
            "SmartChargingCtrlr.SupportedAdditionalPurposes": "PriorityCharging,LocalGeneration",
            "V2XChargingCtrlr.Available": "true",
            "V2XChargingCtrlr.Enabled": "true",
            "V2XChargingCtrlr.SupportedOperationModes": "ChargingOnly,CentralSetpoint,Idle",
            "V2XChargingCtrlr.SupportedEnergyTransferModes": "AC_single_phase,AC_three_phase,AC_BPT",
            "EVSE.DCInputPhaseControl": "false",
            "TxCtrlr.ResumptionTimeout": "3600",
        }
    return Settings(_KNOBS, fixed, _FREE)


def report_data(name: str, settings: Settings) -> Json:
    """What NotifyReport says of one variable."""
    component, _, variable = name.partition(".")
    place: Json = {"name": component}
    if component in _ON_THE_EVSE:
        place["evse"] = {"id": 1} | ({"connectorId": 1} if component == "Connector" else {})
    attribute: Json = {"mutability": "ReadOnly" if settings.read_only(name) else "ReadWrite", "persistent": True}
    value = settings.get(name) or ""
    if name == BASIC_AUTH:
        attribute["mutability"] = "WriteOnly"
    else:
        attribute["value"] = value
    if name == NETWORK_PRIORITY:
        attribute["mutability"] = "ReadWrite"
    return {
        "component": place,
        "variable": {"name": variable},
        "variableAttribute": [attribute],
        "variableCharacteristics": {"dataType": _kind(variable, value), "supportsMonitoring": False},
    }


def _kind(variable: str, value: str) -> str:
    if variable.endswith(_LISTS):
        return "SequenceList" if variable.endswith("Priority") else "MemberList"
    if value in ("true", "false"):
        return "boolean"
    return "integer" if value.isascii() and value.isdigit() else "string"


def _fixed(about: About, abilities: Abilities) -> dict[str, str]:
    return {
        "ChargingStation.Available": "true",
        "ChargingStation.Model": about.model,
        "ChargingStation.VendorName": about.vendor,
        "ChargingStation.SerialNumber": about.station_id,
        "ChargingStation.SupplyPhases": str(abilities.phases),
        "EVSE.Available": "true",
        "EVSE.SupplyPhases": str(abilities.phases),
        "EVSE.Power": str(round(abilities.wiring.phase_w * abilities.phases)),
        "Connector.Available": "true",
        "Connector.ConnectorType": "sType2",
        "Connector.SupplyPhases": str(abilities.phases),
        "Connector.PhaseRotation": abilities.phase_rotation,
        "SecurityCtrlr.Identity": about.station_id,
        "SecurityCtrlr.CertificateEntries": str(MOST_ROOTS),
        "SecurityCtrlr.AdditionalRootCertificateCheck": "false",
        "TxCtrlr.TxStartPoint": "PowerPathClosed",
        "TxCtrlr.TxStopPoint": "PowerPathClosed",
        "AuthCtrlr.Enabled": "true",
        "AuthCacheCtrlr.Available": "true",
        "AuthCacheCtrlr.Enabled": "false",
        "LocalAuthListCtrlr.Available": "true",
        "LocalAuthListCtrlr.ItemsPerMessage": str(MOST_ENTRIES),
        "LocalAuthListCtrlr.BytesPerMessage": "65536",
        "LocalAuthListCtrlr.Storage": str(MOST_ENTRIES),
        "DeviceDataCtrlr.ItemsPerMessage": "64",
        "DeviceDataCtrlr.BytesPerMessage": "65536",
        "OCPPCommCtrlr.NetworkProfileConnectionAttempts": str(ATTEMPTS),
        "OCPPCommCtrlr.FileTransferProtocols": "HTTPS",
        "SampledDataCtrlr.Available": "true",
        "SampledDataCtrlr.Enabled": "true",
        "SampledDataCtrlr.RegisterValuesWithoutPhases": "true",
        "SampledDataCtrlr.TxStartedMeasurands": ",".join(MEASURANDS),
        "SampledDataCtrlr.TxEndedMeasurands": ",".join(MEASURANDS),
        "ReservationCtrlr.Available": "false",
        "ISO15118Ctrlr.Available": "false",
        "ClockCtrlr.TimeSource": "Heartbeat",
    }


def _smart_charging(abilities: Abilities) -> dict[str, str]:
    switching = str(abilities.phase_switching is not PhaseSwitching.NONE and abilities.phases > 1).lower()
    return {
        "SmartChargingCtrlr.Available": "true",
        "SmartChargingCtrlr.Enabled": "true",
        "SmartChargingCtrlr.Entries": str(abilities.max_profiles),
        "SmartChargingCtrlr.ProfileStackLevel": str(MAX_STACK_LEVEL),
        "SmartChargingCtrlr.PeriodsPerSchedule": str(MAX_PERIODS),
        "SmartChargingCtrlr.RateUnit": ",".join(abilities.rate_units),
        "SmartChargingCtrlr.ACPhaseSwitchingSupported": switching,
        "SmartChargingCtrlr.Phases3to1": switching,
        "SmartChargingCtrlr.ExternalControlSignalsEnabled": "false",
        "SmartChargingCtrlr.NotifyChargingLimitWithSchedules": "false",
    }
