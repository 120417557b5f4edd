"""What the trouble codes of electric cars mean for the person who drives (SAE J2012-DA), in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass

from homeapp.model.health import Severity

_C, _W, _I = Severity.CRITICAL, Severity.WARNING, Severity.INFO
_GARAGE_SOON = "Have it looked at by a garage soon."
_GARAGE_NOW = "Do not open or touch orange cables. Have the car looked at by a garage before you drive again."
_TALK = "If the car drives as usual there is no hurry; mention it at the next service."


@dataclass(frozen=True, slots=True)
class Meaning:
    """How bad it is, one line, and what to do."""

    severity: Severity
    title: str
    advice: str


_MEANINGS: Mapping[str, Meaning] = {
    code: Meaning(severity, title, advice)
    for code, severity, title, advice in (
        ("P0562", _W, "12 V battery is low", "It may not start. Have the small battery checked soon."),
        ("P0563", _W, "12 V supply is too high", _GARAGE_SOON),
        ("P0A05", _W, "Coolant pump of the drive does not answer", f"The car may reduce its power. {_GARAGE_SOON}"),
        ("P0A06", _W, "Coolant pump of the drive has no power", f"The car may reduce its power. {_GARAGE_SOON}"),
        (
            "P0A08",
            _W,
            "Charging of the 12 V battery is disturbed",
            f"The car may stop when it is empty. {_GARAGE_SOON}",
        ),
        ("P0A0A", _C, "A high-voltage plug is open", _GARAGE_NOW),
        ("P0A0C", _C, "A high-voltage plug is open", _GARAGE_NOW),
        ("P0A0D", _C, "A high-voltage plug is open", _GARAGE_NOW),
        ("P0A1B", _W, "Motor control reports a fault", _GARAGE_SOON),
        ("P0A1F", _W, "Battery control reports a fault", f"The car stays safe to drive. {_GARAGE_SOON}"),
        ("P0A2F", _W, "Motor is too hot", "Let the car cool down. If it comes back, have it looked at by a garage."),
        ("P0A3C", _W, "Inverter is too hot", "Let the car cool down. If it comes back, have it looked at by a garage."),
        ("P0A3F", _W, "Motor position is not measured well", _GARAGE_SOON),
        ("P0A78", _W, "Inverter does not work as it should", _GARAGE_SOON),
        ("P0A7D", _I, "Battery is nearly empty", "Charge the car."),
        ("P0A7E", _C, "Battery is too hot", "Do not charge or drive until it has cooled down. Call a garage."),
        ("P0A7F", _I, "Battery has aged", "It holds less than when it was new. Mention it at the next service."),
        ("P0A80", _W, "Battery has to be replaced", "Ask your dealer; it may be covered by the warranty."),
        ("P0A82", _W, "Battery fan does not turn well", "Keep its air inlet free. " + _GARAGE_SOON),
        ("P0A93", _W, "Inverter is not cooled well", f"The car may reduce its power. {_GARAGE_SOON}"),
        ("P0A94", _W, "12 V converter does not work as it should", f"The small battery may run empty. {_GARAGE_SOON}"),
        ("P0A95", _C, "High-voltage fuse is open", _GARAGE_NOW),
        ("P0AA1", _C, "A high-voltage switch is stuck", _GARAGE_NOW),
        ("P0AA4", _C, "A high-voltage switch is stuck", _GARAGE_NOW),
        ("P0AA6", _C, "High voltage is not insulated well", _GARAGE_NOW),
        ("P0AA7", _W, "Insulation is not measured well", _GARAGE_SOON),
        ("P0AFA", _W, "Battery voltage is too low", "Charge the car. If it comes back, have it looked at by a garage."),
        ("P0AFB", _W, "Battery voltage is too high", _GARAGE_SOON),
        ("P0C73", _W, "Coolant pump of the drive is weak", f"The car may reduce its power. {_GARAGE_SOON}"),
        ("U0100", _I, "Drive control was out of reach for a while", _TALK),
        ("U0110", _I, "Motor control was out of reach for a while", _TALK),
        ("U0111", _I, "Battery control was out of reach for a while", _TALK),
    )
}


def meaning(code: str) -> Meaning:
    """Of a trouble code such as ``P0AA6`` or ``P0AA6-4A``; one that is not in the table needs care until known."""
    known = _MEANINGS.get(code.partition("-")[0])
    return known or Meaning(
        _W, f"The car reports code {code}", "Ask your garage or your PEV provider what it means for you."
    )
