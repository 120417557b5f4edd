"""The hub is killed all along the way of the owner's answer: no answer is lost, none has a second effect.

``HOMEAPP_KILLS=200 python -m pytest tests/faults/test_hub_kills.py -s`` is the long run.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fault_street import (
    AGREED,
    WAIT_S,
    Requests,
    at_the_screen,
    audit_verdict,
    distinct_decisions,
    each_has_one_decision,
    ledger,
    on_the_street,
    say,
    seeded,
)

from homeapp.demo.street import Street
from homeapp.errors import HubNotRunning
from homeapp.model.offer import OfferState

KILLS = int(os.environ.get("HOMEAPP_KILLS", "8"))
MOST_OPEN = 40
"""Requests at a time: the hub takes no more than so many and some of one provider. Older ones are taken back."""
LONGER = 3.0
"""So much longer than the whole way of an answer takes undisturbed may the hub live."""


@dataclass
class Story:
    """What has happened so far.

    Attributes:
        way_s: from the owner's tap to the provider's own word, undisturbed.
        repeated: approvals that the owner had to give again.
        found: how the request stood when the hub was dead.
    """

    street: Street
    requests: Requests
    way_s: float = 0.0
    repeated: int = 0
    found: Counter[str] = field(default_factory=Counter)

    @property
    def open_ids(self) -> list[str]:
        """Of the requests that the provider has not taken back."""
        return self.requests.ids[-MOST_OPEN:]

    async def undisturbed(self) -> None:
        async with at_the_screen(self.street) as owner:
            case = await owner.receives(await self.requests.make("undisturbed"))
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await owner.approves(case)
            await owner.sees(case.offer.key, *AGREED)
            self.way_s = loop.time() - begun

    async def killed(self, name: str, after_s: float) -> None:
        key = await self.requests.make(name)
        async with at_the_screen(self.street) as owner:
            approving = asyncio.ensure_future(owner.approves(await owner.receives(key)))
            await asyncio.sleep(after_s)
            await self.street.home.kill_hub()
            await asyncio.gather(approving, return_exceptions=True)
            told = not approving.cancelled() and approving.exception() is None
            assert told or isinstance(approving.exception(), HubNotRunning)
        state = OfferState(ledger(self.street, "SELECT state FROM offers WHERE key = ?", key)[0][0])
        self.found[state] += 1
        # What the owner was told stands.
        assert not (told and state is OfferState.PENDING)
        await self.street.home.start_hub()
        async with at_the_screen(self.street) as owner:
            if case := owner.case(key, OfferState.PENDING):
                self.repeated += 1
                await owner.approves(case)
            await owner.wait(lambda: owner.case(key, *AGREED), WAIT_S)
        for offer_id in self.requests.ids[-MOST_OPEN - 1 : -MOST_OPEN]:
            await self.street.providers.evc_sp.cancel_offer(offer_id)


@pytest.mark.street
@pytest.mark.timeout(120 + 20 * KILLS)
@pytest.mark.usecase("A2", "A6", "W2", "W6", "T2")
def test_a_hub_killed_anywhere_on_the_way_of_a_decision_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = seeded()

    async def body(street: Street) -> None:
        story = Story(street, Requests(street))
        await story.undisturbed()
        # Its first steps follow each other within milliseconds: there the kills lie closest.
        parts = [((number + chance.random()) / KILLS) ** 3 for number in range(KILLS)]
        moments = [part * story.way_s * LONGER for part in parts]
        for number, after_s in enumerate(chance.sample(moments, KILLS)):
            await story.killed(f"kill-{number}", after_s)
        ids, evc = story.requests.ids, street.providers.evc_sp
        async with at_the_screen(street) as owner:
            await each_has_one_decision(street, owner, story.open_ids)
        await street.home.stop_hub()
        decisions = evc.decisions.values()
        assert [len(distinct_decisions(evc, offer_id)) for offer_id in ids] == [1] * (KILLS + 1)
        assert len(decisions) == len(ids)
        say(
            f"kills {KILLS} within {story.way_s * LONGER:.2f} s, the request then was {dict(story.found)}; "
            f"approvals repeated {story.repeated}; decisions {len(decisions)} of {len(ids)} requests; "
            f"repeated arrivals {sum(known.arrivals - 1 for known in decisions)}; lost 0; doubled 0; "
            f"audit: {audit_verdict(street)}"
        )

    on_the_street(tmp_path, body)
