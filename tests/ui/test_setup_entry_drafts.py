"""What is entered in setup before the hub gets it: only what the hub takes can be entered."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commissioning_told import ALL, AT_METER, DUE, LEFT_OUT, SETTLED, SIGNED, stands
from hypothesis import given
from hypothesis import strategies as st

from homeapp import settings
from homeapp.commissioning.answers import changes_of
from homeapp.commissioning.settings_writer import changed
from homeapp.model.commissioning import FUSES_A, CarAnswer, CommissioningView, GridAnswer, PlaceAnswer
from homeapp.model.site import Site
from ui.languages import language_name, spoken
from ui.setup import car_draft, grid_draft, grid_words, place_draft, setup_words, time_zones
from ui.setup.draft import Draft
from ui.setup.grid_draft import Circuit, Export

CIRCUIT = Circuit(fuse_margin=0.9, voltage_v=230.0)
NOW = datetime(2026, 11, 23, 15, 24, 40, tzinfo=UTC)
PLAIN = grid_draft.from_site(Site())


def test_a_draft_follows_the_hub_until_somebody_changes_it() -> None:
    draft: Draft[int] = Draft()
    assert draft.value is None
    draft.follow(1)
    draft.follow(2)
    assert draft.value == 2
    draft.change(7)
    draft.follow(3)
    assert draft.value == 7
    draft.follow(7)
    draft.follow(4)
    assert draft.value == 4, "what is kept now was entered here: from then on it follows again"


TAPS = st.lists(
    st.tuples(
        st.sampled_from(["fuse", "circuit", "floor", "cap", "dso", "failsafe", "phases", *Export]),
        st.sampled_from([-1, 1]),
        st.integers(1, 12),
    ),
    max_size=25,
)


def _tapped(answer: GridAnswer, what: str, direction: int) -> GridAnswer:
    def replaced(**values: object) -> GridAnswer:
        return grid_draft.fitted(GridAnswer(**{**_fields(answer), **values}), CIRCUIT)

    most = grid_draft.most_power_w(answer, CIRCUIT)
    match what:
        case "fuse":
            return grid_draft.with_fuse(answer, grid_draft.stepped(FUSES_A, answer.fuse_a, direction), CIRCUIT)
        case "circuit":
            circuits = grid_draft.circuits_a(answer)
            return replaced(max_current_a=grid_draft.stepped(circuits, answer.max_current_a, direction))
        case "floor":
            floors = grid_draft.floors_a(answer, CIRCUIT)
            return replaced(safe_current_a=grid_draft.stepped(floors, answer.safe_current_a, direction))
        case "cap":
            caps = grid_draft.caps_a(answer)
            cap = answer.feed_cap_a
            return answer if cap is None else replaced(feed_cap_a=grid_draft.stepped(caps, cap, direction))
        case "dso":
            return replaced(dso_floor_w=grid_draft.stepped_power(answer.dso_floor_w, direction, most))
        case "failsafe":
            return replaced(failsafe_w=grid_draft.stepped_power(answer.failsafe_w, direction, most))
        case "phases":
            return replaced(phases=1 if answer.phases == 3 else 3)
        case _:
            return grid_draft.with_export(answer, Export(what))


def _fields(answer: GridAnswer) -> dict[str, object]:
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


@given(TAPS)
def test_whatever_is_tapped_the_hub_takes_it(taps: list[tuple[str, int, int]]) -> None:
    answer = PLAIN
    for what, direction, times in taps:
        for _ in range(times):
            answer = _tapped(answer, what, direction)
    written = changed("", changes_of(answer))
    site = settings.parse(written.encode(), Path("settings.toml")).site
    assert site.safe_current_a == 0 or site.safe_current_a >= 6
    assert site.max_current_a <= site.fuse_a
    assert answer.failsafe_w <= 230 * answer.phases * answer.fuse_a
    for sentence in (grid_words.draws, grid_words.without_hub, grid_words.exports):
        assert "{" not in sentence(answer, CIRCUIT)
    assert "{" not in grid_words.operator(answer)


def test_a_smaller_fuse_takes_down_what_no_longer_fits_behind_it() -> None:
    large = GridAnswer(phases=3, fuse_a=63, max_current_a=32, safe_current_a=16, feed_cap_a=25, failsafe_w=22_000)
    small = grid_draft.with_fuse(large, 16, CIRCUIT)
    assert (small.max_current_a, small.safe_current_a, small.feed_cap_a) == (16, 14, None)
    assert small.failsafe_w == 11_000
    assert grid_draft.with_fuse(small, 63, CIRCUIT).max_current_a == 16
    assert grid_draft.floors_a(grid_draft.with_fuse(small, 6, CIRCUIT), CIRCUIT) == (0.0,)


def test_a_fuse_that_is_not_made_is_stepped_to_one_that_is() -> None:
    assert grid_draft.stepped(FUSES_A, 23, 1) == 25
    assert grid_draft.stepped(FUSES_A, 23, -1) == 20
    assert grid_draft.stepped(FUSES_A, FUSES_A[-1], 1) == FUSES_A[-1]


def test_what_comes_of_the_numbers_is_said() -> None:
    assert grid_words.draws(PLAIN, CIRCUIT) == (
        "The home may draw 3\u00a0×\u00a022.5\u00a0A = 15.5\u00a0kW; the charger at most 16\u00a0A of it."
    )
    stops = GridAnswer(phases=1, fuse_a=25, safe_current_a=0, feed_allowed=False)
    assert grid_words.without_hub(stops, CIRCUIT) == "When the hub is gone, the charger stops."
    assert grid_words.exports(stops, CIRCUIT) == "The car's energy never leaves the home."
    capped = GridAnswer(phases=1, fuse_a=25, feed_cap_a=10)
    assert grid_words.exports(capped, CIRCUIT) == "The car may feed 10\u00a0A = 2.3\u00a0kW into the grid."


def test_a_watch_is_compared_at_this_place() -> None:
    assert place_draft.wall_time(NOW, "Europe/Berlin", timedelta(0)) == "2026-11-23T16:24"
    assert place_draft.wall_time(NOW, "Europe/Berlin", timedelta(minutes=-30)) == "2026-11-23T15:54"
    assert place_draft.wall_time(NOW, "no zone", timedelta(0)) == "2026-11-23T15:24"
    assert place_draft.ahead_of(NOW, "Europe/Berlin", 16 * 60 + 27) == timedelta(minutes=3)
    midnight = datetime(2026, 11, 23, 22, 58, tzinfo=UTC)
    assert place_draft.ahead_of(midnight, "Europe/Berlin", 2) == timedelta(minutes=4), "over midnight"
    assert place_draft.ahead_of(midnight + timedelta(minutes=4), "Europe/Berlin", 1438) == timedelta(minutes=-4)


@given(st.integers(0, 1439), st.integers(0, 365 * 1440))
def test_a_watch_that_was_set_reads_as_it_was_set(minute: int, later: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=later)
    ahead = place_draft.ahead_of(now, "Europe/Berlin", minute)
    assert abs(ahead) <= timedelta(hours=12)
    said = place_draft.wall_time(now, "Europe/Berlin", ahead)
    assert said[11:] == f"{minute // 60:02}:{minute % 60:02}"


def test_another_place_forgets_what_the_watch_said_of_the_old_one() -> None:
    answer = PlaceAnswer(time_zone="Europe/Berlin", wall_time="2026-11-23T16:24")
    assert place_draft.in_zone(answer, "Europe/Berlin") is answer
    moved = place_draft.in_zone(answer, "Asia/Tokyo")
    assert (moved.time_zone, moved.wall_time) == ("Asia/Tokyo", "")


def test_zones_are_cities_and_no_aliases() -> None:
    zones = time_zones.zones()
    assert {"Europe", "America", "Asia"} <= set(zones)
    assert "Europe/Amsterdam" in zones["Europe"]
    everything = [name for names in zones.values() for name in names]
    assert not any(name.startswith(("Etc/", "US/", "posix/")) or "/" not in name for name in everything)
    assert time_zones.city_of("America/North_Dakota/New_Salem") == "New Salem, North Dakota"
    for area, names in zones.items():
        assert len({time_zones.city_of(name) for name in names}) == len(names), area


def test_without_its_table_the_database_still_offers_cities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_zones, "_canonical", set)
    found = time_zones.zones.__wrapped__()
    assert "Europe/Amsterdam" in found["Europe"]
    assert set(found) <= set(time_zones.AREAS)


def test_languages_are_english_and_what_lies_there(tmp_path: Path) -> None:
    assert spoken(tmp_path / "none") == ("en",)
    for name in ("nl.qm", "de.qm", "en.qm", "notes.txt"):
        (tmp_path / name).touch()
    assert spoken(tmp_path) == ("en", "de", "nl")
    assert [language_name(code) for code in ("en", "de")] == ["English", "Deutsch"]


def test_the_car_as_it_is_entered() -> None:
    assert car_draft.stepped(CarAnswer(capacity_kwh=61.5), 1).capacity_kwh == 63
    assert car_draft.stepped(CarAnswer(capacity_kwh=5), -1).capacity_kwh == 5
    assert car_draft.stepped(CarAnswer(capacity_kwh=200), 1).capacity_kwh == 200
    assert all(car_draft.is_address(text) for text in ("", "192.168.1.30", "fe80::1"))
    assert not any(car_draft.is_address(text) for text in ("car", "192.168.1", "192.168.1.300", "10.0.0.1:13400"))


def test_what_remains_of_setup_is_told_in_a_sentence() -> None:
    def said(known: CommissioningView | None) -> str:
        return setup_words.remaining(known)

    assert said(None) == said(SETTLED) == ""
    assert said(DUE) == "This home is not set up yet."
    assert said(AT_METER) == "Setup is not finished. Next: Smart meter."
    assert said(SIGNED) == "Left out in setup: A request on trial."
    assert said(stands(ALL)) == "Setup is done but for the signature."
    two = stands(ALL | {LEFT_OUT.check: LEFT_OUT} | {DUE.steps[0].checks[0].check: LEFT_OUT}, finished_at=NOW)
    assert said(two) == "2 checks were left out in setup."
