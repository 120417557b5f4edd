"""What a provider's messages do and do not do: once, in order, durably, and never to another provider's harm."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from homeapp.errors import NotFound, ProviderRefused, ProviderUnreachable, SettingsInvalid, StoreUnavailable
from homeapp.model.health import HealthAlert
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind, Receipt, ReceiptLevel
from homeapp.model.tariff import Tariff
from homeapp.ports import DecisionMessage
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.jose import HubSigner
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.pev_sp import PevSp
from homeapp.providers.service_provider import ServiceProvider
from homeapp.settings import ServiceProviderSettings

KEY = ECKey.generate_key("P-256")
HUB_KEY = ECKey.generate_key("P-256")
START = datetime(2026, 1, 15, 12, tzinfo=UTC)


class HandClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


class Store:
    """What survives the death of the hub: ids that were seen."""

    def __init__(self) -> None:
        self.ids: set[tuple[str, str]] = set()


class RecordingInbox:
    """A ProviderInbox that notes what it is told, and can be made to fail."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.told: list[Any] = []
        self.failure: Exception | None = None

    def _note(self, what: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.told.append(what)

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        raise AssertionError

    async def offer(self, offer: Offer) -> None:
        self._note(("offer", offer.sp_id, offer.offer_id, offer.revision))

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self._note(("withdrawn", sp_id, offer_id))

    async def receipt(self, receipt: Receipt) -> None:
        self._note(("receipt", receipt.decision_id, receipt.confirmed))

    async def health(self, alert: HealthAlert) -> None:
        self._note(("health", alert.sp_id, alert.alert_id))

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        known = (sp_id, message_id) in self.store.ids
        self.store.ids.add((sp_id, message_id))
        return known

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        assert sentence.endswith(".")
        self.told.append(("rejected", code))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self.told.append(("link", state, problem))

    @property
    def acts(self) -> list[Any]:
        return [what for what in self.told if what[0] != "link"]


class FakePost:
    """Answers with one status and keeps what was sent."""

    def __init__(self) -> None:
        self.status = 2001
        self.sent: list[tuple[str, str, str, str]] = []
        self.catch_ups = 0

    async def create_content(self, mailbox: Mailbox, name: str, content: str, content_format: str) -> int:
        self.sent.append((mailbox.outbox, name, content, content_format))
        return self.status

    def catch_up(self, mailbox: Mailbox) -> None:
        self.catch_ups += 1


def provider(
    kind: type[EvcSp] | type[PevSp] = EvcSp, post: FakePost | None = None, clock: HandClock | None = None
) -> ServiceProvider:
    settings = ServiceProviderSettings(name="EVC provider", ae_id="Csp", key=KEY.as_dict(private=False))
    return kind(
        mailbox=Mailbox(sp_id=kind.SP_ID, ae_id="Csp", label=kind.LABEL),
        settings=settings,
        hub_id="Chub-0001",
        post=post or FakePost(),
        signer=HubSigner(HUB_KEY.as_pem(private=True).decode()),
        clock=clock or HandClock(),
    )


def signed(typ: str, jti: str = "m-1", key: ECKey = KEY, **body: Any) -> str:
    issued = int(START.timestamp())
    claims = {"iss": "Csp", "aud": "Chub-0001", "jti": jti, "iat": issued, "exp": issued + 3600, **body}
    header = {"alg": "ES256", "kid": key.thumbprint(), "typ": typ}
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["ES256"])


def offer(jti: str = "m-1", offer_id: str = "o-1", revision: int = 1) -> str:
    body = {
        "id": offer_id,
        "revision": revision,
        "kind": "power_feed",
        "binding": "owner_decides",
        "title": "Feed",
        "intervals": [{"start": "2026-01-15T18:00:00Z", "end": "2026-01-15T19:00:00Z", "setpoint_w": -3000}],
        "expires_at": "2026-01-15T17:00:00Z",
    }
    return signed("offer+jws", jti, offer=body)


def defect(jti: str = "m-1") -> str:
    body = {"id": "d-1", "severity": "warning", "title": "Fan", "found_at": "2026-01-15T11:00:00Z"}
    return signed("defect+jws", jti, defect=body)


async def while_running(
    subject: ServiceProvider, inbox: RecordingInbox, body: Callable[[], Awaitable[None]]
) -> BaseException | None:
    """Run ``body`` beside the provider; what ended the provider, or None where it had to be cancelled."""
    task = asyncio.create_task(subject.run(inbox))
    await asyncio.sleep(0)
    await body()
    task.cancel()
    result = (await asyncio.gather(task, return_exceptions=True))[0]
    return None if isinstance(result, asyncio.CancelledError) else result


def carry(contents: list[str], *, kind: type[EvcSp] | type[PevSp] = EvcSp, live: bool = True) -> RecordingInbox:
    inbox = RecordingInbox()

    async def main() -> None:
        subject = provider(kind)

        async def body() -> None:
            for content in contents:
                await subject.take(content, live=live)

        assert await while_running(subject, inbox, body) is None

    asyncio.run(main())
    return inbox


def test_each_kind_of_message_has_its_effect() -> None:
    receipt = {"id": "r-1", "decision_id": "dec-1", "confirmed": True}
    inbox = carry(
        [
            offer("m-1"),
            signed("offer-cancel+jws", "m-2", offer_id="o-1"),
            signed("receipt+jws", "m-3", receipt=receipt),
            defect("m-4"),
        ],
        kind=PevSp,
    )
    assert inbox.acts == [
        ("offer", "pev_sp", "o-1", 1),
        ("withdrawn", "pev_sp", "o-1"),
        ("receipt", "dec-1", True),
        ("health", "pev_sp", "d-1"),
    ]
    assert inbox.told[0] == ("link", LinkState.DOWN, None)


def test_a_defect_of_the_car_is_not_for_the_charging_provider_to_tell() -> None:
    assert carry([defect()], kind=EvcSp).acts == [("rejected", "schema")]


def test_the_same_message_acts_once_in_whatever_envelope() -> None:
    first = offer("m-1")
    assert carry([first, first, offer("m-1")]).acts == [("offer", "evc_sp", "o-1", 1)]


def test_a_message_that_was_dealt_with_is_still_known_after_a_restart() -> None:
    """The cancellation of an old offer must not take back the new one when the inbox is read again."""
    store = Store()
    contents = [offer("m-1"), signed("offer-cancel+jws", "m-2", offer_id="o-1"), offer("m-3", revision=2)]

    async def main() -> list[RecordingInbox]:
        inboxes = [RecordingInbox(store), RecordingInbox(store)]
        for inbox in inboxes:
            subject = provider()

            async def body(subject: ServiceProvider = subject) -> None:
                for content in contents:
                    await subject.take(content, live=False)

            await while_running(subject, inbox, body)
        return inboxes

    before, after = asyncio.run(main())
    assert [act[0] for act in before.acts] == ["offer", "withdrawn", "offer"]
    assert after.acts == []


@pytest.mark.usecase("W6")
def test_a_forgery_is_told_once_and_the_next_message_is_dealt_with() -> None:
    forged = signed("offer+jws", key=ECKey.generate_key("P-256"), offer={})
    assert carry([forged, forged, offer("m-2")]).acts == [("rejected", "signature"), ("offer", "evc_sp", "o-1", 1)]


def test_a_verified_message_with_wrong_content_is_rejected_and_not_tried_again() -> None:
    wrong = signed("offer+jws", "m-9", offer={"id": "o-1"})
    assert carry([wrong, wrong]).acts == [("rejected", "schema")]


def test_out_of_date_messages_in_the_mailbox_are_nobodys_fault() -> None:
    async def main(live: bool) -> list[Any]:
        clock, inbox = HandClock(), RecordingInbox()
        clock.at = START + timedelta(hours=2)
        subject = provider(clock=clock)
        await while_running(subject, inbox, lambda: subject.take(offer(), live=live))
        return inbox.acts

    assert asyncio.run(main(True)) == [("rejected", "expired")]
    assert asyncio.run(main(False)) == []


def test_a_message_from_the_future_is_dealt_with_when_its_time_has_come() -> None:
    async def main() -> list[Any]:
        clock, inbox = HandClock(), RecordingInbox()
        clock.at = START - timedelta(minutes=10)
        subject = provider(clock=clock)

        async def body() -> None:
            await subject.take(offer(), live=True)
            clock.at = START
            await subject.take(offer(), live=False)

        await while_running(subject, inbox, body)
        return inbox.acts

    assert asyncio.run(main()) == [("rejected", "expired"), ("offer", "evc_sp", "o-1", 1)]


def test_a_message_that_could_not_be_stored_is_not_done_until_it_is() -> None:
    async def main() -> RecordingInbox:
        inbox = RecordingInbox()
        subject = provider()

        async def body() -> None:
            inbox.failure = StoreUnavailable("The disk is full.")
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await subject.take(offer(), live=True)
            inbox.failure = None
            await subject.take(offer(), live=False)
            await subject.take(offer(), live=False)

        assert await while_running(subject, inbox, body) is None
        return inbox

    assert asyncio.run(main()).acts == [("offer", "evc_sp", "o-1", 1)]


def test_a_message_the_hub_died_over_is_dealt_with_after_its_restart() -> None:
    async def main() -> RecordingInbox:
        store = Store()
        store.ids.add(("evc_sp", "begun m-1"))
        inbox = RecordingInbox(store)
        subject = provider()

        async def body() -> None:
            await subject.take(offer(), live=False)
            await subject.take(offer(), live=False)

        await while_running(subject, inbox, body)
        return inbox

    assert asyncio.run(main()).acts == [("offer", "evc_sp", "o-1", 1)]


def test_a_word_about_an_unknown_decision_has_no_effect_and_is_done_with() -> None:
    async def main() -> RecordingInbox:
        inbox = RecordingInbox()
        inbox.failure = NotFound("There is no such decision.")
        subject = provider()
        receipt = {"id": "r-1", "decision_id": "dec-1", "confirmed": True}
        await while_running(subject, inbox, lambda: subject.take(signed("receipt+jws", receipt=receipt), live=True))
        return inbox

    assert asyncio.run(main()).acts == []


def test_what_goes_wrong_inside_ends_this_providers_task_and_is_not_dealt_with() -> None:
    async def main() -> tuple[BaseException | None, int]:
        inbox, post = RecordingInbox(), FakePost()
        inbox.failure = ZeroDivisionError()
        subject = provider(post=post)

        async def body() -> None:
            with pytest.raises(ProviderUnreachable):
                await subject.take(offer(), live=True)

        ended = await while_running(subject, inbox, body)
        with pytest.raises(ProviderUnreachable):
            await subject.take(offer(), live=True)
        inbox.failure = None
        await while_running(subject, inbox, lambda: subject.take(offer(), live=False))
        assert inbox.acts == [("offer", "evc_sp", "o-1", 1)]
        return ended, post.catch_ups

    ended, catch_ups = asyncio.run(main())
    assert isinstance(ended, ZeroDivisionError)
    assert catch_ups == 2


def test_link_changes_reach_the_inbox_of_a_running_provider() -> None:
    async def main() -> RecordingInbox:
        inbox, subject = RecordingInbox(), provider()
        subject.link_changed(LinkState.CONNECTING, "The broker is away.")

        async def body() -> None:
            subject.link_changed(LinkState.UP, None)

        await while_running(subject, inbox, body)
        subject.link_changed(LinkState.DOWN, None)
        return inbox

    assert asyncio.run(main()).told == [
        ("link", LinkState.CONNECTING, "The broker is away."),
        ("link", LinkState.UP, None),
    ]


def decision(not_after: datetime) -> DecisionMessage:
    asked = Offer(
        offer_id="o-1",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=START,
        expires_at=START + timedelta(hours=1),
        intervals=(OfferInterval(start=START + timedelta(hours=2), end=START + timedelta(hours=3), setpoint_w=-3000),),
        title="Feed",
    )
    made = Decision(
        decision_id="dec-1",
        offer_key=asked.key,
        offer_revision=1,
        offer_digest=asked.digest(),
        choice=Choice.ACCEPT,
        decided_at=START,
        decided_by="owner",
    )
    return DecisionMessage(decision=made, offer=asked, not_after=not_after)


@pytest.mark.parametrize("status", [2001, 4105])
def test_a_decision_is_signed_named_after_itself_and_acknowledged(status: int) -> None:
    post = FakePost()
    post.status = status
    receipt = asyncio.run(provider(post=post).deliver(decision(START + timedelta(hours=1))))
    assert (receipt.level, receipt.decision_id, receipt.sp_id) == (ReceiptLevel.TRANSPORT, "dec-1", "evc_sp")
    [(container, name, compact, content_format)] = post.sent
    assert (container, name, content_format) == ("outEvc", "rsp-dec-1", "application/jose:0")
    opened = jws.deserialize_compact(compact, HUB_KEY, algorithms=["ES256"])
    assert opened.headers()["typ"] == "decision+jws"
    assert json.loads(opened.payload)["aud"] == "Csp"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (4000, ProviderRefused),
        (4102, ProviderRefused),
        (5207, ProviderRefused),
        (4004, ProviderUnreachable),
        (4103, ProviderUnreachable),
        (5000, ProviderUnreachable),
        (0, ProviderUnreachable),
    ],
)
def test_only_what_is_certain_is_final(status: int, error: type[Exception]) -> None:
    post = FakePost()
    post.status = status
    with pytest.raises(error):
        asyncio.run(provider(post=post).deliver(decision(START + timedelta(hours=1))))


def test_a_decision_that_is_too_late_is_not_sent() -> None:
    post = FakePost()
    with pytest.raises(ProviderRefused):
        asyncio.run(provider(post=post).deliver(decision(START)))
    assert post.sent == []


def test_a_provider_without_a_proper_key_is_refused_at_start() -> None:
    settings = ServiceProviderSettings(name="x", ae_id="Csp", key={"kty": "oct", "k": "AAAA"})
    with pytest.raises(SettingsInvalid):
        EvcSp(
            mailbox=Mailbox(sp_id="evc_sp", ae_id="Csp", label="Evc"),
            settings=settings,
            hub_id="C",
            post=FakePost(),
            signer=HubSigner(HUB_KEY.as_pem(private=True).decode()),
            clock=HandClock(),
        )
