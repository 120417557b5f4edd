"""An adopted charging station as the control loop sees it (the ``Evce`` port)."""

import contextlib
import logging
import secrets

from devices.evce.capability import CapabilityKeeper, ForgetfulKeeper
from devices.evce.dialect import HUB_ID_TAG
from devices.evce.feeding import FEED_MODES
from devices.evce.limiter import Limiter
from devices.evce.link import ACCEPTED
from devices.evce.outlet import Target
from devices.evce.phase_switching import PhaseSwitch
from devices.evce.rpc import Priority, Superseded
from devices.evce.session import Session
from devices.evce.side_charges import SideCharges
from devices.evce.software import check_job, not_taken
from devices.evce.station import Station
from devices.evce.verification import MARGIN_A, Verification
from devices.evce.wish import FEED_LEASE_S, Wish
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, NotSupported
from homeapp.model.live import Doing
from homeapp.model.offer import Job
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus, LimitControl
from homeapp.model.site import MIN_CURRENT_A
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

START_EVERY_S = 30.0
STARTS_IN_VAIN = 3
_DANGEROUS = (Doing.REDUCED_BY_FUSE, Doing.CHARGING_FLOOR, Doing.REDUCED_BY_GRID)
"""Reasons of commands whose limits the home's connection or the grid depends on."""

_OFFLINE = "The charger is offline; check its power and its network."
_PREPARING = "The charger has just connected and is being prepared; this takes a few seconds."
_START_REFUSED = "The charger refused to start. Unplug the car, plug it in again, or start at the charger."
_START_IN_VAIN = (
    "The charger agrees to start but does not begin. Unplug the car and plug it in again; if that does not help, "
    "restart the charger."
)
_CANNOT_FEED = "The charger or the car cannot feed power back; both must support it (OCPP 2.1)."


class OcppEvce:
    """One adopted station over all its connections.

    Attributes:
        session: the connection of the moment, or None.
    """

    def __init__(self, station: Station, clock: Clock, lease_s: float, keeper: CapabilityKeeper | None = None) -> None:
        self.session: Session | None = None
        self._station = station
        self._clock = clock
        self._lease_s = lease_s
        self._limiter = Limiter(station, clock, keeper or ForgetfulKeeper())
        self._verification = Verification(station, clock, self._limiter)
        self._phases = PhaseSwitch()
        self._sides = SideCharges(station, clock, lease_s)
        self._charge: str | None = None
        self._allowed: str | None = None
        self._started_s: float | None = None
        self._started_beside_s: float | None = None
        self._starts = 0

    @property
    def device_id(self) -> str:
        return self._station.device_id

    @property
    def state(self) -> EvceState:
        return self._station.state

    async def apply(self, command: EvceCommand) -> None:
        # A newer command may take the place of this one while it waits.
        with contextlib.suppress(Superseded):
            await self._apply(command)

    async def update_software(self, job: Job) -> None:
        session = self._ready_session()
        check_job(job)
        if self.state.status in (EvceStatus.CHARGING, EvceStatus.FEEDING):
            raise DeviceRefused("The charger is in use. Its software can be renewed once the charge is over.")
        request_id = secrets.randbelow(2**31 - 1) + 1
        call = session.link.dialect.update_software(job, request_id, self._station.station_now())
        # Before it is asked: its first report may come sooner than the answer is looked at.
        self._station.software_asked(job.version, request_id)
        try:
            refusal = not_taken(await session.link.call(call, Priority.OWNER))
        except DeviceError:
            self._station.software_not_taken()
            raise
        if refusal is not None:
            self._station.software_not_taken()
            raise DeviceRefused(refusal)

    async def _apply(self, command: EvceCommand) -> None:
        await self._stop_uncontrolled(command)
        session = self._ready_session()
        target = self._station.target
        with contextlib.suppress(DeviceUnreachable):
            # What goes wrong here must not keep a limit from the station.
            await self._verification.put_back(session)
            await self._verification.judge(session, endangers=command.reason in _DANGEROUS)
        if target is not None and self.state.status.car_present:
            self._starts = 0
            self._station.problem("start", None)
            await self._allow_feeding(session)
            await self._share_out(command, target, session)
        elif command.limit_w > 0 or command.feed_w > 0:
            await self._start(session, command)

    async def _share_out(self, command: EvceCommand, target: Target, session: Session) -> None:
        """Give the leading EVSE and those beside it their parts; whoever has to give something up goes first."""
        total_w = max(0.0, min(command.limit_w, self._station.limits.watts(self._station.limits.max_current_a)))
        lead, shares = self._station.outlets.lead, self._sides.shares(total_w)
        await self._sides.lower(session, shares)
        has_w = lead.grants.most(self._clock.now())[0] or 0.0
        part_w = shares[lead.evse]
        limit_w = max(min(part_w, has_w), min(part_w, self._sides.left_w(total_w, lead.evse)))
        await self._limiter.bring_to(self._wish(command, limit_w, self._feed_w(command), target, session))
        await self._sides.lift(session, shares, total_w)
        await self._start_beside(session, total_w)

    def _ready_session(self) -> Session:
        if self.session is None:
            raise DeviceUnreachable(_OFFLINE)
        if not self.session.ready:
            raise DeviceUnreachable(self.state.problem or _PREPARING)
        return self.session

    async def _stop_uncontrolled(self, command: EvceCommand) -> None:
        """A station that takes no limit at all can still be stopped."""
        session, state, running = self.session, self.state, self._station.outlets.running
        if session is None or session.ready or not running or state.capabilities is None:
            return
        margin_w = self._station.limits.watts(MARGIN_A)
        exceeds = command.limit_w == 0 or (state.power_w or 0.0) > command.limit_w + margin_w
        now_s = self._clock.monotonic()
        recently = self._started_s is not None and now_s - self._started_s < START_EVERY_S
        if state.capabilities.control is LimitControl.NONE and exceeds and not recently:
            self._started_s = now_s
            for transaction in [outlet.transaction for outlet in running if outlet.transaction is not None]:
                await session.link.call(session.link.dialect.stop(transaction.id), Priority.SAFETY)

    def _feed_w(self, command: EvceCommand) -> float:
        if command.feed_w <= 0:
            return 0.0
        capabilities = self.state.capabilities
        if capabilities is None or not capabilities.can_feed or capabilities.max_feed_w is None:
            raise NotSupported((capabilities.feed_refusal if capabilities else None) or _CANNOT_FEED)
        return min(command.feed_w, capabilities.max_feed_w)

    async def _allow_feeding(self, session: Session) -> None:
        """A car that could feed but has negotiated charging only may negotiate again (2.1, Q02.FR.05)."""
        running, needs = self._station.transaction, self._station.needed
        if running is None or needs is None or self._allowed == running.id:
            return
        if needs.transfer in FEED_MODES or not set(needs.transfers) & set(FEED_MODES):
            return
        self._allowed = running.id
        call = session.link.dialect.allow_transfers(running.id)
        if call is not None:
            await session.link.call(call, Priority.OWNER)

    def _wish(self, command: EvceCommand, limit_w: float, feed_w: float, target: Target, session: Session) -> Wish:
        now_s = self._clock.monotonic()
        limit_w = 0.0 if feed_w else limit_w
        if self._paused_for_phases(command, target, now_s):
            limit_w = feed_w = 0.0
        seconds = min(command.lease_s, self._lease_s)
        return Wish(
            limit_w=limit_w,
            feed_w=feed_w,
            phases=self._phases.phases,
            endangers=command.reason in _DANGEROUS,
            target=target,
            session=session,
            restarts=session.restarts,
            at=self._clock.now(),
            asked_s=now_s,
            seconds=min(seconds, FEED_LEASE_S) if feed_w > 0 else seconds,
            clock_offset=self._station.clock_offset,
        )

    def _paused_for_phases(self, command: EvceCommand, target: Target, now_s: float) -> bool:
        if target.transaction_id != self._charge:
            self._charge = target.transaction_id
            self._phases.forget()
        capabilities = self.state.capabilities
        able = capabilities is not None and capabilities.phase_switching
        return self._phases.step(command.phases if able else None, now_s, self._station.lead_power_w)

    async def _start(self, session: Session, command: EvceCommand) -> None:
        evse, now_s, limits = self._station.waiting_evse, self._clock.monotonic(), self._station.limits
        if not self._station.authorizes(HUB_ID_TAG):
            # Here nothing charges without a card.
            return
        if evse is None or self._verification.bans:
            return
        if self._started_s is not None and now_s - self._started_s < START_EVERY_S:
            return
        capabilities = self.state.capabilities
        fixed = capabilities is not None and capabilities.control is LimitControl.STATIC
        if fixed and command.limit_w < limits.watts(limits.safe_current_a):
            return
        self._started_s = now_s
        if await session.link.call(session.link.dialect.start(evse), Priority.OWNER) != ACCEPTED:
            self._station.problem("start", _START_REFUSED)
            raise DeviceRefused(_START_REFUSED)
        self._starts += 1
        self._station.problem("start", _START_IN_VAIN if self._starts > STARTS_IN_VAIN else None)

    async def _start_beside(self, session: Session, total_w: float) -> None:
        """Begin where a car waits beside one that charges, once there is enough for one more."""
        evse, now_s = self._station.waiting_beside, self._clock.monotonic()
        outlets, least_w = self._station.outlets, self._station.limits.watts(MIN_CURRENT_A)
        recently = self._started_beside_s is not None and now_s - self._started_beside_s < START_EVERY_S
        enough = total_w - outlets.idle_w >= (len(outlets.running) + 1) * least_w
        if evse is None or recently or not enough or not self._station.authorizes(HUB_ID_TAG):
            return
        if not self._verification.bans:
            self._started_beside_s = now_s
            status = await session.link.call(session.link.dialect.start(evse), Priority.OWNER)
            logger.info("%s: asked to start at EVSE %d too: %s", self.device_id, evse, status)
