"""``homeapp bench latency`` measures what it says, with the whole hub as a process; how fast is not judged here."""

import json
import subprocess
import sys
from typing import Any

import pytest

from homeapp.bench.figures import spread
from homeapp.bench.latency_bench import LatencyFigures, latency_table


@pytest.mark.usecase("T1")
def test_both_paths_are_measured_for_the_same_limits_and_no_rule_is_broken() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "homeapp",
            "bench",
            "latency",
            "--samples",
            "2",
            "--no-screen",
            "--speed",
            "30",
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    for name in ("bare", "hub"):
        assert figures[name]["samples"] == 2
        assert 0 < figures[name]["p50"] <= figures[name]["p99"]
    assert (figures["screen_cpu_s"], figures["broken_rules"]) == (None, [])


def test_the_table_names_what_is_aimed_for_and_what_the_hub_adds() -> None:
    bare, hub = spread([0.001, 0.002, 0.003]), spread([0.002, 0.004, 0.030])
    lines = latency_table(LatencyFigures(bare=bare, hub=hub, screen_cpu_s=1.25, broken_rules=("a rule",)))
    assert "screen running (1.2 s of CPU)" in lines[0]
    assert "[p50 <= 5, p99 <= 50]" in lines[2]
    assert "adds 2.00 at p50, 27.00 ms at p99" in lines[3]
    assert lines[-1] == "A rule was broken: a rule."
    alone = latency_table(LatencyFigures(bare=bare, hub=hub, screen_cpu_s=None, broken_rules=()))
    assert "without a screen" in alone[0]
