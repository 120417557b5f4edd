"""``homeapp bench planner``: the planner beside HiGHS, on the same problems, in turn, in the same run."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from homeapp.bench.highs_solver import Highs
from homeapp.errors import EnvironmentProblem
from homeapp.planner.problem import Problem
from homeapp.planner.solver import solve

_SOLVERS = ("highspy", "scipy", "pulp", "ortools", "cvxpy", "pyomo")
_IMPORTS = 3
_IMPORT_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerRow:
    """One problem.

    Attributes:
        gap_ct: what the plan costs more than the optimum; beside a HiGHS that ran out of time, than its best plan.
    """

    ours_ms: float
    highs_build_ms: float
    highs_solve_ms: float
    gap_ct: float
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerFigures:
    """All that was measured.

    Attributes:
        median_ratio, max_ratio: the planner's median and longest time as shares of those of HiGHS, its solve alone.
        import_ms, highs_import_ms: to import the planner, and highspy, in a new interpreter.
        solver_packages: packages of solvers that the planner imports.
    """

    rows: tuple[PlannerRow, ...]
    ours_median_ms: float
    ours_max_ms: float
    highs_median_ms: float
    highs_max_ms: float
    median_ratio: float
    max_ratio: float
    mean_gap_ct: float
    max_gap_ct: float
    import_ms: float
    highs_import_ms: float
    solver_packages: tuple[str, ...]


def measure(problems: Sequence[Problem], time_limit_s: float) -> PlannerFigures:
    """Solve each of ``problems`` with both.

    Raises:
        EnvironmentProblem: HiGHS is not installed, or this machine is too busy to start an interpreter.
    """
    highs = Highs(time_limit_s)
    solve(problems[0])
    rows = tuple(_row(problem, highs) for problem in problems)
    ours = [row.ours_ms for row in rows]
    theirs = [row.highs_solve_ms for row in rows]
    gaps = [row.gap_ct for row in rows]
    import_ms, packages = _import_cost("homeapp.planner.solver")
    return PlannerFigures(
        rows=rows,
        ours_median_ms=statistics.median(ours),
        ours_max_ms=max(ours),
        highs_median_ms=statistics.median(theirs),
        highs_max_ms=max(theirs),
        median_ratio=statistics.median(ours) / statistics.median(theirs),
        max_ratio=max(ours) / max(theirs),
        mean_gap_ct=statistics.mean(gaps),
        max_gap_ct=max(gaps),
        import_ms=import_ms,
        highs_import_ms=_import_cost("highspy")[0],
        solver_packages=packages,
    )


def lines_of(figures: PlannerFigures) -> list[str]:
    """The figures for a person."""
    lines = ["          planner      HiGHS (+ model)    gap to the optimum"]
    for number, row in enumerate(figures.rows, start=1):
        proven = "" if row.proven else "   not proven, the time was up"
        theirs = f"{row.highs_solve_ms:9.1f} (+{row.highs_build_ms:5.1f}) ms"
        lines.append(f"{number:4d}  {row.ours_ms:8.1f} ms  {theirs}  {row.gap_ct:+9.4f} ct{proven}")
    packages = ", ".join(figures.solver_packages) or "none"
    return [
        *lines,
        f"median    {figures.ours_median_ms:.1f} ms of {figures.highs_median_ms:.1f} ms: {figures.median_ratio:.3f} x",
        f"longest   {figures.ours_max_ms:.1f} ms of {figures.highs_max_ms:.1f} ms: {figures.max_ratio:.3f} x",
        f"gap       mean {figures.mean_gap_ct:.4f} ct, largest {figures.max_gap_ct:.4f} ct",
        f"import    {figures.import_ms:.0f} ms of {figures.highs_import_ms:.0f} ms: "
        f"{figures.import_ms / figures.highs_import_ms:.2f} x; solver packages in the planner: {packages}",
    ]


def _row(problem: Problem, highs: Highs) -> PlannerRow:
    begun = time.perf_counter()
    solution = solve(problem)
    ours_ms = (time.perf_counter() - begun) * 1_000
    answer = highs.solve(problem)
    return PlannerRow(
        ours_ms=ours_ms,
        highs_build_ms=answer.build_ms,
        highs_solve_ms=answer.solve_ms,
        gap_ct=100 * (solution.cost_eur - answer.cost_eur),
        proven=answer.proven,
    )


def _import_cost(module: str) -> tuple[float, tuple[str, ...]]:
    """The median time to import ``module`` in a new interpreter, ms, and the solvers that came with it."""
    program = (
        "import sys, time; begun = time.perf_counter(); "
        f"import {module}; print((time.perf_counter() - begun) * 1000, "
        f"*(name for name in {_SOLVERS!r} if name in sys.modules))"
    )
    answers = [_run(program).split() for _ in range(_IMPORTS)]
    return statistics.median(float(answer[0]) for answer in answers), tuple(answers[0][1:])


def _run(program: str) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentProblem("No second interpreter could be started to measure the imports.") from error
    return done.stdout
