"""What the parts of the check share: the street, its owner, and what was seen so far."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from homeapp import api
from homeapp.client import Client
from homeapp.demo.commissioning import Commissioning
from homeapp.demo.operator.service_provider import HubCorrespondent, ReceivedRecord
from homeapp.demo.owner import WAIT_S, Owner
from homeapp.demo.street import Street
from homeapp.model.offer import OfferCase


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeen:
    """One item of the use case and what was seen of it, or why it failed.

    Attributes:
        item: its id in ``homeapp.demo.use_case``.
    """

    item: str
    title: str
    passed: bool
    evidence: str


Report = Callable[[StepSeen], None]
Step = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The running street with its hub.

    Attributes:
        notes: what one part leaves for a later one, by name.
    """

    street: Street
    client: Client
    owner: Owner
    commissioning: Commissioning
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def latest(self) -> dict[api.Topic, api.Notification]:
        """The newest value of each topic."""
        return self.client.latest

    async def approve(self, key: str) -> OfferCase:
        """Wait for a request and tap Approve."""
        return await self.owner.approves(await self.owner.receives(key))

    async def record(
        self,
        company: HubCorrespondent,
        kind: str,
        having: Callable[[ReceivedRecord], bool] = lambda _record: True,
        within_s: float = WAIT_S,
    ) -> ReceivedRecord:
        """Wait until a company has verified a record of this kind; the newest that fits."""

        def found() -> list[ReceivedRecord]:
            return [record for record in company.records if record.kind == kind and having(record)]

        await company.wait_for(lambda: bool(found()), within_s)
        return found()[-1]


def last(history: Iterable[str], count: int) -> str:
    """The newest of what a peer noted."""
    return "; ".join(list(history)[-count:])
