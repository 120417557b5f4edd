"""Who is named as the one who answered a request."""

import asyncio
from typing import Any

import pytest

from homeapp import api
from homeapp.model.offer import Choice
from homeapp.operations import Operations


@pytest.mark.parametrize("role", [api.Role.OWNER, api.Role.INSTALLER])
def test_the_role_of_the_caller_is(open_desk: Any, make_offer: Any, role: api.Role) -> None:
    async def main() -> None:
        async with open_desk() as at:
            offer = make_offer()
            await at.desk.receive(offer)
            operations = Operations(
                live=None,
                desk=at.desk,
                sessions=None,
                ledger=at.ledger,
                snapshot=None,
                set_mode=None,
                doctor=None,
                live_changed=None,
                sharing=None,
                uplink=None,
            )
            call = api.DecideOffer(key=offer.key, digest=offer.digest(), choice=Choice.ACCEPT)
            case = await operations.handlers()[api.DecideOffer](call, role)
            assert case.decision.decided_by == role.value

    asyncio.run(main())
