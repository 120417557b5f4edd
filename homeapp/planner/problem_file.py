"""Files of planning problems, and of the plans that answer them.

A file of problems is a JSON list of ``{"problem": {...}}``; the names in a problem are those of `Problem`, a window of
demand response says its ``kind``: ``limit`` or ``reward``. A file of plans is a list of ``{"plan": [kW, ...], "ms":
...}`` in the same order.
"""

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import msgspec

from homeapp.errors import EnvironmentProblem
from homeapp.planner.problem import Ev, Limit, LimitScope, Problem, Reward, Solution, Trip

_MOST_BYTES = 64_000_000
_MOST_SLOTS = 5_000
_MOST_KWH = 10_000.0

_Slot = Annotated[int, msgspec.Meta(ge=0)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class _LimitWindow(msgspec.Struct, tag="limit", tag_field="kind"):
    start: _Slot
    end: _Slot
    kw: float
    scope: LimitScope


class _RewardWindow(msgspec.Struct, tag="reward", tag_field="kind"):
    start: _Slot
    end: _Slot
    baseline_kw: float
    cap_kw: _Amount
    eur_per_kwh: float


class _Wanted(msgspec.Struct):
    n: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SLOTS)]
    dt_h: Annotated[float, msgspec.Meta(gt=0, le=24)]
    p_imp: tuple[float, ...]
    p_exp: tuple[float, ...]
    base_kw: tuple[float, ...]
    pv_kw: tuple[float, ...]
    fuse_kw: _Amount
    export_max_kw: _Amount
    ev: Ev
    trips: tuple[Trip, ...] = ()
    dr: tuple[_LimitWindow | _RewardWindow, ...] = ()


class _Entry(msgspec.Struct):
    problem: _Wanted


class _Answer(msgspec.Struct):
    plan: tuple[float, ...]
    ms: float


def read_problems(path: Path) -> list[Problem]:
    """The problems in the file ``path``.

    Raises:
        EnvironmentProblem: it cannot be read, or one of the problems is none.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise EnvironmentProblem(f"{path} is too large for a file of planning problems; split it.")
        entries = msgspec.json.decode(path.read_bytes(), type=list[_Entry])
        return [_problem(index, entry.problem) for index, entry in enumerate(entries)]
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(f"{path} is no file of planning problems: {error}.") from error


def write_plans(path: Path, plans: Sequence[tuple[Solution, float]]) -> None:
    """Write each solution's powers and how many ms it took to the file ``path``.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    answers = [_Answer(plan=solution.powers_kw, ms=round(ms, 3)) for solution, ms in plans]
    try:
        path.write_bytes(msgspec.json.encode(answers) + b"\n")
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be written: {error.strerror}.") from error


def _problem(index: int, wanted: _Wanted) -> Problem:
    if (wrong := _first_fault(wanted)) is not None:
        raise EnvironmentProblem(f"Problem {index + 1} cannot be planned: {wrong}.")
    values = {field: getattr(wanted, field) for field in _Wanted.__struct_fields__ if field not in ("trips", "dr")}
    return Problem(
        **values,
        trips=tuple(sorted(wanted.trips, key=lambda trip: trip.dep)),
        dr=tuple(_window(window) for window in wanted.dr),
    )


def _window(window: _LimitWindow | _RewardWindow) -> Limit | Reward:
    values = msgspec.structs.asdict(window)
    return Limit(**values) if isinstance(window, _LimitWindow) else Reward(**values)


def _first_fault(wanted: _Wanted) -> str | None:
    series = ("p_imp", "p_exp", "base_kw", "pv_kw")
    for name in series:
        if len(getattr(wanted, name)) != wanted.n:
            return f"{name} has {len(getattr(wanted, name))} values, but there are {wanted.n} slots"
        if not all(math.isfinite(value) and abs(value) <= 1e6 for value in getattr(wanted, name)):
            return f"{name} holds a number that is no price or power"
    return _fault_of_ev(wanted.ev) or _fault_of_trips(wanted.trips)


def _fault_of_ev(ev: Ev) -> str | None:
    for field in fields(Ev):
        value = getattr(ev, field.name)
        if field.name != "v_end" and not 0 <= value <= _MOST_KWH:
            return f"{field.name} of the car is {value:g}"
    if not (0 < ev.eta_c <= 1 and 0 < ev.eta_d <= 1):
        return "an efficiency of the car is not within 0 to 1"
    if not math.isfinite(ev.v_end) or abs(ev.v_end) > _MOST_KWH:
        return "v_end of the car is no price"
    return None


def _fault_of_trips(trips: tuple[Trip, ...]) -> str | None:
    if len({trip.dep for trip in trips}) != len(trips):
        return "two trips begin in the same slot"
    for trip in trips:
        if not 0 <= trip.dep <= trip.ret:
            return f"a trip begins in slot {trip.dep} and ends in slot {trip.ret}"
        if not (0 <= trip.need_kwh <= _MOST_KWH and 0 <= trip.use_kwh <= _MOST_KWH):
            return "the energy of a trip is out of range"
    return None
