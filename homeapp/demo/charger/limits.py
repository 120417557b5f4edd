"""The simulated station's charging profiles at work: installs and clears them, and notes what they change."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.charging_profile import Profile, ProfileRefused, Purpose
from homeapp.demo.charger.composite import Composite, Situation
from homeapp.demo.charger.dialect import Selection
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.installed_profiles import InstalledProfiles
from homeapp.demo.charger.profile_reader import parse_profile
from homeapp.demo.ocpp.schemas import Json, Version

_CAR_EVSE = 1


class ChargingLimits:
    """What the outlet's car may draw or has to feed.

    Args:
        version: whose rules hold.
        abilities: of the station.
        kept: profiles from the station's last life.
        now: the station's clock.
        faults: what is wrong with it now.
        note: takes what is worth a line in the history.

    Attributes:
        composite: what holds since the last ``follow``.
        unsaved: what outlives a power cut has changed.
    """

    def __init__(
        self,
        version: Version,
        abilities: Abilities,
        kept: Sequence[Json],
        now: Callable[[], datetime],
        faults: Callable[[], Faults],
        note: Callable[[str], None],
    ) -> None:
        self._version = version
        self._units = abilities.rate_units
        self._now = now
        self._faults = faults
        self._note = note
        self._profiles = InstalledProfiles(version, abilities.wiring, abilities.max_profiles)
        self._profiles.restore(kept)
        self._defaults: tuple[Profile, ...] = ()
        self._pulled: dict[int, datetime] = {}
        self.composite = self._profiles.composite(_CAR_EVSE, Situation(now=now()))
        self.unsaved = False

    def __len__(self) -> int:
        return len(self._profiles)

    def to_json(self) -> tuple[Json, ...]:
        """What outlives a power cut."""
        return tuple(self._profiles.to_json())

    def install(self, evse: int, payload: Json, running: str | None, *, known: bool) -> None:
        """SetChargingProfile.

        Args:
            evse: where.
            payload: the profile as received.
            running: id of the transaction at this EVSE, or None.
            known: there is such an EVSE.

        Raises:
            ProfileRefused: it does not hold.
        """
        text = _describe(payload)
        try:
            if not known:
                raise ProfileRefused("UnknownEvse", "no such EVSE")
            profile = parse_profile(self._version, evse, payload, self._now())
            if ("A" if profile.amperes else "W") not in self._units:
                raise ProfileRefused("UnsupportedRateUnit", f"only {self._units}")
            _refuse(self._faults(), profile)
            self._profiles.install(profile, running)
        except ProfileRefused as refusal:
            self._note(f"SetChargingProfile {text} rejected: {refusal}")
            raise
        self.unsaved = self.unsaved or self._version is Version.V16 or profile.purpose is not Purpose.TX
        self._note(f"SetChargingProfile {text} accepted")

    def update(self, profile_id: int, values: Json) -> None:
        """UpdateDynamicSchedule, or the answer to PullDynamicScheduleUpdate.

        Raises:
            ProfileRefused: there is no such dynamic profile, or a value breaks a rule.
        """
        self._profiles.update(profile_id, values, self._now())
        self.unsaved = True

    def pulls(self) -> list[int]:
        """Ids of dynamic profiles whose update is to be asked for now (K28.FR.10)."""
        now = self._now()
        due = [
            profile.profile_id
            for profile in self._profiles
            if profile.pull_every_s > 0
            and (
                now - max(profile.updated_at, self._pulled.get(profile.profile_id, profile.updated_at))
            ).total_seconds()
            >= profile.pull_every_s
        ]
        self._pulled |= dict.fromkeys(due, now)
        return due

    def has_priority_profile(self) -> bool:
        """There is a profile for priority charging."""
        return bool(self._profiles.select(purpose=Purpose.PRIORITY))

    def fits_a_start(self, evse: int, payload: Json | None) -> bool:
        """Whether a request to start may carry this profile, which names no transaction yet."""
        if payload is None:
            return True
        named = payload if self._version is Version.V16 else payload | {"transactionId": "not begun"}
        try:
            return parse_profile(self._version, evse, named, self._now()).purpose is Purpose.TX
        except ProfileRefused:
            return False

    def select(self, selection: Selection, profile_ids: Sequence[int] | None) -> list[Profile]:
        """GetChargingProfiles."""
        return self._profiles.select(
            profile_ids=profile_ids,
            evse=selection.evse,
            purpose=selection.purpose,
            stack_level=selection.stack_level,
        )

    def clear(self, selection: Selection) -> int:
        """ClearChargingProfile; returns how many were removed."""
        if self._faults().refuse_clear:
            self._note("ClearChargingProfile rejected")
            return 0
        removed = self._profiles.clear(
            profile_id=selection.profile_id,
            evse=selection.evse,
            purpose=selection.purpose,
            stack_level=selection.stack_level,
        )
        self.unsaved = self.unsaved or removed > 0
        return removed

    def schedule(self, evse: int, situation: Situation, duration_s: int) -> Sequence[tuple[int, Composite]]:
        """GetCompositeSchedule: what it says it will do; with a fault it does otherwise."""
        return self._profiles.schedule(evse, situation, duration_s)

    def transaction_begun(self) -> None:
        """The TxDefaultProfiles of this instant are those that a station with that fault heeds from now on."""
        self._defaults = tuple(self._profiles.select(purpose=Purpose.TX_DEFAULT))

    def transaction_over(self, transaction_id: str | None) -> None:
        """Forget the profiles of a transaction; no change of what holds is noted."""
        self._profiles.transaction_over(transaction_id)

    def restart(self) -> None:
        """Forget what does not outlive a restart."""
        self._profiles.restart()

    def follow(self, situation: Situation, *, running: bool, cleared: bool = False) -> bool:
        """Take over what holds now; returns whether the operation mode of a running transaction has changed."""
        if self._profiles.offline_for(situation.offline_s):
            self.unsaved = True
        faults = self._faults()
        if faults.default_next_only and running:
            situation = replace(situation, defaults=self._defaults)
        situation = replace(situation, heeds_tx=not faults.ignore_tx_profile)
        before, after = self.composite, self._profiles.composite(_CAR_EVSE, situation)
        self.composite = after
        if not running or after == before:
            return False
        self._note_change(before, after, "lease cleared" if cleared else "lease ended")
        return after.mode != before.mode

    def _note_change(self, before: Composite, after: Composite, lapse: str) -> None:
        current_a = after.limit_w / VOLTAGE_V / after.phases
        if before.governing is Purpose.TX and after.governing is not Purpose.TX:
            where = "floor" if after.governing is Purpose.TX_DEFAULT else "the circuit's"
            self._note(f"{lapse}: back to {where} {current_a:.4g} A")
        elif after.setpoint_w is not None:
            if after.setpoint_w != before.setpoint_w:
                name = "power feed setpoint" if after.setpoint_w < 0 else "setpoint"
                self._note(f"{name} {after.setpoint_w:.0f} W")
        elif after.limit_w != before.limit_w or before.setpoint_w is not None:
            self._note(f"limit {current_a:.4g} A")


def _refuse(faults: Faults, profile: Profile) -> None:
    zero = any(0 in period.limit for period in profile.periods)
    refused = {
        "UnsupportedRateUnit": faults.refuse_amps if profile.amperes else faults.refuse_watts,
        "InvalidSchedule": faults.refuse_zero and zero,
        "UnsupportedParam": (faults.refuse_tx_profile and profile.purpose is Purpose.TX)
        or (faults.refuse_max_profile and profile.purpose is Purpose.MAX),
    }
    for reason, refuses in refused.items():
        if refuses:
            raise ProfileRefused(reason, "this station does not take such a profile")


def _describe(payload: Json) -> str:
    schedule = payload["chargingSchedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    period: Json = next(iter(schedule["chargingSchedulePeriod"]), {})
    value = f"{period['limit']:g}" if "limit" in period else f"setpoint {period.get('setpoint', 0):g}"
    return f"{payload['chargingProfilePurpose']} {value} {schedule['chargingRateUnit']}"
