"""The state of one station, from independent facts.

Transaction, connector status and measurements reach the hub by different messages in any order. Each is kept as a
fact of its own and the state is derived from all of them, so that the order does not matter.
"""

import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devices.evce.dialect import ChargingNeeds, Introduction, Reported, SoftwareReport, TransactionReport
from devices.evce.measured import Measured
from devices.evce.metering import Sample
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, SoftwareStage, SoftwareUpdate
from homeapp.ports import Clock, StationRegister

logger = logging.getLogger(__name__)

ACTIVE_W = 100.0
"""Less than this is no charging and no feeding but the station's own use and noise."""
POWER_COUNTS_S = 60.0
CLOCK_OFF = timedelta(seconds=120)
"""A station this far off the hub's time does not know when a leased limit holds."""
_REMEMBERED_TRANSACTIONS = 32

_OUT_OF_SERVICE = "The charger reports a fault or is out of service; look at its display."
_CLOCK_WRONG = (
    "The charger's clock is wrong, so it keeps to its safe limit instead of the hub's. Restart it, or set its clock."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """The running transaction; see TransactionReport."""

    id: str
    evse: int
    sequence: int | None = None
    reported: Reported | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a leased profile goes; ``transaction_id`` None where 1.6 does not tell."""

    evse: int
    transaction_id: str | None


def derive_status(
    *, connected: bool, secured: bool, in_transaction: bool, reported: Reported | None, power_w: float | None
) -> EvceStatus:
    """The status that the facts amount to.

    Args:
        connected: the websocket is up.
        secured: the floor is in place.
        in_transaction: a transaction runs.
        reported: what the station says of the transaction or connector, or None.
        power_w: measured lately, or None.
    """
    if not connected:
        return EvceStatus.OFFLINE
    if not secured:
        return EvceStatus.STARTING
    if reported in (Reported.FAULTED, Reported.UNAVAILABLE):
        return EvceStatus.FAULTED
    if in_transaction and power_w is not None and abs(power_w) > ACTIVE_W:
        return EvceStatus.CHARGING if power_w > 0 else EvceStatus.FEEDING
    if reported is None:
        return EvceStatus.PLUGGED if in_transaction else EvceStatus.AVAILABLE
    return _STATUS[reported]


_STATUS = {
    Reported.AVAILABLE: EvceStatus.AVAILABLE,
    Reported.OCCUPIED: EvceStatus.PLUGGED,
    Reported.CHARGING: EvceStatus.CHARGING,
    Reported.SUSPENDED_EV: EvceStatus.SUSPENDED_EV,
    Reported.SUSPENDED_EVSE: EvceStatus.SUSPENDED_EVSE,
    Reported.FINISHING: EvceStatus.FINISHING,
}
_SOFTWARE_OVER = (SoftwareStage.INSTALLED, SoftwareStage.FAILED)
_TAKING = (Reported.CHARGING, Reported.SUSPENDED_EV, Reported.SUSPENDED_EVSE)


class Station:
    """Facts about one adopted station; the ``Listener`` of its connections.

    Every message may change the state; the register is told once per message.
    """

    admitted = True

    def __init__(self, device_id: str, limits: StationLimits, clock: Clock, register: StationRegister) -> None:
        self.device_id = device_id
        self.limits = limits
        self.transaction: Transaction | None = None
        self._clock = clock
        self._register = register
        self._version: Version | None = None
        self._connected = False
        self._secured = False
        self._doubtful = False
        self._connectors: dict[int, tuple[Reported, datetime | None]] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        self._measured = Measured(clock)
        self._needs: ChargingNeeds | None = None
        self._granted_w: float | None = None
        self._granted_feed_w = 0.0
        self._lease_until: datetime | None = None
        self._provider: tuple[float | None, float | None, bool] = (None, None, True)
        self._problems: dict[str, str] = {}
        self._firmware: str | None = None
        self._software: SoftwareUpdate | None = None
        self._software_request: int | None = None
        self.state = EvceState(device_id=device_id, received_at=clock.now(), status=EvceStatus.OFFLINE, connected=False)

    def now(self) -> datetime:
        return self._clock.now()

    @property
    def target(self) -> Target | None:
        """Where a leased profile would go now, or None where nothing charges."""
        if self.transaction is not None:
            return Target(evse=self.transaction.evse or self._likely_evse(), transaction_id=self.transaction.id)
        evse = self._likely_evse()
        if self._version is Version.V16 and self._connectors.get(evse, (None,))[0] in _TAKING:
            return Target(evse=evse, transaction_id=None)
        return None

    @property
    def waiting_evse(self) -> int | None:
        """The EVSE where a car waits for a transaction, or None."""
        return self._likely_evse() if self.target is None and self.state.status.car_present else None

    def came(self, version: Version) -> None:
        """A new connection; nothing it holds is trusted."""
        if self._version not in (None, version):
            # Another protocol after an upgrade of the station: its old names for things mean nothing in it.
            self._over_now()
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

    def floor_granted(self) -> None:
        """The station has accepted the floor; a lease from before the connection broke may still hold above it."""
        if self._lease_until is None or self._lease_until <= self._clock.now():
            self.granted(self.limits.watts(self.limits.safe_current_a))

    def granted(self, limit_w: float, feed_w: float = 0.0, until: datetime | None = None) -> None:
        """The station has accepted a command that holds until then; without ``until`` it is the floor."""
        self._granted_w, self._granted_feed_w, self._lease_until = limit_w, feed_w, until
        self._tell()

    def provider_permits(self, limit_w: float | None, feed_w: float | None, *, control: bool) -> None:
        """What its provider permits and asks for now, and whether that counts; see EvceState."""
        if self._provider != (limit_w, feed_w, control):
            self._provider = limit_w, feed_w, control
            self._tell()

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
        self._firmware = introduction.firmware or None
        update = self._software
        if update is not None and update.stage is SoftwareStage.INSTALLING and self._firmware == update.version:
            # Some stations say no more than this.
            self._software = replace(update, stage=SoftwareStage.INSTALLED, at=self._clock.now())
        # A power cut may have ended it without a word.
        self._doubtful = self.transaction is not None
        self._tell()

    def heard(self) -> None:
        self._tell()

    def authorizes(self, token: str) -> bool:
        return self._register.authorizes(self.device_id, token)

    def connector_is(self, evse: int, reported: Reported, stamp: datetime | None) -> None:
        known = self._connectors.get(evse)
        if known is None or stamp is None or known[1] is None or stamp >= known[1]:
            self._connectors[evse] = (reported, stamp)
        if self._reported() is Reported.AVAILABLE:
            if self._doubtful:
                self._over_now()
            self._car_left()
        self._tell()

    def began(self, report: TransactionReport, fingerprint: str) -> str:
        running = self.transaction
        if running is None or running.fingerprint != fingerprint:
            # 1.6 lets the hub choose; by chance, so that ids stay unique when the hub starts anew.
            number = str(secrets.randbelow(2**31 - 1) + 1)
            self._switch(Transaction(id=number, evse=report.evse, fingerprint=fingerprint))
            self._measured.session_began(report.start_wh)
            running = self.transaction
        self._tell()
        return running.id if running else ""

    def renamed(self, old: str, new: str) -> None:
        """1.6: the transaction that the hub has named ``old`` goes by ``new``, the id of the provider's CSMS."""
        if self.transaction is not None and self.transaction.id == old:
            self.transaction = replace(self.transaction, id=new)
            self._tell()

    def runs(self, report: TransactionReport) -> None:
        if self._belongs(report):
            self._follow(report)
            if report.late:
                self._measured.take_energy(report.samples)
            else:
                self._judge_clock(report.samples)
                self._measured.take(report.samples)
        self._tell()

    def ended(self, transaction_id: str, samples: Sequence[Sample]) -> None:
        self._remember_over(transaction_id)
        # A 1.6 station that never got an answer to its StartTransaction ends it with an id of 0 or -1.
        nameless = self._version is Version.V16 and transaction_id in ("0", "-1")
        if self.transaction is not None and (self.transaction.id == transaction_id or nameless):
            self._measured.take_energy(samples)
            self._over_now()
        self._tell()

    def metered(self, samples: Sequence[Sample]) -> None:
        self._measured.take(samples)
        self._tell()

    def needs(self, needs: ChargingNeeds) -> None:
        self._needs = needs
        if needs.soc_pct is not None:
            self._measured.take([Sample(soc_pct=needs.soc_pct)])
        self._tell()

    def software_asked(self, version: str, request_id: int) -> None:
        """The hub asks for software; takes the place of an update before it."""
        self._software_request = request_id
        self._software = SoftwareUpdate(version=version, stage=SoftwareStage.REQUESTED, at=self._clock.now())
        self._tell()

    def software_not_taken(self) -> None:
        """The station does not begin."""
        self._software = self._software_request = None
        self._tell()

    def software_is(self, report: SoftwareReport) -> None:
        update, ours = self._software, report.request_id in (None, self._software_request)
        if update is not None and ours and update.stage not in _SOFTWARE_OVER:
            self._software = replace(update, stage=report.stage, at=self._clock.now(), problem=report.problem)
            logger.info("%s: software %s is %s", self.device_id, update.version, report.stage)
        self._tell()

    def _judge_clock(self, samples: Sequence[Sample]) -> None:
        stamp = samples[-1].stamp if samples else None
        if stamp is not None:
            wrong = abs(stamp - self._clock.now()) > CLOCK_OFF
            self.problem("clock", _CLOCK_WRONG if wrong else None)

    def _belongs(self, report: TransactionReport) -> bool:
        running = self.transaction
        if report.transaction_id in self._over:
            return False
        if running is None or running.id == report.transaction_id:
            return True
        return not report.late and (report.began or report.evse in (0, running.evse))

    def _follow(self, report: TransactionReport) -> None:
        self._doubtful = False
        running = self.transaction
        if running is None or running.id != report.transaction_id:
            if not report.began:
                logger.info("%s: adopted a transaction that the hub did not see begin", self.device_id)
            self._switch(Transaction(id=report.transaction_id, evse=report.evse, sequence=report.sequence))
            running = self.transaction
        if report.began:
            self._measured.session_began(report.start_wh)
        if running is None:
            return
        newer = running.sequence is None or report.sequence is None or report.sequence >= running.sequence
        self.transaction = replace(
            running,
            evse=report.evse or running.evse,
            sequence=report.sequence if newer else running.sequence,
            reported=(report.reported or running.reported) if newer else running.reported or report.reported,
        )

    def _switch(self, transaction: Transaction) -> None:
        if self.transaction is not None:
            self._remember_over(self.transaction.id)
            self._over_now()
        self._measured.session_unknown()
        self.transaction = transaction

    def _over_now(self) -> None:
        # A leased profile dies with its transaction (K01.FR.09); from here on the floor holds.
        self.transaction = None
        self._doubtful = False
        self._needs = None
        self._measured.power_ceased()
        if self._granted_w is not None:
            self._granted_w = self.limits.watts(self.limits.safe_current_a)
        self._granted_feed_w, self._lease_until = 0.0, None

    def _car_left(self) -> None:
        self._needs = None
        self._measured.car_left()

    def _remember_over(self, transaction_id: str) -> None:
        self._over[transaction_id] = None
        if len(self._over) > _REMEMBERED_TRANSACTIONS:
            self._over.popitem(last=False)

    def _likely_evse(self) -> int:
        if self.transaction is not None and self.transaction.evse > 0:
            return self.transaction.evse
        busy = [evse for evse, (reported, _) in self._connectors.items() if evse and reported in _BUSY]
        return min(busy or [evse for evse in self._connectors if evse] or [1])

    def _reported(self) -> Reported | None:
        of_connector = self._connectors.get(self._likely_evse(), (None,))[0]
        whole_station = self._connectors.get(0, (None,))[0]
        for reported in (of_connector, whole_station):
            if reported in (Reported.FAULTED, Reported.UNAVAILABLE):
                return reported
        if self.transaction is not None and self.transaction.reported is not None:
            return self.transaction.reported
        return of_connector

    def _tell(self) -> None:
        now = self._clock.now()
        measured, status = self._measured, self._status(now)
        fault = _OUT_OF_SERVICE if status is EvceStatus.FAULTED else None
        provider_limit_w, provider_feed_w, provider_control = self._provider
        self.state = EvceState(
            device_id=self.device_id,
            received_at=now if self._connected else self.state.received_at,
            status=status,
            connected=self._connected,
            capabilities=self._capabilities(),
            power_w=measured.power_w,
            power_at=measured.power_at,
            phase_current_a=measured.phase_current_a,
            session_wh=measured.session_wh if self.transaction is not None else measured.last_session_wh,
            soc_pct=measured.soc_pct,
            soc_at=measured.soc_at,
            transaction_id=self.transaction.id if self.transaction else None,
            import_wh=measured.import_wh,
            export_wh=measured.export_wh,
            firmware=self._firmware,
            software=self._software,
            granted_w=self._granted_w,
            granted_feed_w=self._granted_feed_w,
            lease_until=self._lease_until,
            provider_limit_w=provider_limit_w,
            provider_feed_w=provider_feed_w,
            provider_control=provider_control,
            problem=next(iter(self._problems.values()), fault),
        )
        self._register.changed(self.state)

    def _status(self, now: datetime) -> EvceStatus:
        measured = self._measured
        fresh = measured.power_at is not None and now - measured.power_at <= timedelta(seconds=POWER_COUNTS_S)
        return derive_status(
            connected=self._connected,
            secured=self._secured,
            in_transaction=self.transaction is not None,
            reported=self._reported(),
            power_w=measured.power_w if fresh else None,
        )

    def _capabilities(self) -> EvceCapabilities | None:
        if self._version is None:
            return None
        needs = self._needs or ChargingNeeds()
        circuit_w = self.limits.watts(self.limits.max_current_a)
        feed_w = needs.max_feed_w if self._version is Version.V21 else None
        return EvceCapabilities(
            protocol=self._version.value,
            can_feed=feed_w is not None and feed_w > 0,
            max_charge_w=min(circuit_w, needs.max_charge_w or circuit_w),
            max_feed_w=None if feed_w is None else min(circuit_w, feed_w),
            phases=self.limits.phases,
        )


_BUSY = (Reported.OCCUPIED, Reported.CHARGING, Reported.SUSPENDED_EV, Reported.SUSPENDED_EVSE, Reported.FINISHING)
