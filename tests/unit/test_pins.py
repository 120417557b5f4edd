"""What may be a PIN, how it is kept, and how long the pauses are."""

import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from homeapp.access import pins
from homeapp.api import Role
from homeapp.errors import SecretStoreUnavailable, WrongState


@pytest.mark.parametrize(
    ("role", "pin"),
    [
        (Role.HOUSEHOLD, "4711"),
        (Role.HOUSEHOLD, "1224"),
        (Role.OWNER, "471108"),
        (Role.INSTALLER, "471108471108"),
        (Role.OWNER, "123457"),
    ],
)
def test_good_pins(role: Role, pin: str) -> None:
    pins.check_pin(role, pin)


@pytest.mark.parametrize(
    ("role", "pin", "told"),
    [
        (Role.HOUSEHOLD, "471", "4 to 12 digits"),
        (Role.OWNER, "47110", "6 to 12 digits"),
        (Role.INSTALLER, "47110", "6 to 12 digits"),
        (Role.OWNER, "4711084711084", "6 to 12 digits"),
        (Role.OWNER, "47110a", "nothing else"),
        (Role.OWNER, "47 1108", "nothing else"),
        (Role.OWNER, "٤٧١١٠٨", "nothing else"),
        (Role.OWNER, "²³²³²³", "nothing else"),
        (Role.OWNER, "", "6 to 12 digits"),
        (Role.OWNER, "777777", "easy to guess"),
        (Role.OWNER, "123456", "easy to guess"),
        (Role.OWNER, "987654", "easy to guess"),
        (Role.OWNER, "890123", "easy to guess"),
        (Role.HOUSEHOLD, "3210", "easy to guess"),
        (Role.GUEST, "471108", "A guest needs no PIN"),
    ],
)
def test_pins_that_are_refused_and_why(role: Role, pin: str, told: str) -> None:
    with pytest.raises(WrongState, match=told):
        pins.check_pin(role, pin)


def test_a_pin_is_kept_as_argon2id_that_a_small_computer_can_make() -> None:
    made_by = pins.hasher()
    kept = made_by.hash("471108")
    parameters = extract_parameters(kept)
    assert kept.startswith("$argon2id$")
    assert "471108" not in kept
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert pins.matches(made_by, kept, "471108")
    assert not pins.matches(made_by, kept, "471109")


@pytest.mark.parametrize("kept", ["", "471108", "$argon2id$v=19$m=19456,t=2,p=1$AAAA"])
def test_a_kept_pin_that_is_damaged_opens_nothing(kept: str) -> None:
    with pytest.raises(SecretStoreUnavailable, match="homeapp pin reset"):
        pins.matches(pins.hasher(), kept, "471108")


def test_the_pauses_double_up_to_an_hour() -> None:
    assert [pins.pause_s(failures) for failures in range(13)] == [
        *[0.0] * 5,
        60.0,
        120.0,
        240.0,
        480.0,
        960.0,
        1920.0,
        3600.0,
        3600.0,
    ]


@given(st.integers(0, 10**9))
def test_more_failures_never_mean_a_shorter_pause(failures: int) -> None:
    assert 0.0 <= pins.pause_s(failures) <= pins.pause_s(failures + 1) <= 3600.0
