"""The comparison with an exact solver, and the program that it is given."""

import json

import pytest

from homeapp import __main__ as program
from homeapp.bench.planner_problems import made_up_problems
from kit.plan_rules import judge


def test_planner_and_exact_solver_agree(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.main(["bench", "planner", "--count", "2", "--json"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert [row["proven"] for row in figures["rows"]] == [True, True]
    assert -0.01 <= figures["max_gap_ct"] <= 0.15
    assert figures["solver_packages"] == []
    assert figures["median_ratio"] > 0


def test_a_machine_without_the_exact_solver_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highspy", None)
    assert program.main(["bench", "planner", "--count", "1"]) == 1
    assert "pip install highspy" in capsys.readouterr().err


def test_an_exact_plan_keeps_the_rules_and_costs_what_it_says() -> None:
    highspy = pytest.importorskip("highspy")
    assert highspy
    from homeapp.bench.highs_solver import Highs

    wanted = made_up_problems(1)[0]
    answer = Highs(30.0).solve(wanted)
    cost, broken = judge(wanted, tuple(0.0 if abs(power) < 1e-6 else power for power in answer.powers_kw))
    assert broken == []
    assert cost == pytest.approx(answer.cost_eur, abs=1e-5)


def test_made_up_problems_are_the_same_every_time() -> None:
    assert made_up_problems(3) == made_up_problems(3)
    assert len({problem.p_imp for problem in made_up_problems(3)}) == 3
