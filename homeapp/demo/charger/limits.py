"""The simulated station's charging profiles at work: installs and clears them, and notes what they change."""

from collections.abc import Callable, Sequence
from datetime import datetime

from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.charging_profile import ProfileRefused, Purpose, parse_profile
from homeapp.demo.charger.composite import Composite, InstalledProfiles, Situation, Wiring
from homeapp.demo.charger.dialect import Selection
from homeapp.demo.charger.ocpp_schemas import Json, Version

_CAR_EVSE = 1


class ChargingLimits:
    """What the outlet's car may draw or has to feed.

    Args:
        version: whose rules hold.
        kept: profiles from the station's last life.
        now: the station's clock.
        note: takes what is worth a line in the history.

    Attributes:
        composite: what holds since the last ``follow``.
        unsaved: what outlives a power cut has changed.
    """

    def __init__(
        self, version: Version, kept: Sequence[Json], now: Callable[[], datetime], note: Callable[[str], None]
    ) -> None:
        self._version = version
        self._now = now
        self._note = note
        self._profiles = InstalledProfiles(version, Wiring(voltage_v=VOLTAGE_V))
        self._profiles.restore(kept)
        self.composite = self._profiles.composite(_CAR_EVSE, Situation(now=now()))
        self.unsaved = False

    def __len__(self) -> int:
        return len(self._profiles)

    def to_json(self) -> tuple[Json, ...]:
        """What outlives a power cut."""
        return tuple(self._profiles.to_json())

    def install(self, evse: int, payload: Json, running: str | None, *, known: bool, amperes: bool) -> None:
        """SetChargingProfile.

        Args:
            evse: where.
            payload: the profile as received.
            running: id of the transaction at this EVSE, or None.
            known: there is such an EVSE.
            amperes: profiles in A are taken.

        Raises:
            ProfileRefused: it does not hold.
        """
        text = _describe(payload)
        try:
            if not known:
                raise ProfileRefused("UnknownEvse", "no such EVSE")
            profile = parse_profile(self._version, evse, payload, self._now())
            if profile.amperes and not amperes:
                raise ProfileRefused("UnsupportedRateUnit", "only W")
            self._profiles.install(profile, running)
        except ProfileRefused as refusal:
            self._note(f"SetChargingProfile {text} rejected: {refusal}")
            raise
        self.unsaved = self.unsaved or self._version is Version.V16 or profile.purpose is not Purpose.TX
        self._note(f"SetChargingProfile {text} accepted")

    def fits_a_start(self, evse: int, payload: Json | None) -> bool:
        """Whether a request to start may carry this profile, which names no transaction yet."""
        if payload is None:
            return True
        named = payload if self._version is Version.V16 else payload | {"transactionId": "not begun"}
        try:
            return parse_profile(self._version, evse, named, self._now()).purpose is Purpose.TX
        except ProfileRefused:
            return False

    def clear(self, selection: Selection) -> int:
        """ClearChargingProfile; returns how many were removed."""
        removed = self._profiles.clear(
            profile_id=selection.profile_id,
            evse=selection.evse,
            purpose=selection.purpose,
            stack_level=selection.stack_level,
        )
        self.unsaved = self.unsaved or removed > 0
        return removed

    def schedule(self, evse: int, situation: Situation, duration_s: int) -> Sequence[tuple[int, Composite]]:
        """GetCompositeSchedule."""
        return self._profiles.schedule(evse, situation, duration_s)

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


def _describe(payload: Json) -> str:
    schedule = payload["chargingSchedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    period: Json = next(iter(schedule["chargingSchedulePeriod"]), {})
    value = f"{period['limit']:g}" if "limit" in period else f"setpoint {period.get('setpoint', 0):g}"
    return f"{payload['chargingProfilePurpose']} {value} {schedule['chargingRateUnit']}"
