"""What the calls do before they reach a part of the hub."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp import api
from homeapp.errors import NotFound, WrongState
from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.operations import Operations

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OFFER = Offer(
    offer_id="o1",
    revision=1,
    sp_id="evc_sp",
    sp_name="EVC provider",
    kind=OfferKind.POWER_FEED,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=1), setpoint_w=-4000.0),),
    title="Feed power",
)


class Desk:
    """Has one request, and notes the answers."""

    def __init__(self) -> None:
        self.cases = (OfferCase(offer=OFFER, digest=OFFER.digest(), state=OfferState.PENDING, updated_at=NOW),)
        self.answers: list[tuple[str, Choice, str]] = []

    async def decide(self, key: str, _digest: str, choice: Choice, by: str) -> OfferCase:
        if key != OFFER.key:
            raise NotFound("There is no such request.")
        self.answers.append((key, choice, by))
        return self.cases[0]


def decide(desk: Desk, choice: Choice, *, shared: bool, key: str = OFFER.key) -> None:
    other: Any = None
    subject: Any = desk
    operations = Operations(
        live=other,
        desk=subject,
        sessions=other,
        devices=other,
        ledger=other,
        snapshot=other,
        schedule=other,
        doctor=other,
        live_changed=other,
        sharing=other,
        uplink=other,
        may_hear=lambda sp_id: shared and sp_id == "evc_sp",
    )
    call = api.DecideOffer(key=key, digest=OFFER.digest(), choice=choice)
    asyncio.run(operations.handlers()[api.DecideOffer](call, api.Role.OWNER))  # type: ignore[arg-type]


@pytest.mark.usecase("W8")
def test_nobody_says_yes_to_a_provider_that_would_never_hear_of_it() -> None:
    desk = Desk()
    with pytest.raises(WrongState, match="share nothing with EVC provider"):
        decide(desk, Choice.ACCEPT, shared=False)
    assert desk.answers == []
    decide(desk, Choice.ACCEPT, shared=True)
    assert desk.answers == [(OFFER.key, Choice.ACCEPT, "owner")]


@pytest.mark.parametrize("choice", [Choice.DECLINE, Choice.WITHDRAW])
def test_a_no_and_taking_back_need_nobody_who_hears(choice: Choice) -> None:
    desk = Desk()
    decide(desk, choice, shared=False)
    assert desk.answers == [(OFFER.key, choice, "owner")]


def test_a_request_that_there_is_not_is_the_desks_to_refuse() -> None:
    with pytest.raises(NotFound):
        decide(Desk(), Choice.ACCEPT, shared=False, key="evc_sp/other")
