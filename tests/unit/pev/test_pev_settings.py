"""``[pev]`` in the settings."""

from pathlib import Path

import pytest

from homeapp.errors import SettingsInvalid
from homeapp.settings import FILE_NAME, PevSettings, load


def _load(folder: Path, text: str) -> PevSettings:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return load(folder).pev


def test_no_link_unless_there_is_an_address(tmp_path: Path) -> None:
    assert load(tmp_path).pev == PevSettings(address="", port=13400)
    assert _load(tmp_path, '[pev]\naddress = "192.168.1.30"\n') == PevSettings(address="192.168.1.30")
    assert _load(tmp_path, '[pev]\naddress = "fd00::30"\nport = 13401\n').port == 13401


@pytest.mark.parametrize("address", ["car.local", "192.168.1", "192.168.1.30:13400"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"pev\.address"):
        _load(tmp_path, f'[pev]\naddress = "{address}"\n')
