"""Sentences about the home, the car and the devices: state, reason and until when."""

from datetime import datetime
from decimal import Decimal

from homeapp.api import Role
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.health import OrderStatus, PartOrder, Severity
from homeapp.model.live import Doing, LinkState, ProviderLink, Snapshot
from homeapp.model.plan import ChargingMode, SlotReason
from homeapp.model.readings import EvceStatus
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen, View


def greeting(now: datetime, view: View) -> str:
    """By the hour at home, with the home's name where it has one."""
    hour = now.astimezone(view.zone).hour
    if hour < 5 or hour >= 22:
        words = tr("Good night")
    elif hour < 12:
        words = tr("Good morning")
    else:
        words = tr("Good afternoon") if hour < 18 else tr("Good evening")
    return f"{words}, {view.site.name}" if view.site.name else words


def activity(snapshot: Snapshot, view: View) -> str:
    """What the charger is doing, why, and until when."""
    doing, until = snapshot.activity.doing, snapshot.activity.until
    if until is not None and doing in (timed := _timed()):
        return timed[doing].format(until=formats.moment(until, view.now, view.zone))
    if doing in (Doing.FEEDING, Doing.FEEDING_PLAN):
        power = view.seen(snapshot.car_w).value
        if power is None or power >= 0:
            power = snapshot.activity.power_w
        floor = formats.percent(snapshot.floor_pct)
        return tr("Feeding {power} – your car stays above {floor}", power=formats.kilowatts(power), floor=floor)
    if doing is Doing.CHARGING_NEEDED:
        ready = formats.moment(snapshot.ready_by, view.now, view.zone)
        return tr("Charging – needed to be ready by {ready}", ready=ready)
    return doing_words(doing)


def doing_words(doing: Doing) -> str:
    """The same where no times or powers are known."""
    return {
        Doing.NO_CHARGER: tr("No charger yet – adopt one under Devices"),
        Doing.CHARGER_OFFLINE: tr("The charger is offline – it keeps to its safe limit"),
        Doing.NO_CAR: tr("Not plugged in"),
        Doing.CHARGING_CHEAP: tr("Charging – the price is low"),
        Doing.CHARGING_NEEDED: tr("Charging – needed to be ready in time"),
        Doing.CHARGING_NOW: tr("Charging now – as you asked"),
        Doing.CHARGING_FLOOR: tr("Charging at the safe limit – fresh data is missing"),
        Doing.CHARGING_SOLAR: tr("Charging – with power from the sun"),
        Doing.CHARGING_RESERVE: tr("Charging – up to your reserve"),
        Doing.CHARGING_LATE: tr("Charging – it was not ready in time"),
        Doing.CHARGING_PROMISED: tr("Charging – as a provider has promised you"),
        Doing.WAITING_CHEAPER: tr("Waiting – for cheaper hours"),
        Doing.WAITING_SOLAR: tr("Waiting – for power from the sun"),
        Doing.REDUCED_BY_OFFER: tr("Charging less – as you agreed"),
        Doing.REDUCED_BY_GRID: tr("Limited by the grid operator – must be followed"),
        Doing.REDUCED_BY_PROVIDER: tr("Limited by your charging provider – see Devices"),
        Doing.REDUCED_BY_FUSE: tr("Charging less – the main fuse is near its limit"),
        Doing.FEEDING: tr("Feeding power from your car"),
        Doing.FEEDING_PLAN: tr("Feeding power from your car – because it pays"),
        Doing.FEED_WAITING: tr("Power feed waits – it cannot run at the moment"),
        Doing.PAUSED_BY_OWNER: tr("Paused – by you"),
        Doing.CAR_FULL: tr("Done – the car has its charge"),
        Doing.CAR_NOT_TAKING: tr("Plugged in – the car does not take power"),
        Doing.CARD_NEEDED: tr("Plugged in – show your card at the charger"),
        Doing.INSTALLING: tr("Paused – new software goes into your car"),
        Doing.FAULTED: tr("The charger reports a fault – see Devices"),
    }[doing]


def car_title(status: EvceStatus | None, doing: Doing) -> str:
    """Title of the car's card."""
    if doing in (Doing.FEEDING, Doing.FEEDING_PLAN):
        return tr("Power feed")
    return tr("Your car") if status is None else status_words(status)


def status_words(status: EvceStatus) -> str:
    """What a charging station is doing."""
    return {
        EvceStatus.OFFLINE: tr("Charger offline"),
        EvceStatus.STARTING: tr("Charger starting"),
        EvceStatus.AVAILABLE: tr("Not plugged in"),
        EvceStatus.PLUGGED: tr("Plugged in"),
        EvceStatus.CHARGING: tr("Charging"),
        EvceStatus.SUSPENDED_EV: tr("Car is pausing"),
        EvceStatus.SUSPENDED_EVSE: tr("Waiting"),
        EvceStatus.FEEDING: tr("Power feed"),
        EvceStatus.FINISHING: tr("Finishing"),
        EvceStatus.FAULTED: tr("Charger fault"),
    }[status]


def link_words(link: DeviceLink) -> tuple[str, Tone]:
    """How a device stands with the hub, and the colour of it."""
    return {
        DeviceLink.FOUND: (tr("Found"), Tone.BLUE),
        DeviceLink.KNOCKING: (tr("Knocking"), Tone.VIOLET),
        DeviceLink.PAIRING: (tr("Pairing"), Tone.AMBER),
        DeviceLink.CONNECTING: (tr("Connecting"), Tone.AMBER),
        DeviceLink.ONLINE: (tr("Online"), Tone.GREEN),
        DeviceLink.OFFLINE: (tr("Offline"), Tone.RED),
        DeviceLink.REFUSED: (tr("Refused"), Tone.RED),
    }[link]


def link_advice(device: DeviceView) -> str:
    """What to know or do about a device without a problem of its own."""
    return {
        DeviceLink.FOUND: tr("Adopt it to make it part of your home."),
        DeviceLink.KNOCKING: tr("It has connected by itself. Adopt it if it is yours."),
        DeviceLink.PAIRING: tr("Adoption has begun. Follow the steps at the device."),
        DeviceLink.CONNECTING: tr("The hub is connecting to it."),
        DeviceLink.ONLINE: tr("Connected. Data comes in."),
        DeviceLink.OFFLINE: tr("Check its power and network. The hub keeps trying."),
        DeviceLink.REFUSED: tr("It refuses the hub. Forget it and adopt it again."),
    }[device.link]


def kind_words(kind: DeviceKind) -> str:
    """What a device is."""
    return {DeviceKind.METER: tr("Smart meter"), DeviceKind.EVCE: tr("Charger")}[kind]


def severity_words(severity: Severity) -> tuple[str, Tone]:
    """How bad a defect of the car is."""
    return {
        Severity.INFO: (tr("Good to know"), Tone.BLUE),
        Severity.WARNING: (tr("Needs care"), Tone.AMBER),
        Severity.CRITICAL: (tr("Act now – no power feed"), Tone.RED),
    }[severity]


def order_words(order: PartOrder, view: View) -> str:
    """How the order of a part stands."""
    day = formats.day(order.updated_at, view.zone)
    return {
        OrderStatus.ORDERED: tr("Ordered {day}", day=day),
        OrderStatus.SHIPPED: tr("Shipped {day}", day=day),
        OrderStatus.DELIVERED: tr("Delivered {day}", day=day),
        OrderStatus.CANCELLED: tr("Order cancelled {day}", day=day),
    }[order.status]


def role_words(role: Role) -> str:
    """Who somebody at the screen is."""
    return {
        Role.GUEST: tr("Guest"),
        Role.HOUSEHOLD: tr("Household"),
        Role.OWNER: tr("Owner"),
        Role.INSTALLER: tr("Installer"),
    }[role]


def pin_title(role: Role) -> str:
    """Whose PIN it is."""
    return {
        Role.HOUSEHOLD: tr("The household's PIN"),
        Role.OWNER: tr("The owner's PIN"),
        Role.INSTALLER: tr("The installer's PIN"),
    }.get(role, tr("PIN"))


def pin_purpose(role: Role) -> str:
    """Whose PIN is needed."""
    return {
        Role.GUEST: tr("No PIN is needed."),
        Role.HOUSEHOLD: tr("This needs the PIN of the household."),
        Role.OWNER: tr("This needs the owner's PIN."),
        Role.INSTALLER: tr("This needs the installer's PIN."),
    }[role]


def mode_words(mode: ChargingMode) -> str:
    """What the owner can ask for, as a button."""
    return {
        ChargingMode.READY_BY: tr("Ready by"),
        ChargingMode.CHEAPEST: tr("Cheapest"),
        ChargingMode.SOLAR: tr("Solar"),
        ChargingMode.NOW: tr("Now"),
        ChargingMode.PAUSE: tr("Pause"),
        ChargingMode.POWER_FEED: tr("Power feed"),
    }[mode]


def reason_words(reason: SlotReason) -> str:
    """Why a slot of the plan is as it is."""
    return {
        SlotReason.CHEAP: tr("cheap hours"),
        SlotReason.NEEDED: tr("needed to be ready in time"),
        SlotReason.NOW: tr("as you asked"),
        SlotReason.SOLAR: tr("power from the sun"),
        SlotReason.FLOOR: tr("up to your reserve"),
        SlotReason.AFTER_DEADLINE: tr("late, so as fast as it can"),
        SlotReason.NO_PRICE: tr("at a price not known yet"),
        SlotReason.FEED_OFFER: tr("power feed"),
        SlotReason.FEED_LESS: tr("less power feed, to keep what was promised"),
        SlotReason.CHARGE_OFFER: tr("charging as you agreed"),
        SlotReason.GUARANTEE: tr("as full as a provider has promised"),
        SlotReason.FEED_PLAN: tr("power feed, because it pays"),
        SlotReason.REDUCED_BY_OFFER: tr("charging less, as you agreed"),
        SlotReason.REDUCED_BY_GRID: tr("limited by the grid operator"),
        SlotReason.WAIT_CHEAPER: tr("waiting for cheaper power"),
        SlotReason.WAIT_SOLAR: tr("waiting for the sun"),
        SlotReason.FULL: tr("the car has its charge"),
        SlotReason.IDLE: tr("no charging"),
    }[reason]


def provider_words(link: ProviderLink, name: str) -> str:
    """How the way to a provider stands."""
    if link.state is LinkState.UP:
        return tr("{name} is connected.", name=name)
    if link.state is LinkState.CONNECTING:
        words = tr("Connecting to {name}.", name=name)
    else:
        words = link.problem or tr("No connection to {name}. The hub keeps trying.", name=name)
        words = words if name in words else f"{name}: {words}"
    return f"{words} {waiting_words(link.waiting)}" if link.waiting else words


def waiting_words(count: int) -> str:
    """Answers of the owner that a provider has not got yet."""
    return tr("1 answer waits.") if count == 1 else tr("{count} answers wait.", count=count)


def buying(snapshot: Snapshot, grid: Seen) -> str:
    """Power over the grid connection and what it costs by the hour."""
    if grid.value is None:
        return tr("Grid power is not known")
    if grid.stale:
        return tr("Last reading {age}", age=formats.age(grid.age_s or 0))
    if abs(grid.value) < 50:
        return tr("Nothing bought or sold")
    power = formats.kilowatts(grid.value)
    selling = grid.value < 0
    rate = snapshot.export_price if selling else snapshot.price
    words = tr("Selling {power}", power=power) if selling else tr("Buying {power}", power=power)
    if rate is None:
        return words
    hourly = formats.money(Decimal(str(round(abs(grid.value) / 1000, 3))) * rate, snapshot.currency)
    return f"{words} · {tr('{money} per hour', money=hourly)}"


def hub_lost() -> str:
    """The hub is gone."""
    return tr("The hub does not answer. Charging goes on at the safe limit.")


def _timed() -> dict[Doing, str]:
    return {
        Doing.CHARGING_CHEAP: tr("Charging – cheapest hours until {until}"),
        Doing.CHARGING_NOW: tr("Charging now – as you asked, until {until}"),
        Doing.WAITING_CHEAPER: tr("Waiting – price falls at {until}"),
        Doing.REDUCED_BY_OFFER: tr("Charging less until {until} – as you agreed"),
        Doing.REDUCED_BY_GRID: tr("Limited by the grid operator until {until} – must be followed"),
    }
