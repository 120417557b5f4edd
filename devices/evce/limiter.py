"""Gets the wishes of the hub into one station, by the best means that the station takes.

A leased TxProfile where that works. Else a TxDefaultProfile above the floor, which lapses by itself as well but wears
the station's flash memory. Else the floor stays, and all that is left is to start and to stop.
"""

import logging
from dataclasses import replace

from devices.evce import profiles
from devices.evce.capability import Capability, CapabilityKeeper
from devices.evce.feed_setpoints import FeedSetpoints
from devices.evce.link import ACCEPTED, NOT_SUPPORTED
from devices.evce.outlet import Target
from devices.evce.profiles import Lease, StationLimits, Unit
from devices.evce.rpc import Priority, Superseded
from devices.evce.schemas import Version
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.wish import COARSE_LEASE_S, Means, Wish
from devices.evce.write_budget import CountedWrites
from homeapp.errors import DeviceRefused
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

REFUSED_FOR_S = 30.0
STATIC_AFTER = 3
STATIC_FOR_S = 600.0
"""A station that has refused everything so often is asked again only after this."""

_UNLIMITED = "The charger cannot be limited from outside; allow smart charging in its own settings."
_REFUSED = "The charger refused the new limit and stays at its last one until that lapses."
_UNTIL_RESTART = (
    "The charger has taken limits before but refuses every new one now. Switch it off and on; until then it stays at "
    "its last limit and then at its safe limit."
)
_BUDGET_SPENT = (
    "The charger keeps limits in a memory that wears out, and has had as many for today as it can bear. Until tomorrow "
    "the hub only lowers its limit."
)


class Limiter:
    """One station's limits over all its connections.

    Attributes:
        held: what the station has accepted last and holds for all that is known, or None.
    """

    def __init__(self, station: Station, clock: Clock, keeper: CapabilityKeeper) -> None:
        self.held: Wish | None = None
        self._station = station
        self._clock = clock
        self._asked: Wish | None = None
        self._refused: tuple[Wish, str] | None = None
        self._refusals = 0
        self._taken_at: tuple[Session, int] | None = None
        self._default_at: tuple[Session, int, Target] | None = None
        self._tx_refused_at: tuple[Session, int, Target] | None = None
        self._feed = FeedSetpoints(station)
        self._checked: tuple[Session, int, Means, Unit] | None = None
        self._lowered_w: float | None = None
        self._writes = CountedWrites(station.device_id, clock, keeper)

    @property
    def capability(self) -> Capability:
        """What is known of the station; the usual one while it was not asked."""
        return self._station.capability or Capability()

    @property
    def _floor_w(self) -> float:
        return self._station.limits.watts(self._station.limits.safe_current_a)

    def send_again(self) -> None:
        """Whatever holds is to be sent anew with the next wish, and its effect to be checked."""
        self.held = self._checked = None

    def use_default(self, wish: Wish) -> None:
        """From now on, and until its transaction ends, by TxDefaultProfiles."""
        self._default_at = wish.place
        self.held = None

    async def lower_station(self, wish: Wish) -> None:
        """Limit the whole station until the wish rises; a last resort, as stations keep this in their flash memory."""
        self._lowered_w = wish.limit_w
        await self._write_max(wish.session, wish.limit_w)

    async def bring_to(self, wish: Wish) -> None:
        """Have the station hold ``wish``; talks to it only where that says something new.

        Raises:
            DeviceRefused: it takes none of the means.
            DeviceUnreachable: no answer in time.
            Superseded: a newer wish has taken its place.
        """
        limits = self._station.limits
        if self._by_default(wish):
            wish = replace(wish, means=Means.TX_DEFAULT, seconds=COARSE_LEASE_S)
        # While something is on its way, what held before it says nothing.
        known = self._asked or self.held
        if known is not None and known.covers(wish, limits):
            return
        if await self._still_refused(wish):
            return
        if wish.means is Means.TX_DEFAULT and not await self._may_write(wish, known):
            return
        if self._lowered_w is not None and wish.limit_w > self._lowered_w + limits.watts(1.0):
            self._lowered_w = None
            await self._write_max(wish.session, None)
        await self._send(wish)

    def _by_default(self, wish: Wish) -> bool:
        known = self.capability
        if wish.feed_w > 0 or known.leased_stack_level is None:
            return False
        return not known.leases or self._default_at == wish.place

    async def _still_refused(self, wish: Wish) -> bool:
        """A station that has just refused is not asked again; True where it was stopped instead.

        Raises:
            DeviceRefused: what it has refused, it still does.
        """
        if self._refused is None:
            return False
        refused, sentence = self._refused
        static = self._refusals >= STATIC_AFTER
        patience_s = STATIC_FOR_S if static else REFUSED_FOR_S
        same_place = refused.place == wish.place
        alike = replace(refused, means=wish.means).alike(wish, self._station.limits)
        if wish.asked_s - refused.asked_s >= patience_s or not same_place or not (alike or static):
            return False
        if static and wish.feed_w == 0 and wish.limit_w < self._floor_w and await self._stop(wish):
            return True
        raise DeviceRefused(sentence)

    async def _send(self, wish: Wish) -> None:
        grants, grant = self._station.grants, wish.grant
        self._asked = wish
        grants.asked(grant, self._clock.now())
        self._station.grants_changed()
        try:
            status = await self._install(wish)
        except Superseded:
            grants.refused(grant)
            self._station.grants_changed()
            return
        finally:
            # Where no answer came, the grant stays: the station may have taken it.
            if self._asked is wish:
                self._asked = None
        if status == ACCEPTED:
            await self._accepted(wish)
            return
        grants.refused(grant)
        self._station.grants_changed()
        await self._not_accepted(wish, status)

    async def _accepted(self, wish: Wish) -> None:
        session, station = wish.session, self._station
        self.held, self._refused, self._refusals = wish, None, 0
        self._taken_at = session, wish.restarts
        station.problem("limit", None)
        station.only_starts_and_stops(only=False)
        if station.target == wish.target:
            station.grants.accepted(wish.grant)
            station.grants_changed()
        else:
            station.grants.refused(wish.grant)
        if wish.feed_w == 0:
            station.setpoint = None
            checked = session, wish.restarts, wish.means, session.unit
            on_phases = profiles.on_phases(station.limits, wish.phases)
            session.expect(wish.target.evse, on_phases.amperes(wish.limit_w), check=checked != self._checked)
            self._checked = checked
        if wish.means is Means.TX_DEFAULT and self._tx_refused_at == wish.place:
            logger.info("%s: takes no leased TxProfile; it is limited by TxDefaultProfiles", station.device_id)
            self._tx_refused_at = None
            await session.securing.learn(replace(self.capability, tx_refusals=self.capability.tx_refusals + 1))

    async def _not_accepted(self, wish: Wish, status: str) -> None:
        pause = wish.limit_w == 0 and wish.feed_w == 0
        knows_tx = self._taken_at == (wish.session, wish.restarts)
        if pause and knows_tx and await self._stop(wish):
            return
        coarse = wish.means is Means.TX and wish.feed_w == 0 and self.capability.leased_stack_level is not None
        if coarse:
            self._default_at = self._tx_refused_at = wish.place
            # Where it may not be written now, it is later, and without asking for a TxProfile again every cycle.
            if not await self._may_write(wish, self.held) or await self._fall_back(wish):
                return
            self._default_at = None
        if pause and not knows_tx and await self._stop(wish):
            return
        self._refusals += wish.feed_w == 0
        if self._refusals >= STATIC_AFTER:
            self._station.only_starts_and_stops(only=True)
            if wish.limit_w < self._floor_w and wish.feed_w == 0 and await self._stop(wish):
                return
        sentence = _UNLIMITED if status == NOT_SUPPORTED else _REFUSED
        if status != NOT_SUPPORTED and knows_tx:
            sentence = _UNTIL_RESTART
        self._refused = (wish, sentence)
        self._station.problem("limit", sentence)
        raise DeviceRefused(sentence)

    async def _stop(self, wish: Wish) -> bool:
        """Some stations know no limit of 0, or none at all; ending the transaction stops the charge as well."""
        transaction_id = wish.target.transaction_id
        if transaction_id is None:
            return False
        if await wish.session.link.call(wish.session.link.dialect.stop(transaction_id), Priority.SAFETY) != ACCEPTED:
            return False
        logger.info("%s: refuses the limit, so its transaction was stopped", self._station.device_id)
        self.held = wish
        return True

    async def _fall_back(self, wish: Wish) -> bool:
        """The same by a TxDefaultProfile."""
        coarse = replace(wish, means=Means.TX_DEFAULT, seconds=COARSE_LEASE_S)
        grant = coarse.grant
        self._station.grants.asked(grant, self._clock.now())
        try:
            accepted = await self._install(coarse) == ACCEPTED
        except Superseded:
            self._station.grants.refused(grant)
            raise
        if not accepted:
            self._station.grants.refused(grant)
            self._station.grants_changed()
            return False
        await self._accepted(coarse)
        return True

    async def _install(self, wish: Wish) -> str:
        if wish.feed_w > 0:
            return await self._feed.install(wish, self.held, self._lease(wish))
        session, version = wish.session, wish.session.link.dialect.version
        limits, lease = profiles.on_phases(self._station.limits, wish.phases), self._lease(wish)
        if wish.means is Means.TX_DEFAULT:
            level = self.capability.leased_stack_level or 1
            return await self._writes.counted(
                session.install(
                    "TxDefaultProfile",
                    lambda unit: profiles.leased_default(version, limits, unit, wish.limit_w, lease, level),
                    Priority.SAFETY,
                    level,
                )
            )
        phase = 1 if wish.phases == 1 and self.capability.phase_choice else None
        return await session.install(
            "TxProfile",
            lambda unit: profiles.leased_limit(version, limits, unit, wish.limit_w, lease, phase=phase),
            Priority.SAFETY,
        )

    def _lease(self, wish: Wish) -> Lease:
        return Lease(
            evse=wish.target.evse,
            transaction_id=wish.target.transaction_id,
            now=wish.at + wish.clock_offset,
            seconds=wish.seconds,
        )

    async def _may_write(self, wish: Wish, known: Wish | None) -> bool:
        holds = known is not None and known.place == wish.place and not known.lapsed(wish.asked_s)
        present_w = known.limit_w if known is not None and holds else self._floor_w
        # What the car draws now may be more than anything that is known to hold.
        present_w = max(present_w, self._station.lead_power_w or 0.0)
        allowed = await self._writes.allowed(reduces=wish.limit_w < present_w)
        self._station.problem("budget", _BUDGET_SPENT if self._writes.used_up else None)
        return allowed

    async def _write_max(self, session: Session, limit_w: float | None) -> None:
        version: Version = session.link.dialect.version
        limits: StationLimits = self._station.limits
        begin = self.capability.max_begin
        await self._writes.counted(
            session.install(
                profiles.max_purpose(version),
                lambda unit: profiles.station_max(version, limits, unit, limit_w, begin=begin),
                Priority.SAFETY,
            )
        )
