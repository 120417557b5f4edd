"""Single values into settings.toml: nothing else of the file changes, and what cannot be done safely is not done."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.commissioning.settings_tables import Table, Tables
from homeapp.commissioning.settings_writer import changed, write_settings
from homeapp.errors import EnvironmentProblem, SettingsInvalid
from homeapp.settings import FILE_NAME, load

KEPT = """\
# By hand, 2026-03-01
secrets = "machine_file"

[site]   # the house
name = "Zoë's house"
fuse_a = 25.0            # main fuse, A per phase
phases = 3

[[ocpp.station]]
id = "BOX-7"
"""


def test_a_value_changes_and_every_other_byte_stays(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    settings = write_settings(tmp_path, {"site": {"fuse_a": 35.0, "feed_cap_a": None}, "goal": {"capacity_kwh": 77.0}})
    assert (settings.site.fuse_a, settings.goal.capacity_kwh) == (35.0, 77.0)
    text = (tmp_path / FILE_NAME).read_text()
    assert text == KEPT.replace("fuse_a = 25.0 ", "fuse_a = 35.0 ") + "\n[goal]\ncapacity_kwh = 77.0\n"
    assert load(tmp_path) == settings
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_new_value_stands_at_the_head_of_its_section_and_none_takes_it_out(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    write_settings(tmp_path, {"site": {"feed_cap_a": 10.0}})
    assert "[site]   # the house\nfeed_cap_a = 10.0\nname" in (tmp_path / FILE_NAME).read_text()
    write_settings(tmp_path, {"site": {"feed_cap_a": None}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


@pytest.mark.parametrize(
    "text",
    ["site = { fuse_a = 25.0 }\n", "site.fuse_a = 25.0\n", '[site]\nname = """\nfuse_a = 1\n"""\n'],
    ids=["inline table", "dotted", "inside a text"],
)
def test_a_file_that_is_laid_out_otherwise_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SettingsInvalid):
        write_settings(tmp_path, {"site": {"fuse_a": 35.0}})
    assert (tmp_path / FILE_NAME).read_text() == text


def test_what_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    with pytest.raises(SettingsInvalid, match="safe_current_a must be at most"):
        write_settings(tmp_path, {"site": {"fuse_a": 6.0, "safe_current_a": 6.0}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


def test_a_disk_that_takes_nothing_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("homeapp.identity.files.os.fsync", full)
    with pytest.raises(EnvironmentProblem, match=r"No space left on device\. Make room"):
        write_settings(tmp_path, {"site": {"fuse_a": 35.0}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"))), st.booleans(), st.floats(-1e6, 1e6))
def test_whatever_is_written_is_read_back(name: str, flag: bool, number: float) -> None:
    text = changed(KEPT, {"site": {"name": name, "feed_allowed": flag, "fuse_a": number}, "pev": {"address": name}})
    read = tomllib.loads(text)
    assert (read["site"]["name"], read["site"]["feed_allowed"]) == (name, flag)
    assert (read["site"]["fuse_a"], read["pev"]) == (number, {"address": name})
    assert text.startswith("# By hand, 2026-03-01\n")


NIGHT = {"price": "0.19", "start": "22:00", "end": "06:00", "days": ()}
NOON = {"price": "0.15", "start": "11:00", "end": "15:30", "days": ("sat", "sun")}
HAND = {"price": "0.5", "start": "17:00", "end": "19:15", "days": ("mon",)}
TARIFF = """\
[tariff]
kind = "time_of_use"
currency = "EUR"
energy = "0.25"

# dear hours, by hand
[[tariff.energy_band]]   # Mondays
price = "0.5"
start = "17:00"
end = "19:15"
days = [
  "mon",
]
# the grid's

[[tariff.grid_fee_band]]
price = "0.01"
start = "00:00"
end = "06:00"

[goal]
target_pct = 80.0
"""


def bands(before: tuple[Table, ...], wanted: tuple[Table, ...]) -> Tables:
    return Tables(section="tariff", name="energy_band", before=before, wanted=wanted)


def prices(data_dir: Path) -> list[str]:
    return [band.price for band in load(data_dir).tariff.energy_band]


def test_the_last_value_takes_its_section_with_it_but_nothing_that_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(KEPT)
    write_settings(tmp_path, {"pev": {"address": "192.0.2.3"}})
    write_settings(tmp_path, {"pev": {"address": None}})
    assert path.read_text() == KEPT
    for others in ("port = 13401\n", "# port = 13401\n"):
        path.write_text(f'[pev]\naddress = "192.0.2.3"\n{others}\n{KEPT.split("machine_file")[1][2:]}')
        write_settings(tmp_path, {"pev": {"address": None}})
        assert path.read_text().startswith(f"[pev]\n{others}\n")
    path.write_text('[pev] # by hand\naddress = "192.0.2.3"\n\n[site]\nfuse_a = 25.0\n')
    write_settings(tmp_path, {"pev": {"address": None}})
    assert path.read_text() == "[pev] # by hand\n\n[site]\nfuse_a = 25.0\n"
    path.write_text('[pev]\naddress = "192.0.2.3"\n\n[site]\nfuse_a = 25.0\n')
    write_settings(tmp_path, {"pev": {"address": None}})
    assert path.read_text() == "[site]\nfuse_a = 25.0\n"


def test_tables_come_and_go_among_those_of_others(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(TARIFF)
    write_settings(tmp_path, {}, bands((), (NIGHT, NOON)))
    head, tail = TARIFF.split("# the grid's")
    written = path.read_text()
    assert written.startswith(f'{head}\n[[tariff.energy_band]]\nprice = "0.19"\n')
    assert written.endswith(f"# the grid's{tail}")
    assert prices(tmp_path) == ["0.5", "0.19", "0.15"]
    path.write_text(written.replace('price = "0.15"', '# solar\nprice = "0.15"'))
    write_settings(tmp_path, {}, bands((NIGHT, NOON), (NOON, NIGHT)))
    assert prices(tmp_path) == ["0.5", "0.15", "0.19"]
    assert "[[tariff.energy_band]]\n# solar\nprice" in path.read_text(), "what stays keeps its comments"
    write_settings(tmp_path, {}, bands((NOON, NIGHT), ()))
    assert path.read_text() == TARIFF


def test_a_hub_that_was_cut_off_after_writing_writes_no_table_twice(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(TARIFF)
    for _again in range(2):
        write_settings(tmp_path, {}, bands((), (NIGHT, NIGHT, NOON)))
    assert prices(tmp_path) == ["0.5", "0.19", "0.19", "0.15"]


def test_a_table_that_somebody_has_changed_is_anothers(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(TARIFF)
    write_settings(tmp_path, {}, bands((), (NIGHT,)))
    path.write_text(path.read_text().replace('"0.19"', '"0.18"'))
    write_settings(tmp_path, {}, bands((NIGHT,), (NOON,)))
    assert prices(tmp_path) == ["0.5", "0.18", "0.15"]


def test_tables_and_their_section_are_written_into_an_empty_file(tmp_path: Path) -> None:
    contract = {"tariff": {"kind": "time_of_use", "currency": "EUR", "energy": "0.25"}}
    write_settings(tmp_path, contract, bands((), (NIGHT,)))
    assert load(tmp_path).tariff.energy_band[0].price == "0.19"
    write_settings(tmp_path, {"tariff": {"kind": "fixed"}}, bands((NIGHT,), ()))
    assert "band" not in (tmp_path / FILE_NAME).read_text()
    with pytest.raises(SettingsInvalid, match="a fixed contract has one price"):
        write_settings(tmp_path, {}, bands((), (NIGHT,)))


@pytest.mark.parametrize(
    "text",
    [
        '[tariff]\nenergy = "0.2"\ncurrency = "EUR"\nenergy_band = [{price = "0.1", start = "00:00", end = "01:00"}]\n',
        'tariff = { energy = "0.2", currency = "EUR" }\n',
    ],
    ids=["a list on a line", "inline table"],
)
def test_tables_that_are_laid_out_otherwise_are_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SettingsInvalid, match=r"Write into it by hand: \[\[tariff\.energy_band\]\] price = \"0\.19\""):
        write_settings(tmp_path, {}, bands((), (NIGHT,)))
    assert (tmp_path / FILE_NAME).read_text() == text


@given(st.lists(st.sampled_from([NIGHT, NOON, HAND]), max_size=5), st.lists(st.sampled_from([NIGHT, NOON]), max_size=5))
def test_whatever_tables_are_written_are_read_back_behind_one_of_others(first: list[Table], then: list[Table]) -> None:
    other = {"price": "0.7", "start": "01:00", "end": "02:00"}
    text = TARIFF.replace('"0.5"', '"0.7"').replace('"17:00"', '"01:00"').replace('"19:15"', '"02:00"')
    text = text.replace('days = [\n  "mon",\n]\n', "")
    once = bands((), tuple(first)).written(text)
    twice = bands(tuple(first), tuple(then)).written(once)
    for written, wanted in ((once, first), (twice, then)):
        said = tomllib.loads(written)["tariff"]["energy_band"]
        assert said == [other, *({k: list(v) if k == "days" else v for k, v in t.items() if v} for t in wanted)]
    assert bands(tuple(then), ()).written(twice) == text
