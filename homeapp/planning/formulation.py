"""A request for a plan as a problem for ``homeapp.planner``: energies in kWh, powers in kW, money as floats."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from homeapp.model.plan import ChargingMode, Departure, SlotReason
from homeapp.planner.problem import Ev, Problem, Trip
from homeapp.planning.grid import LONGEST_SLOT, SLOT, Span, spans_of
from homeapp.planning.guarantees import feeds_agreed, guarantees_in, reserve_wh
from homeapp.planning.request import Guarantee, PlanRequest

FLAT_PRICE = 0.30
"""Per kWh, where nothing at all is known of prices: any value makes the same plan."""
_PENALTY = 100.0
_CHEAP_SHARE = 1 / 3
_JUST = 0.0005
"""So that hours at just the limit are cheap too."""
_WITH_DEPARTURE = (ChargingMode.READY_BY, ChargingMode.POWER_FEED)
_FLOOR_FIRST = (ChargingMode.CHEAPEST, ChargingMode.SOLAR)
_SWITCH_COST = 0.002
_LITTLE_WH = 1.0
_GRID_LAST = 10.0
"""Per kWh: so much more than it can be worth, so that power from the grid stands behind what the sun gives."""
_GOES_ON = 0.002
"""Per kWh: of plans that cost the same, the one that leaves the car doing what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTerms:
    """On what terms a plan may feed.

    Attributes:
        most_w: 0 where it may not feed at all, not even what is agreed to.
        free: in any slot; else only where a slot is forced to.
    """

    most_w: float
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A request laid out over its slots.

    Attributes:
        forced: power that a slot has to have, W, and why, by its number.
        needs: departures that lie in the plan, with the number of the slot before which the car leaves, ascending.
        guarantees: what providers have promised, likewise.
        most_wh: no charging takes the battery above this.
        end_value: of a kWh that is left at the end.
    """

    request: PlanRequest
    spans: tuple[Span, ...]
    forced: Mapping[int, tuple[float, SlotReason]]
    needs: tuple[tuple[int, Departure], ...]
    guarantees: tuple[tuple[int, Guarantee], ...]
    most_wh: float
    end_value: float

    @property
    def leaves(self) -> int:
        """Number of the slot from which on nothing that feeding would gain is counted on."""
        departs = self.request.goal.mode is ChargingMode.POWER_FEED and self.needs
        return self.needs[0][0] if departs else len(self.spans)

    def wh(self, soc_pct: float) -> float:
        """Energy in the battery at a state of charge."""
        return soc_pct / 100 * self.request.goal.capacity_wh


def frame_of(request: PlanRequest) -> Frame:
    """Lay a request out over its slots."""
    spans = spans_of(request)
    guarantees = guarantees_in(request, spans)
    return Frame(
        request=request,
        spans=spans,
        forced=_forced(request, spans, reserve_wh(request, spans, guarantees)),
        needs=_needs(request, spans),
        guarantees=guarantees,
        most_wh=_most_wh(request, guarantees),
        end_value=_end_value(request, spans),
    )


def problem_of(frame: Frame, terms: FeedTerms) -> Problem:
    """The problem to solve."""
    request, spans = frame.request, frame.spans
    forced = [frame.forced.get(number) for number in range(len(spans))]
    return Problem(
        n=len(spans),
        dt_h=SLOT / timedelta(hours=1),
        hours=tuple(span.hours for span in spans),
        p_imp=tuple(map(import_price, spans)),
        p_exp=tuple(map(export_price, spans)),
        base_kw=tuple(max(0.0, span.home_w) / 1000 for span in spans),
        pv_kw=tuple(max(0.0, -span.home_w) / 1000 for span in spans),
        fuse_kw=request.fuse_w / 1000,
        export_max_kw=request.export_max_w / 1000,
        ev=_ev(frame, terms),
        trips=_trips(frame),
        solar_only=_solar_only(frame),
        forced_kw=tuple(math.nan if force is None else force[0] / 1000 for force in forced) if any(forced) else None,
        shed=tuple(span.charge_w / 1000 if span.capped else math.inf for span in spans),
        feed_most=tuple(
            _feed_most(span, forced[number], free=terms.free and number < frame.leaves) / 1000
            for number, span in enumerate(spans)
        ),
        switch_cost=_SWITCH_COST,
        noise=_noise(frame),
    )


def fastest(spans: Sequence[Span], need_wh: float, least_w: float, efficiency: float) -> dict[int, float]:
    """Charging power by slot, W, that puts ``need_wh`` into the battery as soon as the slots allow."""
    powers: dict[int, float] = {}
    before = -1
    for number, span in enumerate(spans):
        if need_wh <= _LITTLE_WH:
            break
        if span.charge_w <= 0:
            continue
        wanted_w = need_wh / (span.hours * efficiency)
        powers[number] = min(span.charge_w, max(least_w, wanted_w))
        need_wh -= powers[number] * span.hours * efficiency
        if wanted_w < least_w and before >= 0:
            # The slot before leaves so much that the last one has its least power, and no more comes together.
            less_w = (least_w - wanted_w) * span.hours / spans[before].hours
            powers[before] = max(least_w, powers[before] - less_w)
        before = number
    return powers


def import_price(span: Span) -> float:
    """Per kWh, announced, expected, or ``FLAT_PRICE``."""
    return FLAT_PRICE if span.price.import_price is None else float(span.price.import_price)


def export_price(span: Span) -> float:
    """Per kWh; 0 where nothing is known."""
    return 0.0 if span.price.export_price is None else float(span.price.export_price)


def _ev(frame: Frame, terms: FeedTerms) -> Ev:
    request = frame.request
    return Ev(
        cap_kwh=request.goal.capacity_wh / 1000,
        soc0_kwh=request.soc_wh / 1000,
        min_kwh=frame.wh(_least_pct(frame)) / 1000,
        max_kwh=max(frame.most_wh, request.soc_wh) / 1000,
        ch_min_kw=request.charge_min_w / 1000,
        ch_max_kw=request.charge_max_w / 1000,
        dis_min_kw=min(request.charge_min_w, terms.most_w) / 1000 if terms.free else 0.0,
        dis_max_kw=terms.most_w / 1000,
        eta_c=request.efficiency,
        eta_d=request.feed_efficiency,
        wear=float(request.goal.feed.wear_per_kwh),
        shortfall_penalty=_PENALTY,
        v_end=frame.end_value,
    )


def _least_pct(frame: Frame) -> float:
    """Nothing is fed below this: the problem knows one limit for all slots, so that of the strictest request holds."""
    return max(frame.request.goal.floor_pct, *(span.least_pct for span in frame.spans if feeds_agreed(span)), 0.0)


def _solar_only(frame: Frame) -> tuple[bool, ...] | None:
    """What a provider has promised is charged for without sun, too."""
    if frame.request.goal.mode is not ChargingMode.SOLAR:
        return None
    due = frame.guarantees[-1][0] if frame.guarantees else 0
    return tuple(number >= due for number in range(len(frame.spans)))


def _noise(frame: Frame) -> tuple[float, ...]:
    first = -_GOES_ON if frame.request.running_w > 0 else _GOES_ON
    noise = [first, *(0.0,) * (len(frame.spans) - 1)]
    solar_only = _solar_only(frame)
    if solar_only is None or all(solar_only):
        return tuple(noise)
    # Worth it for what was promised alone, and there only for what the sun does not give.
    dear = _GRID_LAST + frame.end_value - min(0.0, *map(import_price, frame.spans))
    return tuple(more + (0.0 if only else dear) for more, only in zip(noise, solar_only, strict=True))


def _feed_most(span: Span, force: tuple[float, SlotReason] | None, *, free: bool) -> float:
    agreed_w = -force[0] if force is not None else 0.0
    return span.feed_w if free else min(span.feed_w, max(0.0, agreed_w))


def _trips(frame: Frame) -> tuple[Trip, ...]:
    """For charging the car is taken to stay after a departure, as nobody has said for how long it is away.

    What feeding gains is counted only until the car leaves: it must not look like more than it may come to.
    """
    feeds = frame.request.goal.mode is ChargingMode.POWER_FEED
    departures = [(number, departure.target_pct) for number, departure in frame.needs]
    wanted: dict[int, float] = {}
    for number, soc_pct in (*departures[: 1 if feeds else None], *_promised(frame)):
        wanted[number] = max(frame.wh(soc_pct) / 1000, wanted.get(number, 0.0))
    # A promise that is due later is charged for as if the car stayed.
    away = frame.leaves if feeds and all(number <= frame.leaves for number in wanted) else None
    return tuple(
        Trip(dep=number, ret=len(frame.spans) if number == away else number, need_kwh=wanted[number], use_kwh=0.0)
        for number in sorted(wanted)
    )


def _promised(frame: Frame) -> list[tuple[int, float]]:
    return [(number, guarantee.soc_pct) for number, guarantee in frame.guarantees]


def _needs(request: PlanRequest, spans: Sequence[Span]) -> tuple[tuple[int, Departure], ...]:
    if request.goal.mode not in (*_WITH_DEPARTURE, ChargingMode.NOW):
        return ()
    found = []
    for departure in request.goal.departures:
        number = next((number for number, span in enumerate(spans) if span.end > departure.at), None)
        if number is not None:
            # A slot in which the car leaves is no longer counted on, but for the running one.
            found.append((max(1, number), departure))
    return tuple(found)


def _forced(
    request: PlanRequest, spans: Sequence[Span], reserve: Sequence[float]
) -> dict[int, tuple[float, SlotReason]]:
    goal, reason, wanted_pct = request.goal, SlotReason.FLOOR, 0.0
    if goal.overdue is not None and goal.mode in _WITH_DEPARTURE:
        reason, wanted_pct = SlotReason.AFTER_DEADLINE, goal.overdue.target_pct
    elif goal.mode in _FLOOR_FIRST:
        wanted_pct = goal.floor_pct
    missing_wh = wanted_pct / 100 * goal.capacity_wh - request.soc_wh
    numbers = [number for number, span in enumerate(spans) if span.committed_w is None or span.committed_w > 0]
    free = [spans[number] for number in numbers]
    powers = fastest(free, missing_wh, request.charge_min_w, request.efficiency)
    forced, held_wh = {}, request.soc_wh
    for place, power_w in powers.items():
        held_wh += power_w * free[place].hours * request.efficiency
        # Less than there is would be missing for what a provider has promised.
        short = held_wh < reserve[numbers[place]]
        forced[numbers[place]] = (free[place].charge_w if short else power_w, reason)
    for number, span in enumerate(spans):
        if span.committed_w is not None and span.committed_w < 0:
            forced[number] = (span.committed_w, SlotReason.FEED_OFFER)
        elif span.committed_w is not None:
            forced.setdefault(number, (span.committed_w, SlotReason.CHARGE_OFFER))
    return forced


def _most_wh(request: PlanRequest, guarantees: Sequence[tuple[int, Guarantee]]) -> float:
    goal = request.goal
    targets = [goal.target_pct]
    if goal.mode in _WITH_DEPARTURE:
        targets += [departure.target_pct for departure in goal.departures]
    if goal.overdue is not None:
        targets.append(goal.overdue.target_pct)
    if goal.mode in _FLOOR_FIRST:
        targets.append(goal.floor_pct)
    promised = (_reached_wh(request, guarantee) for _, guarantee in guarantees)
    return max(max(targets) / 100 * goal.capacity_wh, *promised, 0.0)


def _reached_wh(request: PlanRequest, guarantee: Guarantee) -> float:
    """What charging for a promise may come to: where little is missing, the least power of one slot is more."""
    capacity_wh = request.goal.capacity_wh
    wanted_wh = guarantee.soc_pct / 100 * capacity_wh
    least_wh = request.charge_min_w * LONGEST_SLOT / timedelta(hours=1) * request.efficiency
    missing_wh = wanted_wh - request.soc_wh
    return min(capacity_wh, request.soc_wh + least_wh) if 0 < missing_wh < least_wh else wanted_wh


def _end_value(request: PlanRequest, spans: Sequence[Span]) -> float:
    """What a kWh left at the end saves later: as much as it costs in cheap hours, in SOLAR more than it would bring."""
    if request.goal.mode is ChargingMode.SOLAR:
        return max(0.0, *map(export_price, spans)) / request.efficiency + 100 * _JUST
    if request.goal.mode is ChargingMode.READY_BY:
        return 0.0
    prices = sorted(map(import_price, spans))
    return (prices[int(_CHEAP_SHARE * (len(prices) - 1))] + _JUST) / request.efficiency
