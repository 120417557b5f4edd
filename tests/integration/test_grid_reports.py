"""Reports that events ask for, at a real server: acknowledged, told once, refused where the event is gone, deleted."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from homeapp.demo.grid.objects import OFFER_PROGRAM, PRICE_PROGRAM, rfc3339
from homeapp.errors import ProviderRefused
from homeapp.model.consent import DataClass
from homeapp.model.grid_report import GridFigure
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, OfferKind
from homeapp.model.record import DataRecord
from homeapp.reporting.records import RecordMaker
from kit import cancelled_requests
from kit.grid_street import HUB, WITHIN_S, Street, decision_about, following, serving

pytestmark = cancelled_requests.MARKS

AGREED = (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)


def asking(street: Street, *payload_types: str, **how: Any) -> dict[str, Any]:
    return {
        "programID": PRICE_PROGRAM,
        "eventName": "Please tell",
        "intervalPeriod": {"start": rfc3339(street.clock.now()), "duration": "PT0S"},
        "reportDescriptors": [{"payloadType": name, "frequency": 0, **how} for name in payload_types],
    }


def figures(street: Street, event_id: str) -> DataRecord:
    make = RecordMaker(home=HUB, key=bytes(32), car=lambda: None, now=street.clock.now)
    body = {
        "event_id": event_id,
        "at": street.clock.now().isoformat(),
        "operating_state": "IDLE_NORMAL",
        "soc_pct": 64.0,
        "capacity_wh": 60_000,
        "max_charge_w": 11_000.0,
        "max_feed_w": 6000.0,
    }
    return make.grid_report("grid_sp", street.clock.now(), body)


def polled(street: Street, times: int) -> bool:
    return street.count("GET", "/programs") >= times


def reports(street: Street, prefix: str) -> list[dict[str, Any]]:
    return [report for report in street.vtn.objects("reports") if report["reportName"].startswith(prefix)]


@pytest.mark.usecase("T1", "A1", "W5")
def test_figures_are_told_on_the_event_that_asks_once_and_deleted_with_the_consent(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(ven := street.ven(agreed=AGREED)) as inbox:
            event_id = street.vtn.publish_event(asking(street, *GridFigure))
            await inbox.until(lambda: inbox.wishes and inbox.wishes[-1])
            assert [(wish.event_id, wish.figures) for wish in inbox.wishes[-1]] == [(event_id, frozenset(GridFigure))]
            record = figures(street, event_id)
            for _ in range(2):
                await ven.disclose(record)
            # A hub that has just started knows nothing of it.
            await street.ven().disclose(record)
            (report,) = reports(street, "figures-")
            (resource,) = report["resources"]
            told = {item["type"]: item["values"] for item in resource["intervals"][0]["payloads"]}
            assert (resource["resourceName"], told["STORAGE_CHARGE_LEVEL"]) == ("ev", [0.64])
            assert "ev" in {item["resourceName"] for item in street.vtn.objects("resources")}

            await ven.erase({DataClass.CHARGING})
            assert reports(street, "figures-") == []
            assert "ev" not in {item["resourceName"] for item in street.vtn.objects("resources")}
            street.vtn.withdraw(event_id)
            await inbox.until(lambda: inbox.wishes[-1] == ())
            with pytest.raises(ProviderRefused, match="no longer"):
                await ven.disclose(figures(street, event_id))

    asyncio.run(body())


@pytest.mark.usecase("W6")
def test_a_home_that_leaves_leaves_nothing(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street):
            async with following(ven := street.ven(agreed=AGREED)) as inbox:
                street.vtn.publish_offer(street.offer())
                await inbox.until(lambda: inbox.offers and inbox.links[-1][0] is LinkState.UP)
                await ven.deliver(decision_about(inbox.offers[0]))
            assert street.vtn.objects("reports")
            await street.ven().erase(set(DataClass))
        assert [street.vtn.objects(kind) for kind in ("vens", "resources", "reports")] == [[], [], []]

    asyncio.run(body())


@pytest.mark.usecase("T1")
def test_an_event_that_asks_for_it_is_acknowledged_once_over_all_lives_of_the_hub(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street):
            event_id = street.vtn.publish_event(asking(street, "ACK") | {"programID": OFFER_PROGRAM})
            for polls in (3, 6):
                async with following(street.ven()):
                    await street.vtn.wait_for(partial(polled, street, polls), WITHIN_S)
            (report,) = reports(street, "ack-")
            assert report["eventID"] == event_id
            assert report["resources"][0]["intervals"] == [{"id": 0, "payloads": [{"type": "ACK", "values": [True]}]}]
            assert street.vtn.reports == []

    asyncio.run(body())


@pytest.mark.usecase("T1", "T2")
def test_requests_of_programs_without_a_profile_are_answered_in_words_of_the_standard(tmp_path: Path) -> None:
    street = Street(tmp_path)
    start = street.clock.now() + timedelta(hours=2)

    def event(name: str, value: float) -> dict[str, Any]:
        return {
            "programID": PRICE_PROGRAM,
            "eventName": name,
            "intervalPeriod": {"start": rfc3339(start), "duration": "PT1H"},
            "intervals": [{"id": 0, "payloads": [{"type": name, "values": [value]}]}],
        }

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            for name, value in (("SIMPLE", 2), ("DISPATCH_SETPOINT", -3.0), ("IMPORT_CAPACITY_LIMIT", 4.2)):
                street.vtn.publish_event(event(name, value))
            await inbox.until(lambda: len(inbox.offers) == 3)
            asked = {offer.title: offer for offer in inbox.offers}
            assert {offer.binding for offer in inbox.offers} == {Binding.OWNER_DECIDES}
            assert asked["DISPATCH_SETPOINT"].kind is OfferKind.POWER_FEED
            await ven.deliver(decision_about(asked["SIMPLE"], Choice.ACCEPT))
            await ven.deliver(decision_about(asked["DISPATCH_SETPOINT"], Choice.DECLINE))
        told = [report["resources"][0]["intervals"][0]["payloads"] for report in reports(street, "decision-")]
        assert told == [
            [{"type": "ACK", "values": [True]}],
            [{"type": "OPERATING_STATE", "values": ["IDLE_OPTED_OUT"]}],
        ]

    asyncio.run(body())
