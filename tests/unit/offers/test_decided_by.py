"""Who is named as the one who answered a request."""

from typing import Any

import pytest

from homeapp import api
from homeapp.model.offer import Choice
from homeapp.operations import Operations
from kit.offer_desk import Desk, MakeOffer, Run


@pytest.mark.parametrize("role", [api.Role.OWNER, api.Role.INSTALLER])
def test_the_role_of_the_caller_is(run: Run, make_offer: MakeOffer, role: api.Role) -> None:
    async def body(at: Desk) -> None:
        offer = make_offer()
        await at.desk.receive(offer)
        nothing: Any = None
        operations = Operations(
            live=nothing,
            desk=at.desk,
            sessions=nothing,
            devices=nothing,
            ledger=at.ledger,
            snapshot=nothing,
            schedule=nothing,
            doctor=nothing,
            live_changed=nothing,
            sharing=nothing,
            uplink=nothing,
            may_hear=lambda _sp_id: True,
        )
        call = api.DecideOffer(key=offer.key, digest=offer.digest(), choice=Choice.ACCEPT)
        case = await operations.handlers()[api.DecideOffer](call, role)
        assert case.decision.decided_by == role.value

    run(body)
