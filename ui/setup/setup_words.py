"""Sentences of commissioning: what a step is about, what a check does, and what somebody has to do for it."""

from homeapp.model.commissioning import CheckId, CheckState, CheckView, CommissioningView, Step
from ui.theme import Tone
from ui.tr import tr


def step_title(step: Step | None) -> str:
    """Of the page; None is the report."""
    if step is None:
        return tr("Report")
    return {
        Step.PLACE: tr("Place and time"),
        Step.GRID: tr("Grid connection"),
        Step.METER: tr("Smart meter"),
        Step.CHARGER: tr("Charger"),
        Step.CAR: tr("Car"),
        Step.PROVIDERS: tr("Prices and providers"),
        Step.OWNER: tr("Owner's wishes"),
        Step.PINS: tr("PINs"),
        Step.TEST_RUN: tr("Test run"),
    }[step]


def step_name(step: Step | None) -> str:
    """The title, where there is room for a word or two."""
    return tr("Providers") if step is Step.PROVIDERS else step_title(step)


def step_lead(step: Step | None) -> str:
    """What it is about, in a sentence or two."""
    if step is None:
        return tr("All steps are settled. The hub signs the report with its own key: whoever gets it can verify it.")
    return {
        Step.PLACE: tr("Prices, departures and the night hours all follow the clock of this home."),
        Step.GRID: tr("The fuse guard keeps the whole home below these numbers. Read them, do not guess them."),
        Step.METER: tr("The hub looks for smart meters on the home network. Adopt the one of this home's connection."),
        Step.CHARGER: tr("Enter this address as OCPP server in the charger. It appears here as soon as it knocks."),
        Step.CAR: tr("The plan needs the battery's size. What charger and car tell by themselves is shown here."),
        Step.PROVIDERS: tr("The contract for electricity, and the companies that may send requests to this home."),
        Step.OWNER: tr("What the owner wants of the car, and what may leave the home. Better done by the owner."),
        Step.PINS: tr("From here on requests and devices are changed with a PIN only."),
        Step.TEST_RUN: tr("The hub examines clock, disk, secrets, devices, prices and providers together."),
    }[step]


def check_title(check: CheckId) -> str:
    """Name of a check."""
    return {
        CheckId.CLOCK: tr("Clock"),
        CheckId.GRID_IN_FORCE: tr("In force"),
        CheckId.METER_FOUND: tr("Meter online"),
        CheckId.METER_READING: tr("Live reading"),
        CheckId.METER_DIRECTION: tr("Direction"),
        CheckId.CHARGER_CONNECTED: tr("Connected, floor installed"),
        CheckId.CHARGER_LIMIT: tr("Keeps to limits"),
        CheckId.CHARGER_FLOOR: tr("Safe without the hub"),
        CheckId.CAR_KNOWN: tr("What is known"),
        CheckId.TARIFF: tr("Price for now"),
        CheckId.PROVIDERS_LINKED: tr("Links to providers"),
        CheckId.DRY_RUN: tr("A request on trial"),
        CheckId.WISHES: tr("Wishes"),
        CheckId.CONSENTS: tr("Consents"),
        CheckId.PINS: tr("PINs"),
        CheckId.TEST_RUN: tr("Test run"),
    }[check]


def check_task(check: CheckId) -> str:
    """What happens, or what somebody has to do, before it has run."""
    return {
        CheckId.CLOCK: tr("Compares the hub's clock with the watch and with what providers say."),
        CheckId.GRID_IN_FORCE: tr("Looks whether the fuse guard works with these numbers."),
        CheckId.METER_FOUND: tr("Looks whether an adopted meter is online."),
        CheckId.METER_READING: tr("Waits for a fresh reading and looks at phases and clock."),
        CheckId.METER_DIRECTION: tr("Start it, then switch on a kettle or a hair dryer for half a minute."),
        CheckId.CHARGER_CONNECTED: tr("Looks whether the charger is online and has taken its floor."),
        CheckId.CHARGER_LIMIT: tr("Plug in a car that is not full, then start. It is limited to 6 A, then to 10 A."),
        CheckId.CHARGER_FLOOR: tr("The car stays plugged in. The hub falls silent: the charger must go to its floor."),
        CheckId.CAR_KNOWN: tr("Looks at what settings, charger and data link tell of the car."),
        CheckId.TARIFF: tr("Waits for a price that holds now."),
        CheckId.PROVIDERS_LINKED: tr("Waits for the links to all providers that the owner has agreed to."),
        CheckId.DRY_RUN: tr("Start it, have a provider send a request, and answer it here."),
        CheckId.WISHES: tr("Looks whether floor, target and departure fit together."),
        CheckId.CONSENTS: tr("Looks whether the owner has decided about every provider."),
        CheckId.PINS: tr("Looks whether owner and installer have a PIN."),
        CheckId.TEST_RUN: tr("Takes up to two minutes."),
    }[check]


def check_running(check: CheckId) -> str:
    """What to do, or to wait for, while it runs."""
    return {
        CheckId.METER_DIRECTION: tr("Now: switch on a kettle or a hair dryer, and leave it on for half a minute…"),
        CheckId.CHARGER_LIMIT: tr("The car is limited to 6 A, then to 10 A. Leave it plugged in…"),
        CheckId.CHARGER_FLOOR: tr("The hub is silent to the charger for a while. Leave the car plugged in…"),
        CheckId.DRY_RUN: tr("Now: have a provider send a request, and answer it…"),
    }.get(check, tr("One moment…"))


def state_icon(state: CheckState) -> tuple[str, Tone]:
    """How a state looks."""
    return {
        CheckState.OPEN: ("list-check", Tone.TEXT2),
        CheckState.RUNNING: ("clock", Tone.BLUE),
        CheckState.PASSED: ("check", Tone.GREEN),
        CheckState.FAILED: ("alert-triangle", Tone.AMBER),
        CheckState.SKIPPED: ("flag", Tone.AMBER),
    }[state]


def state_words(state: CheckState) -> str:
    """The same in a word or two."""
    return {
        CheckState.OPEN: tr("Open"),
        CheckState.RUNNING: tr("Running"),
        CheckState.PASSED: tr("Passed"),
        CheckState.FAILED: tr("Failed"),
        CheckState.SKIPPED: tr("Left out"),
    }[state]


def told(view: CheckView) -> str:
    """What is to be read of a check now."""
    match view.state:
        case CheckState.OPEN:
            return check_task(view.check)
        case CheckState.RUNNING:
            return check_running(view.check)
        case CheckState.SKIPPED:
            return tr("Left out: {reason}", reason=view.reason)
        case _:
            return view.seen


def step_state(checks: tuple[CheckView, ...]) -> CheckState:
    """What the rail shows of a step: its worst, where there is nothing open."""
    states = {check.state for check in checks}
    for state in (CheckState.RUNNING, CheckState.FAILED):
        if state in states:
            return state
    if CheckState.OPEN in states:
        return CheckState.OPEN
    return CheckState.SKIPPED if CheckState.SKIPPED in states else CheckState.PASSED


def open_words(checks: tuple[CheckView, ...]) -> str:
    """What keeps the next step from being taken; empty where nothing does."""
    names = [check_title(check.check) for check in checks if not check.state.is_settled]
    return tr("Still open: {names}", names=", ".join(names)) if names else ""


def remaining(known: CommissioningView | None) -> str:
    """What of setting up is still to be done in this home; empty where nothing is, or nobody has begun."""
    if known is None:
        return ""
    if known.finished_at is None:
        if known.begun_at is None:
            return tr("This home is not set up yet.") if known.due else ""
        if known.current is None:
            return tr("Setup is done but for the signature.")
        return tr("Setup is not finished. Next: {step}.", step=step_title(known.current))
    names = [check_title(gap.check) for gap in known.gaps]
    if not names:
        return ""
    if len(names) == 1:
        return tr("Left out in setup: {name}.", name=names[0])
    return tr("{count} checks were left out in setup.", count=len(names))
