"""The grid operator's side over real HTTPS: the hub's VEN against the demo VTN."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.clock import SharedClock
from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.grid.prices import PriceCurve, PriceKind
from homeapp.demo.grid.store import Oddities
from homeapp.demo.grid.vtn import DemoVtn
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.identity import public_jwk
from homeapp.model.health import HealthAlert
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferKind, Receipt, ReceiptLevel
from homeapp.model.tariff import Tariff
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.provider import GridSp
from homeapp.providers.jose import HubSigner
from homeapp.settings import GridSpSettings

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
HUB = "Chub-0001"
SECRET = "canary-client-secret"
WITHIN_S = 20.0


class NotingInbox:
    """Notes what comes in, and lets a test wait for it."""

    def __init__(self) -> None:
        self.tariffs: list[Tariff] = []
        self.offers: list[Offer] = []
        self.withdrawals: list[str] = []
        self.receipts: list[Receipt] = []
        self.rejections: list[tuple[str, str]] = []
        self.links: list[tuple[LinkState, str | None]] = []
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        assert sp_id == "grid_sp"
        self._note(self.tariffs, tariff)

    async def offer(self, offer: Offer) -> None:
        self._note(self.offers, offer)

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self._note(self.withdrawals, offer_id)

    def open_offers(self, sp_id: str) -> tuple[str, ...]:
        return ()

    async def receipt(self, receipt: Receipt) -> None:
        self._note(self.receipts, receipt)

    async def health(self, alert: HealthAlert) -> None:
        raise AssertionError(alert)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        raise AssertionError(message_id)

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        self._note(self.rejections, (code, sentence))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self._note(self.links, (state, problem))

    def _note(self, list_: list[Any], item: object) -> None:
        list_.append(item)
        self._news.set()
        self._news = asyncio.Event()


class Street:
    """A VTN, a hub's key and everything that is needed to make its VEN."""

    def __init__(self, folder: Path, *, auto_confirm: bool = False, kind: PriceKind = PriceKind.NORMAL) -> None:
        self.clock = SharedClock(NOON, time.time(), SPEED)
        self.authority = StreetAuthority()
        self.ca_file = folder / "vtn-ca.pem"
        self.ca_file.write_bytes(self.authority.ca_pem)
        key_pem = _key_pem()
        self.signer = HubSigner(key_pem)
        self.vtn = DemoVtn(
            clock=self.clock,
            tls=self.authority.server_context(),
            client_id="ven-0001",
            client_secret=SECRET,
            prices=PriceCurve(kind),
            hub_key=public_jwk(key_pem),
            hub_id=HUB,
            auto_confirm=auto_confirm,
        )

    def ven(self, *, secret: str = SECRET, ca_file: Path | None = None, signer: HubSigner | None = None) -> GridSp:
        settings = GridSpSettings(
            name="Grid operator",
            vtn_url=self.vtn.url,
            client_id="ven-0001",
            ca_file=str(ca_file or self.ca_file),
            poll_s=1.0,
        )
        return GridSp(
            settings=settings, client_secret=secret, signer=signer or self.signer, hub_id=HUB, clock=self.clock
        )

    def offer(self, kind: DrKind = DrKind.LOAD_SHED, power_w: float = 1400.0, **terms: Any) -> DrOffer:
        start = self.clock.now().replace(microsecond=0) + timedelta(hours=3)
        return DrOffer(
            kind=kind,
            start=start,
            end=start + timedelta(hours=2),
            power_w=power_w,
            title="Charge less tonight",
            **terms,
        )

    def count(self, method: str, path: str) -> int:
        return sum((seen.method, seen.path) == (method, path) for seen in self.vtn.history)


def _key_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@asynccontextmanager
async def running(body: Coroutine[Any, Any, object]) -> AsyncGenerator[asyncio.Task[object], None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(body)
        try:
            yield task
        finally:
            task.cancel()


@asynccontextmanager
async def serving(street: Street) -> AsyncGenerator[None, None]:
    async with running(street.vtn.run()):
        await street.vtn.started()
        yield


@asynccontextmanager
async def following(ven: GridSp) -> AsyncGenerator[NotingInbox, None]:
    inbox = NotingInbox()
    async with running(ven.run(inbox)):
        yield inbox


def decision_about(offer: Offer, choice: Choice = Choice.ACCEPT) -> DecisionMessage:
    decision = Decision(
        decision_id=str(uuid.uuid4()),
        offer_key=offer.key,
        offer_revision=offer.revision,
        offer_digest=offer.digest(),
        choice=choice,
        decided_at=offer.issued_at,
        decided_by="owner",
    )
    return DecisionMessage(decision=decision, offer=offer, not_after=offer.end)


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
            await street.ven(signer=HubSigner(_key_pem())).deliver(forged)
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
        assert inbox.withdrawals == [event_id, cancelled]
        assert street.vtn.reports == []

    asyncio.run(body())


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
            assert [code for code, _ in inbox.rejections] == ["value"]
            assert len(inbox.tariffs[0].slots) == 96
            street.vtn.oddities = Oddities()
            await inbox.until(lambda: len(inbox.tariffs) == 2)
        assert len(inbox.tariffs[1].slots) == 192

    asyncio.run(body())


def test_an_event_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    street = Street(tmp_path)
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
            told = NotingInbox()
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
        assert [(ven["venName"], ven["clientID"]) for ven in street.vtn.objects("vens")] == [("homeapp", "ven-0001")]
        assert [seen.status for seen in street.vtn.history if (seen.method, seen.path) == ("POST", "/vens")] == [
            201,
            409,
        ]

    asyncio.run(body())
