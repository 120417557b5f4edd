"""The call about what the hub did and why."""

from dataclasses import dataclass
from datetime import datetime

from homeapp.api.base import Call, Role
from homeapp.model.why import WhyEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWhy(Call[tuple[WhyEntry, ...]]):
    """The timeline of decisions in [since, until), the newest first, at most 500 of them."""

    since: datetime
    until: datetime

    method = "why.get"
    role = Role.GUEST
    answer = tuple[WhyEntry, ...]
