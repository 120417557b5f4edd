"""From a request to a plan, whatever the mode."""

from dataclasses import replace

from homeapp.model.plan import ChargingMode, Plan
from homeapp.planner.least_cost import least_cost
from homeapp.planning.feeding import Settled, settle
from homeapp.planning.formulation import Frame, frame_of
from homeapp.planning.guarantees import reserve_wh
from homeapp.planning.reading import plan_of
from homeapp.planning.request import PlanRequest
from homeapp.planning.solving import Draft, soc_after
from homeapp.planning.street_share import StreetShare


def make_plan(request: PlanRequest, share: StreetShare | None = None) -> Plan:
    """The plan for ``request``; never fails: what cannot be met is said in ``Plan.broken``.

    Args:
        request: all that it depends on, but for the share.
        share: of the cheap hours, that this home has drawn; without it the plan is the best one for the home alone.
    """
    frame = frame_of(request)
    if request.goal.mode in (ChargingMode.NOW, ChargingMode.PAUSE):
        return plan_of(frame, Settled(draft=_without_choice(frame)))
    settled = settle(frame, least_cost, request.tariff.currency if request.tariff else "")
    if share is not None:
        settled = replace(settled, draft=share.of(frame, settled.draft))
    return plan_of(frame, settled)


def _without_choice(frame: Frame) -> Draft:
    """At once as much as there is, or nothing, and what was agreed to be fed."""
    request, goal = frame.request, frame.request.goal
    full_wh = goal.capacity_wh if goal.mode is ChargingMode.NOW else 0.0
    # Without charging a promise cannot be waited for: what the owner has agreed to is fed all the same.
    reserve = reserve_wh(request, frame.spans, frame.guarantees if goal.mode is ChargingMode.NOW else ())
    soc_wh, powers, held = request.soc_wh, [], []
    for span, reserved_wh in zip(frame.spans, reserve, strict=True):
        if span.committed_w is not None and span.committed_w < 0:
            least_wh = max(frame.wh(max(goal.floor_pct, span.least_pct)), reserved_wh)
            above_w = max(0.0, soc_wh - least_wh) * request.feed_efficiency / span.hours
            exportable_w = max(0.0, request.export_max_w + span.home_w)
            power_w = -min(-span.committed_w, above_w, span.feed_w, exportable_w)
        else:
            room_w = max(0.0, full_wh - soc_wh) / (span.hours * request.efficiency)
            power_w = min(span.charge_w, room_w)
            power_w = power_w if power_w >= request.charge_min_w else 0.0
        soc_wh = soc_after(frame, soc_wh, power_w, span.hours)
        powers.append(power_w)
        held.append(soc_wh)
    return Draft(powers_w=tuple(powers), soc_wh=tuple(held))
