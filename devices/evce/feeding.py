"""Whether station and car can feed power back (V2X), and in words why not."""

from devices.evce.capability import Capability
from devices.evce.dialect import ChargingNeeds
from devices.evce.schemas import Version

FEED_MODES = ("AC_BPT", "AC_BPT_DER", "DC_BPT", "DC_ACDP_BPT")
"""Energy transfer modes of OCPP 2.1 that go both ways."""
TRANSFER_MODES = ("AC_single_phase", "AC_two_phase", "AC_three_phase", "DC", "AC_BPT", "DC_BPT")
"""What a car may negotiate at this home (Q01.FR.01). Power flows back only under a setpoint of the hub."""

_OLD = "The charger speaks {version}, which cannot ask a car to feed power."
_NO_CAR = "No car has told the charger yet whether it can feed power."
_SILENT_CAR = "The car has not said that it can feed power."
_ONE_WAY_CAR = "The car has asked for charging only. Allow power feed in the car's own settings."
_ONE_WAY_STATION = "The charger allows charging only. Allow power feed in the charger's own settings."
_NO_MODE = "The charger's data sheet of itself names no way of feeding power."
_NO_SETPOINT = "The charger feeds power by rules of its own only and follows no setpoint of the hub."
_NO_LINK = (
    "The charger and the car are connected by IEC 61851 signalling only, without a data link, so the car cannot be "
    "asked to feed power."
)
_NAMES = {Version.V16: "OCPP 1.6", Version.V201: "OCPP 2.0.1"}


def feed_refusal(version: Version, capability: Capability | None, needs: ChargingNeeds | None) -> str | None:
    """A sentence that says why power cannot be fed, or None where it can.

    Args:
        version: spoken with the station.
        capability: of the station, or None while unknown.
        needs: what the car has told, or None.
    """
    refusal = station_refusal(version, capability)
    if refusal is not None:
        return refusal
    if needs is None:
        return _NO_CAR
    if not needs.max_feed_w:
        return _SILENT_CAR
    if needs.transfer and needs.transfer not in FEED_MODES:
        return _ONE_WAY_CAR
    return None


def station_refusal(version: Version, capability: Capability | None) -> str | None:
    """The same of the station alone, whatever the car can."""
    if version is not Version.V21:
        return _OLD.format(version=_NAMES[version])
    station = capability or Capability()
    if station.feeds is False:
        return _ONE_WAY_STATION
    if station.iso15118 is False:
        return _NO_LINK
    if station.feed_modes and not set(station.feed_modes) & set(FEED_MODES):
        return _NO_MODE
    if station.operation_modes and "CentralSetpoint" not in station.operation_modes:
        return _NO_SETPOINT
    return None
