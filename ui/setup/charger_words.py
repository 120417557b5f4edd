"""What the charger's page says: what to enter in it, what it waits for, and what is known of an adopted one."""

from datetime import datetime

from homeapp.model.charger import ChargerView
from homeapp.model.live import LiveCharger
from homeapp.model.readings import EvceStatus, LimitControl
from ui import charger_words, formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen


class Wait:
    """For how long something has been waited for, hub time."""

    def __init__(self) -> None:
        self._since: datetime | None = None

    def seconds(self, now: datetime, *, waiting: bool) -> float:
        """Since it was first asked while waiting."""
        if not waiting:
            self._since = None
            return 0.0
        self._since = min(self._since or now, now)
        return (now - self._since).total_seconds()


def waiting_words(seconds: float) -> str:
    """How long no charger has knocked."""
    minutes, rest = divmod(int(seconds), 60)
    time = tr("{minutes} min {rest} s", minutes=minutes, rest=rest) if minutes else tr("{rest} s", rest=rest)
    return tr("Waiting for the charger to knock… {time}", time=time)


def identity_words(address: str) -> str:
    """What becomes of the charger's identity."""
    return tr(
        "Its identity is added to it: {address}/IDENTITY. Most chargers do that by themselves; for the others it is "
        "printed on the charger.",
        address=address,
    )


def authority_words() -> str:
    """The certificate authority, and how the link is secured."""
    return tr(
        "Certificate authority: ocpp-ca.pem of the hub's data directory. The link is encrypted (TLS); the hub sets the "
        "charger's password when it is adopted."
    )


def adoption_words(safe_current_a: float) -> str:
    """What adoption does."""
    floor = tr("a stop") if safe_current_a == 0 else tr("{current} A per phase", current=f"{safe_current_a:g}")
    return tr(
        "Adopting it sets its password and installs its floor, {floor}: that holds whenever the hub is gone.",
        floor=floor,
    )


def floor_words(safe_current_a: float, *, online: bool) -> str:
    """The floor of an adopted one; one that is online has taken it."""
    if not online:
        return tr("Its floor is looked at as soon as it is online again.")
    if safe_current_a == 0:
        return tr("Floor installed: it stops whenever the hub is gone.")
    return tr("Floor installed: {current} A per phase whenever the hub is gone.", current=f"{safe_current_a:g}")


def security_words(charger: ChargerView | None, protocol: str) -> str:
    """Protocol and security profile."""
    profile = charger.security_profile if charger is not None else None
    secured = {
        None: "",
        1: tr("password without encryption (security profile 1)"),
        2: tr("encrypted, with a password (security profile 2)"),
        3: tr("encrypted, with a certificate of its own (security profile 3)"),
    }.get(profile, "")
    return ", ".join(filter(None, (protocol, secured))) or tr("Its protocol is not known yet.")


def control_words(charger: ChargerView | None) -> str:
    """How finely it can be limited."""
    if charger is None:
        return tr("How finely it can be limited is not known yet.")
    if charger.limits is LimitControl.FULL:
        return tr("The hub can limit it at any time.")
    return charger_words.limits_words(charger.limits)


def plug_words(live: LiveCharger | None) -> tuple[str, str, Tone]:
    """Icon, sentence and colour of what it says of its plug, before the tests need a car."""
    if live is None or live.status in (EvceStatus.OFFLINE, EvceStatus.STARTING):
        return "plug-connected", tr("What is plugged in is not known at the moment."), Tone.TEXT2
    if live.status is EvceStatus.FAULTED:
        return "alert-triangle", tr("The charger reports a fault. Look at it before the tests."), Tone.RED
    if not live.status.car_present:
        words = tr("Plug in a car that is not full: the next two tests need it. The charger says: nothing plugged in.")
        return "plug-connected", words, Tone.AMBER
    if live.status is EvceStatus.CHARGING:
        return "car", tr("A car is plugged in and charges: the tests can begin."), Tone.GREEN
    return "car", tr("A car is plugged in. It must not be full: see that it takes power."), Tone.GREEN


def limit_seen(live: LiveCharger | None, granted_w: float | None, age_s: float, *, alive: bool) -> Seen:
    """The limit that the charger has taken last, as a figure: A per phase where that is known, else W."""
    limit_a = live.limit_a if live is not None else None
    value = granted_w if limit_a is None else limit_a
    return Seen(None, None, stale=True) if value is None else Seen(value, age_s, stale=not alive)


def amount(current_a: float | None, power_w: float | None) -> str:
    """In A, as the limits of the tests are; in kW where the current is not known."""
    return kilowatts(power_w) if current_a is None else f"{current_a:.1f}\u00a0A"


def power_note(current_a: float | None, power_w: float | None) -> str:
    """Which way the measured power goes, and how much it is where the figure itself is a current."""
    if power_w is None or round(power_w) == 0:
        return ""
    way = tr("into the car") if power_w > 0 else tr("out of the car")
    return way if current_a is None else f"{kilowatts(power_w)} {way}"


def kilowatts(value: float | None) -> str:
    """With two decimals: 6 A on one phase are 1.38 kW."""
    return formats.DASH if value is None else f"{abs(value) / 1000:.2f}\u00a0kW"
