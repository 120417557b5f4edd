"""``homeapp bench ocpp`` measures what it says, with real processes; how fast is not judged here."""

import json
import subprocess
import sys
from typing import Any

import pytest

from homeapp.bench.figures import Figures, IdleFigures, PathFigures, spread, table

TINY = ["--connections", "5", "--messages", "50", "--samples", "5", "--overloads", "1", "--idle", "5"]


def bench(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "homeapp", "bench", "ocpp", *TINY, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _spread_is_sound(figures: dict[str, Any], samples: int) -> None:
    assert figures["samples"] == samples
    assert 0 < figures["p50"] <= figures["p95"] <= figures["p99"]


def test_everything_is_measured_and_no_rule_is_broken() -> None:
    figures = json.loads(bench("--json"))
    assert figures["connections"] == 5
    for name in ("direct", "exchange", "hub"):
        path = figures[name]
        assert path["exchanges_per_s"] > 0
        _spread_is_sound(path["latency"], 5)
        assert (path["hub_cpu_us"] is None) is (name == "direct")
        _spread_is_sound(path["profile"], 5)
    _spread_is_sound(figures["overload"], 1)
    _spread_is_sound(figures["idle"]["latency"], 5)
    assert figures["idle"]["stations"] == 5
    assert figures["broken_rules"] == []


def test_the_table_names_all_that_is_aimed_for() -> None:
    took = spread([0.001 * number for number in range(1, 101)])
    assert (took.p50, took.p95, took.p99) == pytest.approx((51.0, 96.0, 100.0))
    direct = PathFigures(exchanges_per_s=10_000, hub_cpu_us=None, latency=took, profile=took)
    hub = PathFigures(exchanges_per_s=5000, hub_cpu_us=150, latency=took, profile=took)
    figures = Figures(
        connections=20,
        direct=direct,
        exchange=direct,
        hub=hub,
        overload=took,
        idle=IdleFigures(stations=500, kib_each=None, latency=took),
        broken_rules=("the id of a Reset had been used before",),
    )
    lines = table(figures)
    text = "\n".join(lines)
    for part in (
        "direct    10000 exchanges/s, 20000 messages/s (100% of direct)",
        "hub       5000 exchanges/s, 10000 messages/s (50% of direct, 150 us of CPU for each exchange) [> 5000",
        "[p99 < 50]",
        "[p95 < 5]",
        "500 more stations",
    ):
        assert part in text
    assert lines[-1] == "A rule was broken: the id of a Reset had been used before."
