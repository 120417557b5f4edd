"""A day of the hub's VEN at the demo VTN over real sockets, every exchange held against the published description."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from homeapp.demo.grid.objects import DrKind, alert_event
from homeapp.demo.operator.mosquitto import mosquitto_path
from homeapp.model.consent import DataClass
from homeapp.model.offer import Choice, OfferKind, ReceiptLevel
from kit import cancelled_requests
from kit.grid_street import Street, decision_about, following, serving

pytestmark = cancelled_requests.MARKS

WALKED = {
    ("GET", "/auth/server", 200),
    ("POST", "/auth/token", 200),
    ("GET", "/programs", 200),
    ("GET", "/programs/{programID}", 200),
    ("GET", "/events", 200),
    ("GET", "/events/{eventID}", 200),
    ("POST", "/vens", 201),
    ("GET", "/vens/{venID}", 200),
    ("GET", "/resources", 200),
    ("POST", "/resources", 201),
    ("GET", "/reports", 200),
    ("GET", "/reports/{reportID}", 200),
    ("POST", "/reports", 201),
    ("GET", "/notifiers", 200),
}
TOPICS = "/notifiers/mqtt/topics"
NOTICES = {
    ("GET", f"{TOPICS}/programs", 200),
    ("GET", f"{TOPICS}/programs/{{programID}}/events", 200),
    ("GET", f"{TOPICS}/vens/{{venID}}/events", 200),
}


@pytest.mark.usecase("A1", "T1", "W9")
def test_a_story_of_every_kind_of_event_follows_the_description(tmp_path: Path) -> None:
    street = Street(tmp_path, auto_confirm=True, mqtt=mosquitto_path() is not None)
    start = street.clock.now().replace(microsecond=0) + timedelta(hours=3)
    money = {"reward_per_kwh": Decimal("0.30"), "penalty_per_kwh": Decimal("0.05")}
    battery = {"guaranteed_soc_pct": 60.0, "max_feed_cycles": 0.5, "wear_per_kwh": Decimal("0.04"), "min_soc_pct": 40.0}
    times = {"cancel_until": start, "expires_at": start, "randomize_start": timedelta(minutes=5)}

    async def body() -> None:
        async with serving(street), following(ven := street.ven(agreed=tuple(DataClass))) as inbox:
            street.vtn.publish_offer(street.offer(DrKind.POWER_FEED, 6000.0, **money, **battery, **times))
            street.vtn.publish_offer(street.offer(DrKind.LOAD_SHED, contracted=True))
            street.vtn.publish_offer(street.offer(DrKind.CAPACITY_LIMIT, 4200.0))
            end = start + timedelta(hours=1)
            street.vtn.publish_event(alert_event("ALERT_FLEX_ALERT", start, end, "Please use less in the evening."))
            await inbox.until(lambda: len(inbox.offers) == 4)
            kinds = {offer.kind: offer for offer in inbox.offers}
            assert set(kinds) == {
                OfferKind.POWER_FEED, OfferKind.LOAD_SHED, OfferKind.CAPACITY_LIMIT, OfferKind.ALERT,
            }  # fmt: skip
            for kind, choice in (
                (OfferKind.POWER_FEED, Choice.ACCEPT),
                (OfferKind.LOAD_SHED, Choice.DECLINE),
                (OfferKind.CAPACITY_LIMIT, Choice.ACKNOWLEDGE),
            ):
                await ven.deliver(decision_about(kinds[kind], choice))
            await inbox.until(lambda: inbox.receipts)
            assert inbox.receipts[0].level is ReceiptLevel.BUSINESS
            assert [item.problem for item in street.vtn.reports if item.opt_status == "OPT_IN"] == [""]
        assert inbox.rejections == []
        wanted = WALKED | (NOTICES if street.vtn.notifier is not None else set())
        assert street.vtn.walked >= wanted, wanted - street.vtn.walked

    asyncio.run(body())
