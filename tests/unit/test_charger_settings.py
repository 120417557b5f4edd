"""The settings of the way to the charger."""

from pathlib import Path

import pytest

from homeapp.errors import SettingsInvalid
from homeapp.settings import OcppSettings, load


def loaded(data_dir: Path, text: str) -> OcppSettings:
    (data_dir / "settings.toml").write_text(f"[ocpp]\n{text}\n")
    return load(data_dir).ocpp


def test_what_is_open_is_only_what_was_asked_for(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert (settings.unencrypted_port, settings.no_subprotocol, settings.vendor_roots) == (0, (), {})
    assert settings.firmware_window == "01:00-05:00"


def test_all_of_them_can_be_set(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        'unencrypted_port = 8886\nno_subprotocol = ["garage-1"]\norganization = "Our house"\n'
        'firmware_window = ""\nvendor_roots = { "Acme" = "acme.pem" }',
    )
    assert (settings.unencrypted_port, settings.no_subprotocol) == (8886, ("garage-1",))
    assert (settings.organization, settings.firmware_window) == ("Our house", "")
    assert settings.vendor_roots == {"Acme": "acme.pem"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unencrypted_port = 8887", "another port"),
        ("unencrypted_port = 70000", "unencrypted_port"),
        ('firmware_window = "1-5"', "firmware_window"),
        ('firmware_window = "01:00-24:00"', "firmware_window"),
        ('firmware_window = "01:00-05:00 "', "firmware_window"),
        ('organization = ""', "organization"),
        ('no_subprotocol = "garage-1"', "no_subprotocol"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        loaded(tmp_path, text)
