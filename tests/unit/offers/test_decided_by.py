"""Who is named as the one who answered a request, and what of the answer the calls pass on."""

from typing import Any

import pytest

from homeapp import api
from homeapp.errors import NotFound
from homeapp.model.offer import Choice
from homeapp.offers.operations import OfferOperations
from kit.offer_desk import Desk, MakeOffer, Run

NO_RULES: Any = None


@pytest.mark.parametrize("role", [api.Role.OWNER, api.Role.INSTALLER])
def test_the_role_of_the_caller_is(run: Run, make_offer: MakeOffer, role: api.Role) -> None:
    async def body(at: Desk) -> None:
        offer = make_offer()
        await at.desk.receive(offer)
        handlers = OfferOperations(at.desk, NO_RULES).handlers()
        call = api.DecideOffer(key=offer.key, digest=offer.digest(), choice=Choice.ACCEPT, committed_w=2000.0)
        case = await handlers[api.DecideOffer](call, role)
        assert case.decision.decided_by == role.value
        assert case.decision.committed_w == 2000.0
        shown = await handlers[api.ShowOffer](api.ShowOffer(key=offer.key), role)
        assert shown == case
        assert await handlers[api.ListOffers](api.ListOffers(), role) == (case,)
        with pytest.raises(NotFound, match="no request"):
            await handlers[api.ShowOffer](api.ShowOffer(key="evc_sp/other"), role)

    run(body)
