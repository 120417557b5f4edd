"""What the report is about, in a few lines."""

from homeapp.model.commissioning import CarAnswer, CheckState, CommissioningView, PlaceAnswer
from homeapp.model.device import DeviceKind, DeviceView
from ui import words
from ui.offer_terms import Line
from ui.setup import grid_words, setup_words, time_zones
from ui.setup.grid_draft import circuit_of, from_site
from ui.theme import Tone
from ui.tr import tr
from ui.view import View

_DIGEST_GROUP = 8


def commissioned(known: CommissioningView, view: View) -> tuple[Line, ...]:
    """Home, connection, devices, car, and how many checks have passed."""
    grid, circuit = from_site(view.site), circuit_of(view.site)
    lines: list[Line] = [
        ("home", _home(known, view), Tone.TEXT2),
        ("bolt", grid_words.draws(grid, circuit), Tone.TEXT2),
        ("wifi-off", grid_words.without_hub(grid, circuit), Tone.TEXT2),
        ("pylon", grid_words.exports(grid, circuit), Tone.TEXT2),
    ]
    lines += [_device(device) for device in view.devices or () if device.adopted]
    car = next((answer for answer in known.answers if isinstance(answer, CarAnswer)), None)
    if car is not None:
        said = tr("Car: {kwh} kWh usable (from: {source}).", kwh=f"{car.capacity_kwh:g}", source=car.source)
        lines.append(("car", said, Tone.TEXT2))
    lines.append(_checks(known))
    return tuple(lines)


def gaps(known: CommissioningView) -> tuple[Line, ...]:
    """What was left out, and why."""
    return tuple(("flag", f"{setup_words.check_title(gap.check)}: {gap.reason}", Tone.AMBER) for gap in known.gaps)


def grouped(digest: str) -> str:
    """A digest in groups, as it is compared with one on paper."""
    return " ".join(digest[at : at + _DIGEST_GROUP] for at in range(0, len(digest), _DIGEST_GROUP))


def _home(known: CommissioningView, view: View) -> str:
    place = next((answer for answer in known.answers if isinstance(answer, PlaceAnswer)), None)
    zone = place.time_zone if place is not None else view.site.time_zone
    name = (place.name if place is not None else "") or view.site.name
    city = time_zones.city_of(zone)
    return tr("{name}, with the clock of {city}.", name=name, city=city) if name else tr("Clock of {city}.", city=city)


def _device(device: DeviceView) -> Line:
    icon = "gauge" if device.kind is DeviceKind.METER else "charging-pile"
    state, tone = words.link_words(device.link)
    name = device.name or words.kind_words(device.kind)
    return icon, f"{name}: {device.product}. {state}.", tone


def _checks(known: CommissioningView) -> Line:
    checks = [check for step in known.steps for check in step.checks]
    passed = sum(1 for check in checks if check.state is CheckState.PASSED)
    said = tr("{passed} of {all} checks have passed.", passed=passed, all=len(checks))
    return "list-check", said, Tone.GREEN if passed == len(checks) else Tone.AMBER
