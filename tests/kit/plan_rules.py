"""Planning problems made up at random, and an evaluator of plans that shares no line with the planner."""

from itertools import product

from hypothesis import strategies as st

from homeapp.planner.problem import Ev, Limit, LimitScope, Problem, Reward, Trip

TOLERANCE = 1e-6


def limits(problem: Problem, slot: int) -> tuple[float, float]:
    """Most charging and most feeding power of a slot, kW; 0 = none."""
    ev = problem.ev
    if any(trip.dep <= slot < trip.ret for trip in problem.trips):
        return 0.0, 0.0
    house = problem.base_kw[slot] - problem.pv_kw[slot]
    charge = [ev.ch_max_kw, problem.fuse_kw - house]
    charge += [
        window.kw if window.scope is LimitScope.EV else window.kw - house
        for window in problem.dr
        if isinstance(window, Limit) and window.start <= slot < window.end
    ]
    if problem.shed is not None:
        charge.append(problem.shed[slot])
    forced = float("nan") if problem.forced_kw is None else problem.forced_kw[slot]
    if problem.solar_only is not None and problem.solar_only[slot] and forced != forced:
        charge.append(-house)
    feed = min(ev.dis_max_kw, problem.export_max_kw + house)
    if forced == forced:
        charge.append(forced)
        feed = min(feed, -forced)
    most_charge = min(charge)
    return (
        most_charge if most_charge > 0 and most_charge >= ev.ch_min_kw - TOLERANCE else 0.0,
        feed if feed > 0 and ev.dis_max_kw > 0 and feed >= ev.dis_min_kw - TOLERANCE else 0.0,
    )


def judge(problem: Problem, powers: tuple[float, ...]) -> tuple[float, list[str]]:
    """True cost in EUR, and the rules that are broken."""
    ev, hours = problem.ev, problem.dt_h
    energy, cost, broken = ev.soc0_kwh, 0.0, []
    for slot, power in enumerate(powers):
        for trip in problem.trips:
            if trip.dep == slot:
                cost += ev.shortfall_penalty * max(0.0, trip.need_kwh - energy)
                energy = max(0.0, energy - trip.use_kwh)
        charge, feed = limits(problem, slot)
        if power > 0 and not ev.ch_min_kw - TOLERANCE <= power <= charge + TOLERANCE:
            broken.append(f"{slot}: charges {power} of {charge}")
        if power < 0 and not ev.dis_min_kw - TOLERANCE <= -power <= feed + TOLERANCE:
            broken.append(f"{slot}: feeds {power} of {feed}")
        energy += hours * power * ev.eta_c if power > 0 else hours * power / ev.eta_d
        if power > 0 and energy > ev.max_kwh + TOLERANCE:
            broken.append(f"{slot}: charges to {energy}")
        if power < 0 and energy < ev.min_kwh - TOLERANCE:
            broken.append(f"{slot}: feeds to {energy}")
        cost += _cost(problem, slot, power)
    return cost - ev.v_end * energy, broken


def _cost(problem: Problem, slot: int, power: float) -> float:
    grid = problem.base_kw[slot] - problem.pv_kw[slot] + power
    price = problem.p_imp[slot] if grid > 0 else problem.p_exp[slot]
    cost = price * grid + problem.ev.wear * max(0.0, -power)
    for window in problem.dr:
        if isinstance(window, Reward) and window.start <= slot < window.end:
            cost -= window.eur_per_kwh * min(window.cap_kw, max(0.0, window.baseline_kw - grid))
    return cost * problem.dt_h


def best_of_grid(problem: Problem) -> float:
    """The cost of the best plan of a coarse grid of powers, by trying all of them, EUR."""
    choices = [_grid(problem, slot) for slot in range(problem.n)]
    costs = (judge(problem, powers) for powers in product(*choices))
    return min(cost for cost, broken in costs if not broken)


def _grid(problem: Problem, slot: int) -> list[float]:
    ev = problem.ev
    charge, feed = limits(problem, slot)
    house = problem.base_kw[slot] - problem.pv_kw[slot]
    powers = {0.0}
    if charge:
        powers |= {charge, ev.ch_min_kw, (charge + ev.ch_min_kw) / 2}
        powers |= {-house} if ev.ch_min_kw <= -house <= charge else set()
    if feed:
        powers |= {-feed, -ev.dis_min_kw}
        powers |= {-house} if ev.dis_min_kw <= house <= feed else set()
    return sorted(powers)


_PRICE = st.integers(-20, 60).map(lambda cents: cents / 100)
_SHARE = st.integers(0, 20).map(lambda part: part / 20)


@st.composite
def problems(draw: st.DrawFn, most_slots: int = 24, *, extras: bool = True) -> Problem:
    """Anything that is a planning problem, and much that nobody would expect of a home."""
    n = draw(st.integers(1, most_slots))
    cap = draw(st.sampled_from([2.0, 16.3, 40.0, 77.0]))
    charge = draw(st.sampled_from([(0.0, 3.7), (1.38, 7.36), (4.14, 11.04), (4.14, 4.14)]))
    feed = draw(st.sampled_from([(0.0, 0.0), (0.0, 5.0), (1.38, 7.36), (4.14, 11.04)]))
    ev = Ev(
        cap_kwh=cap,
        soc0_kwh=cap * draw(_SHARE),
        min_kwh=cap * draw(_SHARE) * 0.4,
        max_kwh=cap * (0.4 + 0.6 * draw(_SHARE)),
        ch_min_kw=charge[0],
        ch_max_kw=charge[1],
        dis_min_kw=feed[0],
        dis_max_kw=feed[1],
        eta_c=draw(st.sampled_from([1.0, 0.9, 0.87])),
        eta_d=draw(st.sampled_from([1.0, 0.9])),
        wear=draw(st.sampled_from([0.0, 0.03, 0.2])),
        shortfall_penalty=draw(st.sampled_from([0.0, 1.0, 3.0])),
        v_end=draw(st.sampled_from([-0.1, 0.0, 0.15, 0.4])),
    )
    series = st.lists(_PRICE, min_size=n, max_size=n).map(tuple)
    power = st.lists(st.integers(0, 24).map(lambda quarters: quarters / 4), min_size=n, max_size=n).map(tuple)
    more = {}
    if extras and draw(st.booleans()):
        signed = st.sampled_from([float("nan")] * 4 + [-3.0, 0.0, 4.5, 12.0])
        more = {
            "solar_only": draw(st.lists(st.booleans(), min_size=n, max_size=n).map(tuple)),
            "forced_kw": draw(st.lists(signed, min_size=n, max_size=n).map(tuple)),
            "shed": draw(st.lists(st.sampled_from([float("inf"), 0.0, 4.2]), min_size=n, max_size=n).map(tuple)),
            "noise": draw(st.lists(_SHARE.map(lambda x: x / 100), min_size=n, max_size=n).map(tuple)),
            "switch_cost": 0.001,
        }
    return Problem(
        n=n,
        dt_h=draw(st.sampled_from([0.25, 0.5, 1.0])),
        p_imp=draw(series),
        p_exp=draw(series),
        base_kw=draw(power),
        pv_kw=draw(power),
        fuse_kw=draw(st.sampled_from([2.0, 9.2, 17.25])),
        export_max_kw=draw(st.sampled_from([0.0, 4.6, 20.0])),
        ev=ev,
        trips=draw(_trips(n, cap)),
        dr=draw(_demand_response(n)),
        **more,
    )


@st.composite
def _trips(draw: st.DrawFn, n: int, cap: float) -> tuple[Trip, ...]:
    departures = sorted(draw(st.sets(st.integers(0, n - 1), max_size=3)))
    ends = [*departures[1:], 2 * n] if departures else []
    return tuple(
        Trip(
            dep=dep,
            ret=draw(st.integers(dep, end)),
            need_kwh=cap * draw(_SHARE) * 1.2,
            use_kwh=cap * draw(_SHARE),
        )
        for dep, end in zip(departures, ends, strict=True)
    )


@st.composite
def _demand_response(draw: st.DrawFn, n: int) -> tuple[Limit | Reward, ...]:
    windows: list[Limit | Reward] = []
    for start in draw(st.lists(st.integers(0, n), max_size=3)):
        end = draw(st.integers(start, n))
        kw = draw(st.sampled_from([0.0, 1.0, 4.2]))
        if draw(st.booleans()):
            windows.append(Limit(start=start, end=end, kw=kw, scope=draw(st.sampled_from(LimitScope))))
        else:
            pay = draw(st.sampled_from([0.1, 0.6]))
            windows.append(
                Reward(
                    start=start, end=end, baseline_kw=kw, cap_kw=draw(st.sampled_from([0.0, 3.0, 6.0])), eur_per_kwh=pay
                )
            )
    return tuple(windows)
