"""Fair shares of several scarce things."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.load.shares import Contender, share


def contender(key: str, most_a: float, *takes: float, rank: int = 0, enters_a: float = 6.0) -> Contender:
    return Contender(key=key, rank=(rank,), least_a=6.0, enters_a=enters_a, most_a=most_a, takes=takes)


def test_what_one_does_not_want_the_others_share() -> None:
    some = [contender("a", 7, 1, 1), contender("b", 16, 1, 0), contender("c", 16, 1, 0)]
    assert share(some, (30, 20)) == {"a": 7, "b": 11.5, "c": 11.5}


def test_who_is_held_back_by_one_phase_leaves_the_rest_to_the_others() -> None:
    assert share([contender("a", 16, 1, 1), contender("b", 16, 1, 0)], (30, 8)) == {"a": 8, "b": 16}


def test_nobody_gets_a_share_that_helps_nobody() -> None:
    assert share([contender("a", 16, 1), contender("b", 16, 1)], (11.9,)) == {"a": 11.9, "b": 0}
    assert share([contender("a", 5, 1)], (20,)) == {"a": 0}
    assert share([contender("a", 16, 1)], (-3,)) == {"a": 0}


def test_whoever_was_paused_needs_a_little_more_to_come_in() -> None:
    assert share([contender("a", 16, 1, enters_a=7)], (6.5,)) == {"a": 0}
    assert share([contender("a", 16, 1, enters_a=7)], (7.5,)) == {"a": 7.5}


def test_the_lower_rank_is_filled_up_first_but_all_have_their_least() -> None:
    some = [contender("a", 16, 1, rank=2), contender("b", 16, 1, rank=1)]
    assert share(some, (20,)) == {"a": 6, "b": 14}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 32),
            st.integers(0, 2),
            st.floats(6, 7),
            st.lists(st.sampled_from([0.0, 1.0, 3.0, 230.0]), min_size=3, max_size=3),
        ),
        max_size=5,
    ),
    st.lists(st.floats(-10, 5000), min_size=3, max_size=3),
)
def test_nothing_is_overdrawn_and_everybody_gets_nothing_or_something_useful(
    wants: list[tuple[float, int, float, list[float]]], room: list[float]
) -> None:
    some = [
        contender(str(number), most_a, *takes, rank=rank, enters_a=enters_a)
        for number, (most_a, rank, enters_a, takes) in enumerate(wants)
    ]
    amperes = share(some, room)
    for one in some:
        assert amperes[one.key] == 0 or 6 - 1e-6 <= amperes[one.key] <= one.most_a + 1e-6
    for thing, free in enumerate(room):
        taken = sum(one.takes[thing] * amperes[one.key] for one in some)
        assert taken <= max(free, 0) + 1e-5
    inside = [one for one in some if amperes[one.key] > 0]
    for one in inside:
        left = [free - sum(x.takes[n] * amperes[x.key] for x in inside) for n, free in enumerate(room)]
        full = amperes[one.key] == pytest.approx(one.most_a, abs=1e-5)
        assert full or any(take > 0 and free <= 1e-5 for take, free in zip(one.takes, left, strict=True))
