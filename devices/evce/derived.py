"""The status of a station, derived from independent facts."""

from devices.evce.dialect import Reported
from homeapp.model.readings import EvceStatus

ACTIVE_W = 100.0
"""Less than this is no charging and no feeding but the station's own use and noise."""


def derive_status(
    *, connected: bool, secured: bool, in_transaction: bool, reported: Reported | None, power_w: float | None
) -> EvceStatus:
    """The status that the facts amount to.

    Args:
        connected: the websocket is up.
        secured: the floor is in place.
        in_transaction: a transaction runs.
        reported: what the station says of the transaction or connector, or None.
        power_w: measured lately, or None.
    """
    if not connected:
        return EvceStatus.OFFLINE
    if not secured:
        return EvceStatus.STARTING
    if reported in (Reported.FAULTED, Reported.UNAVAILABLE):
        return EvceStatus.FAULTED
    if in_transaction and power_w is not None and abs(power_w) > ACTIVE_W:
        return EvceStatus.CHARGING if power_w > 0 else EvceStatus.FEEDING
    if reported is None:
        return EvceStatus.PLUGGED if in_transaction else EvceStatus.AVAILABLE
    return _STATUS[reported]


_STATUS = {
    Reported.AVAILABLE: EvceStatus.AVAILABLE,
    Reported.OCCUPIED: EvceStatus.PLUGGED,
    Reported.CHARGING: EvceStatus.CHARGING,
    Reported.SUSPENDED_EV: EvceStatus.SUSPENDED_EV,
    Reported.SUSPENDED_EVSE: EvceStatus.SUSPENDED_EVSE,
    Reported.FINISHING: EvceStatus.FINISHING,
}
