"""The VEN against each thing that VTNs in the field were seen to do: nothing is lost, doubled, or made up."""

import asyncio
from pathlib import Path

import pytest

from homeapp.demo.grid.announcement import LocalVtn
from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.oddities import Oddity, departures
from homeapp.errors import ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Choice
from homeapp.providers.grid_sp.local_vtn import find_vtns
from kit import cancelled_requests
from kit.grid_street import HUB, WITHIN_S, GridInbox, Street, decision_about, following, serving

pytestmark = cancelled_requests.MARKS

AGREED = (DataClass.IDENTITY, DataClass.METERING, DataClass.CHARGING)
BY_MQTT = (Oddity.RETAINED_SNAKE_CASE, Oddity.TOPICS_DO_MAGIC)
EXPECTED_REJECTIONS = {Oddity.UNCHECKED_VALUES: {"schema", "value"}}


@pytest.mark.usecase("T1", "T2", "S6", "A1", "W5")
@pytest.mark.parametrize("oddity", Oddity)
def test_prices_an_offer_and_its_answer_come_through_once(tmp_path: Path, oddity: Oddity) -> None:
    street = Street(tmp_path, mqtt=oddity in BY_MQTT)
    street.vtn.oddities = departures(oddity)

    async def body() -> GridInbox:
        async with serving(street), following(ven := street.ven(agreed=AGREED)) as inbox:
            await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            street.vtn.publish_offer(street.offer())
            if oddity is Oddity.HIDDEN_TARGETS:
                polls = street.count("GET", "/programs")
                await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
                assert inbox.offers == []
                street.vtn.grant()
            await inbox.until(lambda: inbox.tariffs and inbox.offers)
            message = decision_about(inbox.offers[0], Choice.ACCEPT)
            for _ in range(2):
                try:
                    await ven.deliver(message)
                except ProviderUnreachable:
                    # It has stored the report all the same.
                    assert oddity is Oddity.BROKEN_WEBHOOKS
            polls = street.count("GET", "/programs")
            await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
        return inbox

    inbox = asyncio.run(body())
    assert (len(inbox.tariffs), len(inbox.offers), len(street.vtn.reports)) == (1, 1, 1)
    assert (street.vtn.reports[0].opt_status, street.vtn.reports[0].problem) == ("OPT_IN", "")
    assert max(slot.import_price for slot in inbox.tariffs[0].slots) < 1
    assert {code for _, code in inbox.rejections} == EXPECTED_REJECTIONS.get(oddity, set())
    assert inbox.withdrawals == []
    assert oddity is Oddity.BROKEN_WEBHOOKS or all(state is not LinkState.DOWN for state, _ in inbox.links)
    assert [ven["venName"] for ven in street.vtn.objects("vens")] == [f"homeapp-{HUB}"]
    assert len(street.vtn.objects("resources")) == 5


@pytest.mark.usecase("W4")
def test_a_client_that_has_its_one_ven_already_is_recovered(tmp_path: Path) -> None:
    street = Street(tmp_path)
    street.vtn.oddities = departures(Oddity.ONE_VEN_PER_CLIENT)

    async def body() -> None:
        async with serving(street):
            async with following(street.ven()) as inbox:
                await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            renamed = street.ven()
            renamed._registration._ven_name = "of-another-name"
            async with following(renamed) as inbox:
                await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            assert renamed._registration.ven_id == street.vtn.objects("vens")[0]["id"]

    asyncio.run(body())
    assert len(street.vtn.objects("vens")) == 1


@pytest.mark.usecase("T1", "T2", "A1")
def test_a_vtn_of_the_version_before(tmp_path: Path) -> None:
    street = Street(tmp_path, dialect=Dialect.V3_0_1)

    async def body() -> GridInbox:
        async with serving(street), following(ven := street.ven(agreed=AGREED)) as inbox:
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.tariffs and inbox.offers)
            await ven.deliver(decision_about(inbox.offers[0]))
        return inbox

    inbox = asyncio.run(body())
    assert (len(inbox.tariffs), len(inbox.offers), inbox.rejections) == (1, 1, [])
    assert [(report.opt_status, report.problem) for report in street.vtn.reports] == [("OPT_IN", "")]
    assert [ven["venName"] for ven in street.vtn.objects("vens")] == [f"homeapp-{HUB}"]
    assert len(street.vtn.objects("resources")) == 5


@pytest.mark.usecase("A1", "W6")
def test_a_public_tariff_server_is_read_without_saying_who_one_is(tmp_path: Path) -> None:
    street = Street(tmp_path, public=True)

    async def body() -> None:
        async with serving(street), following(street.ven(secret="", client_id="", agreed=AGREED)) as inbox:
            await inbox.until(lambda: inbox.tariffs and inbox.links[-1] == (LinkState.UP, None))
        assert len(inbox.tariffs[0].slots) == 192

    asyncio.run(body())
    assert street.vtn.objects("vens") == []
    assert {seen.method for seen in street.vtn.history} == {"GET"}
    assert street.count("POST", "/auth/token") == 0


@pytest.mark.usecase("A1")
def test_a_vtn_in_the_home_is_found_and_its_address_leads_to_it(tmp_path: Path) -> None:
    street = Street(tmp_path, local=LocalVtn(name="Street VTN"))

    async def body() -> None:
        async with serving(street):
            async with asyncio.timeout(WITHIN_S):
                while not (found := [vtn for vtn in await find_vtns(("127.0.0.1",), 0.4) if vtn.name == "Street VTN"]):
                    pass
        assert [(vtn.url, vtn.version, vtn.needs_login) for vtn in found] == [(street.vtn.url, "3.1.1", True)]
        assert "HomeTariff" in found[0].programs

    asyncio.run(body())
