"""Setpoints of power feed (OCPP 2.1, Q03 and Q04): by an update where a Dynamic profile stands, else by a profile."""

from devices.evce import profiles
from devices.evce.fields import Payload
from devices.evce.link import ACCEPTED
from devices.evce.outlet import Setpoint
from devices.evce.profiles import STACK_LEVEL, Lease, Unit
from devices.evce.rpc import Priority
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.wish import Wish

PULL_EVERY_S = 30
_TX_PLACE = f"TxProfile {STACK_LEVEL}"


class FeedSetpoints:
    """Gets the wishes for power feed into one station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._no_dynamic: tuple[Session, int] | None = None

    async def install(self, wish: Wish, held: Wish | None, lease: Lease) -> str:
        """Have the car feed what ``wish`` wants, where ``held`` is what the station holds for all that is known.

        Returns:
            ``Accepted``, or the last refusal.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
            Superseded: a newer profile has taken its place.
        """
        limits, known = self._station.limits, self._station.capability
        power_w = min(wish.feed_w, limits.watts(limits.max_current_a))
        phases_w = self._uneven_phases()
        connection = wish.session, wish.restarts
        if known is not None and known.dynamic and self._no_dynamic != connection:
            status = await self._update(wish, held, profiles.setpoint(-power_w, phases_w))
            if status != ACCEPTED:
                dynamic = profiles.leased_feed(limits, power_w, lease, phases_w=phases_w, dynamic_every_s=PULL_EVERY_S)
                status = await self._set(wish, dynamic)
            if status == ACCEPTED:
                self._station.setpoint = Setpoint(
                    power_w=-power_w, phases_w=phases_w, until=wish.until, seconds=wish.seconds
                )
                return status
            self._no_dynamic = connection
        self._station.setpoint = None
        return await self._set(wish, profiles.leased_feed(limits, power_w, lease, phases_w=phases_w))

    async def _set(self, wish: Wish, request: Payload) -> str:
        return await wish.session.install("TxProfile", lambda _: request, Priority.SAFETY, units=(Unit.WATT,))

    async def _update(self, wish: Wish, held: Wish | None, setpoint: Payload) -> str:
        call = wish.session.link.dialect.update_setpoint(profiles.leased_id(wish.target.evse), setpoint)
        stands = held is not None and held.place == wish.place and self._station.setpoint is not None
        if not stands or call is None:
            return ""
        status, _ = await wish.session.link.ask(call, Priority.SAFETY, _TX_PLACE)
        return status

    def _uneven_phases(self) -> tuple[float, ...]:
        """What the car feeds on each phase, where a third of the sum would be too much for one of them."""
        told = self._station.needed.feed_phases_w if self._station.needed is not None else ()
        return told if len(told) == self._station.limits.phases and max(told, default=0) > min(told, default=0) else ()
