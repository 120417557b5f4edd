"""What providers send is taken in as long as there is room for it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.errors import StoreUnavailable
from homeapp.inbox import MOST_OPEN, HubInbox
from homeapp.model.health import HealthAlert, Severity
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OFFER = Offer(
    offer_id="o1",
    revision=1,
    sp_id="evc_sp",
    sp_name="EVC provider",
    kind=OfferKind.LOAD_SHED,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=1), max_w=0.0),),
    title="Charge less",
)
ALERT = HealthAlert(
    alert_id="a1", sp_id="pev_sp", code="", severity=Severity.WARNING, title="Worn", advice="", raised_at=NOW
)


class Hub:
    """Takes all in; ``room`` is whether the ledger has any for alerts."""

    def __init__(self) -> None:
        self.cases: list[OfferCase] = []
        self.rejected: list[str] = []
        self.told: list[str] = []
        self.room = True
        self.disk_full = False
        self.imposes = False
        other: Any = None
        us: Any = self
        self.inbox = HubInbox(
            desk=us,
            limits=us,
            ledger=us,
            outbox=other,
            live=us,
            name_of=str.upper,
            tariff_changed=lambda: None,
            live_changed=lambda: None,
        )

    def arrived(self, offer: Offer) -> bool:
        self.told.append(f"arrived {offer.key}")
        asyncio.get_running_loop().call_soon(self.told.append, "chargers")
        return self.imposes

    def kept(self, key: str) -> None:
        self.told.append(f"kept {key}")

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self.told.append(f"withdrawn {sp_id}/{offer_id}")

    async def receive(self, offer: Offer) -> None:
        self.told.append(f"received {offer.key}")
        if self.disk_full:
            raise StoreUnavailable("The disk is full.")
        self.cases.append(OfferCase(offer=offer, digest="", state=OfferState.PENDING, updated_at=NOW))

    async def seen(self, _sp_id: str, _message_id: str, _expires_at: datetime) -> bool:
        return False

    async def keep_alert(self, _alert: HealthAlert) -> bool:
        return self.room

    async def alerts(self) -> tuple[HealthAlert, ...]:
        return (ALERT,)

    def alert_raised(self, alerts: tuple[HealthAlert, ...]) -> None:
        self.raised = alerts

    def notice(self, code: str, _sentence: str) -> None:
        self.rejected.append(code)


@pytest.mark.usecase("W7")
def test_a_provider_has_room_for_so_many_requests_and_mandatory_ones_always_come_in() -> None:
    hub = Hub()

    async def main() -> None:
        for number in range(MOST_OPEN):
            await hub.inbox.offer(replace(OFFER, offer_id=f"o{number}"))
        assert hub.rejected == []
        await hub.inbox.offer(replace(OFFER, offer_id="one more"))
        assert hub.rejected == ["message_rejected.evc_sp.too_many"]
        assert len(hub.cases) == MOST_OPEN
        await hub.inbox.offer(replace(OFFER, offer_id="o1", revision=2))
        await hub.inbox.offer(replace(OFFER, offer_id="limit", binding=Binding.MANDATORY))
        await hub.inbox.offer(replace(OFFER, sp_id="pev_sp"))
        hub.cases[0] = replace(hub.cases[0], state=OfferState.DECLINED)
        hub.cases[2] = replace(hub.cases[2], state=OfferState.DECLINED)
        await hub.inbox.offer(replace(OFFER, offer_id="room again"))
        assert [case.offer.offer_id for case in hub.cases[MOST_OPEN:]] == ["o1", "limit", "o1", "room again"]

    asyncio.run(main())


@pytest.mark.usecase("W7")
def test_a_defect_for_which_there_is_no_room_is_told_to_the_owner_as_that() -> None:
    hub = Hub()
    hub.room = False
    asyncio.run(hub.inbox.health(ALERT))
    assert hub.rejected == ["message_rejected.pev_sp.too_many"]
    hub.room = True
    asyncio.run(hub.inbox.health(ALERT))
    assert hub.raised == (ALERT,)


@pytest.mark.usecase("W6")
def test_it_is_known_whose_newest_message_was_refused_for_its_time() -> None:
    inbox = Hub().inbox
    for sp_id, code in (("evc_sp", "expired"), ("pev_sp", "clock"), ("fleet", "signature")):
        inbox.rejected(sp_id, code, "It was refused.")
    assert inbox.untimely == ("EVC_SP", "PEV_SP")
    assert not asyncio.run(inbox.seen("evc_sp", "m-1", NOW))
    assert inbox.untimely == ("PEV_SP",)


@pytest.mark.usecase("T1")
def test_what_obeys_limits_hears_of_a_request_before_the_disk_and_once_more_when_it_is_kept_or_taken_back() -> None:
    hub = Hub()

    async def main() -> None:
        await hub.inbox.offer(OFFER)
        assert hub.told == ["arrived evc_sp/o1", "received evc_sp/o1", "kept evc_sp/o1"]
        await asyncio.sleep(0)
        hub.told.clear()
        hub.disk_full = hub.imposes = True
        with pytest.raises(StoreUnavailable):
            await hub.inbox.offer(replace(OFFER, revision=2))
        told = ["arrived evc_sp/o1", "chargers", "received evc_sp/o1"]
        assert hub.told == told, "the chargers hear of a limit first, and what cannot be kept holds all the same"
        hub.told.clear()
        await hub.inbox.withdrawn("evc_sp", "o1")
        assert hub.told == ["kept evc_sp/o1", "withdrawn evc_sp/o1"]

    asyncio.run(main())
