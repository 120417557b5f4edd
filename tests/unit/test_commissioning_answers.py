"""What an installer has answered can be taken away again, and what others wrote into the settings stays."""

import json
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning.answers_file import read_answers
from homeapp.commissioning.record import FILE_NAME as RECORD
from homeapp.commissioning.record import load_record
from homeapp.errors import SettingsInvalid
from homeapp.model.commissioning import Answer, BandAnswer, CarAnswer, PlaceAnswer, TariffAnswer
from homeapp.settings import FILE_NAME, load
from kit.commissioning_home import HandMadeHome
from kit.in_loop import in_loop

pytestmark = pytest.mark.usecase("W4")
NIGHT = BandAnswer(price="0.19", start="22:00", end="06:00")
NOON = BandAnswer(price="0.15", start="11:00", end="15:30", days=("sat", "sun"))
OLD = """\
{"version": 1, "begun_at": "2026-11-01T12:00:00Z", "found": {}, "answers": [
  {"step": "place", "time_zone": "Europe/Amsterdam", "language": "en", "name": "", "wall_time": ""},
  {"step": "car", "capacity_kwh": 60.0, "address": "", "source": "the owner"},
  {"step": "providers", "kind": "time_of_use", "currency": "EUR", "energy": "0.25", "vat_pct": "21"}]}
"""
BY_HAND = """\
[site]
name = "By hand"
fuse_a = 25.0

[pev]
address = "192.0.2.9"
port = 13401

[tariff]
kind = "time_of_use"
currency = "EUR"
energy = "0.25"

[[tariff.energy_band]]
price = "0.4"
start = "17:00"
end = "19:00"
"""


def contract(*bands: BandAnswer, kind: str = "time_of_use") -> TariffAnswer:
    return TariffAnswer(kind=kind, currency="EUR", energy="0.25", bands=bands)  # type: ignore[arg-type]


async def answer(data_dir: Path, *answers: Answer) -> None:
    async with HandMadeHome(data_dir).running() as hub:
        for one in answers:
            view = await hub.ask(api.AnswerStep(step_answer=one))
            assert one in view.answers


@in_loop
async def test_a_name_and_a_data_link_are_taken_away_again(tmp_path: Path) -> None:
    text = BY_HAND.replace('address = "192.0.2.9"\n', "")
    (tmp_path / FILE_NAME).write_text(text)
    car = CarAnswer(capacity_kwh=60.0, address="192.0.2.3")
    await answer(tmp_path, PlaceAnswer(time_zone="Europe/Berlin", name="Anna"), car)
    assert (load(tmp_path).site.name, load(tmp_path).pev.address) == ("Anna", "192.0.2.3")
    await answer(tmp_path, PlaceAnswer(time_zone="Europe/Berlin", name=""), CarAnswer(capacity_kwh=60.0, address=""))
    settings = load(tmp_path)
    assert (settings.site.name, settings.pev.address, settings.pev.port) == ("", "", 13401)
    assert "name" not in (tmp_path / FILE_NAME).read_text()
    assert "address" not in (tmp_path / FILE_NAME).read_text()


@in_loop
async def test_what_is_left_out_stays_as_others_wrote_it(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BY_HAND)
    await answer(tmp_path, PlaceAnswer(time_zone="Europe/Berlin"), CarAnswer(capacity_kwh=70.0))
    settings = load(tmp_path)
    assert (settings.site.name, settings.pev.address) == ("By hand", "192.0.2.9")


@in_loop
async def test_what_others_write_after_it_was_emptied_stays(tmp_path: Path) -> None:
    await answer(tmp_path, CarAnswer(capacity_kwh=60.0, address="192.0.2.3"), CarAnswer(capacity_kwh=60.0, address=""))
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text() + '[pev]\naddress = "192.0.2.9"\n')
    await answer(tmp_path, CarAnswer(capacity_kwh=61.0, address=""))
    assert load(tmp_path).pev.address == "192.0.2.9"


@in_loop
async def test_a_record_of_an_older_hub_opens_and_takes_nothing_of_others_away(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BY_HAND)
    (tmp_path / RECORD).write_text(OLD)
    known = load_record(tmp_path).answers
    assert known[2] == TariffAnswer(kind="time_of_use", currency="EUR", energy="0.25", vat_pct="21")
    await answer(tmp_path, PlaceAnswer(time_zone="Europe/Berlin", name=""), CarAnswer(capacity_kwh=61.0, address=""))
    await answer(tmp_path, contract(NIGHT))
    settings = load(tmp_path)
    assert (settings.site.name, settings.pev.address) == ("By hand", "192.0.2.9")
    assert [band.price for band in settings.tariff.energy_band] == ["0.4", "0.19"]


@in_loop
async def test_prices_by_the_clock_are_written_changed_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BY_HAND)
    await answer(tmp_path, contract(NIGHT, NOON))
    hand, night, noon = load(tmp_path).tariff.energy_band
    assert (hand.price, night.days, noon.days, noon.end) == ("0.4", (), ("sat", "sun"), "15:30")
    assert json.loads((tmp_path / RECORD).read_text())["answers"][0]["band"][0]["price"] == "0.19"
    await answer(tmp_path, contract(NOON))
    assert [band.price for band in load(tmp_path).tariff.energy_band] == ["0.4", "0.15"]
    with pytest.raises(SettingsInvalid, match="a fixed contract has one price"):
        await answer(tmp_path, contract(kind="fixed"))
    assert [band.price for band in load(tmp_path).tariff.energy_band] == ["0.4", "0.15"], "nothing was written"
    await answer(tmp_path, contract())
    assert [band.price for band in load(tmp_path).tariff.energy_band] == ["0.4"]


@pytest.mark.parametrize(
    "band",
    [
        BandAnswer(price="cheap", start="22:00", end="06:00"),
        BandAnswer(price="0.1", start="22:10", end="06:00"),
        BandAnswer(price="0.1", start="22:00", end="06:00", days=("monday",)),
        BandAnswer(price='0.1"\n[site]\nfuse_a = 250', start="22:00", end="06:00"),
    ],
    ids=["price", "minute", "day", "another section"],
)
@in_loop
async def test_a_band_that_the_settings_do_not_know_is_refused(tmp_path: Path, band: BandAnswer) -> None:
    with pytest.raises(SettingsInvalid, match="energy_band"):
        await answer(tmp_path, contract(band))
    assert not (tmp_path / FILE_NAME).exists()


def test_the_file_of_answers_knows_bands_and_empty_words(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(
        '[place]\ntime_zone = "Europe/Amsterdam"\nname = ""\n[car]\ncapacity_kwh = 60.0\n'
        '[tariff]\nkind = "time_of_use"\ncurrency = "EUR"\nenergy = "0.25"\n'
        '[[tariff.band]]\nprice = "0.15"\nstart = "11:00"\nend = "15:30"\ndays = ["sat", "sun"]\n'
    )
    answers = read_answers(path)
    assert answers.place is not None
    assert answers.car is not None
    assert (answers.place.name, answers.car.address) == ("", None)
    assert answers.tariff == contract(NOON)
    path.write_text('[tariff]\nkind = "fixed"\n[[tariff.bands]]\nprice = "1"\n')
    with pytest.raises(SettingsInvalid, match="bands"):
        read_answers(path)
