"""The state of one station, from independent facts.

Transaction, connector status and measurements reach the hub by different messages in any order. Each is kept as a
fact of its own and the state is derived from all of them, so that the order does not matter.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from devices.evce import profiles
from devices.evce.abilities import Abilities, Known
from devices.evce.capability import Capability
from devices.evce.connectors import Connectors
from devices.evce.derived import derive_status
from devices.evce.dialect import ChargingNeeds, Introduction, Reported, SoftwareReport, TransactionReport
from devices.evce.fields import Payload
from devices.evce.foreign_profiles import ProfileReport
from devices.evce.grants import Grant, Grants
from devices.evce.metering import Sample
from devices.evce.outlet import Outlet, Outlets, Setpoint, Target, Transaction
from devices.evce.profiles import StationLimits, Unit
from devices.evce.schemas import Version
from devices.evce.signed_readings import SignedReadings
from devices.evce.software_progress import SoftwareProgress
from devices.evce.station_clock import StationClock
from devices.evce.transactions import Transactions
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.ports import Clock, StationRegister

logger = logging.getLogger(__name__)

POWER_COUNTS = timedelta(seconds=60)

_OUT_OF_SERVICE = "The charger reports a fault or is out of service; look at its display."
_CLOCK_WRONG = (
    "The charger's clock is wrong. The hub allows for that, but what the charger plans or signs itself bears the wrong "
    "time. Restart it, or set its clock."
)
_URGENCY = {"ignored": 0, "fault": 2, "clock": 3, "unencrypted": 4, "outlets": 5}
"""Of what is wrong, the rest being 1. An open connection works, and for a wrong clock the hub allows."""


class Station:
    """Facts about one adopted station; the ``Listener`` of its connections.

    Every message may change the state; the register is told once per message.

    Attributes:
        outlets: its EVSEs.
        introduction: as it introduced itself last, or None.
        capability: what is known of it, or None before it was asked.
        signed: readings that its meter has signed and that wait to be kept.
        profile_report: what it reports of the profiles that it holds.
    """

    admitted = True

    def __init__(self, device_id: str, limits: StationLimits, clock: Clock, register: StationRegister) -> None:
        self.device_id = device_id
        self.limits = limits
        self.outlets = Outlets(limits, clock)
        self.introduction: Introduction | None = None
        self.capability: Capability | None = None
        self.signed = SignedReadings()
        self.profile_report = ProfileReport()
        self._clock = clock
        self._register = register
        self._version: Version | None = None
        self._security_profile: int | None = None
        self._connected = False
        self._secured = False
        self._connectors = Connectors()
        self._transactions = Transactions(device_id, self.outlets)
        self._station_clock = StationClock()
        self._uncontrolled = self._static = False
        self._unit: Unit | None = None
        self._provider: tuple[float | None, float | None, bool] = (None, None, True)
        self._problems: dict[str, str] = {}
        self._firmware: str | None = None
        self._software = SoftwareProgress(device_id, clock)
        self._abilities = Abilities(limits)
        self.state = EvceState(device_id=device_id, received_at=clock.now(), status=EvceStatus.OFFLINE, connected=False)

    def now(self) -> datetime:
        return self._clock.now()

    def station_now(self) -> datetime:
        """What the station's own clock shows, as far as is known."""
        return self._clock.now() + self._station_clock.offset

    @property
    def transaction(self) -> Transaction | None:
        """The one that runs at the leading EVSE, or None."""
        return self.outlets.lead.transaction

    @property
    def needed(self) -> ChargingNeeds | None:
        """What the car there has told of its wishes, or None."""
        return self.outlets.lead.needed

    @property
    def grants(self) -> Grants:
        """What the leading EVSE may draw and feed."""
        return self.outlets.lead.grants

    @property
    def setpoint(self) -> Setpoint | None:
        """The Dynamic profile that stands there, or None."""
        return self.outlets.lead.setpoint

    @setpoint.setter
    def setpoint(self, setpoint: Setpoint | None) -> None:
        self.outlets.lead.setpoint = setpoint

    @property
    def lead_power_w(self) -> float | None:
        """What is drawn there, W, or None while that is unknown."""
        return self.outlets.lead.measured.power_w

    @property
    def lead_power_at(self) -> datetime | None:
        """When that came."""
        return self.outlets.lead.measured.power_at

    @property
    def clock_offset(self) -> timedelta:
        """What to add to the hub's time to get the station's, as far as is known."""
        return self._station_clock.offset

    @property
    def clock_wrong(self) -> bool:
        """It is far off by what the station told last."""
        return self._station_clock.wrong

    @property
    def target(self) -> Target | None:
        """Where a leased profile would go now, or None where nothing charges."""
        if self.transaction is not None:
            return Target(evse=self.transaction.evse or self.likely_evse, transaction_id=self.transaction.id)
        evse = self.likely_evse
        if self._version is Version.V16 and self._connectors.takes(evse):
            return Target(evse=evse, transaction_id=None)
        return None

    @property
    def permitted_w(self) -> float:
        """The most that its circuit carries and its provider permits, W."""
        circuit_w, provider_w = self.limits.watts(self.limits.max_current_a), self._provider[0]
        return circuit_w if provider_w is None else min(circuit_w, provider_w)

    @property
    def held_w(self) -> float | None:
        """The most that it may draw by what it has accepted, W; None while nothing was."""
        return self.outlets.granted(bounded=self._bounded)[0]

    @property
    def limit_change_pct(self) -> float | None:
        """LimitChangeSignificance, %, or None."""
        return None if self.capability is None else self.capability.limit_change_pct

    @property
    def waiting_evse(self) -> int | None:
        """The EVSE where a car waits for a transaction, or None."""
        return self.likely_evse if self.target is None and self.state.status.car_present else None

    @property
    def waiting_beside(self) -> int | None:
        """The same while something goes on at another EVSE already."""
        busy = {outlet.evse for outlet in self.outlets.running}
        return self._connectors.waiting(busy) if busy else None

    def silent_evses(self, patience: timedelta) -> tuple[int, ...]:
        """Where something charges and nothing was measured for so long."""
        target, long_ago = self.target, self._clock.now() - patience
        at = {} if target is None else {target.evse: self.lead_power_at}
        at |= {outlet.evse: outlet.measured.power_at for outlet in self.outlets.beside}
        return tuple(evse for evse, power_at in at.items() if power_at is None or power_at < long_ago)

    def came(self, version: Version, security_profile: int | None = None) -> None:
        """A new connection; nothing it holds is trusted."""
        self._security_profile = security_profile
        if self._version not in (None, version):
            # Another protocol after an upgrade of the station: its old names for things mean nothing in it.
            self.outlets.forget()
            self._connectors.clear()
        self._connected, self._secured, self._version = True, False, version
        self._problems.pop("silent", None)
        self._tell()

    def left(self) -> None:
        """The connection is gone."""
        self._connected = self._secured = False
        self._tell()

    def secure(self) -> None:
        """The floor is in place; holds until the station restarts or the connection breaks."""
        self._secured = True
        self._tell()

    def floor_granted(self, evses: int = 1) -> None:
        """The station has accepted the floor for so many; a lease from before the connection broke may still hold."""
        self._uncontrolled = False
        self.outlets.floor_is(evses, self._unit or Unit.AMPERE)
        self._tell()

    def floor_refused(self) -> None:
        """The station takes no limit at all; while a car is in it, it may draw all that its circuit carries."""
        self._uncontrolled = True
        self.grants.exceeded(self.limits.watts(self.limits.max_current_a))
        self._tell()

    def granted(self, limit_w: float, feed_w: float = 0.0, until: datetime | None = None) -> None:
        """The station has accepted a command that holds until then; without ``until`` it is the floor."""
        self.grants.accepted(Grant(limit_w=limit_w, feed_w=feed_w, until=until))
        self._tell()

    def grants_changed(self) -> None:
        """Something in ``grants`` is different."""
        self._tell()

    def only_starts_and_stops(self, *, only: bool) -> None:
        """The station takes no limit but the floor that it has."""
        self._static = only
        self._tell()

    def capable(self, capability: Capability) -> None:
        """This is known of it."""
        self.capability = capability
        self.outlets.told(max(capability.connectors or 1, capability.evses))
        self._tell()

    def limited_in(self, unit: Unit) -> None:
        """It has taken a limit in this unit."""
        if unit is not self._unit:
            self._unit = unit
            self._tell()

    def provider_permits(self, limit_w: float | None, feed_w: float | None, *, control: bool) -> None:
        """What its provider permits and asks for now, and whether that counts; see EvceState."""
        if self._provider != (limit_w, feed_w, control):
            self._provider = limit_w, feed_w, control
            self._tell()

    def present_setpoint(self, profile_id: int, /) -> Payload | None:
        setpoint, now = self.setpoint, self._clock.now()
        leased_id = profiles.leased_id(self.outlets.lead.evse)
        if setpoint is None or profile_id != leased_id or self.transaction is None:
            return None
        if setpoint.until <= now:
            # An update keeps the profile alive, so that a hub whose control stands still must not repeat its wish.
            setpoint = self.setpoint = replace(setpoint, power_w=0.0)
        # The answer makes it hold for its full time again.
        until = now + timedelta(seconds=setpoint.seconds)
        self.granted(0.0, -setpoint.power_w, until)
        return profiles.setpoint(setpoint.power_w, setpoint.phases_w)

    def problem(self, about: str, sentence: str | None) -> None:
        """Something is wrong with the station, or is no longer."""
        if self._problems.get(about) == sentence:
            return
        if sentence is None:
            del self._problems[about]
        else:
            self._problems[about] = sentence
            logger.warning("%s: %s", self.device_id, sentence)
        self._tell()

    def booted(self, introduction: Introduction) -> None:
        logger.info(
            "%s: started: %s %s, firmware %s",
            self.device_id, introduction.vendor, introduction.model, introduction.firmware or "unknown",
        )  # fmt: skip
        self._secured = False
        self.introduction = introduction
        self._firmware = introduction.firmware or None
        self._software.booted(self._firmware)
        for outlet in self.outlets:
            outlet.setpoint = None
            # A power cut may have ended it without a word.
            outlet.doubtful = outlet.transaction is not None
        self._tell()

    def heard(self) -> None:
        self._tell()

    def clock_shows(self, at: datetime | None) -> None:
        if at is not None:
            self._station_clock.hinted(at, self._clock.now())

    def schedule_begins(self, at: datetime | None) -> None:
        """A composite schedule of now begins at ``at`` by the station's clock."""
        if at is not None:
            self._station_clock.schedule_begins(at, self._clock.now())

    def authorizes(self, token: str) -> bool:
        return self._register.authorizes(self.device_id, token)

    def connector_is(self, evse: int, reported: Reported, stamp: datetime | None) -> None:
        self._connectors.told(evse, reported, stamp, self._clock.now())
        told = {self.outlets.lead, self.outlets.at(evse)}
        for outlet in told:
            if self._reported(outlet) is Reported.AVAILABLE:
                if outlet.doubtful:
                    outlet.over()
                self._car_left(outlet)
        self._tell()

    def began(self, report: TransactionReport, fingerprint: str) -> str:
        transaction_id = self._transactions.begin(report, fingerprint)
        self._tell()
        return transaction_id

    def renamed(self, old: str, new: str) -> None:
        """1.6: the transaction that the hub has named ``old`` goes by ``new``, the id of the provider's CSMS."""
        if self._transactions.rename(old, new):
            self._tell()

    def runs(self, report: TransactionReport) -> None:
        # What was signed is evidence, also about a transaction that is over by now.
        self.signed.came(report.transaction_id, report.samples)
        outlet = self._transactions.follow(report)
        if outlet is not None and report.late:
            outlet.measured.take_energy(report.samples)
        elif outlet is not None:
            self.clock_shows(report.told_at)
            self._judge_clock(report.samples)
            outlet.measured.take(report.samples)
        self._tell()

    def ended(self, transaction_id: str, samples: Sequence[Sample]) -> None:
        self._transactions.remember_over(transaction_id)
        # A 1.6 station that never got an answer to its StartTransaction ends it with an id of 0 or -1.
        nameless = self._version is Version.V16 and transaction_id in ("0", "-1")
        outlet = self.outlets.lead if nameless else self.outlets.of(transaction_id)
        running = outlet.transaction if outlet is not None else None
        self.signed.came(running.id if running is not None else transaction_id, samples)
        if outlet is not None and running is not None:
            outlet.measured.take_energy(samples)
            outlet.over()
        self._tell()

    def metered(self, samples: Sequence[Sample], evse: int = 0) -> None:
        if evse == 0 and self.outlets.count > 1:
            # The meter of the whole station: which of its cars draws that it does not say.
            self._tell()
            return
        outlet = self.outlets.at(evse)
        if outlet.transaction is not None:
            self.signed.came(outlet.transaction.id, samples)
        self._judge_clock(samples)
        outlet.measured.take(samples)
        self._tell()

    def needs(self, needs: ChargingNeeds, evse: int = 0, /) -> bool:
        outlet = self.outlets.at(evse)
        outlet.needed = needs
        if needs.soc_pct is not None:
            outlet.measured.take([Sample(soc_pct=needs.soc_pct)])
        self._tell()
        return self._secured and outlet.transaction is not None

    def needs_kept(self, transaction_id: str, needs: ChargingNeeds) -> None:
        """An earlier life of the hub has heard this in a transaction; it counts again where that goes on."""
        self._transactions.needs_kept(transaction_id, needs)
        self._tell()

    def is_over(self, transaction_id: str) -> bool:
        """This transaction has certainly ended."""
        return self._transactions.is_over(transaction_id, vacant=self._reported() is Reported.AVAILABLE)

    def software_asked(self, version: str, request_id: int) -> None:
        """The hub asks for software; takes the place of an update before it."""
        self._software.asked(version, request_id)
        self._tell()

    def software_not_taken(self) -> None:
        """The station does not begin."""
        self._software.not_taken()
        self._tell()

    def profiles_are(self, request_id: int, ids: Sequence[int], *, more: bool) -> None:
        self.profile_report.told(request_id, ids, more=more)

    def software_is(self, report: SoftwareReport) -> None:
        self._software.reported(report)
        self._tell()

    def _judge_clock(self, samples: Sequence[Sample]) -> None:
        told_at = samples[-1].told_at if samples else None
        if told_at is not None:
            self._station_clock.told(told_at, self._clock.now())
            self.problem("clock", _CLOCK_WRONG if self._station_clock.wrong else None)

    def _car_left(self, outlet: Outlet) -> None:
        outlet.needed = None
        outlet.measured.car_left()

    @property
    def likely_evse(self) -> int:
        """The EVSE at which something goes on, or most likely will."""
        if self.transaction is not None and self.transaction.evse > 0:
            return self.transaction.evse
        return self._connectors.likely_evse

    def _reported(self, outlet: Outlet | None = None) -> Reported | None:
        """Of an EVSE, or of the leading one."""
        transaction = self.transaction if outlet is None else outlet.transaction
        evse = self.likely_evse if outlet is None or outlet is self.outlets.lead else outlet.evse
        return self._connectors.reported(evse, transaction.reported if transaction is not None else None)

    def _tell(self) -> None:
        now = self._clock.now()
        self.outlets.choose(self._connectors.likely_evse)
        measured, status = self.outlets.lead.measured, self._status(now)
        drawn = self.outlets.drawn()
        granted_w, granted_feed_w, lease_until = self.outlets.granted(bounded=self._bounded)
        fault = _OUT_OF_SERVICE if status is EvceStatus.FAULTED else None
        self.state = EvceState(
            device_id=self.device_id,
            received_at=now if self._connected else self.state.received_at,
            status=status,
            connected=self._connected,
            capabilities=self._abilities.of(self._known),
            power_w=drawn.power_w,
            power_at=drawn.power_at,
            phase_current_a=drawn.phase_current_a,
            session_wh=measured.session_wh if self.transaction is not None else measured.last_session_wh,
            soc_pct=measured.soc_pct,
            soc_at=measured.soc_at,
            transaction_id=self.transaction.id if self.transaction else None,
            import_wh=measured.import_wh,
            export_wh=measured.export_wh,
            firmware=self._firmware,
            software=self._software.update,
            granted_w=granted_w,
            granted_feed_w=granted_feed_w,
            lease_until=lease_until,
            provider_limit_w=self._provider[0],
            provider_feed_w=self._provider[1],
            provider_control=self._provider[2],
            security_profile=self._security_profile,
            problem=self._foremost(fault),
        )
        self._register.changed(self.state)

    @property
    def _bounded(self) -> bool:
        return self.capability is not None and self.capability.bounded

    def _foremost(self, fault: str | None) -> str | None:
        if not self._problems:
            return fault
        known = self._problems | ({"fault": fault} if fault is not None else {})
        return known[min(known, key=lambda about: _URGENCY.get(about, 1))]

    def _status(self, now: datetime) -> EvceStatus:
        measured = self.outlets.lead.measured
        fresh = measured.power_at is not None and now - measured.power_at <= POWER_COUNTS
        return derive_status(
            connected=self._connected,
            secured=self._secured,
            in_transaction=self.transaction is not None,
            reported=self._reported(),
            power_w=measured.power_w if fresh else None,
        )

    @property
    def _known(self) -> Known:
        return Known(
            version=self._version,
            capability=self.capability,
            needed=self.needed,
            uncontrolled=self._uncontrolled,
            static=self._static,
            unit=self._unit,
        )
