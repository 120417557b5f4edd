"""The grid operator's side over real HTTPS: the hub's VEN against the demo VTN."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from homeapp.demo.grid.objects import DrKind
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, OfferKind, ReceiptLevel
from homeapp.providers.jose import HubSigner
from kit import cancelled_requests
from kit.grid_street import HUB, NOON, WITHIN_S, Street, decision_about, following, key_pem, serving

pytestmark = cancelled_requests.MARKS


@pytest.mark.usecase("T1", "S6", "A1")
def test_prices_of_today_and_tomorrow_arrive(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            await inbox.until(lambda: inbox.tariffs and inbox.links[-1][0] is LinkState.UP)
        (tariff,) = inbox.tariffs
        assert tariff.known_until is not None
        assert tariff.known_until - NOON >= timedelta(hours=24)
        assert (tariff.currency, tariff.source) == ("EUR", "HomeTariff")
        wanted = [item for day in (15, 16) for item in PriceCurve().day(date(2027, 1, day))]
        assert [(s.start, s.end, s.import_price, s.export_price) for s in tariff.slots] == [
            (item.start, item.end, item.import_price, item.export_price) for item in wanted
        ]
        assert inbox.links == [(LinkState.CONNECTING, None), (LinkState.UP, None)]
        assert inbox.rejections == []

    asyncio.run(body())


@pytest.mark.usecase("T1", "T2", "A1", "W5")
def test_an_offer_is_answered_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    street = Street(tmp_path)
    terms = street.offer(reward=Decimal("1.50"), expires_at=NOON + timedelta(hours=2), text="Less wind than expected.")

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            event_id = street.vtn.publish_offer(terms)
            await inbox.until(lambda: inbox.offers)
            offer = inbox.offers[0]
            assert (offer.offer_id, offer.sp_id, offer.sp_name) == (event_id, "grid_sp", "Grid operator")
            assert (offer.kind, offer.binding) == (OfferKind.LOAD_SHED, Binding.OWNER_DECIDES)
            assert [(i.start, i.end, i.setpoint_w, i.max_w) for i in offer.intervals] == [
                (terms.start, terms.end, None, 1400.0)
            ]
            assert (offer.reward, offer.currency, offer.expires_at) == (Decimal("1.50"), "EUR", terms.expires_at)
            assert (offer.title, offer.description) == ("Charge less tonight", "Less wind than expected.")

            message = decision_about(offer)
            first = await ven.deliver(message)
            again = await ven.deliver(message)
            # A hub that has just started knows nothing but the message.
            fresh = await street.ven().deliver(message)

        (report,) = street.vtn.reports
        assert {receipt.reference for receipt in (first, again, fresh)} == {report.report_id}
        assert {receipt.size_bytes for receipt in (first, again, fresh)} == {first.size_bytes}
        assert first.size_bytes > len(report.jws)
        assert {receipt.level for receipt in (first, again, fresh)} == {ReceiptLevel.TRANSPORT}
        assert first.decision_id == message.decision.decision_id == report.decision_id
        assert (report.event_id, report.opt_status, report.opt_reason) == (event_id, "OPT_IN", "participating")
        assert (report.problem, report.offer_digest) == ("", offer.digest())
        assert report.claims is not None
        assert (report.claims["iss"], report.claims["aud"]) == (HUB, "Grid operator")
        assert report.claims["decision"]["choice"] == "accept"
        assert len(inbox.offers) == 1

    asyncio.run(body())


@pytest.mark.parametrize("oddities", [Oddities(lost_report_answer=True), Oddities(one_report_per_name=True)])
def test_a_decision_whose_receipt_is_lost_or_unlisted_is_not_reported_twice(tmp_path: Path, oddities: Oddities) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.offers)
            message = decision_about(inbox.offers[0])
            street.vtn.oddities = oddities
            if oddities.lost_report_answer:
                with pytest.raises(ProviderUnreachable, match="does not answer"):
                    await ven.deliver(message)
            else:
                await ven.deliver(message)
            assert len(street.vtn.reports) == 1
            receipt = await ven.deliver(message)
        assert len(street.vtn.reports) == 1
        assert receipt.level is ReceiptLevel.TRANSPORT
        assert receipt.reference == (street.vtn.reports[0].report_id if oddities.lost_report_answer else "")

    asyncio.run(body())


@pytest.mark.usecase("T2", "D3")
def test_a_power_feed_a_mandatory_limit_and_their_answers(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            feed = street.offer(DrKind.POWER_FEED, 5500.0, min_soc_pct=50.0, max_feed_wh=6000.0)
            street.vtn.publish_offer(feed)
            street.vtn.publish_offer(street.offer(DrKind.CAPACITY_LIMIT, 4200.0))
            await inbox.until(lambda: len(inbox.offers) == 2)
            asked = {offer.kind: offer for offer in inbox.offers}
            fed, limited = asked[OfferKind.POWER_FEED], asked[OfferKind.CAPACITY_LIMIT]
            assert (fed.intervals[0].setpoint_w, fed.min_soc_pct, fed.max_feed_wh) == (-5500.0, 50.0, 6000.0)
            assert fed.expires_at == fed.start
            assert (limited.binding, limited.intervals[0].max_w) == (Binding.MANDATORY, 4200.0)
            assert limited.expires_at == limited.end
            await ven.deliver(decision_about(fed, Choice.DECLINE))
            await ven.deliver(decision_about(limited, Choice.ACKNOWLEDGE))
        assert [(r.opt_status, r.opt_reason, r.problem) for r in street.vtn.reports] == [
            ("OPT_OUT", "notParticipating", ""),
            ("", "mustRun", ""),
        ]

    asyncio.run(body())


@pytest.mark.parametrize("name_the_report", [False, True])
def test_the_grid_operators_own_word_comes_back_as_a_business_receipt(tmp_path: Path, *, name_the_report: bool) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.offers)
            message = decision_about(inbox.offers[0])
            await ven.deliver(message)
            event_id = street.vtn.confirm(
                message.decision.decision_id,
                confirmed=False,
                reason="The area is full.",
                name_the_report=name_the_report,
            )
            await inbox.until(lambda: inbox.receipts)
            polls = street.count("GET", "/programs")
            await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
        (receipt,) = inbox.receipts
        assert (receipt.decision_id, receipt.level) == (message.decision.decision_id, ReceiptLevel.BUSINESS)
        assert (receipt.confirmed, receipt.reason, receipt.reference) == (False, "The area is full.", event_id)

    asyncio.run(body())


@pytest.mark.usecase("W5", "W6")
def test_only_what_the_hub_has_signed_is_confirmed(tmp_path: Path) -> None:
    street = Street(tmp_path, auto_confirm=True)

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.offers)
            forged, true = decision_about(inbox.offers[0]), decision_about(inbox.offers[0])
            await street.ven(signer=HubSigner(key_pem())).deliver(forged)
            await ven.deliver(true)
            await inbox.until(lambda: inbox.receipts)
        assert [bool(report.problem) for report in street.vtn.reports] == [True, False]
        assert [(item.decision_id, item.confirmed) for item in inbox.receipts] == [(true.decision.decision_id, True)]

    asyncio.run(body())


def test_a_revision_comes_in_and_a_deleted_event_is_withdrawn(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            terms = street.offer()
            event_id = street.vtn.publish_offer(terms)
            await inbox.until(lambda: inbox.offers)
            await street.clock.sleep(1)  # revisions are whole seconds of the street
            street.vtn.publish_offer(replace(terms, power_w=2000.0), event_id)
            await inbox.until(lambda: len(inbox.offers) == 2)
            first, second = inbox.offers
            assert second.revision > first.revision
            assert (first.intervals[0].max_w, second.intervals[0].max_w) == (1400.0, 2000.0)
            street.vtn.withdraw(event_id)
            await inbox.until(lambda: inbox.withdrawals)
            ven = street.ven()
            with pytest.raises(ProviderRefused, match="404"):
                await ven.deliver(decision_about(second))
            cancelled = street.vtn.publish_offer(terms)
            await inbox.until(lambda: len(inbox.offers) == 3)
            await street.clock.sleep(1)
            street.vtn.publish_offer(replace(terms, end=terms.start), cancelled)
            await inbox.until(lambda: len(inbox.withdrawals) == 2)
        assert inbox.withdrawals == [("grid_sp", event_id), ("grid_sp", cancelled)]
        assert street.vtn.reports == []

    asyncio.run(body())
