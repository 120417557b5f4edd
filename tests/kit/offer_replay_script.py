"""The fifty requests of the replay: who sends what, what then happens to it, and how it has to end."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import cycle
from typing import Any

from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.operator.service_provider import rfc3339
from homeapp.model.offer import OfferState

SPAN = timedelta(seconds=50)
GAP = timedelta(seconds=10)
FIRST = timedelta(minutes=9)
"""From the first message to the first time at which a request is carried out."""
SOON = timedelta(minutes=8)
"""From the first message to the time at which those without an answer expire."""
_UNTIL_OVER = timedelta(minutes=20)
_STEP_W = 69.0
"""0.1 A on three phases of 230 V: the station is told no finer limit."""
_S = OfferState
_DONE = frozenset({_S.COMPLETED, _S.PARTIAL})


class Act(StrEnum):
    """What happens to a request."""

    FOLLOW = "mandatory"
    FOLLOW_ENDED = "mandatory, taken back while active"
    FOLLOW_REVISED = "mandatory, revised"
    ACCEPT = "accepted"
    PARTLY = "accepted in part"
    DECLINE = "declined"
    IGNORE = "nobody answers"
    LATE = "answered too late"
    CONTRACT = "opt-out, nobody answers"
    OPTS_OUT = "opt-out, the owner opts out"
    NO_CONTRACT = "opt-out without a contract"
    CLASH = "overlaps with an accepted one"
    REVISED = "accepted, revised, accepted again"
    REVISED_LEFT = "accepted, revised, not answered again"
    CANCELLED = "taken back before an answer"
    CANCELLED_ACTIVE = "taken back while active"
    SILENT = "accepted, provider silent"
    REJECTED = "accepted, provider says no"
    INELIGIBLE = "this home cannot"
    RULED_OUT = "declined by a rule"
    FORGED = "forged"


ENDS: dict[Act, frozenset[OfferState]] = {
    Act.FOLLOW: frozenset({_S.COMPLETED}),
    Act.FOLLOW_ENDED: frozenset({_S.CANCELLED}),
    Act.FOLLOW_REVISED: frozenset({_S.COMPLETED}),
    Act.ACCEPT: _DONE,
    Act.PARTLY: _DONE,
    Act.DECLINE: frozenset({_S.DECLINED}),
    Act.IGNORE: frozenset({_S.EXPIRED}),
    Act.LATE: frozenset({_S.EXPIRED}),
    Act.CONTRACT: _DONE,
    Act.OPTS_OUT: frozenset({_S.DECLINED}),
    Act.NO_CONTRACT: frozenset({_S.DECLINED}),
    Act.CLASH: frozenset({_S.EXPIRED}),
    Act.REVISED: _DONE,
    Act.REVISED_LEFT: frozenset({_S.EXPIRED}),
    Act.CANCELLED: frozenset({_S.CANCELLED}),
    Act.CANCELLED_ACTIVE: frozenset({_S.CANCELLED}),
    Act.SILENT: frozenset({_S.ABORTED}),
    Act.REJECTED: frozenset({_S.REJECTED}),
    Act.INELIGIBLE: frozenset({_S.EXPIRED}),
    Act.RULED_OUT: frozenset({_S.DECLINED}),
    Act.FORGED: frozenset(),
}
IMPOSED = frozenset({Act.FOLLOW, Act.FOLLOW_ENDED, Act.FOLLOW_REVISED})
ANSWERED = frozenset({Act.ACCEPT, Act.PARTLY, Act.REVISED, Act.REVISED_LEFT, Act.CANCELLED_ACTIVE, Act.SILENT})
"""The owner says yes at once."""
TAKES_EFFECT = IMPOSED | {Act.ACCEPT, Act.PARTLY, Act.CONTRACT, Act.REVISED, Act.CANCELLED_ACTIVE}
_OWN_TIME = TAKES_EFFECT | {Act.SILENT, Act.REVISED_LEFT, Act.REJECTED}
_MIX = (
    ("grid_sp", "limit", Act.FOLLOW, 3),
    ("grid_sp", "limit", Act.FOLLOW_ENDED, 1),
    ("grid_sp", "limit", Act.FOLLOW_REVISED, 1),
    ("evc_sp", "feed", Act.ACCEPT, 2),
    ("evc_sp", "shed", Act.ACCEPT, 1),
    ("grid_sp", "feed", Act.ACCEPT, 1),
    ("grid_sp", "shed", Act.ACCEPT, 2),
    ("evc_sp", "feed", Act.PARTLY, 1),
    ("evc_sp", "shed", Act.DECLINE, 2),
    ("grid_sp", "feed", Act.DECLINE, 2),
    ("evc_sp", "feed", Act.IGNORE, 2),
    ("grid_sp", "shed", Act.IGNORE, 2),
    ("evc_sp", "shed", Act.LATE, 1),
    ("evc_sp", "shed", Act.CONTRACT, 2),
    ("evc_sp", "shed", Act.OPTS_OUT, 1),
    ("evc_sp", "feed", Act.NO_CONTRACT, 2),
    ("grid_sp", "shed", Act.CLASH, 2),
    ("evc_sp", "feed", Act.CLASH, 2),
    ("evc_sp", "shed", Act.REVISED, 1),
    ("evc_sp", "feed", Act.REVISED_LEFT, 2),
    ("evc_sp", "shed", Act.CANCELLED, 1),
    ("grid_sp", "feed", Act.CANCELLED, 1),
    ("evc_sp", "shed", Act.CANCELLED_ACTIVE, 1),
    ("grid_sp", "feed", Act.CANCELLED_ACTIVE, 1),
    ("evc_sp", "feed", Act.SILENT, 3),
    ("evc_sp", "shed", Act.REJECTED, 2),
    ("evc_sp", "feed", Act.INELIGIBLE, 1),
    ("evc_sp", "shed", Act.RULED_OUT, 2),
    ("evc_sp", "feed", Act.FORGED, 5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One request.

    Attributes:
        kind: ``limit``, ``shed`` or ``feed``.
        power_w: no other request that takes effect names the same, so what the station is told can be told apart.
        promised_w: what the owner promises of it.
    """

    number: int
    sp_id: str
    kind: str
    act: Act
    start: datetime
    end: datetime
    expires_at: datetime
    power_w: float
    promised_w: float

    @property
    def offer_id(self) -> str:
        return f"replay-{self.number:02}"

    @property
    def key(self) -> str:
        return f"{self.sp_id}/{self.offer_id}"

    def revised(self) -> "Part":
        """With another power, which no other request names either."""
        return replace(self, power_w=self.power_w + _STEP_W, promised_w=self.promised_w + _STEP_W)

    def message(self, revision: int = 1) -> dict[str, Any]:
        """For the provider behind the system operator."""
        power = {"setpoint_w": -self.power_w} if self.kind == "feed" else {"max_w": self.power_w}
        by_contract = self.act in (Act.CONTRACT, Act.OPTS_OUT, Act.NO_CONTRACT)
        return {
            "id": self.offer_id,
            "revision": revision,
            "kind": "power_feed" if self.kind == "feed" else "load_shed",
            "binding": "opt_out" if by_contract else "owner_decides",
            "title": f"Request {self.number}",
            "intervals": [{"start": rfc3339(self.start), "end": rfc3339(self.end), **power}],
            "reward": "0.01" if self.act is Act.RULED_OUT else "0.50",
            "currency": "GBP" if self.act is Act.INELIGIBLE else "EUR",
            **({"min_soc_pct": 50} if self.kind == "feed" else {}),
        }

    def event(self) -> DrOffer:
        """For the grid operator."""
        kinds = {"feed": DrKind.POWER_FEED, "shed": DrKind.LOAD_SHED, "limit": DrKind.CAPACITY_LIMIT}
        imposed = self.kind == "limit"
        return DrOffer(
            kind=kinds[self.kind],
            start=self.start,
            end=self.end,
            power_w=self.power_w,
            title=f"Request {self.number}",
            reward=None if imposed else Decimal("0.50"),
            min_soc_pct=50.0 if self.kind == "feed" else None,
            expires_at=None if imposed else self.expires_at,
        )


def script(now: datetime, chance: random.Random) -> list[Part]:
    """The fifty, in the order in which they are sent."""
    wanted = [(sp_id, kind, act) for sp_id, kind, act, count in _MIX for _ in range(count)]
    chance.shuffle(wanted)
    times, powers = _times(now + FIRST), _powers(chance)
    parts: list[Part] = []
    for number, (sp_id, kind, act) in enumerate(wanted, start=1):
        start = next(times) if act in _OWN_TIME else now + FIRST + chance.random() * _UNTIL_OVER
        power_w = next(powers[(kind, act in TAKES_EFFECT)])
        parts.append(
            Part(
                number=number,
                sp_id=sp_id,
                kind=kind,
                act=act,
                start=start,
                end=start + SPAN,
                expires_at=start if act in ANSWERED or act is Act.REJECTED else now + SOON,
                power_w=power_w,
                promised_w=power_w - 700.0 if act is Act.PARTLY else power_w,
            )
        )
    return _with_clashes(parts)


def _with_clashes(parts: list[Part]) -> list[Part]:
    """Those that overlap do so with a request that is accepted."""
    accepted = iter([part for part in parts if part.act is Act.ACCEPT])
    return [
        replace(part, start=(other := next(accepted)).start, end=other.end) if part.act is Act.CLASH else part
        for part in parts
    ]


def _times(first: datetime) -> Iterator[datetime]:
    while True:
        yield first
        first += SPAN + GAP


def _powers(chance: random.Random) -> dict[tuple[str, bool], Iterator[float]]:
    """Far enough from each other, from the steps in which a charger rises, and from its floor."""
    effective, idle = [_STEP_W * tenths for tenths in range(87, 132, 3)], [_STEP_W * tenths for tenths in range(65, 77)]
    feeds, idle_feeds = [3000.0 + 200 * step for step in range(10)], [5100.0 + 20 * step for step in range(40)]
    for values in (effective, idle, feeds, idle_feeds):
        chance.shuffle(values)
    limits = iter(effective)
    return {
        ("limit", True): limits,
        ("shed", True): limits,
        ("shed", False): cycle(idle),
        ("feed", True): iter(feeds),
        ("feed", False): iter(idle_feeds),
    }
