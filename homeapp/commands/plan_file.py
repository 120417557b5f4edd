"""``homeapp plan``: solves planning problems from a file, without a hub."""

import sys
import time
from pathlib import Path

from homeapp.commands.terminal import printable
from homeapp.planner.problem_file import read_problems, write_plans
from homeapp.planner.solver import solve


def plan_file(problems: Path, plans: Path) -> int:
    """Solve all of ``problems`` and write the ``plans``; the exit code.

    Raises:
        EnvironmentProblem: one of the files is at fault.
    """
    solved = []
    for problem in read_problems(problems):
        begun = time.perf_counter()
        solution = solve(problem)
        solved.append((solution, (time.perf_counter() - begun) * 1_000))
    write_plans(plans, solved)
    sys.stdout.write(printable(f"{len(solved)} plans are in {plans}.") + "\n")
    return 0
