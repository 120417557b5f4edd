"""The simulated charging station without its connection: what people and a CSMS can have it do."""

from collections.abc import Sequence

from homeapp.demo.charger.certificates import CSMS_ROOT
from homeapp.demo.charger.charging_profile import Profile
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.device_model import NETWORK_PRIORITY, ORGANISATION
from homeapp.demo.charger.dialect import Selection, Wanted
from homeapp.demo.charger.firmware import FirmwareRequest
from homeapp.demo.charger.outbox import Message
from homeapp.demo.charger.station_core import StationCore
from homeapp.demo.charger.transaction import IdToken, Transaction
from homeapp.demo.charger.transactions import CAR_EVSE
from homeapp.demo.charger.v2 import FEEDING_MODE
from homeapp.demo.ocpp.frames import CallRefused
from homeapp.demo.ocpp.schemas import Json, Version

_NOT_NOTED = ("SetChargingProfile", "GetVariables", "GetConfiguration")
_MUTUAL_TLS = 3


class ChargingStation(StationCore):
    """The station's own logic; it implements ``Operations`` for the dialect. Nothing here blocks or sends."""

    # People.

    def plug_in(self) -> None:
        """The cable goes into the car."""
        self._outlet.plugged = True
        self.flash.unsaved = True
        if self._transactions.running is None:
            self._transactions.over = False
            self._outlet.car.interrupt()
        self.watch.note("car plugged in")
        self._begin_if_ready("CablePluggedIn")
        self._report()

    def unplug(self) -> None:
        """The cable comes out of the car, which ends its transaction."""
        self.restarts.come_back()
        self._transactions.end("EVCommunicationLost", "EVDisconnected")
        self._outlet.open()
        self._outlet.plugged = False
        self.flash.unsaved = True
        self._transactions.over = False
        self.watch.note("car unplugged")
        self._report()

    def present_card(self, token: str) -> None:
        """Somebody holds a card to the reader: it starts a transaction, or stops the one that it has started."""
        running = self._transactions.running
        if running is not None:
            if running.token.value == token:
                self._transactions.end("StopAuthorized", "Local")
        elif self.availability.operative(CAR_EVSE):
            self._starts.card(token)
            self._begin_if_ready()
        self._report()

    def lose_power(self) -> None:
        """The power goes away: nothing flows, and nothing can be told."""
        self._transactions.suspend()

    def tell(self, trigger: str) -> None:
        """Send TransactionEvent Updated with this triggerReason, if a transaction runs."""
        self._event(trigger)
        self.outbox.wake()

    # The CSMS.

    def serve(self, action: str, payload: Json) -> Json:
        """Answer a call of the CSMS.

        Raises:
            CallRefused: it cannot be answered.
        """
        handler = self._dialect.handlers.get(action)
        if handler is None:
            self.watch.note(f"{action} not implemented")
            raise CallRefused("NotImplemented", "this station does not know the action")
        # B03: a rejected station does nothing but register again.
        if self._registration.rejected and action != "TriggerMessage":
            raise CallRefused("SecurityError", "this station has been rejected")
        answer = handler(payload, self)
        if action not in _NOT_NOTED:
            self.watch.note(f"{action} {answer.get('status', 'answered')}".lower().replace(action.lower(), action))
        self._transactions.follow()
        self._report()
        return answer

    @property
    def version(self) -> Version:
        return self._dialect.version

    @property
    def transaction(self) -> Transaction | None:
        return self._transactions.running

    def has_evse(self, evse: int) -> bool:
        return 0 <= evse <= self._about.evses

    def install_profile(self, evse: int, payload: Json) -> None:
        self._install(evse, payload)

    def profiles(self, selection: Selection, ids: Sequence[int] | None) -> Sequence[Profile]:
        return self._limits.select(selection, ids)

    def update_profile(self, profile_id: int, values: Json) -> None:
        self._limits.update(profile_id, values)

    def clear_profiles(self, selection: Selection) -> int:
        removed = self._limits.clear(selection)
        self._transactions.follow(cleared=True)
        return removed

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        return self._limits.schedule(evse, self._transactions.situation(), duration_s)

    def use_priority(self, transaction_id: str, *, active: bool) -> str:
        running = self.transaction
        if running is None or running.key != transaction_id:
            return "Rejected"
        if active and not self._limits.has_priority_profile():
            return "NoProfile"
        running.priority = active
        return "Accepted"

    def press_priority(self, *, active: bool) -> None:
        """The owner presses the station's button for priority charging (2.1, K22)."""
        running = self.transaction
        if running is not None and self.version is Version.V21 and self._limits.has_priority_profile():
            running.priority = active
            self.say("NotifyPriorityCharging", {"transactionId": running.key, "activated": active})
            self._transactions.follow()

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        free = self.transaction is None and evse == CAR_EVSE and self.availability.operative(evse)
        if not free or not self._limits.fits_a_start(evse, profile):
            return False
        self._starts.from_afar(token, remote_start_id, profile)
        self._begin_if_ready()
        return True

    def request_stop(self, transaction_id: str) -> bool:
        if self.transaction is None or self._transactions.running_id(CAR_EVSE) != transaction_id:
            return False
        self._transactions.end("RemoteStop", "Remote")
        return True

    def messages_wait(self, transaction_id: str | None) -> bool:
        return self.outbox.of_transaction(transaction_id)

    def say(self, action: str, payload: Json) -> None:
        answered = None
        if action == "OpenPeriodicEventStream":
            number = payload["constantStreamData"]["id"]

            def answered(answer: Json) -> None:
                self.streams.opened(number, accepted=answer["status"] == "Accepted")

        if self.connected:
            self.outbox.put(Message(action, payload, answered, early=True))

    def trigger(self, wanted: Wanted, evse: int | None) -> bool:
        match wanted:
            case Wanted.BOOT:
                self._registration.register()
            case Wanted.HEARTBEAT:
                self._registration.beat()
            case Wanted.STATUS:
                self.statuses.tell(None if evse is None else [evse])
            case Wanted.METER_VALUES:
                return self._tell_meter(evse)
            case Wanted.TRANSACTION:
                self._event("Trigger")
                return self.transaction is not None
            case Wanted.FIRMWARE:
                self._put(self.software.last)
            case Wanted.LOG | Wanted.DIAGNOSTICS:
                self._put((wanted.value, {"status": "Idle"}))
            case Wanted.SIGN:
                organisation = "CpoName" if self.version is Version.V16 else ORGANISATION
                csr_pem = self.certificates.request(self.settings.get(organisation) or "")
                self._put(self._dialect.sign_certificate(csr_pem))
        return True

    def reset(self, reason: str, *, when_idle: bool, resume: bool = False) -> bool:
        if when_idle:
            return self.restarts.order_when_idle()
        self.restarts.order(reason, resume=resume)
        return True

    def change_availability(self, evse: int, *, operative: bool) -> str:
        return self.availability.change(evse, operative=operative)

    def update_firmware(self, request: FirmwareRequest) -> str:
        status = self.installer.ask(request)
        if status == "InvalidCertificate":
            self.security_event("InvalidFirmwareSigningCertificate")
        return status

    def unlock(self) -> None:
        self._transactions.end("UnlockCommand", "UnlockCommand")
        self._outlet.car.interrupt()

    def new_password(self, password: bytes) -> None:
        self.flash.password, self.flash.unsaved = password, True
        self.leaving = True
        self.watch.note("new password kept")

    def new_security_profile(self, profile: int) -> bool:
        # A05.FR.02, .03: what the profile needs has to be there before.
        if profile == _MUTUAL_TLS and self.certificates.chain_pem is None:
            return False
        if profile > 1 and self.network.current.security_profile == 1 and not self.certificates.roots(CSMS_ROOT):
            return False
        self.leaving = self.network.raise_security(profile)
        return self.leaving

    def take_signed(self, chain_pem: str) -> bool:
        if not self.certificates.take_signed(chain_pem):
            self.security_event("InvalidChargingStationCertificate")
            return False
        # A02.FR.08: it is used at once where the connection shows a certificate.
        self.leaving = self.leaving or self.network.current.security_profile == _MUTUAL_TLS
        return True

    def allow_transfer(self, modes: Sequence[str]) -> None:
        if self.transaction is not None:
            self.transaction.may_feed = FEEDING_MODE in modes

    def _tell_meter(self, evse: int | None) -> bool:
        sample = self._outlet.sample(self.now(), by_session=self.faults.session_energy)
        names = self.settings.measurands()
        if evse not in (None, 0, CAR_EVSE) or not names:
            return False
        self._put(self._dialect.meter_values(CAR_EVSE, sample, self.transaction, names))
        return True

    def show_live_settings(self) -> None:
        """Let what changes by itself be read as configuration, too."""
        if self.version is Version.V16:
            self.settings.show("SecurityProfile", lambda: str(self.network.current.security_profile))
            return
        shown = {
            "SecurityCtrlr.SecurityProfile": lambda: str(self.network.current.security_profile),
            NETWORK_PRIORITY: lambda: ",".join(map(str, self.network.priority)),
            "OCPPCommCtrlr.ActiveNetworkProfile": lambda: str(self.network.active),
            "LocalAuthListCtrlr.Entries": lambda: str(len(self.tokens)),
            "EVSE.AvailabilityState": lambda: self.statuses.status(CAR_EVSE),
        }
        if self.abilities.signed_meter_values:
            shown["FiscalMetering.PublicKey"] = self.public_meter_key.hex
        for name, value in shown.items():
            self.settings.show(name, value)
