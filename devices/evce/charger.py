"""An adopted charging station as the control loop sees it (the ``Evce`` port)."""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.evce import profiles
from devices.evce.dialect import HUB_ID_TAG
from devices.evce.fields import Payload
from devices.evce.link import ACCEPTED, NOT_SUPPORTED
from devices.evce.profiles import Lease, Unit
from devices.evce.rpc import Priority, Superseded
from devices.evce.schemas import Version
from devices.evce.session import Session
from devices.evce.software import check_job, not_taken
from devices.evce.station import Station, Target
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, NotSupported
from homeapp.model.offer import Job
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

RISE_A = 0.5
"""A wish for more is passed on from here; one for less at once, as soon as the station can tell the difference."""
FALL_A = 0.1
START_EVERY_S = 30.0
REFUSED_FOR_S = 30.0
IGNORED_AFTER_S = 30.0
_IGNORED_A = 1.5
_IGNORED = (
    "The charger has accepted the hub's limit but does not keep it. "
    "Check in its own settings that no other system controls it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What one SetChargingProfile asks of one transaction on one connection."""

    limit_w: float
    feed_w: float
    target: Target
    session: Session
    restarts: int
    at: datetime
    asked_s: float
    seconds: float

    @property
    def until(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)


class OcppEvce:
    """One adopted station over all its connections.

    Attributes:
        session: the connection of the moment, or None.
    """

    def __init__(self, station: Station, clock: Clock, lease_s: float) -> None:
        self.session: Session | None = None
        self._station = station
        self._clock = clock
        self._lease_s = lease_s
        self._asked: _Wish | None = None
        self._held: _Wish | None = None
        self._refused: tuple[_Wish, str] | None = None
        self._started_s: float | None = None
        self._ignored_since_s: float | None = None
        self._ignored_sample: datetime | None = None

    @property
    def device_id(self) -> str:
        return self._station.device_id

    @property
    def state(self) -> EvceState:
        return self._station.state

    async def apply(self, command: EvceCommand) -> None:
        session = self._ready_session()
        target = self._station.target
        if target is not None and self.state.status.car_present:
            self._station.problem("start", None)
            self._verify()
            await self._bring_to(self._wish(command, self._feed_w(command), target, session))
        elif command.limit_w > 0 or command.feed_w > 0:
            await self._start(session)

    async def update_software(self, job: Job) -> None:
        session = self._ready_session()
        check_job(job)
        if self.state.status in (EvceStatus.CHARGING, EvceStatus.FEEDING):
            raise DeviceRefused("The charger is in use. Its software can be renewed once the charge is over.")
        request_id = secrets.randbelow(2**31 - 1) + 1
        call = session.link.dialect.update_software(job, request_id, self._clock.now())
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

    def _ready_session(self) -> Session:
        if self.session is None:
            raise DeviceUnreachable("The charger is offline; check its power and its network.")
        if not self.session.ready:
            raise DeviceUnreachable(
                self.state.problem or "The charger has just connected and is being prepared; this takes a few seconds."
            )
        return self.session

    def _verify(self) -> None:
        """Stations that accept a limit and ignore it are told of, and are told the limit again."""
        state, held, now_s = self.state, self._held, self._clock.monotonic()
        if held is None or now_s - held.asked_s >= held.seconds or state.power_w is None:
            self._ignored_since_s = None
            return
        margin_w = self._station.limits.watts(_IGNORED_A)
        within = -held.feed_w - margin_w <= state.power_w <= held.limit_w + margin_w
        if within:
            self._ignored_since_s = None
            self._station.problem("ignored", None)
        elif self._ignored_since_s is None:
            self._ignored_since_s, self._ignored_sample = now_s, state.power_at
        elif now_s - self._ignored_since_s > IGNORED_AFTER_S and state.power_at != self._ignored_sample:
            self._station.problem("ignored", _IGNORED)
            self._held = self._ignored_since_s = None

    def _feed_w(self, command: EvceCommand) -> float:
        if command.feed_w <= 0:
            return 0.0
        capabilities = self.state.capabilities
        if capabilities is None or not capabilities.can_feed or capabilities.max_feed_w is None:
            raise NotSupported("The charger or the car cannot feed power back; both must support it (OCPP 2.1).")
        return min(command.feed_w, capabilities.max_feed_w)

    def _wish(self, command: EvceCommand, feed_w: float, target: Target, session: Session) -> _Wish:
        limits = self._station.limits
        return _Wish(
            limit_w=0.0 if feed_w else max(0.0, min(command.limit_w, limits.watts(limits.max_current_a))),
            feed_w=feed_w,
            target=target,
            session=session,
            restarts=session.restarts,
            at=self._clock.now(),
            asked_s=self._clock.monotonic(),
            seconds=min(command.lease_s, self._lease_s),
        )

    async def _bring_to(self, wish: _Wish) -> None:
        # While something is on its way, what held before it says nothing.
        known = self._asked or self._held
        if known is not None and self._covers(known, wish):
            return
        if self._refused is not None:
            refused, sentence = self._refused
            if self._alike(refused, wish) and wish.asked_s - refused.asked_s < REFUSED_FOR_S:
                raise DeviceRefused(sentence)
        self._asked = wish
        try:
            status = await self._send(wish)
        except Superseded:
            return
        finally:
            if self._asked is wish:
                self._asked = None
        if status == ACCEPTED:
            self._accepted(wish)
        else:
            await self._not_accepted(wish, status)

    async def _send(self, wish: _Wish) -> str:
        version, limits = wish.session.link.dialect.version, self._station.limits
        lease = Lease(
            evse=wish.target.evse, transaction_id=wish.target.transaction_id, now=wish.at, seconds=wish.seconds
        )

        def make(unit: Unit) -> Payload:
            if wish.feed_w > 0 and version is Version.V21:
                return profiles.leased_feed(limits, wish.feed_w, lease)
            return profiles.leased_limit(version, limits, unit, wish.limit_w, lease)

        return await wish.session.install("TxProfile", make, Priority.SAFETY)

    def _accepted(self, wish: _Wish) -> None:
        self._refused = None
        self._held = wish
        self._station.problem("limit", None)
        if self._station.target == wish.target:
            self._station.granted(wish.limit_w, wish.feed_w, wish.until)

    async def _not_accepted(self, wish: _Wish, status: str) -> None:
        transaction_id = wish.target.transaction_id
        if wish.limit_w == 0 and wish.feed_w == 0 and transaction_id is not None:
            # Some stations know no limit of 0; ending the transaction stops the charge as well.
            stop = wish.session.link.dialect.stop(transaction_id)
            if await wish.session.link.call(stop, Priority.SAFETY) == ACCEPTED:
                logger.info("%s: refuses a limit of 0, so its transaction was stopped", self.device_id)
                self._held = wish
                return
        if status == NOT_SUPPORTED:
            sentence = "The charger cannot be limited from outside; allow smart charging in its own settings."
        else:
            sentence = "The charger refused the new limit and stays at its last one until that lapses."
        self._refused = (wish, sentence)
        self._station.problem("limit", sentence)
        raise DeviceRefused(sentence)

    async def _start(self, session: Session) -> None:
        evse, now_s = self._station.waiting_evse, self._clock.monotonic()
        if not self._station.authorizes(HUB_ID_TAG):
            # Here nothing charges without a card.
            return
        if evse is None or (self._started_s is not None and now_s - self._started_s < START_EVERY_S):
            return
        self._started_s = now_s
        if await session.link.call(session.link.dialect.start(evse), Priority.OWNER) != ACCEPTED:
            sentence = "The charger refused to start. Unplug the car, plug it in again, or start at the charger."
            self._station.problem("start", sentence)
            raise DeviceRefused(sentence)

    def _covers(self, known: _Wish, wish: _Wish) -> bool:
        return self._alike(known, wish) and wish.asked_s - known.asked_s < known.seconds / 2

    def _alike(self, known: _Wish, wish: _Wish) -> bool:
        if (known.session, known.restarts, known.target) != (wish.session, wish.restarts, wish.target):
            return False
        if (known.feed_w > 0) is not (wish.feed_w > 0):
            return False
        more_a = self._station.limits.amperes(wish.limit_w + wish.feed_w - known.limit_w - known.feed_w)
        return -FALL_A < more_a <= RISE_A
