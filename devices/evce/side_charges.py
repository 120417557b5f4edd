"""Charges at the other EVSEs of a station, beside the leading one: what each is given of the station's limit.

The hub commands a station as a whole. What it allows is shared out among the EVSEs that charge, less what the floor
lets the others begin with at any moment, so that all together never have more. What one gives up is given to another
only once it is confirmed and the car had time to follow. An EVSE beside takes leased TxProfiles or stays at its floor.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devices.evce import profiles
from devices.evce.grants import Grant
from devices.evce.link import ACCEPTED
from devices.evce.outlet import Outlet
from devices.evce.profiles import Lease
from devices.evce.rpc import Priority, Superseded
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.wish import FALL_A, RISE_A
from homeapp.model.site import MIN_CURRENT_A
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

FOLLOW_S = 12.0
"""A car has followed a lower limit within this."""
MARGIN_A = 1.5
REFUSED_FOR_S = 30.0
"""One that has refused a limit is asked again only after this."""
STRIKES = 3
"""So many measurements above its limit, and a charge beside is stopped: there is no other way to limit it."""

_STOPPED = (
    "A car at another outlet of the charger drew more than the hub's limit, so the hub has stopped its charge. Have "
    "the charger checked."
)


def share_out(total_w: float, charging: int, least_w: float) -> tuple[float, ...]:
    """What each of so many charging EVSEs is to have of ``total_w``, W, the leading one first.

    The same for each; where that is less than ``least_w``, with which a car can charge, it is for the first ones.
    """
    served = min(charging, int(total_w // least_w) if least_w > 0 else charging) or 1
    return tuple(total_w / served if number < served else 0.0 for number in range(charging))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What an EVSE has accepted last: for which transaction, on which connection, W, and when, monotonic."""

    place: tuple[str, Session, int]
    limit_w: float
    asked_s: float


@dataclass(slots=True)
class _Beside:
    """What is known of one EVSE besides its facts.

    Attributes:
        lowered_at: when it has accepted less than before.
        refused: for which transaction and when it has refused a limit.
        recent: the most that it was granted, with the monotonic time.
        strikes: measurements above its limit, and the newest one of them.
    """

    held: _Held | None = None
    refused: tuple[object, float] | None = None
    lowered_at: datetime | None = None
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    strikes: int = 0
    judged: object = None


class SideCharges:
    """Those of one station."""

    def __init__(self, station: Station, clock: Clock, lease_s: float) -> None:
        self._station = station
        self._clock = clock
        self._lease_s = lease_s
        self._of: dict[int, _Beside] = {}

    def shares(self, total_w: float) -> Mapping[int, float]:
        """W for each EVSE that charges, by its number, of what the whole station is allowed."""
        outlets = self._station.outlets
        charging: Sequence[Outlet] = (outlets.lead, *outlets.beside)
        for outlet in charging:
            self._note(outlet)
        left_w = max(0.0, total_w - self._reserved_w(total_w))
        parts = share_out(left_w, len(charging), self._station.limits.watts(MIN_CURRENT_A))
        return {outlet.evse: part for outlet, part in zip(charging, parts, strict=True)}

    def left_w(self, total_w: float, evse: int) -> float:
        """What the others, and what they have given up just now, leave of ``total_w`` for this EVSE, W."""
        outlets = self._station.outlets
        others = (outlet for outlet in (outlets.lead, *outlets.beside) if outlet.evse != evse)
        return max(0.0, total_w - self._reserved_w(total_w) - sum(self._lately_w(outlet) for outlet in others))

    async def lower(self, session: Session, shares: Mapping[int, float]) -> None:
        """Have those beside accept what is less for them than what they have.

        Raises:
            DeviceUnreachable: no answer in time.
        """
        for outlet in self._station.outlets.beside:
            await self._judge(session, outlet)
            if shares[outlet.evse] < self._most_w(outlet):
                await self._bring_to(session, outlet, shares[outlet.evse])

    async def lift(self, session: Session, shares: Mapping[int, float], total_w: float) -> None:
        """Have those beside accept the rest, as far as there is room already.

        Raises:
            DeviceUnreachable: no answer in time.
        """
        for outlet in self._station.outlets.beside:
            room_w = min(shares[outlet.evse], self.left_w(total_w, outlet.evse))
            await self._bring_to(session, outlet, max(room_w, min(shares[outlet.evse], self._most_w(outlet))))

    def _reserved_w(self, total_w: float) -> float:
        """What others may begin with; nothing where the circuit's own maximum bounds them all."""
        known, limits = self._station.capability, self._station.limits
        bounded = known is not None and known.bounded
        return 0.0 if bounded and total_w >= limits.watts(limits.max_current_a) else self._station.outlets.idle_w

    def _most_w(self, outlet: Outlet) -> float:
        return outlet.grants.most(self._clock.now())[0] or 0.0

    def _note(self, outlet: Outlet) -> None:
        beside, now_s = self._of.setdefault(outlet.evse, _Beside()), self._clock.monotonic()
        beside.recent.append((now_s, self._most_w(outlet)))
        # The one that held when the time began counts from its beginning.
        while len(beside.recent) > 1 and now_s - beside.recent[1][0] >= FOLLOW_S:
            beside.recent.popleft()

    def _lately_w(self, outlet: Outlet) -> float:
        self._note(outlet)
        return max(most_w for _, most_w in self._of[outlet.evse].recent)

    async def _bring_to(self, session: Session, outlet: Outlet, limit_w: float) -> None:
        running, beside = outlet.transaction, self._of.setdefault(outlet.evse, _Beside())
        if running is None or not session.ready:
            return
        now_s, place = self._clock.monotonic(), (running.id, session, session.restarts)
        if beside.held is not None and self._covers(beside.held, place, limit_w, now_s):
            return
        if beside.refused is not None and beside.refused[0] == place and now_s - beside.refused[1] < REFUSED_FOR_S:
            return
        grant = Grant(limit_w=limit_w, until=self._clock.now() + timedelta(seconds=self._lease_s))
        outlet.grants.asked(grant, self._clock.now())
        self._station.grants_changed()
        try:
            status = await self._install(session, outlet, running.id, limit_w)
        except Superseded:
            outlet.grants.refused(grant)
            self._station.grants_changed()
            return
        if status == ACCEPTED and outlet.transaction is not None and outlet.transaction.id == running.id:
            outlet.grants.accepted(grant)
            if beside.held is not None and limit_w < beside.held.limit_w:
                beside.lowered_at = self._clock.now()
            beside.held = _Held(place=place, limit_w=limit_w, asked_s=now_s)
        else:
            outlet.grants.refused(grant)
            beside.refused = place, now_s
            logger.info("%s: EVSE %d stays at its floor: %s", self._station.device_id, outlet.evse, status)
        self._station.grants_changed()

    async def _install(self, session: Session, outlet: Outlet, transaction_id: str, limit_w: float) -> str:
        version, limits = session.link.dialect.version, self._station.limits
        lease = Lease(
            evse=outlet.evse,
            transaction_id=transaction_id,
            now=self._station.station_now(),
            seconds=self._lease_s,
        )
        return await session.install(
            "TxProfile",
            lambda unit: profiles.leased_limit(version, limits, unit, limit_w, lease),
            Priority.SAFETY,
            beside=outlet.evse,
        )

    def _covers(self, held: _Held, place: tuple[str, Session, int], limit_w: float, now_s: float) -> bool:
        if held.place != place or now_s - held.asked_s >= self._lease_s / 2:
            return False
        if limit_w == 0 < held.limit_w:
            return False
        return -FALL_A < self._station.limits.amperes(limit_w - held.limit_w) <= RISE_A

    async def _judge(self, session: Session, outlet: Outlet) -> None:
        """Whether it keeps to what it was granted; it is stopped where it does not."""
        beside, measured, running = self._of[outlet.evse], outlet.measured, outlet.transaction
        if measured.power_w is None or running is None:
            return
        since = beside.lowered_at
        if since is not None and (measured.power_at is None or measured.power_at < since + timedelta(seconds=FOLLOW_S)):
            return
        most_w, _ = outlet.grants.allowed(self._clock.now())
        if measured.power_w <= most_w + self._station.limits.watts(MARGIN_A):
            outlet.grants.kept()
            beside.strikes = 0
            self._station.problem("beside", None)
            return
        outlet.grants.exceeded(measured.power_w)
        if beside.judged == measured.power_at:
            return
        beside.judged = measured.power_at
        beside.strikes += 1
        if beside.strikes >= STRIKES:
            beside.strikes = 0
            self._station.problem("beside", _STOPPED)
            await session.link.call(session.link.dialect.stop(running.id), Priority.SAFETY)
