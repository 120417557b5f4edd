"""What providers have promised about the car, laid out over the slots of a plan."""

from collections.abc import Sequence

from homeapp.planning.grid import Span
from homeapp.planning.request import Guarantee, PlanRequest


def guarantees_in(request: PlanRequest, spans: Sequence[Span]) -> tuple[tuple[int, Guarantee], ...]:
    """Those that are due in the plan, with the number of the slot before which they have to be met, ascending."""
    found = []
    for guarantee in (commitment.guarantee for commitment in request.commitments):
        if guarantee is None:
            continue
        number = next((number for number, span in enumerate(spans) if span.end > guarantee.at), None)
        if number is not None:
            # As with a departure: a slot in which it falls due is no longer counted on, but for the running one.
            found.append((max(1, number), guarantee))
    return tuple(sorted(found, key=lambda item: item[0]))


def reserve_wh(
    request: PlanRequest,
    spans: Sequence[Span],
    guarantees: Sequence[tuple[int, Guarantee]],
    powers_w: Sequence[float] | None = None,
) -> tuple[float, ...]:
    """What the battery has to hold at the end of each slot, Wh, so that charging all the time meets ``guarantees``.

    Args:
        request: what is planned for.
        spans: the slots.
        guarantees: as of ``guarantees_in``.
        powers_w: of a plan, whose agreed feeds are counted; None where none of them is.
    """
    due = dict.fromkeys(range(1, len(spans) + 1), 0.0)
    for number, guarantee in guarantees:
        due[number] = max(due[number], guarantee.soc_pct / 100 * request.goal.capacity_wh)
    held, wanted = [0.0] * len(spans), 0.0
    for number in reversed(range(len(spans))):
        span = spans[number]
        held[number] = wanted = max(wanted, due[number + 1])
        fed_w = max(0.0, -powers_w[number]) if powers_w is not None and feeds_agreed(span) else 0.0
        gain_w = _most_w(request, span) * request.efficiency - fed_w / request.feed_efficiency
        wanted = max(0.0, wanted - gain_w * span.hours) if wanted > 0 else 0.0
    return tuple(held)


def feeds_agreed(span: Span) -> bool:
    """A power feed is agreed to for this slot."""
    return span.committed_w is not None and span.committed_w < 0


def _most_w(request: PlanRequest, span: Span) -> float:
    """The most that it charges in a slot, whatever it costs."""
    if span.committed_w is None:
        return span.charge_w
    most_w = min(span.charge_w, span.committed_w)
    return most_w if most_w >= request.charge_min_w else 0.0
