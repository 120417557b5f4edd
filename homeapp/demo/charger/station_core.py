"""The simulated charging station's life: its parts, their time, its connection, its restarts and its memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from homeapp.demo.charger.availability import Availability
from homeapp.demo.charger.build import Build
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.certificates import CertificateStore
from homeapp.demo.charger.charging_profile import ProfileRefused
from homeapp.demo.charger.dialect import About, Call, Dialect
from homeapp.demo.charger.event_streams import EventStreams
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.firmware import FirmwareInstaller, FirmwareRequest
from homeapp.demo.charger.flash import Flash
from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.local_list import LocalList
from homeapp.demo.charger.memory import Memory
from homeapp.demo.charger.meter_signature import SigningMeter
from homeapp.demo.charger.network import Network
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.outlet import ChargingState, Outlet
from homeapp.demo.charger.registration import Registration
from homeapp.demo.charger.restarts import Restarts
from homeapp.demo.charger.software_reports import SoftwareReports
from homeapp.demo.charger.starts import Starts
from homeapp.demo.charger.station_clock import StationClock
from homeapp.demo.charger.status_reports import StatusReports
from homeapp.demo.charger.transaction import Phase, Transaction
from homeapp.demo.charger.transactions import CAR_EVSE, Surroundings, Transactions
from homeapp.demo.charger.watch import Observation, Watch
from homeapp.demo.ocpp.schemas import Json, Version
from homeapp.ports import Clock


class StationCore:
    """What the station does by itself. Nothing here blocks or sends.

    Args:
        dialect: the version spoken.
        about: what it says of itself.
        clock: the street's.
        car: at its first EVSE.
        memory: what it has kept from its last life.
        build: how it was built.
        watch: an older life's, which goes on.

    Attributes:
        outbox: what is to be sent.
        watch: history and waiting.
        flash: what it keeps.
        leaving: it wants to close the connection once all is said.
        installer: of its software; to be run.
        statuses, software: what it tells of its connectors and of its software.
        restarts: by order or after a power cut.
    """

    def __init__(
        self,
        *,
        dialect: Dialect,
        about: About,
        clock: Clock,
        car: Car,
        memory: Memory,
        build: Build,
        watch: Watch | None = None,
    ) -> None:
        self.outbox = Outbox()
        self.clock = StationClock(clock)
        self.watch = watch or Watch(self.clock.now, self.observe)
        self.leaving = False
        self.connected = False
        self.abilities = build.abilities
        self.tokens = LocalList(memory.tokens)
        self.network = Network(build.network, dialect.version, about.station_id, memory.network)
        self.certificates = CertificateStore(
            about.station_id, self.clock.world_time, memory.certificates, build.certificate
        )
        self.availability = Availability(memory.inoperative, self._busy)
        self.settings = dialect.settings(about, build.abilities)
        self.settings.restore(memory.settings)
        self._dialect = dialect
        self._about = about if memory.firmware is None else replace(about, firmware=memory.firmware)
        self._faults = Faults()
        self._ticked = self.clock.monotonic()
        self._offline_since: float | None = self._ticked
        interrupted = None if memory.transaction is None else Transaction.from_json(memory.transaction)
        self._outlet = Outlet(car, build.abilities, memory.registers_wh)
        self._outlet.plugged = memory.plugged
        self._limits = ChargingLimits(
            dialect.version, build.abilities, memory.profiles, self.clock.now, lambda: self._faults, self.watch.note
        )
        self._registration = Registration(
            self.clock,
            self.settings,
            self.outbox,
            lambda reason: dialect.boot(self._about, reason),
            self._registration_told,
            lambda: self._faults.no_boot,
        )
        self._signer = None
        if build.abilities.signed_meter_values:
            self._signer = SigningMeter(about.station_id, memory.meter_key)
        self.flash = Flash(
            limits=self._limits,
            outbox=self.outbox,
            settings=self.settings,
            tokens=self.tokens,
            network=self.network,
            certificates=self.certificates,
            availability=self.availability,
            outlet=self._outlet,
            signer=self._signer,
            password=memory.password,
            firmware=memory.firmware,
            unsaved=self._signer is not None and memory.meter_key is None,
        )
        self._starts = Starts(
            dialect,
            self.clock,
            self.outbox,
            self.settings,
            self.tokens,
            connected=lambda: self.connected,
            changed=self._start_changed,
            note=self.watch.note,
        )
        self._transactions = Transactions(
            dialect, self.clock, self._outlet, self._limits, self.outbox, self.settings, self._surroundings()
        )
        self._restore_messages(memory.unsent, interrupted)
        self.statuses = StatusReports(
            dialect,
            about,
            self._outlet,
            self._transactions,
            self.availability,
            now=self.clock.now,
            send=self._put,
        )
        self.software = SoftwareReports(dialect, self.outbox, security_event=self.security_event, note=self.watch.note)
        resumes = build.abilities.resumes_transactions
        self.restarts = Restarts(
            self._transactions,
            self._limits,
            self.network,
            self._registration,
            self._starts,
            self.software,
            self._outlet,
            interrupted=interrupted,
            resumes=dialect.version is Version.V21 if resumes is None else resumes,
            leave=self._leave,
            anew=self._started_anew,
        )
        sources = {"EVSE.Power": lambda: self._outlet.power_w, "ConnectedEV.StateOfCharge": lambda: car.soc_pct}
        self.streams = EventStreams(sources, self.clock.now, self.clock.monotonic)
        self.installer = FirmwareInstaller(
            trusted=build.trusted,
            clock=self.clock,
            tell=self.software.tell,
            busy=lambda: self._outlet.state is ChargingState.CHARGING,
            restart=self._restart_with,
        )

    # What can be seen from outside.

    def observe(self) -> Observation:
        """The station now."""
        composite = self._limits.composite
        return Observation(
            connected=self.connected,
            registered=self.registered,
            plugged=self._outlet.plugged,
            state=self._outlet.state,
            transaction_id=self._transactions.running_id(CAR_EVSE),
            power_w=self._outlet.power_w,
            soc_pct=self._outlet.car.soc_pct,
            limit_w=composite.limit_w,
            setpoint_w=composite.setpoint_w,
            limit_source=composite.source,
            firmware=self._about.firmware,
            profiles=len(self._limits),
            currents_a=self._outlet.currents_a,
            home_currents_a=self.abilities.at_home(self._outlet.currents_a),
            phases=composite.phases,
            unsent=len(self.outbox),
            operative=self.availability.operative(CAR_EVSE),
            network_slot=self.network.active,
            security_profile=self.network.current.security_profile,
            at=self.clock.now(),
        )

    @property
    def faults(self) -> Faults:
        """What is wrong with it; may be set at any time."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        if self.clock.heed(faults):
            self.watch.note("the clock has jumped")
            self.security_event("SettingSystemTime")

    @property
    def registered(self) -> bool:
        """The last BootNotification was accepted."""
        return self._registration.accepted

    @property
    def public_meter_key(self) -> bytes:
        """Of a meter that signs, DER; empty for another."""
        return b"" if self._signer is None else self._signer.public_key

    @property
    def password(self) -> bytes | None:
        """For Basic authentication, or None."""
        return self.flash.password

    @property
    def unsaved(self) -> bool:
        """The memory has to be written."""
        return self.flash.stale

    def take_memory(self) -> Memory:
        """What a power cut has to leave, to be written now."""
        return self.flash.take(self._transactions.running or self.restarts.interrupted)

    # Time.

    def tick(self) -> None:
        """Let the time pass that has passed since the last tick."""
        now = self.clock.monotonic()
        elapsed, self._ticked = max(0.0, now - self._ticked), now
        self.restarts.come_back()
        self._transactions.follow()
        self._mind_phases()
        self._outlet.step(elapsed, self._limits.composite, ignore_limits=self._faults.ignore_limits)
        if self.connected:
            self._registration.tick()
            self._send_due()
        self._starts.tick()
        self._transactions.tick()
        self._report()
        self.watch.wake()

    def _mind_phases(self) -> None:
        ends = self.abilities.phase_switching.ends_transaction
        if ends and self._outlet.switches_to(self._limits.composite.usable):
            self.watch.note("the phases change, which ends the transaction")
            self._transactions.end("AbnormalCondition", "Other")

    def _send_due(self) -> None:
        for payload in self.streams.tick():
            self.outbox.put(Message("NotifyPeriodicEventStream", payload, early=True, one_way=True))
        for profile_id in self._limits.pulls():
            body: Json = {"chargingProfileId": profile_id}
            self.outbox.put(Message("PullDynamicScheduleUpdate", body, self._pulled(profile_id)))

    def _pulled(self, profile_id: int) -> Callable[[Json], None]:
        def answered(answer: Json) -> None:
            try:
                if answer["status"] == "Accepted" and "scheduleUpdate" in answer:
                    self._limits.update(profile_id, answer["scheduleUpdate"])
            except ProfileRefused as refusal:
                self.watch.note(f"the update of profile {profile_id} is refused: {refusal}")
            self._transactions.follow()

        return answered

    # The connection.

    def went_online(self) -> None:
        """The websocket is open."""
        self.connected, self._offline_since, self.leaving = True, None, False
        self.network.connected()
        self.watch.note("connected")
        self._registration.went_online()
        if self._faults.illegal_action:
            self.outbox.put(Message(self._faults.illegal_action, {}, early=True))
        self._report()

    def went_offline(self) -> None:
        """The websocket is closed."""
        self.connected, self._offline_since, self.leaving = False, self.clock.monotonic(), False
        self.outbox.offline()
        if not self._faults.no_status_after_reconnect:
            self.statuses.forget()
        self.watch.note("connection lost")
        self.restarts.disconnected()

    def security_event(self, kind: str) -> None:
        """SecurityEventNotification, now or when it can be sent."""
        self.watch.note(f"security event {kind}")
        self.outbox.put(Message(*self._dialect.security_event(kind, self.clock.now()), kept=True))

    def refused(self, message: Message, reason: str) -> None:
        """The CSMS has answered a message with an error."""
        self.watch.note(f"{message.action} refused: {reason}")

    # What is due.

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            connected=lambda: self.connected,
            offline_s=self._offline_s,
            install=self._install,
            report=self._report,
            note=self.watch.note,
            faults=lambda: self._faults,
            abilities=self.abilities,
            signer=self._signer,
        )

    def _install(self, evse: int, payload: Json) -> None:
        known = 0 <= evse <= self._about.evses
        self._limits.install(evse, payload, self._transactions.running_id(evse), known=known)

    def _restore_messages(self, entries: Sequence[Json], interrupted: Transaction | None) -> None:
        known = {} if interrupted is None else {interrupted.key: interrupted}
        for entry in entries:
            kept = entry["transaction"]
            transaction = None if kept is None else known.setdefault(kept["key"], Transaction.from_json(kept))
            message = Message(
                entry["action"], entry["body"], kept=True, transaction=transaction, message_id=entry["id"]
            )
            self._transactions.restored(message)
            self.outbox.put(message)
        self.outbox.unsaved = False

    def _registration_told(self, status: str) -> None:
        self.watch.note(f"registration {status}".lower())
        self._report()

    def _start_changed(self) -> None:
        self._begin_if_ready()
        self._report()

    def _begin_if_ready(self, trigger: str | None = None) -> None:
        start = self._starts.ready
        free = self._transactions.running is None and self.restarts.interrupted is None
        if start is not None and self._outlet.plugged and free and self.availability.operative(CAR_EVSE):
            self._starts.forget()
            self._transactions.begin(start, trigger or start.trigger)

    def _report(self) -> None:
        """Tell what has changed since it was told last."""
        self.restarts.look_again()
        self.availability.look_again()
        self._transactions.tell_state()
        if self.connected and self.registered:
            self.statuses.tell_changes()
        self.watch.wake()

    def _busy(self, evse: int) -> bool:
        return self._transactions.running is not None and evse in (0, CAR_EVSE)

    def now(self) -> datetime:
        """The station's own civil time."""
        return self.clock.now()

    def _leave(self) -> bool:
        self.leaving = self.connected
        self.outbox.wake()
        return self.connected

    def _started_anew(self) -> None:
        self._faults = replace(self._faults, refuse_clear=False)
        self.watch.note("restarted")

    def _restart_with(self, request: FirmwareRequest, version: str) -> None:
        """The new software runs once the station has started anew; then it is told as installed."""
        self.flash.firmware, self.flash.unsaved = version, True
        self.software.restarting(request)
        self._about = replace(self._about, firmware=version)
        self.restarts.order("Reboot", "FirmwareUpdate")

    def _offline_s(self) -> float:
        return 0.0 if self._offline_since is None else self.clock.monotonic() - self._offline_since

    def _put(self, call: Call) -> None:
        """Only what has been asked for, or of what the CSMS knows already: it need not be registered for that."""
        if self.connected:
            self.outbox.put(Message(*call, early=True))

    def _event(self, trigger: str) -> None:
        self._transactions.event(Phase.UPDATED, trigger)
