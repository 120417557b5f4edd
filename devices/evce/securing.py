"""What is done before a station is commanded: its floor first, then what it holds, what it does and what it can do."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from devices.evce import capability as capabilities
from devices.evce.capability import Capability, CapabilityKeeper
from devices.evce.dialect import Dialect, Outgoing
from devices.evce.foreign_profiles import ForeignProfiles
from devices.evce.lasting import Install, LastingProfiles
from devices.evce.link import ACCEPTED, Link
from devices.evce.rpc import Priority, Superseded
from devices.evce.station import Station
from homeapp.errors import DeviceUnreachable, EnvironmentProblem

logger = logging.getLogger(__name__)

TOLERANCE_A = 0.5
ANSWER_S = 1.0
"""A station that has agreed to tell its status does so within this."""
OLDER_LEASE = timedelta(seconds=120)
"""A lease that the hub gave before it was started anew ends within this."""
OLDER_COARSE_LEASE = timedelta(seconds=600)
"""The same where it is a TxDefaultProfile."""

_FLOOR_REFUSED = (
    "The charger does not accept its safe limit, so the hub does not control it and can only stop it. "
    "Allow smart charging in the charger's own settings, or restart it."
)
_FLOOR_UNANSWERED = (
    "The charger does not answer while it is being set up; the hub keeps trying. Restart it if this stays."
)
_MAX_IGNORED = (
    "The charger has accepted the limit of its circuit but reports a higher one. "
    "Check in its own settings that no other system controls it."
)
_TOO_LITTLE = (
    "The charger has {} outlets, and its safe current is too little for all of them, so nothing charges there while "
    "the hub is gone. An installer can set a higher safe_current_a in the settings."
)
_FOREIGN = (
    "A limit that is not the hub's stands in the charger above its safe limit. "
    "Check in its own settings that no other system controls it."
)


class Securing:
    """The sequence for one connection; each step but the floor may fail without harm."""

    def __init__(
        self,
        station: Station,
        dialect: Dialect,
        link: Link,
        install: Install,
        keeper: CapabilityKeeper,
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._station = station
        self._dialect = dialect
        self._link = link
        self._lasting = LastingProfiles(station, dialect.version, install, self.learn)
        self._foreign = ForeignProfiles(station.device_id, dialect, link, station.profile_report)
        self._keeper = keeper
        self._pause = pause

    async def recall(self) -> Capability:
        """What is known of the station without asking it."""
        known = self._station.capability
        if known is None:
            known = await self._kept(capabilities.capability_key(self._station.device_id))
            if known is not None:
                self._station.capable(known)
        return known or Capability()

    async def floor_stands(self) -> bool:
        """Install the floor."""
        try:
            status = await self._lasting.floor()
        except (DeviceUnreachable, Superseded):
            self._station.problem("floor", _FLOOR_UNANSWERED)
            return False
        if status == ACCEPTED:
            self._station.floor_granted(self._lasting.floor_for)
        else:
            self._station.floor_refused()
        self._station.problem("floor", None if status == ACCEPTED else _FLOOR_REFUSED)
        outlets, safe_a = self._station.outlets, self._station.limits.safe_current_a
        self._station.problem("outlets", _TOO_LITTLE.format(outlets.count) if outlets.floor_a == 0 < safe_a else None)
        return status == ACCEPTED

    async def look_around(self) -> None:
        """Everything after the floor, one question after the other."""
        steps = (
            self._install_max,
            self._ask_how_it_stands,
            self._find_outlets,
            self._compare,
            self._ask_transaction,
            self._choose_metering,
            self._probe,
            self.put_into_service,
        )
        for step in steps:
            with contextlib.suppress(DeviceUnreachable, Superseded):
                await step()

    async def put_into_service(self) -> None:
        """Undo what the hub itself has taken out of service."""
        known = self._station.capability
        if known is None or not known.out_of_service:
            return
        call = self._dialect.availability(self._station.likely_evse, operative=True)
        if await self._link.call(call) in (ACCEPTED, "Scheduled"):
            await self.learn(replace(known, out_of_service=False))

    async def learn(self, capability: Capability) -> None:
        """Use has taught something; it is kept, unless the disk is full."""
        self._station.capable(capability)
        await self._keep(capabilities.capability_key(self._station.device_id), capability)

    async def _keep(self, key: str, capability: Capability) -> None:
        try:
            await self._keeper.keep_mark(key, capabilities.encode(capability))
        except EnvironmentProblem as error:
            logger.warning("%s: what it can do was not kept: %s", self._station.device_id, error)

    async def _kept(self, key: str) -> Capability | None:
        try:
            return capabilities.decode(await self._keeper.value(key))
        except EnvironmentProblem as error:
            logger.warning("%s: what it can do could not be read: %s", self._station.device_id, error)
            return None

    async def _install_max(self) -> None:
        await self._lasting.maximum()

    async def _ask_how_it_stands(self) -> None:
        for trigger in self._dialect.triggers(self._station.outlets.count):
            with contextlib.suppress(DeviceUnreachable):
                await self._link.call(trigger)

    async def _find_outlets(self) -> None:
        """Ask for one more than are known until there is none (2.x); a station that has started tells them unasked."""
        known, outlets = self._station.capability, self._station.outlets
        while known is None or not known.probed:
            count = outlets.count
            call = self._dialect.trigger_status(count + 1)
            if call is None or await self._link.call(call) != ACCEPTED:
                break
            await self._pause(ANSWER_S)
            if outlets.count == count:
                break
        if outlets.floor_outdated:
            await self.floor_stands()

    async def _compare(self) -> None:
        """Compare what holds in the station with what should, and mend it."""
        limits, station = self._station.limits, self._station
        most_a = limits.max_current_a + TOLERANCE_A
        current_a = await self._composite_a()
        if current_a is None:
            return
        current_a = await self._lasting.mend_maximum(current_a, most_a, self._composite_a)
        excess = current_a > self._granted_a() + TOLERANCE_A
        if excess and station.target is not None and current_a <= most_a:
            fine = station.capability is None or station.capability.leases
            older = OLDER_LEASE if fine else OLDER_COARSE_LEASE
            station.grants.older(limits.watts(current_a), station.now() + older)
            station.grants_changed()
        elif excess and station.target is None:
            current_a = await self._bring_to_floor(current_a)
        problem = _FOREIGN if station.target is None and current_a > self._granted_a() + TOLERANCE_A else None
        station.problem("above", _MAX_IGNORED if current_a > most_a else problem)

    async def _bring_to_floor(self, current_a: float) -> float:
        """What others have left in the station is removed, and its floor made to hold; returns what holds then."""
        most_a = self._granted_a() + TOLERANCE_A
        if await self._foreign.remove():
            left_a = await self._composite_a()
            if left_a is not None and left_a <= most_a:
                return left_a
        # Where the station does not tell which there are, all have to go, its floor for a moment too.
        await self._link.call(self._dialect.clear("TxDefaultProfile", None), Priority.SAFETY)
        if not await self.floor_stands():
            return current_a
        cleared_a = await self._composite_a()
        if cleared_a is None:
            return current_a
        return await self._lasting.mend_floor(cleared_a, most_a, self._composite_a)

    async def _composite_a(self) -> float | None:
        call = self._dialect.composite(self._station.likely_evse)
        status, answer = await self._link.ask(call, Priority.HOUSEKEEPING)
        if status != ACCEPTED:
            return None
        self._station.schedule_begins(self._dialect.composite_begins(answer))
        return self._dialect.composite_current_a(answer, self._station.limits)

    def _granted_a(self) -> float:
        return self._station.limits.amperes(self._station.grants.most(self._station.now())[0] or 0.0)

    async def _ask_transaction(self) -> None:
        running = self._station.transaction
        call = self._dialect.transaction_status(running.id) if running is not None else None
        if running is None or call is None:
            return
        _, answer = await self._link.ask(call, Priority.HOUSEKEEPING)
        # Where messages still wait in the station, the end of the transaction is among them, with its energy.
        if answer.get("ongoingIndicator") is False and answer.get("messagesInQueue") is False:
            logger.info("%s: its transaction ended while it was away", self._station.device_id)
            self._station.ended(running.id, [])

    async def _choose_metering(self) -> None:
        for choices in self._dialect.metering():
            with contextlib.suppress(DeviceUnreachable):
                await self._choose(choices)

    async def _choose(self, choices: list[Outgoing]) -> None:
        for choice in choices:
            if await self._link.call(choice) == ACCEPTED:
                return
        logger.info("%s: refuses a setting of its sampling", self._station.device_id)

    async def _probe(self) -> None:
        introduction, known = self._station.introduction, self._station.capability or Capability()
        made_by, protocol = known.made_by, self._dialect.version.value
        if introduction is not None:
            made_by = introduction.vendor, introduction.model, introduction.firmware
        evses = max(known.evses, self._station.outlets.count)
        if known.probed and (known.made_by, known.protocol) == (made_by, protocol):
            if evses > known.evses:
                await self.learn(replace(known, evses=evses))
            return
        found = await self._of_make(made_by, protocol)
        if found is None:
            answers = [(await self._link.ask(call, Priority.HOUSEKEEPING))[1] for call in self._dialect.probe()]
            found = replace(self._dialect.probed(answers), made_by=made_by, protocol=protocol, probed=True)
            key = capabilities.make_key(made_by, protocol)
            if key is not None and all(answers):
                await self._keep(key, found)
        await self.learn(replace(found.learnt_from(known), evses=evses))

    async def _of_make(self, made_by: tuple[str, str, str], protocol: str) -> Capability | None:
        """What another station of the same make has said."""
        key = capabilities.make_key(made_by, protocol)
        found = await self._kept(key) if key is not None else None
        return found if found is not None and (found.made_by, found.protocol) == (made_by, protocol) else None
