"""Checks of the charger: connected, following a limit as measured, and falling back by itself without the hub."""

from datetime import datetime

from homeapp.commissioning.charger_hold import ChargerHold
from homeapp.commissioning.home import Finding, Home, until
from homeapp.commissioning.meter_checks import backwards, fresh
from homeapp.load.claim import COARSE_LEASE_S, is_coarse
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceState
from homeapp.model.site import Circuit

CONNECTED_WITHIN_S = 60.0
CHARGING_WITHIN_S = 240.0
FOLLOWS_WITHIN_S = 120.0
LAPSE_SLACK_S = 45.0
LOW_A, HIGH_A = 6.0, 10.0
MARGIN_A = 1.5
_SETTLED_S = 5.0
_LEAST_A = 3.0
"""Less is no charging car: one that is full, or only balances its cells."""
_NO_CAR = "Plug in a car that is not full, see that it charges, and run this check again."


async def charger_connected(home: Home) -> Finding:
    """A charger is adopted, online, and has taken its floor: it is not online before."""
    tried = (
        f"Waited up to {CONNECTED_WITHIN_S:.0f} s for a charger of this home to come online with its floor installed."
    )

    def online() -> DeviceView | None:
        return next((item for item in _chargers(home) if item.adopted and item.link is DeviceLink.ONLINE), None)

    charger: DeviceView | None = await until(home, online, CONNECTED_WITHIN_S)
    if charger is not None:
        profile = charger.charger.security_profile if charger.charger is not None else None
        security = "" if profile is None else f", security profile {profile}"
        seen = (
            f"{charger.product} ({charger.device_id}) over {charger.properties.get('protocol', 'OCPP')}{security}; it "
            f"has accepted its floor of {home.settings.circuit(charger.device_id).safe_current_a:g} A."
        )
        return Finding(good=True, tried=tried, seen=seen)
    return _not_online(home, tried)


async def charger_limit(home: Home, hold: ChargerHold) -> Finding:
    """The measured current follows a limit of 6 A, and then one of 10 A."""
    high_a = min(HIGH_A, _circuit(home).max_current_a)
    tried = f"Limited the charger to {LOW_A:g} A and then to {high_a:g} A, and looked at what it measures."
    if (refusal := await _not_ready(home, tried)) is not None:
        return refusal
    try:
        low_a = await _brought_to(home, hold, LOW_A, CHARGING_WITHIN_S)
        if not _near(low_a, LOW_A):
            return _does_not_follow(home, tried, LOW_A, low_a)
        low_w = _grid_w(home)
        then_a = await _brought_to(home, hold, high_a, FOLLOWS_WITHIN_S)
        if not _near(then_a, high_a) or (then_a or 0.0) - (low_a or 0.0) < MARGIN_A:
            return _does_not_follow(home, tried, high_a, then_a, low_a)
    finally:
        hold.end()
    return _followed(home, tried, (low_a or 0.0, then_a or 0.0), _grid_w(home) - low_w)


async def charger_floor(home: Home, hold: ChargerHold) -> Finding:
    """Without the hub's commands the charger returns to its floor by itself, as measured.

    The hub commands again at once where it is needed meanwhile.
    """
    circuit = _circuit(home)
    before_a = min(max(HIGH_A, circuit.safe_current_a + 4.0), circuit.max_current_a)
    tried = (
        f"Let the charger draw {before_a:g} A, then left it without a command for up to {_lapses_within_s(home):.0f} "
        "s, as if the hub were gone."
    )
    if (refusal := await _not_ready(home, tried)) is not None:
        return refusal
    try:
        drawn_a = await _brought_to(home, hold, before_a, CHARGING_WITHIN_S)
        if drawn_a is None or not _near(drawn_a, before_a):
            return _does_not_follow(home, tried, before_a, drawn_a)
        if drawn_a <= circuit.safe_current_a + MARGIN_A:
            return _cannot_be_seen(tried, drawn_a, circuit.safe_current_a)
        return await _left_alone(home, hold, tried, drawn_a, circuit.safe_current_a)
    finally:
        hold.end()


async def _left_alone(home: Home, hold: ChargerHold, tried: str, drawn_a: float, safe_a: float) -> Finding:
    """What the charger does without a command, for as long as the hub is not needed."""
    # What has hardly fallen may be the car's own doing.
    fallen_a = min(safe_a, drawn_a - 2 * MARGIN_A)
    silent_at = home.clock.now()
    hold.fall_silent(silent_at)
    await until(
        home,
        lambda: _needs_hub(home) is not None or _falls_to(_measured(home, silent_at), fallen_a),
        _lapses_within_s(home),
    )
    if (need := _needs_hub(home)) is not None:
        return Finding(good=False, tried=tried, seen=f"{need[0]}, so the test was broken off.", advice=need[1])
    floor_a = _measured(home, silent_at)
    return _fell_back(tried, drawn_a, floor_a, safe_a, has_fallen=_falls_to(floor_a, fallen_a))


def _lapses_within_s(home: Home) -> float:
    return (COARSE_LEASE_S if is_coarse(home.charger()) else home.settings.ocpp.lease_s) + LAPSE_SLACK_S


def _chargers(home: Home) -> tuple[DeviceView, ...]:
    return tuple(device for device in home.devices() if device.kind is DeviceKind.EVCE)


def _not_online(home: Home, tried: str) -> Finding:
    chargers = _chargers(home)
    if (adopted := next((item for item in chargers if item.adopted), None)) is not None:
        advice = adopted.problem or "Check its power and its network, and that the hub's address is entered in it."
        return Finding(good=False, tried=tried, seen=f"{adopted.name} is adopted, but {adopted.link}.", advice=advice)
    if chargers:
        item = chargers[0]
        advice = item.problem or f"Adopt it, under Devices or with: homeapp devices adopt {item.device_id}"
        return Finding(
            good=False,
            tried=tried,
            seen=f"{item.product} ({item.device_id}) knocks, but is not adopted.",
            advice=advice,
        )
    address = charger_address(home)
    advice = (
        f"Enter {address} as the address of the charger's CSMS (its OCPP address), and ocpp-ca.pem of the data "
        "directory as its certificate authority. It is shown here as soon as it knocks."
    )
    return Finding(good=False, tried=tried, seen="No charger has connected.", advice=advice)


def charger_address(home: Home) -> str:
    """What to enter into a charger; its identity is added by itself or by hand, as its maker wants it."""
    ocpp = home.settings.ocpp
    host = next(iter(ocpp.names), "") or next(
        iter(home.network(home.settings.discovery.interfaces).addresses), "<address of the hub>"
    )
    return f"wss://{host}:{ocpp.port}/ocpp"


async def _not_ready(home: Home, tried: str) -> Finding | None:
    """Why the test cannot begin; a charger that comes back, and whoever plugs the car in, get a moment."""

    def is_ready() -> bool:
        known = home.charger()
        return known is not None and known.connected and known.status.car_present

    await until(home, is_ready, CONNECTED_WITHIN_S)
    charger = home.charger()
    if charger is None or not charger.connected:
        return Finding(
            good=False, tried=tried, seen="The charger is not connected.", advice="Run the check before again."
        )
    if not charger.status.car_present:
        return Finding(good=False, tried=tried, seen="No car is plugged in.", advice=_NO_CAR)
    return None


async def _brought_to(home: Home, hold: ChargerHold, limit_a: float, within_s: float) -> float | None:
    """What the charger draws once it keeps to ``limit_a``, A, or when the time is over."""
    phases = _phases(home.charger())
    set_at = home.clock.now()
    hold.limit(limit_a * home.settings.site.voltage_v * phases, set_at)
    await until(home, lambda: _has_settled(_measured(home, set_at), limit_a), within_s)
    return _measured(home, set_at)


def _phases(charger: EvceState | None) -> int:
    return charger.capabilities.phases if charger is not None and charger.capabilities is not None else 3


def _measured(home: Home, since: datetime) -> float | None:
    """A; None before the charger has measured after ``since``."""
    charger = home.charger()
    if charger is None or charger.power_at is None:
        return None
    if (charger.power_at - since).total_seconds() < _SETTLED_S:
        return None
    if charger.power_w is not None and charger.power_w < 0:
        # What it feeds is measured without a sign too.
        return 0.0
    return charger.current_a(home.settings.site.voltage_v)


def _has_settled(measured_a: float | None, limit_a: float) -> bool:
    return measured_a is not None and abs(measured_a - limit_a) <= MARGIN_A


def _near(measured_a: float | None, limit_a: float) -> bool:
    return measured_a is not None and max(_LEAST_A, limit_a - 2 * MARGIN_A) < measured_a <= limit_a + MARGIN_A


def _falls_to(measured_a: float | None, safe_a: float) -> bool:
    return measured_a is not None and measured_a <= safe_a + MARGIN_A


def _grid_w(home: Home) -> float:
    reading = home.meter()
    return 0.0 if reading is None else reading.power_w


def _needs_hub(home: Home) -> tuple[str, str] | None:
    """Why the charger cannot be left without commands now, and what to do then; None where it can."""
    reading = fresh(home)
    if reading is None:
        return "The meter was silent", "Look at the meter and its link under Devices, then run this check again."
    site = home.settings.site
    by_phase = reading.phase_power_w or (reading.power_w / site.phases,)
    if max(by_phase) / site.voltage_v > site.fuse_a * site.fuse_margin:
        return "The home drew as much as the fuse bears", "Switch off large loads and run this check again."
    snapshot = home.snapshot()
    if snapshot.mode is not ChargingMode.NOW:
        return "Somebody has chosen another mode of charging", "Run this check again."
    if snapshot.grid_limit is not None:
        return "The grid operator limits what is drawn", "Run this check again once that limit is over."
    return None


def _circuit(home: Home) -> Circuit:
    charger = home.charger()
    return home.settings.circuit("" if charger is None else charger.device_id)


def _cannot_be_seen(tried: str, drawn_a: float, safe_a: float) -> Finding:
    return Finding(
        good=False,
        tried=tried,
        seen=f"It drew {drawn_a:.1f} A, and its floor is {safe_a:g} A: it cannot be seen whether it falls back.",
        advice="Have a car charge that takes more, or set a lower safe current, and run this check again.",
    )


def _does_not_follow(
    home: Home, tried: str, limit_a: float, measured_a: float | None, before_a: float | None = None
) -> Finding:
    charger = home.charger()
    said = charger.problem if charger is not None else None
    if measured_a is None or measured_a < _LEAST_A:
        told = "nothing" if measured_a is None else f"{measured_a:.1f} A"
        return Finding(good=False, tried=tried, seen=f"At {limit_a:g} A the car drew {told}.", advice=said or _NO_CAR)
    seen = f"Limited to {limit_a:g} A it drew {measured_a:.1f} A."
    if measured_a > limit_a:
        advice = said or (
            "The charger does not keep the hub's limits. See in its own settings that nothing else controls it and "
            "that smart charging is on; until then charge with the fuse in mind."
        )
        return Finding(good=False, tried=tried, seen=seen, advice=advice)
    advice = said or (
        "It could not go up: the car may be nearly full or may take less, or the rest of the home leaves no more. "
        "Switch off large loads and run this check again."
    )
    was = "" if before_a is None else f" Before, at {LOW_A:g} A, it drew {before_a:.1f} A."
    return Finding(good=False, tried=tried, seen=seen + was, advice=advice)


def _followed(home: Home, tried: str, measured_a: tuple[float, float], rise_w: float) -> Finding:
    low_a, then_a = measured_a
    seen = f"It drew {low_a:.1f} A and then {then_a:.1f} A; at the meter the import changed by {rise_w:+.0f} W."
    more_w = (then_a - low_a) * home.settings.site.voltage_v * _phases(home.charger())
    if backwards(rise_w, more_w):
        advice = "The meter counts backwards: have its clamps or its import and export terminals exchanged."
        return Finding(good=False, tried=tried, seen=seen, advice=advice)
    return Finding(good=True, tried=tried, seen=seen)


def _fell_back(tried: str, drawn_a: float, floor_a: float | None, safe_a: float, *, has_fallen: bool) -> Finding:
    if floor_a is None or not has_fallen:
        told = "nothing was measured" if floor_a is None else f"it still drew {floor_a:.1f} A"
        return Finding(
            good=False,
            tried=tried,
            seen=f"It drew {drawn_a:.1f} A, and without the hub {told}; its floor is {safe_a:g} A.",
            advice="The charger does not fall back by itself. Set the same current as its own fail-safe or default "
            "limit in its settings, or have it checked; without that a failure of the hub may cost the main fuse.",
        )
    return Finding(
        good=True, tried=tried, seen=f"It drew {drawn_a:.1f} A, and without the hub {floor_a:.1f} A by itself."
    )
