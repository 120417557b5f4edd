"""Ten thousand homes that lose the same server come back spread out, however long it was away."""

import asyncio
import math
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from homeapp.providers.onem2m.attempts import Attempts
from homeapp.providers.onem2m.reconnect import (
    FIRST_S,
    LONGEST_S,
    first_pause,
    machine_uptime_s,
    next_pause,
    shared_loss_s,
)
from homeapp.providers.onem2m.transport import LinkEnd
from homeapp.settings import SystemOperatorSettings

HUBS = 10_000
MOST_PER_SECOND = 0.02
SEEDS = range(20)
SPREAD_S = SystemOperatorSettings(ae_id="C").reconnect_spread_s


def attempts(random: Random, away_s: float) -> list[float]:
    """When one home tries, from the loss on; the last attempt is the one that succeeds."""
    tried = [first_pause(SPREAD_S, random)]
    while tried[-1] < away_s:
        tried.append(tried[-1] + next_pause(len(tried), random, shared_loss_s(SPREAD_S)))
    return tried


def busiest_second(seed: int, away_s: float) -> float:
    """The largest share of all homes that the server sees in one second, served or turned away."""
    random = Random(seed)
    seen = Counter(int(moment) for _ in range(HUBS) for moment in attempts(random, away_s))
    return max(seen.values()) / HUBS


@pytest.mark.usecase("W7")
@pytest.mark.parametrize("away_s", [0.0, 5.0, 30.0, 90.0, 300.0, 1800.0])
def test_no_second_sees_more_than_two_percent_of_the_homes(away_s: float) -> None:
    shares = [busiest_second(seed, away_s) for seed in SEEDS]
    print(
        f"server away for {away_s:.0f} s: busiest second {min(shares):.2%} to {max(shares):.2%} of {HUBS} homes, "
        f"{len(SEEDS)} seeds"
    )
    assert max(shares) <= MOST_PER_SECOND


@pytest.mark.usecase("W7")
def test_without_the_spread_the_limit_would_be_broken() -> None:
    """The measure can fail: back-off from one second alone brings them all at once."""
    random = Random(1)
    seen = Counter(int(next_pause(1, random)) for _ in range(HUBS))
    assert max(seen.values()) / HUBS > MOST_PER_SECOND


def test_pauses_stay_within_their_bounds() -> None:
    random = Random(7)
    firsts = [first_pause(90, random) for _ in range(2_000)]
    assert 0 <= min(firsts) < 2
    assert 88 < max(firsts) <= 90
    for attempt, longest in ((1, FIRST_S), (2, 2 * FIRST_S), (4, 8 * FIRST_S), (99, LONGEST_S)):
        pauses = [next_pause(attempt, random) for _ in range(2_000)]
        assert min(pauses) >= 0
        assert 0.95 * longest < max(pauses) <= longest
    assert max(next_pause(1, random, 1_000) for _ in range(2_000)) <= LONGEST_S


def test_the_machines_uptime_is_read_where_it_can_be(tmp_path: Path) -> None:
    told = tmp_path / "uptime"
    told.write_text("417.25 1200.10\n", encoding="ascii")
    assert machine_uptime_s(told) == 417.25
    told.write_text("", encoding="ascii")
    assert machine_uptime_s(told) == math.inf
    assert machine_uptime_s(tmp_path / "none") == math.inf


class LongestPauses(Random):
    """Draws what is longest."""

    def uniform(self, a: float, b: float) -> float:
        return b


class NotedAttempts(Attempts):
    """Notes the pauses, and makes them only in its notes."""

    def __init__(self) -> None:
        super().__init__(SPREAD_S, LongestPauses())
        self.pauses: list[float] = []
        self.hurried = False

    async def rest(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.hurried


@pytest.mark.usecase("A5", "W2")
def test_attempts_that_an_answer_could_not_wait_for_make_later_ones_wait_no_longer() -> None:
    async def main() -> list[float]:
        noted = NotedAttempts()
        for hurried in (True, True, True, True, False, False, False):
            noted.hurried = hurried
            await noted.before_next(LinkEnd.LOST, lasted_s=0.0, was_up=False)
        return noted.pauses

    assert asyncio.run(main()) == [FIRST_S] * 5 + [2 * FIRST_S, 4 * FIRST_S]
