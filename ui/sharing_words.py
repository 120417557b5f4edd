"""Sentences about what leaves the home: kinds of data, what has left, what taking back does."""

from collections.abc import Collection

from homeapp.model.consent import DataClass, Disclosed, ProviderSharing, SharingEntry
from homeapp.model.live import LinkState
from ui import formats, words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View, may_know_home

ICONS = {
    DataClass.IDENTITY: "id-badge-2",
    DataClass.CHARGING: "charging-pile",
    DataClass.METERING: "gauge",
    DataClass.HEALTH: "heartbeat",
    DataClass.LOCATION: "map-pin",
}


def class_words(data_class: DataClass) -> str:
    """Name of a kind of data."""
    return {
        DataClass.IDENTITY: tr("Customer link"),
        DataClass.CHARGING: tr("Charging"),
        DataClass.METERING: tr("Energy readings"),
        DataClass.HEALTH: tr("Car health"),
        DataClass.LOCATION: tr("Car location"),
    }[data_class]


def summary(entry: SharingEntry) -> str:
    """What agreeing means, in one sentence: the first line of the words."""
    return entry.text.partition("\n")[0]


def particulars(entry: SharingEntry) -> tuple[str, ...]:
    """The rest of the words, paragraph by paragraph."""
    return tuple(line for line in entry.text.split("\n")[1:] if line)


def disclosed_words(entry: SharingEntry, view: View) -> str:
    """How much has left, and how long ago the last of it did."""
    done = entry.disclosed
    if done is None:
        return tr("Nothing has left your home")
    age = formats.ago(max(0.0, (view.now - done.last_at).total_seconds()))
    amount = (formats.size(done.size_bytes),) if done.size_bytes else ()
    return " · ".join((_messages(done), *amount, age))


def link_words(provider: ProviderSharing, view: View) -> tuple[str, Tone]:
    """How the connection to a provider stands, and the colour of its dot."""
    link = next((link for link in view.links if link.sp_id == provider.sp_id), None)
    if not view.alive:
        return tr("Connection not known"), Tone.BAR_IDLE
    if not may_know_home(provider):
        if any(entry.outdated for entry in provider.entries if entry.data_class is DataClass.IDENTITY):
            return tr("Not connected: the words have changed"), Tone.AMBER
        return tr("Not connected: you have not allowed it"), Tone.BAR_IDLE
    if link is None:
        return tr("Not connected yet"), Tone.BAR_IDLE
    since = formats.moment(link.since, view.now, view.zone)
    return {
        LinkState.UP: (tr("Connected since {when}", when=since), Tone.GREEN),
        LinkState.CONNECTING: (tr("Connecting since {when}", when=since), Tone.AMBER),
        LinkState.DOWN: (tr("Not connected since {when}", when=since), Tone.RED),
    }[link.state]


def link_story(provider: ProviderSharing, view: View) -> str:
    """What to know about a connection that is not as it should be; empty where all is well."""
    link = next((link for link in view.links if link.sp_id == provider.sp_id), None)
    if link is None or not view.alive:
        return ""
    waiting = words.waiting_words(link.waiting) if link.waiting else ""
    problem = (link.problem or "") if link.state is not LinkState.UP else ""
    return " ".join(filter(None, (problem, waiting)))


def used_words(provider: ProviderSharing, view: View) -> str:
    """How much of the way out a provider has used this month; with its age where it may have grown since."""
    if view.uplink is None:
        return ""
    used = sum(row.size_bytes for row in view.uplink.use if row.sp_id == provider.sp_id)
    if not used and not may_know_home(provider):
        return ""
    said = tr("{size} used this month", size=formats.size(used)) if used else tr("Nothing used this month")
    return said if view.alive else f"{said} · {formats.age(view.since_uplink_s)}"


def limit_words(provider: ProviderSharing, view: View) -> str:
    """What of a provider is held back because there is too much of it; empty where nothing is."""
    if view.uplink is None or not view.alive:
        return ""
    sentences = []
    if provider.sp_id in view.uplink.throttled:
        sentences.append(tr("Sends more than it may: the rest is read bit by bit."))
    for row in view.uplink.use:
        spent = row.budget_bytes is not None and row.size_bytes >= row.budget_bytes
        if row.sp_id == provider.sp_id and row.data_class is not None and spent:
            kind = class_words(row.data_class)
            sentences.append(tr("This month's volume is used up: {kind} waits for the next.", kind=kind))
    return " ".join(sentences)


def outdated_words() -> str:
    """The owner's word does not count any more."""
    return tr("The words have changed since you agreed.")


def decided_words(entry: SharingEntry, view: View) -> str:
    """Since when it is as it is."""
    if entry.changed_at is None:
        return tr("Not allowed. You have not decided about it yet.")
    when = formats.moment(entry.changed_at, view.now, view.zone)
    if entry.outdated:
        return tr("You agreed {when}, to other words. Nothing of it is sent until you allow it again.", when=when)
    return tr("Allowed since {when}.", when=when) if entry.granted else tr("Not allowed since {when}.", when=when)


def allowed_words(provider: ProviderSharing) -> str:
    """How much of what a provider asks for is allowed."""
    allowed = sum(entry.granted for entry in provider.entries)
    if not allowed:
        return tr("Gets nothing")
    return tr("{allowed} of {count} allowed", allowed=allowed, count=len(provider.entries))


def total_words(view: View) -> str:
    """The same over all providers."""
    if view.sharing is None:
        return tr("Connecting to the hub…")
    sharing = sum(any(entry.granted for entry in provider.entries) for provider in view.sharing)
    if not view.sharing:
        return ""
    if not sharing:
        return tr("Nothing leaves your home")
    return tr("Data goes to {sharing} of {count} providers", sharing=sharing, count=len(view.sharing))


def stop_question(provider: ProviderSharing, data_class: DataClass) -> str:
    """What happens when the owner takes it back."""
    if data_class is DataClass.IDENTITY:
        return tr(
            "Nothing more is sent to {name}, what still waits is dropped, and the link to it ends: no offers come in "
            "any more. The hub asks for all that it has laid down there to be deleted. Copies that {name} has made for "
            "itself only it can delete.",
            name=provider.name,
        )
    return tr(
        "Nothing more of it is sent to {name}, and what still waits is dropped. The hub asks for all of it that it has "
        "laid down there to be deleted. Copies that {name} has made for itself only it can delete.",
        name=provider.name,
    )


def stop_title(provider: ProviderSharing, data_class: DataClass) -> str:
    """The question in short."""
    if data_class is DataClass.IDENTITY:
        return tr("Stop everything with {name}?", name=provider.name)
    return tr("Stop sharing: {kind}?", kind=class_words(data_class).lower())


def field_words(names: Collection[str]) -> str:
    """Fields of messages in plain words, in an order that makes sense; one that is not known by its own name."""
    known = _fields()
    named = [known[name] for name in known if name in names] + sorted(set(names) - set(known))
    listed = ", ".join(dict.fromkeys(named))
    return f"{listed[:1].upper()}{listed[1:]}."


def _messages(done: Disclosed) -> str:
    return tr("1 message") if done.count == 1 else tr("{count} messages", count=done.count)


def _fields() -> dict[str, str]:
    return _answer_fields() | _charging_fields() | _energy_fields() | _car_fields() | _number_fields()


def _answer_fields() -> dict[str, str]:
    return {
        "choice": tr("your answer"),
        "decided_at": tr("when you answered"),
        "decided_by": tr("whether you or a rule of yours answered"),
        "reason": tr("why"),
        "committed_w": tr("how much power you have promised"),
        "committed_wh": tr("how much energy you have promised"),
        "event_id": tr("which request it is about"),
        "operating_state": tr("whether you take part"),
    }


def _charging_fields() -> dict[str, str]:
    return {
        "ocpp.*": tr("everything that the charger reports"),
        "plugged": tr("plugged in or not"),
        "status": tr("what the charger does"),
        "phase": tr("begun or ended"),
        "direction": tr("charging or feeding"),
        "begun_at": tr("start"),
        "start": tr("start"),
        "ended_at": tr("end"),
        "end": tr("end"),
        "soc_pct": tr("how full the battery is"),
        "target_pct": tr("how full you want it"),
        "floor_pct": tr("how full it stays at least"),
        "ready_by": tr("when the car must be ready"),
        "capacity_wh": tr("size of the battery"),
        "max_charge_w": tr("highest charging power"),
        "max_feed_w": tr("highest feeding power"),
        "can_feed": tr("whether it can feed"),
    }


def _energy_fields() -> dict[str, str]:
    return {
        "energy_wh": tr("energy"),
        "import_wh": tr("energy from the grid"),
        "export_wh": tr("energy into the grid"),
        "evce_charged_wh": tr("energy charged"),
        "evce_fed_wh": tr("energy fed"),
        "meter_start_wh": tr("meter reading at the start"),
        "meter_end_wh": tr("meter reading at the end"),
        "quality": tr("measured or estimated"),
    }


def _car_fields() -> dict[str, str]:
    return {
        "checked_at": tr("when it was checked"),
        "defects": tr("defects"),
        "defects.code": tr("fault codes"),
        "defects.confirmed": tr("whether a fault is confirmed"),
        "soh_pct": tr("health of the battery"),
        "low_voltage_v": tr("voltage of the small battery"),
        "software_version": tr("version of the car's software"),
        "outcome": tr("whether a job worked"),
        "detail": tr("how a job went"),
        "version": tr("version of the new software"),
        "latitude": tr("latitude, to 0.1 degree"),
        "longitude": tr("longitude, to 0.1 degree"),
    }


def _number_fields() -> dict[str, str]:
    return {
        "pev": tr("number of the car"),
        "period_id": tr("number of the charging"),
        "offer_id": tr("number of the request"),
        "offer_revision": tr("version of the request"),
        "offer_digest": tr("fingerprint of the request"),
        "id": tr("number of the message"),
        "at": tr("time"),
    }
