"""What a station and the car at it can do, of what is known of both."""

from dataclasses import dataclass

from devices.evce.capability import Capability
from devices.evce.dialect import ChargingNeeds
from devices.evce.feeding import feed_refusal, station_refusal
from devices.evce.profiles import StationLimits, Unit
from devices.evce.schemas import Version
from homeapp.model.readings import EvceCapabilities, LimitControl


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What abilities follow from.

    Attributes:
        version: spoken with the station, or None before it came.
        capability: of the station, or None before it was asked.
        needed: what the car has told of its wishes, or None.
        uncontrolled: it takes no limit at all.
        static: it takes none but the floor that it has.
        unit: in which it has taken a limit, or None.
    """

    version: Version | None
    capability: Capability | None
    needed: ChargingNeeds | None
    uncontrolled: bool
    static: bool
    unit: Unit | None


class Abilities:
    """Those at one station; they change rarely, and are asked for with every message."""

    def __init__(self, limits: StationLimits) -> None:
        self._limits = limits
        self._newest: tuple[Known | None, EvceCapabilities | None] = (None, None)

    def of(self, known: Known) -> EvceCapabilities | None:
        """What follows from that; None before the station came."""
        if known != self._newest[0]:
            self._newest = known, self._made(known)
        return self._newest[1]

    def _made(self, known: Known) -> EvceCapabilities | None:
        if known.version is None:
            return None
        needs, station = known.needed or ChargingNeeds(), known.capability or Capability()
        circuit_w = self._limits.watts(self._limits.max_current_a)
        unit = known.unit or station.unit
        refusal = feed_refusal(known.version, known.capability, known.needed)
        return EvceCapabilities(
            protocol=known.version.value,
            can_feed=refusal is None,
            max_charge_w=min(circuit_w, needs.max_charge_w or circuit_w),
            max_feed_w=None if refusal is not None or needs.max_feed_w is None else min(circuit_w, needs.max_feed_w),
            phases=self._limits.phases,
            control=_control(known, station),
            phase_switching=station.phase_switching and self._limits.phases > 1,
            feed_refusal=refusal,
            in_watts=unit is Unit.WATT and self._limits.phases > 1,
            charger_can_feed=station_refusal(known.version, known.capability) is None,
        )


def _control(known: Known, station: Capability) -> LimitControl:
    if known.uncontrolled:
        return LimitControl.NONE
    return LimitControl.STATIC if known.static else station.control
