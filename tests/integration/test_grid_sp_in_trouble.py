"""What a VTN gets wrong, and what is wrong with it: told, survived, and no decision is lost."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.model.live import LinkState
from kit import cancelled_requests
from kit.grid_street import HUB, WITHIN_S, GridInbox, Street, decision_about, following, serving

pytestmark = cancelled_requests.MARKS

ODDITIES = {
    "dates without zone": Oddities(plain_dates=True),
    "tokens without life": Oddities(no_expiry=True),
    "no login discovery": Oddities(no_auth_server=True),
    "events of others": Oddities(foreign_events=True),
    "events twice": Oddities(duplicate_events=True),
    "all at once": Oddities(
        plain_dates=True, no_expiry=True, no_auth_server=True, foreign_events=True, duplicate_events=True
    ),
}


@pytest.mark.parametrize("oddities", ODDITIES.values(), ids=ODDITIES.keys())
def test_oddities_of_servers_in_the_field_change_nothing(tmp_path: Path, oddities: Oddities) -> None:
    street = Street(tmp_path)
    street.vtn.oddities = oddities

    async def body() -> None:
        async with serving(street), following(ven := street.ven()) as inbox:
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.tariffs and inbox.offers and inbox.links[-1][0] is LinkState.UP)
            await ven.deliver(decision_about(inbox.offers[0]))
            polls = street.count("GET", "/programs")
            await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
        assert (len(inbox.tariffs), len(inbox.offers), len(street.vtn.reports)) == (1, 1, 1)
        assert len(inbox.tariffs[0].slots) == 192
        assert max(slot.import_price for slot in inbox.tariffs[0].slots) < 1
        assert inbox.rejections == []
        assert street.vtn.reports[0].problem == ""

    asyncio.run(body())


@pytest.mark.parametrize("price", ["abc", "NaN", float("nan"), float("inf"), 100.01, "0.25"])
def test_an_event_with_a_senseless_price_is_refused_and_the_others_count(tmp_path: Path, price: str | float) -> None:
    street = Street(tmp_path)
    street.vtn.oddities = Oddities(bad_price=price)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            await inbox.until(lambda: inbox.tariffs)
            polls = street.count("GET", "/programs")
            await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
            assert inbox.rejections == [("grid_sp", "value")]
            assert len(inbox.tariffs[0].slots) == 96
            street.vtn.oddities = Oddities()
            await inbox.until(lambda: len(inbox.tariffs) == 2)
        assert len(inbox.tariffs[1].slots) == 192

    asyncio.run(body())


def test_an_event_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    street = Street(tmp_path)
    street.vtn.by_the_book = False
    broken: list[dict[str, Any]] = [
        {"intervals": "many"},
        {"intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": "-PT1H"}},
        {"intervals": [{"id": 0, "payloads": [{"type": "DISPATCH_SETPOINT", "values": ["lots"]}]}]},
        {"eventName": ["a", "list"], "priority": "high"},
    ]

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            period = {"intervalPeriod": {"start": "2027-01-15T15:00:00Z", "duration": "PT1H"}}
            for part in broken:
                street.vtn.publish_event({"programID": "program-demand-response", **period, **part})
            last = street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.offers and inbox.tariffs)
        assert [offer.offer_id for offer in inbox.offers] == [last]
        assert len(inbox.rejections) == len(broken)

    asyncio.run(body())


def test_more_events_than_fit_on_a_page(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            made = {street.vtn.publish_offer(street.offer()) for _ in range(120)}
            await inbox.until(lambda: len(inbox.offers) == 120)
        assert {offer.offer_id for offer in inbox.offers} == made

    asyncio.run(body())


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("forbidden", [False, True])
def test_a_dead_token_is_replaced_once(tmp_path: Path, *, forbidden: bool) -> None:
    street = Street(tmp_path)
    street.vtn.oddities = Oddities(forbidden_for_dead_token=forbidden)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            assert street.count("POST", "/auth/token") == 1
            street.vtn.revoke_tokens()
            street.vtn.publish_offer(street.offer())
            await inbox.until(lambda: inbox.offers)
        assert street.count("POST", "/auth/token") == 2
        assert [state for state, _ in inbox.links] == [LinkState.CONNECTING, LinkState.UP]

    asyncio.run(body())


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(("forbidden", "status"), [(False, 401), (True, 403)])
def test_a_forged_token_opens_nothing(tmp_path: Path, *, forbidden: bool, status: int) -> None:
    street = Street(tmp_path)
    street.vtn.oddities = Oddities(forbidden_for_dead_token=forbidden)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            async with httpx.AsyncClient(verify=street.authority.client_context(), trust_env=False) as forger:
                headers = {"Authorization": "Bearer forged"}
                for path in ("/programs", "/events", "/reports", "/vens"):
                    answer = await forger.get(street.vtn.url + path, headers=headers)
                    assert (answer.status_code, answer.json()["status"]) == (status, status)
                street.vtn.by_the_book = False
                posted = await forger.post(street.vtn.url + "/reports", headers=headers, json={"eventID": "x"})
                assert posted.status_code == status
                assert (await forger.get(street.vtn.url + "/events")).status_code == 401
        assert street.vtn.objects("reports") == []

    asyncio.run(body())


@pytest.mark.usecase("W4", "W6")
def test_a_server_that_the_authority_does_not_vouch_for_learns_nothing(tmp_path: Path) -> None:
    street = Street(tmp_path)
    other = tmp_path / "other-ca.pem"
    other.write_bytes(StreetAuthority().ca_pem)

    async def body() -> None:
        async with serving(street):
            ven = street.ven(ca_file=other)
            async with following(ven) as inbox:
                await inbox.until(lambda: inbox.links[-1:] and inbox.links[-1][0] is LinkState.DOWN)
            assert "could not prove who it is" in str(inbox.links[-1][1])
        assert (list(street.vtn.history), inbox.tariffs) == ([], [])

    asyncio.run(body())


def test_a_missing_authority_file_is_told_and_not_replaced_by_the_systems(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(street.ven(ca_file=tmp_path / "none.pem")) as inbox:
            await inbox.until(lambda: inbox.links[-1:] and inbox.links[-1][0] is LinkState.DOWN)
        assert "none.pem" in str(inbox.links[-1][1])
        assert list(street.vtn.history) == []

    asyncio.run(body())


@pytest.mark.usecase("W4", "W9")
def test_wrong_credentials_need_a_person_but_do_not_void_a_decision(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    street = Street(tmp_path)
    caplog.set_level("DEBUG")

    async def body() -> None:
        async with serving(street):
            async with following(street.ven()) as inbox:
                street.vtn.publish_offer(street.offer())
                await inbox.until(lambda: inbox.offers)
            stranger = street.ven(secret="canary-wrong-secret")
            told = GridInbox()
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(ProviderRefused, match="client id or secret"):
                    await stranger.run(told)
            assert told.links[-1][0] is LinkState.DOWN
            with pytest.raises(ProviderUnreachable):
                await stranger.deliver(decision_about(inbox.offers[0]))
        assert (told.tariffs, street.vtn.reports) == ([], [])

    asyncio.run(body())
    assert "canary" not in caplog.text


def test_the_vtn_goes_down_and_comes_back(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street):
            ven = street.ven()
        async with following(ven) as inbox:
            await inbox.until(lambda: inbox.links[-1:] and inbox.links[-1][0] is LinkState.DOWN)
            async with serving(street):
                await inbox.until(lambda: inbox.links[-1][0] is LinkState.UP)
                street.vtn.publish_offer(street.offer())
                await inbox.until(lambda: inbox.offers)
            message = decision_about(inbox.offers[0])
            with pytest.raises(ProviderUnreachable, match="does not answer"):
                await ven.deliver(message)
            await inbox.until(lambda: inbox.links[-1][0] is LinkState.DOWN)
            async with serving(street):
                await inbox.until(lambda: inbox.links[-1][0] is LinkState.UP)
                await ven.deliver(message)
                links = list(inbox.links)
        assert len(street.vtn.reports) == len(inbox.offers) == len(inbox.tariffs) == 1
        assert inbox.withdrawals == []
        states = [state for state, _ in links]
        assert states == [LinkState.CONNECTING, LinkState.DOWN, LinkState.UP, LinkState.DOWN, LinkState.UP]
        assert all(problem for state, problem in links if state is LinkState.DOWN)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("status", "error"), [(503, ProviderUnreachable), (429, ProviderUnreachable), (422, ProviderRefused)]
)
def test_what_the_vtn_answers_decides_whether_a_decision_is_tried_again(
    tmp_path: Path, status: int, error: type[Exception]
) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street):
            ven = street.ven()
            async with following(ven) as inbox:
                street.vtn.publish_offer(street.offer())
                await inbox.until(lambda: inbox.offers)
            street.vtn.problem_status = status
            with pytest.raises(error, match=str(status)):
                await ven.deliver(decision_about(inbox.offers[0]))
        assert street.vtn.reports == []

    asyncio.run(body())


def test_an_answer_beyond_a_megabyte_is_not_read(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street), following(street.ven()) as inbox:
            street.vtn.publish_event({"programID": "program-tariff", "eventName": "x" * 1_100_000})
            await inbox.until(lambda: inbox.links[-1:] and inbox.links[-1][0] is LinkState.DOWN)
        assert "more data" in str(inbox.links[-1][1])
        assert inbox.tariffs == []

    asyncio.run(body())


def test_the_ven_object_of_an_earlier_life_is_used_again(tmp_path: Path) -> None:
    street = Street(tmp_path)

    async def body() -> None:
        async with serving(street):
            for _ in range(2):
                async with following(street.ven()) as inbox:
                    await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
        assert [(ven["venName"], ven["clientID"]) for ven in street.vtn.objects("vens")] == [
            (f"homeapp-{HUB}", "ven-0001")
        ]
        assert [seen.status for seen in street.vtn.history if (seen.method, seen.path) == ("POST", "/vens")] == [
            201,
            409,
        ]

    asyncio.run(body())
