"""HiGHS at work on a planning problem. The product does not need it; only this measurement does."""

import contextlib
import ctypes
import importlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeapp.bench.highs_model import Program, program_of
from homeapp.errors import EnvironmentProblem
from homeapp.planner.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HighsAnswer:
    """What HiGHS found.

    Attributes:
        cost_eur: of its best plan.
        build_ms, solve_ms: to write the program down, and to solve it.
        proven: nothing cheaper exists (within 1e-4 ct); else the time was up.
    """

    powers_kw: tuple[float, ...]
    cost_eur: float
    build_ms: float
    solve_ms: float
    proven: bool


class Highs:
    """The solver, on one thread.

    Raises:
        EnvironmentProblem: it is not installed.
    """

    def __init__(self, time_limit_s: float) -> None:
        try:
            self._highspy: Any = importlib.import_module("highspy")
        except ImportError as error:
            raise EnvironmentProblem(
                "HiGHS is not installed; the planner does not need it, but this comparison does: pip install highspy"
            ) from error
        self._time_limit_s = time_limit_s
        with _unseen_output():
            self._highspy.Highs()

    def solve(self, problem: Problem) -> HighsAnswer:
        """The best plan of ``problem``, or the best one within the time limit."""
        begun = time.perf_counter()
        program = program_of(problem)
        solver = self._solver()
        solver.passModel(self._model(program))
        built = time.perf_counter()
        solver.run()
        done = time.perf_counter()
        values = solver.getSolution().col_value
        powers = tuple(float(sum(values[column] * sign for column, sign in slot)) for slot in program.powers)
        return HighsAnswer(
            powers_kw=powers,
            cost_eur=float(solver.getInfo().objective_function_value),
            build_ms=(built - begun) * 1_000,
            solve_ms=(done - built) * 1_000,
            proven=solver.getModelStatus() == self._highspy.HighsModelStatus.kOptimal,
        )

    def _solver(self) -> Any:
        solver = self._highspy.Highs()
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 1e-6),
            ("time_limit", self._time_limit_s),
        ):
            solver.setOptionValue(name, value)
        return solver

    def _model(self, program: Program) -> Any:
        kinds = self._highspy.HighsVarType
        model = self._highspy.HighsLp()
        model.num_col_, model.num_row_ = len(program.cost), len(program.row_lower)
        model.col_cost_, model.offset_ = np.array(program.cost), program.constant
        model.col_lower_, model.col_upper_ = np.array(program.lower), np.array(program.upper)
        model.row_lower_, model.row_upper_ = np.array(program.row_lower), np.array(program.row_upper)
        model.a_matrix_.format_ = self._highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(program.starts, dtype=np.int32)
        model.a_matrix_.index_ = np.array(program.columns, dtype=np.int32)
        model.a_matrix_.value_ = np.array(program.values)
        model.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in program.integer]
        return model


@contextlib.contextmanager
def _unseen_output() -> Iterator[None]:
    """The first solver of a process prints a banner past Python, in the way of a caller that wants JSON."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
        ctypes.CDLL(None).fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
