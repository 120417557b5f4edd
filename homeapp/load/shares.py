"""Who gets how much: fair shares of several scarce things at once, by filling up evenly (max-min fairness)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NOTHING_A = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Somebody who wants a share.

    Attributes:
        key: names it.
        rank: those of a lower one are filled up first; equals share fairly.
        least_a: with less it can do nothing, A.
        enters_a: what has to be free for it to be let in, A; at least ``least_a``.
        most_a: what it wants, A.
        takes: how much of each scarce thing one ampere takes.
    """

    key: str
    rank: tuple[int, ...]
    least_a: float
    enters_a: float
    most_a: float
    takes: tuple[float, ...]


def share(contenders: Sequence[Contender], room: Sequence[float]) -> Mapping[str, float]:
    """A for each contender, 0 for those that cannot have their least.

    Args:
        contenders: in the order in which they are let in.
        room: of each scarce thing; below 0 where it is overdrawn.
    """
    left = list(room)
    amperes = {contender.key: 0.0 for contender in contenders}
    inside = []
    for contender in contenders:
        wants = contender.most_a >= contender.least_a - _NOTHING_A and contender.most_a > 0
        if wants and fits(contender, contender.enters_a, left):
            _take(contender, contender.least_a, left)
            amperes[contender.key] = contender.least_a
            inside.append(contender)
    for rank in sorted({contender.rank for contender in inside}):
        _fill([contender for contender in inside if contender.rank == rank], amperes, left)
    return amperes


def fits(contender: Contender, current_a: float, left: Sequence[float]) -> bool:
    """Whether there is room for so much."""
    return all(
        takes * current_a <= free + _NOTHING_A for takes, free in zip(contender.takes, left, strict=True) if takes > 0
    )


def _take(contender: Contender, current_a: float, left: list[float]) -> None:
    for number, takes in enumerate(contender.takes):
        left[number] -= takes * current_a


def _fill(contenders: Sequence[Contender], amperes: dict[str, float], left: list[float]) -> None:
    """Raise all of them evenly until each has what it wants or something of what it takes is used up."""
    growing = list(contenders)
    while growing := [
        contender
        for contender in growing
        if contender.most_a - amperes[contender.key] > _NOTHING_A and fits(contender, 2 * _NOTHING_A, left)
    ]:
        total = [sum(contender.takes[number] for contender in growing) for number in range(len(left))]
        wanted = [contender.most_a - amperes[contender.key] for contender in growing]
        free_a = [max(0.0, free) / takes for free, takes in zip(left, total, strict=True) if takes > 0]
        step = min(wanted + free_a)
        if step <= 0:
            return
        for contender in growing:
            amperes[contender.key] += step
            _take(contender, step, left)
