"""What one station can do: asked once for each vendor, model and firmware, and otherwise learnt by use.

What stations of a make say of themselves is kept for the next one of that make; what use teaches of a station stays
with it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from devices.evce.fields import number
from devices.evce.profiles import Begin, Unit
from homeapp.model.readings import LimitControl

REFUSALS_TO_BELIEVE = 2
"""A TxProfile that was refused in so many charges running is not tried again before there is new firmware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a station says of itself, and what the hub has learnt; what is not known is None or the usual.

    Attributes:
        made_by: vendor, model and firmware that this is known of.
        protocol: in which it was asked.
        probed: the station was asked.
        units: chargingRateUnits that it takes; empty where it does not tell.
        max_stack_level: highest stackLevel, or None.
        max_profiles: profiles that it can keep, or None.
        smart_charging: False where it says that it has none; what counts is whether it takes the floor.
        phase_switching: it changes between three phases and one during a charge.
        phase_choice: it can be told which phase to use (K01.FR.19).
        dynamic: profiles of kind Dynamic are supported (2.1).
        feeds: power feed is enabled (2.1), or None.
        iso15118: it talks to cars over a data link, or None.
        feed_modes: energy transfer modes that it supports (2.1); empty where it does not tell.
        operation_modes: the same of operation modes.
        connectors: number of them as it says, or None.
        evses: number of them that have shown themselves.
        ping_interval_s: WebSocketPingInterval, or None.
        ping_every_s: so often it was found to bear a ping of the hub, s; 0 for none, None while the usual does.
        measurands: that it samples.
        limit_change_pct: LimitChangeSignificance, %, or None.
        tx_refusals: charges running in which it refused a leased TxProfile and took a TxDefaultProfile.
        keeps_maximum: it keeps a limit for the whole station, or None while that was not tried.
        floor_begin, max_begin: how the floor and the maximum must begin for it to take and heed them.
        floor_in_vain, max_in_vain: no beginning made it heed them; it is not tried again before there is new firmware.
        out_of_service: the hub has made it inoperative and has to make it operative again.
    """

    made_by: tuple[str, str, str] = ("", "", "")
    protocol: str = ""
    probed: bool = False
    units: tuple[Unit, ...] = ()
    max_stack_level: int | None = None
    max_profiles: int | None = None
    smart_charging: bool = True
    phase_switching: bool = False
    phase_choice: bool = False
    dynamic: bool = False
    feeds: bool | None = None
    iso15118: bool | None = None
    feed_modes: tuple[str, ...] = ()
    operation_modes: tuple[str, ...] = ()
    connectors: int | None = None
    evses: int = 1
    ping_interval_s: int | None = None
    ping_every_s: float | None = None
    measurands: tuple[str, ...] = ()
    limit_change_pct: float | None = None
    tx_refusals: int = 0
    keeps_maximum: bool | None = None
    floor_begin: Begin = Begin.EPOCH
    max_begin: Begin = Begin.EPOCH
    floor_in_vain: bool = False
    max_in_vain: bool = False
    out_of_service: bool = False

    @property
    def unit(self) -> Unit:
        """The unit to try first."""
        return self.units[0] if len(self.units) == 1 else Unit.AMPERE

    @property
    def leases(self) -> bool:
        """A leased TxProfile is worth a try."""
        return self.tx_refusals < REFUSALS_TO_BELIEVE

    @property
    def leased_stack_level(self) -> int | None:
        """Where a leased TxDefaultProfile goes above the floor; None where there is no room for one."""
        if self.max_stack_level == 0 or (self.max_profiles is not None and self.max_profiles < 2):
            return None
        return self.max_stack_level or 1

    @property
    def bounded(self) -> bool:
        """It heeds a limit for the whole station."""
        return self.keeps_maximum is True and not self.max_in_vain

    @property
    def control(self) -> LimitControl:
        """How finely it can be limited where it takes the floor, as far as is known."""
        if self.leases:
            return LimitControl.FULL
        return LimitControl.COARSE if self.leased_stack_level is not None else LimitControl.STATIC

    def learnt_from(self, known: "Capability") -> "Capability":
        """This one, with what use has taught of the same make; another make has little to teach."""
        learnt = replace(
            self,
            keeps_maximum=known.keeps_maximum,
            floor_begin=known.floor_begin,
            max_begin=known.max_begin,
            out_of_service=known.out_of_service,
            evses=max(self.evses, known.evses),
        )
        if known.probed and (known.made_by, known.protocol) != (self.made_by, self.protocol):
            return learnt
        return replace(
            learnt,
            tx_refusals=known.tx_refusals,
            floor_in_vain=known.floor_in_vain,
            max_in_vain=known.max_in_vain,
            ping_every_s=known.ping_every_s,
        )


class CapabilityKeeper(Protocol):
    """Keeps small texts about stations over a restart of the hub; the ledger does.

    Raises (both operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def value(self, key: str) -> str | None:
        """What was kept under ``key``, or None."""

    async def keep_mark(self, key: str, value: str, /) -> None:
        """Keep it in place of what was kept before."""


class ForgetfulKeeper:
    """Keeps everything until the hub ends."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def value(self, key: str) -> str | None:
        return self._kept.get(key)

    async def keep_mark(self, key: str, value: str, /) -> None:
        self._kept[key] = value


def capability_key(device_id: str) -> str:
    """Where the capability of a station is kept."""
    return f"evce_capability:{device_id}"


def make_key(made_by: tuple[str, str, str], protocol: str) -> str | None:
    """Where is kept what stations of a make say of themselves; None where the make is not certain.

    One of 256 places, found by a hash: the names are the station's own text, and a station that invents ever new ones
    fills no disk. Two makes may have the same place, so that what is found there has to be looked at.
    """
    if not all(made_by):
        return None
    digest = hashlib.sha256(msgspec.json.encode([*made_by, protocol])).hexdigest()
    return f"evce_make:{digest[:2]}"


def encode(capability: Capability) -> str:
    """As JSON."""
    return msgspec.json.encode(capability).decode()


def decode(text: str | None) -> Capability | None:
    """From JSON; None where there is none, or it is of another shape."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Capability)
    except msgspec.MsgspecError:
        return None


def from_configuration(values: Mapping[str, str]) -> Capability:
    """From the configuration keys of OCPP 1.6."""
    features = _listed(values.get("SupportedFeatureProfiles"))
    return Capability(
        units=_units(values.get("ChargingScheduleAllowedChargingRateUnit")),
        max_stack_level=_count(values.get("ChargeProfileMaxStackLevel")),
        max_profiles=_count(values.get("MaxChargingProfilesInstalled")),
        smart_charging=not features or "SmartCharging" in features,
        phase_switching=_flag(values.get("ConnectorSwitch3to1PhaseSupported")) or False,
        connectors=_count(values.get("NumberOfConnectors")),
        ping_interval_s=_count(values.get("WebSocketPingInterval")),
        measurands=_listed(values.get("MeterValuesSampledData")),
    )


def from_variables(values: Mapping[str, str]) -> Capability:
    """From the variables of OCPP 2.x, each named ``Component.Variable``."""
    there = _flag(values.get("SmartChargingCtrlr.Available")), _flag(values.get("SmartChargingCtrlr.Enabled"))
    return Capability(
        units=_units(values.get("SmartChargingCtrlr.RateUnit")),
        max_stack_level=_count(values.get("SmartChargingCtrlr.ProfileStackLevel")),
        smart_charging=False not in there,
        phase_switching=_flag(values.get("SmartChargingCtrlr.Phases3to1")) or False,
        phase_choice=_flag(values.get("SmartChargingCtrlr.ACPhaseSwitchingSupported")) or False,
        dynamic=_flag(values.get("SmartChargingCtrlr.SupportsDynamicProfiles")) or False,
        feeds=_flag(values.get("V2XChargingCtrlr.Enabled")),
        iso15118=_flag(values.get("ISO15118Ctrlr.Enabled")),
        feed_modes=_listed(values.get("V2XChargingCtrlr.SupportedEnergyTransferModes")),
        operation_modes=_listed(values.get("V2XChargingCtrlr.SupportedOperationModes")),
        ping_interval_s=_count(values.get("OCPPCommCtrlr.WebSocketPingInterval")),
        measurands=_listed(values.get("SampledDataCtrlr.TxUpdatedMeasurands")),
        limit_change_pct=_count(values.get("SmartChargingCtrlr.LimitChangeSignificance")),
    )


_UNITS = {"current": Unit.AMPERE, "a": Unit.AMPERE, "power": Unit.WATT, "w": Unit.WATT}
"""1.6 wants ``Current`` and ``Power``; stations write what they like."""


def _units(value: str | None) -> tuple[Unit, ...]:
    named = {_UNITS[word.lower()] for word in _listed(value) if word.lower() in _UNITS}
    return tuple(unit for unit in Unit if unit in named)


def _listed(value: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (value or "").split(",") if word.strip())


def _count(value: str | None) -> int | None:
    known = number(value)
    return int(known) if known is not None and known >= 0 else None


def _flag(value: str | None) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get((value or "").strip().lower())
