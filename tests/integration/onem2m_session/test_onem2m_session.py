"""The hub's session with the system operator over a real broker and a real CSE, with real providers behind them."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from homeapp.demo.operator.onem2m_application import Operation, ResourceType
from homeapp.demo.operator.service_provider import Direction, HubCorrespondent
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.model.health import Severity
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferKind, ReceiptLevel
from kit.own_loop import OwnLoop
from kit.session_street import BASE, Inbox, Street, cse_says, decision

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


@pytest.mark.usecase("F1", "F3", "T2", "A6", "W1", "W4")
def test_the_hub_registers_and_a_notified_offer_reaches_the_inbox(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("First")
            offer = await home.offered("First")
            assert (offer.sp_id, offer.sp_name, offer.kind) == ("evc_sp", "EVC provider", OfferKind.POWER_FEED)
            assert (offer.reward, offer.currency, offer.intervals[0].setpoint_w) == (Decimal("1.92"), "EUR", -3000.0)
            await street.side.pev_sp.report_defect("P0A1F", "critical", "Battery module", "See a workshop.")
            await home.inbox.until(lambda: bool(home.inbox.alerts))
            assert (home.inbox.alerts[0].sp_id, home.inbox.alerts[0].severity) == ("pev_sp", Severity.CRITICAL)
            assert home.inbox.rejections == []

    running.run(body())


@pytest.mark.usecase("W4", "W5", "W8")
def test_the_tree_keeps_honest_providers_apart(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        async with street.at_home():
            pass
        instance = {"m2m:cin": {"rn": f"x-{time.time()}", "con": "x"}}
        write = {"op": Operation.CREATE, "to": f"{BASE}/inEvc", "ty": ResourceType.CONTENT_INSTANCE, "pc": instance}
        container = {"op": Operation.CREATE, "to": f"{BASE}/inEvc", "ty": ResourceType.CONTAINER, "pc": {"m2m:cnt": {}}}
        read_in = {"op": Operation.RETRIEVE, "to": f"{BASE}/inEvc/la"}
        read_out = {"op": Operation.RETRIEVE, "to": f"{BASE}/outEvc"}
        own = {"op": Operation.RETRIEVE, "to": BASE}
        statuses = {}
        for ae_id in ("Cother", "Cevc-second"):
            for name, primitive in {"write": write, "read_in": read_in, "read_out": read_out}.items():
                statuses[ae_id, name] = (await cse_says(street, ae_id, primitive))[0]
        assert set(statuses.values()) == {4103}
        evc = street.side.evc_sp._application
        assert (await evc.request(container)).status == 4103
        assert (await evc.request(read_in)).status == 4103
        assert (await evc.request(read_out)).status == 2000
        assert (await evc.request(own)).status == 4103

    running.run(body())


@pytest.mark.usecase("F3", "W6")
def test_what_came_while_the_hub_was_away_is_caught_up_once(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        seen: set[tuple[str, str]] = set()
        async with street.at_home(Inbox(seen)):
            pass
        await street.offer("While away")
        for number, times in enumerate((1, 0)):
            async with street.at_home(Inbox(seen)) as home:
                # What comes now is handled after what lay there: the mailbox is read in order.
                await street.offer(f"Afterwards {number}")
                await home.offered(f"Afterwards {number}")
            assert [offer.title for offer in home.inbox.offers].count("While away") == times
            assert home.inbox.rejections == []

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_duplicate_acts_once(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            message_id = await street.offer("Once")
            await home.offered("Once")
            await street.side.evc_sp.resend(message_id)
            await street.offer("Marker")
            await home.offered("Marker")
            assert [offer.title for offer in home.inbox.offers].count("Once") == 1
            assert home.inbox.rejections == []

    running.run(body())


Forge = Callable[[Street, HubCorrespondent], str]


def _foreign_key(street: Street, provider: HubCorrespondent) -> str:
    return SigningKey().sign("offer-cancel+jws", {**provider.envelope().claims(), "offer_id": "o-1"})


def _changed(street: Street, provider: HubCorrespondent) -> str:
    good = provider.sign("offer-cancel+jws", provider.envelope(), {"offer_id": "o-1"}).split(".")
    other = provider.sign("offer-cancel+jws", provider.envelope(), {"offer_id": "o-2"}).split(".")
    return ".".join((good[0], other[1], good[2]))


def _issuer(street: Street, provider: HubCorrespondent) -> str:
    envelope = replace(provider.envelope(), issuer="Cpev-sp")
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _audience(street: Street, provider: HubCorrespondent) -> str:
    envelope = replace(provider.envelope(), audience="Chub-0002")
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _expired(street: Street, provider: HubCorrespondent) -> str:
    now = street.clock.now()
    envelope = replace(provider.envelope(), issued_at=now - timedelta(hours=2), expires_at=now - timedelta(hours=1))
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _nonsense(street: Street, provider: HubCorrespondent) -> str:
    return "not a message at all"


@pytest.mark.usecase("W5", "W6")
@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (_foreign_key, "signature"),
        (_changed, "signature"),
        (_issuer, "issuer"),
        (_audience, "audience"),
        (_expired, "expired"),
        (_nonsense, "schema"),
    ],
)
def test_a_wrong_message_is_refused_and_the_link_goes_on(
    running: OwnLoop, street: Street, forge: Forge, code: str
) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            provider = street.side.evc_sp
            # Wrong messages of other tests lie before this one in the mailbox.
            await street.offer(f"Before {forge.__name__}")
            await home.offered(f"Before {forge.__name__}")
            home.inbox.rejections.clear()
            await provider.send_raw(forge(street, provider))
            await home.inbox.until(lambda: bool(home.inbox.rejections))
            await street.offer(f"After {forge.__name__}")
            await home.offered(f"After {forge.__name__}")
            assert home.inbox.rejections == [("evc_sp", code)]
            assert home.inbox.withdrawals == []
            assert home.inbox.all_are(LinkState.UP)

    running.run(body())


@pytest.mark.usecase("W5")
def test_a_message_in_the_mailbox_of_another_provider_is_refused(running: OwnLoop, street: Street) -> None:
    """A CSE does not check who sends a request, so a provider's key is tied to its own mailbox."""

    async def body() -> None:
        async with street.at_home() as home:
            evc, pev = street.side.evc_sp, street.side.pev_sp
            body = {"id": "d-9", "severity": "critical", "title": "x", "found_at": street.clock.now().isoformat()}
            compact = evc.sign("defect+jws", evc.envelope(), {"defect": body})
            await pev.send_raw(compact)
            # Wrong messages of other tests lie in the other mailbox.
            await home.inbox.until(lambda: ("pev_sp", "signature") in home.inbox.rejections)
            assert "d-9" not in [alert.alert_id for alert in home.inbox.alerts]

    running.run(body())


@pytest.mark.usecase("T2", "W2", "W6")
def test_a_decision_arrives_once_although_it_is_delivered_twice(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("To be decided")
            message = decision(await home.offered("To be decided"), f"decision-{time.time()}")
            provider = home.provider
            receipts = [await provider.deliver(message) for _ in range(2)]
            assert [receipt.level for receipt in receipts] == [ReceiptLevel.TRANSPORT] * 2
            decision_id = message.decision.decision_id
            await home.inbox.until(lambda: any(item.decision_id == decision_id for item in home.inbox.receipts))
            business = [item for item in home.inbox.receipts if item.decision_id == decision_id]
            assert [(item.level, item.confirmed) for item in business] == [(ReceiptLevel.BUSINESS, True)]
            known = street.side.evc_sp.decisions[decision_id]
            assert known.arrivals == 1
            assert known.choice == "accept"
            assert known.claims["decision"]["offer_digest"] == message.offer.digest()
            statuses = [
                item.message_id
                for item in street.side.evc_sp.history
                if item.direction is Direction.RECEIVED and item.message_id == decision_id
            ]
            assert len(statuses) == 1

    running.run(body())
