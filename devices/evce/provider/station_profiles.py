"""The provider's calls about one station's charging profiles, carried out by the hub in the station's place.

The station gets none of the profiles. What they permit at the moment is a fact of the station
(``EvceState.provider_*``), under which the hub's own leased profile stays: a provider can lower, never raise, and never
have the car feed power that the owner has not approved. While the owner has taken control back nothing new is taken
from the provider; what it had set before stays, out of force, and holds again afterwards.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload, items, mapping, text, whole
from devices.evce.frames import Frame
from devices.evce.provider import composite_schedule, provider_words
from devices.evce.provider.charging_profile import Kind, Profile, ProfileRefused, Purpose
from devices.evce.provider.evaluation import Feed, feeds
from devices.evce.provider.profile_reader import read_profile
from devices.evce.provider.profile_shelf import placed, updated
from devices.evce.provider.station_shelf import StationShelf
from devices.evce.rpc import ActionUnknown
from devices.evce.schemas import Version
from devices.evce.upstream.port import AskProvider, Refused, Served
from homeapp.errors import DeviceError, StoreUnavailable
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

_Serve = Callable[[Payload, Version], Awaitable[Served]]

_OWNER_HOLDS = ("NotEnabled", "The owner has taken control of this charger back for a time.")
_NO_DER = ("UnsupportedRequest", "The home's own hub decides about feeding; it takes no such control.")
_REFUSED_STATUS = {
    "ClearChargingProfile": "Unknown",
    "GetChargingProfiles": "NoProfiles",
    "SetDERControl": "NotSupported",
    "GetDERControl": "NotSupported",
    "ClearDERControl": "NotSupported",
}


class StationProfiles:
    """Implements ``ProviderProfiles`` of ``devices.evce.upstream.port``."""

    def __init__(self, shelf: StationShelf, clock: Clock) -> None:
        self._ask: AskProvider | None = None
        self._shelf = shelf
        self._clock = clock
        self._may_choose: str | None = None

    @property
    def provider_commands(self) -> bool:
        return self._shelf.provider_commands

    async def serve(self, frame: Frame, version: Version) -> Served:
        serve = self._actions(version).get(frame.action)
        if serve is None:
            raise ActionUnknown(frame.action)
        try:
            await self._shelf.load()
            served = await serve(frame.payload, version)
        except ProfileRefused as refusal:
            return self._refuse(frame.action, version, refusal)
        except StoreUnavailable as error:
            logger.error("%s: %s of the provider cannot be kept: %s", self._device_id, frame.action, error)
            no_room = ProfileRefused("OutOfStorage", "The hub cannot keep anything at the moment.")
            return self._refuse(frame.action, version, no_room)
        self._shelf.follow()
        return served

    async def starting(self, frame: Frame, version: Version) -> Refused | None:
        evse = provider_words.evse_of_start(version, frame.payload)
        try:
            self._owner_permits()
            profile = read_profile(version, evse or 1, mapping(frame.payload, "chargingProfile"), self._clock.now())
            if profile.purpose is not Purpose.TX or profile.transaction_id is not None:
                raise ProfileRefused("InvalidProfile", "A start takes a TxProfile without a transaction (K05.FR.02).")
            self._owner_approves(profile)
        except ProfileRefused as refusal:
            return Refused(reason=refusal.reason, sentence=str(refusal))
        self._shelf.starts.add(_start_id(frame), profile, anywhere=evse is None)
        return None

    def not_started(self, frame: Frame) -> None:
        self._shelf.starts.forget(_start_id(frame))

    def heard(self, frame: Frame, version: Version) -> None:
        self._shelf.heard()
        running = self._shelf.running
        if version is Version.V16 or running is None:
            return
        if frame.action == "NotifyEVChargingNeeds":
            # K01.FR.34: only now may the CSMS let the car choose among schedules.
            self._may_choose = running.id
        info = mapping(frame.payload, "transactionInfo")
        start_id = info.get("remoteStartId")
        if isinstance(start_id, int) and info.get("transactionId") == running.id:
            self._shelf.begin(self._shelf.starts.take(start_id, self._clock.now()))
            self._shelf.follow()

    def renamed(self, old: str, new: str) -> None:
        self._shelf.renamed(old, new)

    def csms_is(self, *, reachable: bool) -> None:
        self._shelf.csms_is(reachable=reachable)

    def ask_by(self, ask: AskProvider) -> None:
        self._ask = ask

    async def pull(self) -> None:
        """Ask the provider for the values of dynamic profiles whose time has come (K28.FR.10); failures wait."""
        now, ask = self._clock.now(), self._ask
        for profile in self._shelf.profiles:
            if ask is None or self._shelf.offline_since is not None or not _pull_is_due(profile, now):
                continue
            # Whatever comes of it, the next attempt is an interval away.
            self._shelf.replace(replace(profile, installed_at=now))
            call = Outgoing("PullDynamicScheduleUpdate", {"chargingProfileId": profile.profile_id})
            try:
                answer = await ask(call)
                if answer.get("status") == "Accepted":
                    self._take_update(profile.profile_id, mapping(answer, "scheduleUpdate"))
            except (DeviceError, ProfileRefused) as error:
                logger.info("%s: no update of profile %d: %s", self._device_id, profile.profile_id, error)
            self._shelf.follow()

    @property
    def _device_id(self) -> str:
        return self._shelf.station.device_id

    def _actions(self, version: Version) -> Mapping[str, _Serve]:
        actions: dict[str, _Serve] = {
            "SetChargingProfile": self._set,
            "ClearChargingProfile": self._clear,
            "GetCompositeSchedule": self._composite,
        }
        if version is not Version.V16:
            actions["GetChargingProfiles"] = self._report
        if version is Version.V21:
            actions |= {"UpdateDynamicSchedule": self._update, "UsePriorityCharging": self._prioritise}
            for action in ("SetDERControl", "GetDERControl", "ClearDERControl", "AFRRSignal"):
                actions[action] = _refuse_der
        return actions

    def _refuse(self, action: str, version: Version, refusal: ProfileRefused) -> Served:
        logger.info("%s: %s of the provider refused: %s", self._device_id, action, refusal)
        return Served(answer=provider_words.refused(version, refusal, _REFUSED_STATUS.get(action, "Rejected")))

    async def _set(self, payload: Payload, version: Version) -> Served:
        self._owner_permits()
        evse, body = provider_words.profile_in(version, payload)
        profile = read_profile(version, evse, body, self._clock.now())
        running = self._shelf.running
        if len(items(body, "chargingSchedule")) > 1 and (running is None or self._may_choose != running.id):
            raise ProfileRefused("InvalidSchedule", "The car has asked for no choice of schedules (K01.FR.34).")
        if profile.purpose is Purpose.TX:
            profile = replace(profile, transaction_id=self._transaction_for(profile))
        self._owner_approves(profile)
        await self._shelf.change(lambda shelf: placed(shelf, profile))
        return Served(answer=provider_words.accepted())

    async def _clear(self, payload: Payload, version: Version) -> Served:
        selection = provider_words.to_clear(version, payload)
        if not any(map(selection.means, self._shelf.profiles)):
            raise ProfileRefused("NotFound", "There is no such profile of the provider's (K10.FR.01).")
        await self._shelf.change(lambda shelf: tuple(profile for profile in shelf if not selection.means(profile)))
        return Served(answer=provider_words.accepted())

    async def _report(self, payload: Payload, _version: Version) -> Served:
        request_id, selection = whole(payload, "requestId"), provider_words.to_report(payload)
        found = [profile for profile in self._shelf.profiles if selection.means(profile)]
        if not found:
            raise ProfileRefused("NotFound", "There is no such profile of the provider's.")
        return Served(answer=provider_words.accepted(), then=provider_words.reports(request_id, found))

    async def _composite(self, payload: Payload, version: Version) -> Served:
        evse, duration_s, unit = provider_words.composite_asked(version, payload)
        when, running = replace(self._shelf.circumstances(), evse=evse), self._shelf.running
        if running is None or evse != running.evse:
            when = replace(when, transaction_id=None, began_at=None, priority=False)
        # What is not in force does not shape what is expected.
        profiles, limits = self._shelf.profiles if self.provider_commands else (), self._shelf.station.limits
        may_feed = self._shelf.may_feed_w
        schedule, duration_s = await composite_schedule.expected(profiles, limits, when, duration_s, may_feed)
        answer = composite_schedule.answer(version, evse, unit, schedule, duration_s, limits, when.now)
        return Served(answer=answer)

    async def _update(self, payload: Payload, _version: Version) -> Served:
        self._owner_permits()
        self._take_update(whole(payload, "chargingProfileId"), mapping(payload, "scheduleUpdate"))
        return Served(answer=provider_words.accepted())

    async def _prioritise(self, payload: Payload, version: Version) -> Served:
        transaction_id, activate = text(payload, "transactionId"), payload.get("activate") is True
        shelf, running = self._shelf, self._shelf.running
        if running is None or running.id != transaction_id:
            raise ProfileRefused("TxNotFound", "There is no such transaction (K21.FR.02).")
        if activate:
            self._owner_permits()
            evses = {profile.evse for profile in shelf.profiles if profile.purpose is Purpose.PRIORITY}
            if not evses & {0, running.evse}:
                missing = ProfileRefused("NotFound", "There is no profile for priority charging (K21.FR.01).")
                return Served(answer=provider_words.refused(version, missing, "NoProfile"))
        changed, shelf.priority = shelf.priority is not activate, activate
        told = Outgoing("NotifyPriorityCharging", {"transactionId": transaction_id, "activated": activate})
        # K21.FR.05, .08
        return Served(answer=provider_words.accepted(), then=(told,) if activate or changed else ())

    def _owner_permits(self) -> None:
        if not self.provider_commands:
            raise ProfileRefused(*_OWNER_HOLDS)

    def _owner_approves(self, profile: Profile) -> None:
        """Refuse a profile that lets the car feed what the owner has not approved."""
        for feed in feeds(profile, self._shelf.station.limits, self._shelf.circumstances()):
            approved_w = self._approved_w(feed)
            if approved_w is None:
                raise ProfileRefused("NotEnabled", "The owner has approved no power feed for this time.")
            if feed.power_w is not None and feed.power_w > approved_w + 1:
                raise ProfileRefused("ValueTooHigh", f"The owner has approved a power feed of {approved_w:.0f} W.")

    def _approved_w(self, feed: Feed) -> float | None:
        """The least that is approved at both ends of a time; of one without an end at its begin."""
        instants: list[datetime] = [feed.begin]
        if feed.end is not None:
            instants.append(max(feed.begin, feed.end - timedelta(seconds=1)))
        approved = [self._shelf.may_feed_w(at) for at in instants]
        known = [power_w for power_w in approved if power_w is not None]
        return min(known) if len(known) == len(approved) else None

    def _transaction_for(self, profile: Profile) -> str:
        running = self._shelf.running
        if running is None or profile.evse != running.evse:
            raise ProfileRefused("TxNotFound", "No transaction runs at this EVSE (K01.FR.09).")
        if profile.transaction_id is None and profile.version is not Version.V16:
            raise ProfileRefused("InvalidProfile", "A TxProfile names its transaction (K01.FR.03).")
        if profile.transaction_id not in (None, running.id):
            raise ProfileRefused("TxNotFound", "There is no such transaction (K01.FR.33).")
        return running.id

    def _take_update(self, profile_id: int, update: Mapping[str, Any]) -> None:
        known = next((profile for profile in self._shelf.profiles if profile.profile_id == profile_id), None)
        if known is None:
            raise ProfileRefused("NotFound", "There is no such profile.")
        profile = updated(known, update, self._clock.now())
        self._owner_approves(profile)
        # Kept only later: the values of the moment come again after a restart.
        self._shelf.replace(profile)


async def _refuse_der(_payload: Payload, _version: Version) -> Served:
    raise ProfileRefused(*_NO_DER)


def _start_id(frame: Frame) -> int | None:
    """The remoteStartId of a start; None in 1.6."""
    return whole(frame.payload, "remoteStartId") if "remoteStartId" in frame.payload else None


def _pull_is_due(profile: Profile, now: datetime) -> bool:
    if profile.kind is not Kind.DYNAMIC or not profile.pull_every_s or profile.pull_every_s < 0:
        return False
    return now - profile.installed_at >= timedelta(seconds=profile.pull_every_s)
