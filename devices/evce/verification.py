"""Whether a station keeps to what it has accepted, by what it measures and by what it says; and what is done if not."""

import logging
from dataclasses import replace

from devices.evce.escalation import Escalation, Measure
from devices.evce.limiter import Limiter
from devices.evce.link import ACCEPTED
from devices.evce.rpc import Priority
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.wish import Means, Wish
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

OUT_OF_SERVICE_S = 900.0
MARGIN_A = 1.5
_MOST_CONTRADICTIONS = 3
"""So often in one charge a limit is sent again because the station says that another one holds."""

_IGNORED = (
    "The charger has accepted the hub's limit but does not keep it. "
    "Check in its own settings that no other system controls it."
)
_NEXT_ONLY = (
    "The charger has accepted the hub's limit but does not keep it; it seems to apply a new limit only to the next "
    "charge. Stop the charge and start it again."
)
_ALARM = (
    "The charger has accepted the hub's limits but does not keep any of them, whatever the hub has tried. "
    "Switch the charge off at the car or at the charger, and have the charger checked."
)
_BY_CLOCK = (
    "The charger's clock is wrong and it does not keep the hub's limits. Restart it, or set its clock; "
    "until then switch the charge off at the car or at the charger if it draws too much."
)
_STOPPED = (
    "The charger drew more than the home's connection bears and did not follow the hub's limits, so the hub has "
    "stopped the charge. Have the charger checked."
)


class Verification:
    """Judges one station in every control cycle."""

    def __init__(self, station: Station, clock: Clock, limiter: Limiter) -> None:
        self._station = station
        self._clock = clock
        self._limiter = limiter
        self._escalation = Escalation()
        self._charge: object = None
        self._contradictions = 0
        self._stopped_s: float | None = None

    async def judge(self, session: Session, *, endangers: bool) -> None:
        """Compare the newest measurement with what the station holds, be it only its floor, and act.

        Args:
            session: the connection of the moment.
            endangers: to draw more than the floor endangers the fuse or breaks a mandatory limit.

        Raises:
            DeviceUnreachable: no answer in time.
        """
        held, now_s = self._limiter.held, self._clock.monotonic()
        power_w, power_at = self._station.lead_power_w, self._station.lead_power_at
        if held is None or held.lapsed(now_s):
            held = self._floor(session, now_s, endangers=endangers)
        if held is None or power_w is None:
            return
        if (held.session, held.restarts) != (session, session.restarts):
            # What it was told before it came anew, it is told again first.
            return
        if held.target != self._charge:
            self._charge = held.target
            self._escalation.forget()
            self._contradictions = 0
        margin_w = self._station.limits.watts(MARGIN_A)
        feeds_too_much = power_w < -held.feed_w - margin_w
        if not feeds_too_much and power_w <= held.limit_w + margin_w:
            self._kept(held)
            return
        if held is self._limiter.held and power_at is not None and power_at < held.at:
            # It was drawn before this limit was asked for, and says nothing of it.
            return
        self._station.grants.exceeded(power_w)
        circuit_w = self._station.limits.watts(self._station.limits.max_current_a)
        endangers = held.endangers or feeds_too_much or power_w > circuit_w + margin_w
        measure = self._escalation.exceeded(
            now_s, power_at, endangers=endangers, possible=self._possible(held)
        )  # fmt: skip
        if measure is not None:
            logger.warning("%s: draws %.0f W, may %.0f W: %s", self._station.device_id, power_w, held.limit_w, measure)
            await self._take(measure, held)

    def _floor(self, session: Session, now_s: float, *, endangers: bool) -> Wish | None:
        """What holds where no command does: the floor, and what was granted before."""
        target, now = self._station.target, self._clock.now()
        if target is None:
            return None
        limit_w, feed_w = self._station.grants.allowed(now)
        return Wish(
            limit_w=limit_w,
            feed_w=feed_w,
            phases=None,
            endangers=endangers,
            target=target,
            session=session,
            restarts=session.restarts,
            at=now,
            asked_s=now_s,
            seconds=0.0,
        )

    @property
    def bans(self) -> bool:
        """A charge that the hub had to stop is not to be started again yet."""
        return self._stopped_s is not None and self._clock.monotonic() - self._stopped_s < OUT_OF_SERVICE_S

    async def put_back(self, session: Session) -> None:
        """Put back into service, some time later, what had to be taken out of it."""
        if self._stopped_s is not None and not self.bans:
            await session.securing.put_into_service()
            self._stopped_s = None

    def _kept(self, held: Wish) -> None:
        self._escalation.within()
        self._station.grants.kept()
        session = held.session
        if session.contradicted:
            session.contradicted = None
            self._contradictions += 1
            self._station.problem("ignored", self._named(_NEXT_ONLY if held.means is Means.TX_DEFAULT else _IGNORED))
            if held.means is Means.TX and self._contradictions <= _MOST_CONTRADICTIONS:
                self._limiter.send_again()
        elif session.contradicted is False:
            self._contradictions = 0
        if self._contradictions == 0 and self._stopped_s is None:
            self._station.problem("ignored", None)

    def _possible(self, held: Wish) -> frozenset[Measure]:
        known = self._limiter.capability
        possible = {Measure.TAKE_OUT}
        if held.target.transaction_id is not None:
            possible.add(Measure.STOP)
        if held.feed_w == 0:
            if len(known.units) != 1 and self._limiter.held is held:
                possible.add(Measure.OTHER_UNIT)
            if known.leased_stack_level is not None and held.means is Means.TX:
                possible.add(Measure.TX_DEFAULT)
            if known.keeps_maximum is not False:
                possible.add(Measure.STATION_MAX)
        return frozenset(possible)

    async def _take(self, measure: Measure, held: Wish) -> None:
        self._say(measure, held)
        session = held.session
        if measure in (Measure.STOP, Measure.TAKE_OUT):
            self._stopped_s = self._clock.monotonic()
        match measure:
            case Measure.RESEND:
                self._limiter.send_again()
            case Measure.OTHER_UNIT:
                session.unit = session.unit.other
                self._limiter.send_again()
            case Measure.TX_DEFAULT:
                self._limiter.use_default(held)
            case Measure.STATION_MAX:
                await self._limiter.lower_station(held)
            case Measure.STOP:
                if held.target.transaction_id is not None:
                    await session.link.call(session.link.dialect.stop(held.target.transaction_id), Priority.SAFETY)
            case Measure.TAKE_OUT:
                await self._take_out(held)
            case Measure.ALARM:
                self._limiter.send_again()

    async def _take_out(self, held: Wish) -> None:
        # Before it is asked: the hub must remember to put it back even if it dies now.
        securing = held.session.securing
        await securing.learn(replace(self._limiter.capability, out_of_service=True))
        call = held.session.link.dialect.availability(held.target.evse, operative=False)
        status = await held.session.link.call(call, Priority.SAFETY)
        if status not in (ACCEPTED, "Scheduled"):
            self._station.problem("ignored", _ALARM)

    def _say(self, measure: Measure, held: Wish) -> None:
        if measure in (Measure.STOP, Measure.TAKE_OUT):
            sentence = _STOPPED
        elif measure is Measure.ALARM or (measure is Measure.RESEND and self._escalation.exhausted):
            sentence = _ALARM
        else:
            sentence = _NEXT_ONLY if held.means is Means.TX_DEFAULT else _IGNORED
        self._station.problem("ignored", self._named(sentence))

    def _named(self, sentence: str) -> str:
        """The sentence, or one that names the likely cause."""
        return _BY_CLOCK if self._station.clock_wrong and sentence is not _STOPPED else sentence
