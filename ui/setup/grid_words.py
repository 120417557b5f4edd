"""Sentences of the grid connection: where each value is to be read, and what comes of them."""

from homeapp.model.commissioning import GridAnswer
from ui import formats
from ui.setup.grid_draft import Circuit, Export, export_of
from ui.tr import tr

_SPACE = "\u00a0"


def amperes(current_a: float) -> str:
    """A current."""
    return f"{current_a:g}{_SPACE}A"


def per_phase(answer: GridAnswer, current_a: float) -> str:
    """A current on all phases of the home."""
    return amperes(current_a) if answer.phases == 1 else f"3{_SPACE}×{_SPACE}{amperes(current_a)}"


def draws(answer: GridAnswer, circuit: Circuit) -> str:
    """What the home and the charger may draw."""
    allowed = circuit.allowed_a(answer)
    return tr(
        "The home may draw {current} = {power}; the charger at most {charger} of it.",
        current=per_phase(answer, allowed),
        power=formats.kilowatts(circuit.power_w(answer, allowed)),
        charger=amperes(min(answer.max_current_a, allowed)),
    )


def without_hub(answer: GridAnswer, circuit: Circuit) -> str:
    """What the charger does when the hub is gone."""
    if answer.safe_current_a == 0:
        return tr("When the hub is gone, the charger stops.")
    return tr(
        "When the hub is gone, the charger goes down to {current} = {power}.",
        current=per_phase(answer, answer.safe_current_a),
        power=formats.kilowatts(circuit.power_w(answer, answer.safe_current_a)),
    )


def exports(answer: GridAnswer, circuit: Circuit) -> str:
    """What may leave the home."""
    export = export_of(answer)
    if export is Export.NONE:
        return tr("The car's energy never leaves the home.")
    cap = answer.feed_cap_a
    most = circuit.allowed_a(answer) if cap is None else min(cap, circuit.allowed_a(answer))
    return tr(
        "The car may feed {current} = {power} into the grid.",
        current=per_phase(answer, most),
        power=formats.kilowatts(circuit.power_w(answer, most)),
    )


def operator(answer: GridAnswer) -> str:
    """What holds when the grid operator limits the chargers."""
    failsafe = formats.kilowatts(answer.failsafe_w)
    if answer.dso_floor_w == 0:
        return tr(
            "The grid operator may limit the chargers to nothing; unreachable, {failsafe} hold.", failsafe=failsafe
        )
    return tr(
        "The grid operator leaves the chargers {floor} at least; unreachable, {failsafe} hold.",
        floor=formats.kilowatts(answer.dso_floor_w),
        failsafe=failsafe,
    )
