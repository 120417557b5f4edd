"""The circuits of chargers in the settings, and their safe currents together."""

from pathlib import Path

import pytest

from homeapp.errors import SettingsInvalid
from homeapp.load.floors import floors_too_high
from homeapp.model.site import Circuit, Site
from homeapp.settings import load

TWO = """\
[site]
fuse_a = 35
[[ocpp.station]]
id = "EVCE-1"
rotation = ["L2", "L3", "L1"]
priority = 1
[[ocpp.station]]
id = "EVCE-2"
phases = 1
rotation = ["L3"]
max_current_a = 32
safe_current_a = 8
"""


def test_each_charger_has_its_circuit_and_those_without_particulars_that_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(TWO)
    settings = load(tmp_path)
    assert settings.circuit("ocpp:EVCE-1") == Circuit(device_id="ocpp:EVCE-1", rotation=(1, 2, 0), priority=1)
    assert settings.circuit("ocpp:EVCE-2") == Circuit(
        device_id="ocpp:EVCE-2", max_current_a=32, safe_current_a=8, rotation=(2,)
    )
    assert settings.circuit("ocpp:other") == Circuit(device_id="ocpp:other")


@pytest.mark.parametrize(
    ("station", "expected"),
    [
        ('id = "A"\nrotation = ["L1", "L1", "L2"]', "rotation"),
        ('id = "A"\nrotation = ["L1", "L2"]', "rotation"),
        ('id = "A"\nrotation = ["L4"]', "rotation"),
        ('id = "A"\nphases = 3\nrotation = ["L1"]', "rotation"),
        ('id = "A"\nsafe_current_a = 20', "safe_current_a"),
        ('id = ""', "id"),
        ('id = "A"\n[[ocpp.station]]\nid = "A"', "same id"),
        ('id = "A"\nsafe_current_a = 16\n[[ocpp.station]]\nid = "B"\nsafe_current_a = 16', "32 A on L1"),
    ],
)
def test_what_contradicts_itself_is_a_sentence(tmp_path: Path, station: str, expected: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[[ocpp.station]]\n{station}\n")
    with pytest.raises(SettingsInvalid, match=expected):
        load(tmp_path)


def test_a_station_cannot_have_a_phase_that_the_home_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[site]\nphases = 1\n[[ocpp.station]]\nid = "A"\nrotation = ["L2"]\n')
    with pytest.raises(SettingsInvalid, match="does not have"):
        load(tmp_path)


def test_safe_currents_count_on_the_phase_on_which_they_lie() -> None:
    site = Site(fuse_a=25, fuse_margin=0.9)
    three = [Circuit(device_id=name, safe_current_a=6) for name in "abc"]
    assert floors_too_high(three, site) is None
    fault = floors_too_high([*three, Circuit(device_id="d", rotation=(1,))], site)
    assert fault is not None
    assert "24 A on L2" in fault
