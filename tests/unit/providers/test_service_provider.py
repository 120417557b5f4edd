"""What a provider's messages do and do not do: once, in order, durably, and only what this provider may ask for."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey
from provider_kit import (
    ENC_KEY,
    EVERYTHING,
    HUB_ENC_KEY,
    HUB_KEY,
    KEY,
    START,
    FakePost,
    Kind,
    RecordingInbox,
    Store,
    decision,
    provider,
    public,
    signed,
    while_running,
)

from homeapp.errors import NotFound, ProviderRefused, ProviderUnreachable, SettingsInvalid, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import ReceiptLevel
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.fleet import Fleet
from homeapp.providers.pev_sp import PevSp
from homeapp.providers.sealing import Seal
from homeapp.providers.service_provider import ServiceProvider
from kit.clocks import StandingClock


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


def carry(contents: list[str], *, kind: Kind = EvcSp, live: bool = True, **changes: Any) -> RecordingInbox:
    inbox = RecordingInbox()

    async def main() -> None:
        subject = provider(kind, **changes)

        async def body() -> None:
            for content in contents:
                await subject.take(content, live=live)

        assert await while_running(subject, inbox, body) is None

    asyncio.run(main())
    return inbox


def health_check(jti: str = "m-1") -> str:
    body = {
        "id": "o-1",
        "revision": 1,
        "kind": "health_check",
        "binding": "owner_decides",
        "title": "Look into the car",
        "intervals": [{"start": "2026-01-15T12:00:00Z", "end": "2026-01-15T19:00:00Z"}],
        "expires_at": "2026-01-15T17:00:00Z",
    }
    return signed("offer+jws", jti, offer=body)


RECEIPT = {"id": "r-1", "decision_id": "dec-1", "confirmed": True}
ORDER = {"id": "po-1", "part": "Fan", "status": "shipped", "updated_at": "2026-01-15T11:00:00Z"}
OF_EACH_TYPE = {
    "offer": health_check("m-1"),
    "offer-cancel": signed("offer-cancel+jws", "m-2", offer_id="o-1"),
    "receipt": signed("receipt+jws", "m-3", receipt=RECEIPT),
    "defect": defect("m-4"),
    "order-status": signed("order-status+jws", "m-5", order=ORDER),
}


@pytest.mark.usecase("F5", "F10")
def test_each_type_of_message_has_its_effect() -> None:
    inbox = carry(list(OF_EACH_TYPE.values()), kind=PevSp)
    assert inbox.acts == [
        ("offer", "pev_sp", "o-1", 1),
        ("withdrawn", "pev_sp", "o-1"),
        ("receipt", "dec-1", True),
        ("health", "pev_sp", "d-1"),
        ("order", "pev_sp", "po-1", "shipped"),
    ]
    assert inbox.told[0] == ("link", LinkState.DOWN, None)


def test_what_is_sealed_to_the_hub_is_opened() -> None:
    sealed = Seal(public(HUB_ENC_KEY, "enc")).seal(offer())
    assert carry([sealed]).acts == [("offer", "evc_sp", "o-1", 1)]


@pytest.mark.usecase("W5")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EvcSp, "defect"),
        (EvcSp, "order-status"),
        (Fleet, "offer"),
        (Fleet, "offer-cancel"),
        (Fleet, "defect"),
        (Fleet, "order-status"),
    ],
)
def test_a_type_of_message_that_is_not_for_this_kind_of_provider_is_refused(kind: Kind, name: str) -> None:
    assert carry([OF_EACH_TYPE[name]], kind=kind).acts == [("rejected", "schema")]


@pytest.mark.usecase("W5")
@pytest.mark.parametrize("name", OF_EACH_TYPE)
def test_a_message_beyond_the_purposes_that_were_agreed_is_refused(name: str) -> None:
    others = tuple(purpose for purpose in EVERYTHING if purpose != name)
    assert carry([OF_EACH_TYPE[name]], kind=PevSp, purposes=others).acts == [("rejected", "purpose")]


@pytest.mark.usecase("W5")
@pytest.mark.parametrize(("kind", "request_"), [(EvcSp, health_check()), (PevSp, offer())])
def test_a_kind_of_request_that_is_another_providers_is_refused(kind: Kind, request_: str) -> None:
    assert carry([request_], kind=kind).acts == [("rejected", "purpose")]


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
def test_another_message_under_a_used_number_is_refused_and_told_also_after_a_restart() -> None:
    store = Store()

    async def main() -> list[list[Any]]:
        acts = []
        for contents in ([offer("m-1"), offer("m-1", "o-2")], [offer("m-1"), offer("m-1", "o-3")]):
            inbox, subject = RecordingInbox(store), provider()

            async def body(subject: ServiceProvider = subject, contents: list[str] = contents) -> None:
                for content in contents:
                    await subject.take(content, live=True)

            await while_running(subject, inbox, body)
            acts.append(inbox.acts)
        return acts

    assert asyncio.run(main()) == [[("offer", "evc_sp", "o-1", 1), ("rejected", "replay")], [("rejected", "replay")]]


@pytest.mark.usecase("W6")
def test_the_same_message_in_another_envelope_has_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    seal = Seal(public(HUB_ENC_KEY, "enc"))
    once = offer("m-1")
    with caplog.at_level("INFO"):
        inbox = carry([once, seal.seal(once), seal.seal(once)])
    assert inbox.acts == [("offer", "evc_sp", "o-1", 1)]
    assert caplog.text.count("m-1 came again; without effect") == 2


def test_a_message_with_wrong_content_is_told_once_also_after_a_restart() -> None:
    store = Store()
    acts: list[Any] = []

    async def main() -> None:
        wrong = signed("offer+jws", "m-9", offer={"id": "o-1"})
        for _ in range(3):
            inbox, subject = RecordingInbox(store), provider()
            await while_running(subject, inbox, lambda subject=subject: subject.take(wrong, live=False))
            acts.extend(inbox.acts)

    asyncio.run(main())
    assert acts == [("rejected", "schema")]


@pytest.mark.usecase("W6")
def test_a_forgery_is_told_once_and_the_next_message_is_dealt_with() -> None:
    forged = signed("offer+jws", key=ECKey.generate_key("P-256"), offer={})
    assert carry([forged, forged, offer("m-2")]).acts == [("rejected", "signature"), ("offer", "evc_sp", "o-1", 1)]


def test_a_verified_message_with_wrong_content_is_rejected_and_not_tried_again() -> None:
    wrong = signed("offer+jws", "m-9", offer={"id": "o-1"})
    assert carry([wrong, wrong]).acts == [("rejected", "schema")]


def test_out_of_date_messages_in_the_mailbox_are_nobodys_fault() -> None:
    async def main(live: bool) -> list[Any]:
        clock, inbox = StandingClock(START), RecordingInbox()
        clock.at = START + timedelta(hours=2)
        subject = provider(clock=clock)
        await while_running(subject, inbox, lambda: subject.take(offer(), live=live))
        return inbox.acts

    assert asyncio.run(main(True)) == [("rejected", "expired")]
    assert asyncio.run(main(False)) == []


def test_only_what_has_not_been_dealt_with_is_new() -> None:
    async def main() -> list[bool]:
        clock, inbox, found = StandingClock(START), RecordingInbox(), []

        async def twice(subject: ServiceProvider, message: str) -> None:
            found.extend([await subject.take(message, live=True), await subject.take(message, live=False)])

        for message, later in ((first := offer("m-1"), 0), (first, 0), (offer("m-2"), 2)):
            # A new one each time, as after a restart: what the ledger knows it learns from there.
            subject, clock.at = provider(clock=clock), START + timedelta(hours=later)
            await while_running(subject, inbox, lambda subject=subject, message=message: twice(subject, message))  # type: ignore[misc]
        return found

    assert asyncio.run(main()) == [True, False, False, False, False, False]


def test_a_message_from_the_future_is_dealt_with_when_its_time_has_come() -> None:
    async def main() -> list[Any]:
        clock, inbox, message = StandingClock(START), RecordingInbox(), offer()
        clock.at = START - timedelta(minutes=10)
        subject = provider(clock=clock)

        async def body() -> None:
            for live in (True, False):
                with pytest.raises(ProviderUnreachable, match="looked at again"):
                    await subject.take(message, live=live)
            clock.at = START
            await subject.take(message, live=False)

        await while_running(subject, inbox, body)
        return inbox.acts

    assert asyncio.run(main()) == [("rejected", "clock"), ("offer", "evc_sp", "o-1", 1)]


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


def opened_by_provider(compact: str) -> jws.CompactSignature:
    sealed = jwe.decrypt_compact(compact, ENC_KEY, algorithms=["ECDH-ES", "A256GCM"])
    opened = jws.deserialize_compact(sealed.plaintext or b"", HUB_KEY, algorithms=["ES256"])
    assert sealed.protected["cty"] == opened.headers()["typ"]
    return opened


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("status", [2001, 4105])
def test_a_decision_is_signed_sealed_named_after_itself_and_acknowledged(status: int) -> None:
    post = FakePost()
    post.status = status
    receipt = asyncio.run(provider(post=post).deliver(decision(START + timedelta(hours=1))))
    assert (receipt.level, receipt.decision_id, receipt.sp_id) == (ReceiptLevel.TRANSPORT, "dec-1", "evc_sp")
    [(container, name, compact, content_format)] = post.sent
    assert (container, name, content_format) == ("outEvc", "rsp-dec-1", "application/jose:0")
    assert receipt.size_bytes == len(compact)
    opened = opened_by_provider(compact)
    assert opened.headers()["typ"] == "decision+jws"
    assert json.loads(opened.payload)["aud"] == "Csp"


def record(record_id: str = "rec-1", data_class: DataClass = DataClass.METERING, **body: Any) -> DataRecord:
    return DataRecord(
        record_id=record_id,
        sp_id="evc_sp",
        data_class=data_class,
        kind=RecordKind.METERING,
        priority=Priority.METERING,
        created_at=START,
        not_after=START + timedelta(days=30),
        body={"energy_wh": 1200.5, **body},
    )


@pytest.mark.usecase("W1", "W8", "S3")
@pytest.mark.parametrize("status", [2001, 4105])
def test_a_record_is_signed_sealed_and_put_where_its_kind_belongs(status: int) -> None:
    post = FakePost()
    post.status = status
    size = asyncio.run(provider(post=post).disclose(record(id="x", at="y")))
    [(container, name, compact, content_format)] = post.sent
    assert (container, name, content_format) == ("metering", "rec-rec-1", "application/jose:0")
    assert size == len(compact)
    assert "1200" not in compact
    opened = opened_by_provider(compact)
    assert opened.headers()["typ"] == "metering+jws"
    claims = json.loads(opened.payload)
    assert (claims["iss"], claims["aud"], claims["jti"]) == ("Chub-0001", "Csp", "rec-1")
    assert claims["exp"] - claims["iat"] == 7 * 86_400
    assert claims["record"] == {"id": "rec-1", "at": "y", "energy_wh": 1200.5}


def test_a_record_says_when_it_was_made() -> None:
    post = FakePost()
    asyncio.run(provider(post=post).disclose(record()))
    assert json.loads(opened_by_provider(post.sent[0][2]).payload)["record"]["at"] == "2026-01-15T12:00:00Z"


def test_whatever_a_records_id_is_it_makes_one_name() -> None:
    post = FakePost()

    async def main() -> None:
        for record_id in ("a/b", "a/b", "é" * 200, "x" * 64):
            await provider(post=post).disclose(record(record_id))

    asyncio.run(main())
    names = [name for _, name, _, _ in post.sent]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"rec-[A-Za-z0-9._-]{1,64}", name) for name in names)


def test_a_record_of_a_kind_that_the_provider_has_no_use_for_does_not_leave() -> None:
    post = FakePost()
    with pytest.raises(ProviderRefused):
        asyncio.run(provider(post=post).disclose(record(data_class=DataClass.LOCATION)))
    clock = StandingClock(START)
    clock.at = START + timedelta(days=30)
    with pytest.raises(ProviderRefused):
        asyncio.run(provider(post=post, clock=clock).disclose(record()))
    assert post.sent == []


def test_what_is_to_be_erased_is_erased_by_the_session() -> None:
    post = FakePost()
    asyncio.run(provider(post=post).erase((DataClass.METERING,)))
    assert post.erased == [(DataClass.METERING,)]


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
    with pytest.raises(error):
        asyncio.run(provider(post=post).disclose(record()))


def test_a_decision_that_is_too_late_is_not_sent() -> None:
    post = FakePost()
    with pytest.raises(ProviderRefused):
        asyncio.run(provider(post=post).deliver(decision(START)))
    assert post.sent == []


@pytest.mark.parametrize(
    "keys",
    [
        ({"kty": "oct", "k": "AAAA", "use": "sig"}, public(ENC_KEY, "enc")),
        (public(KEY, "sig"),),
        (public(ENC_KEY, "enc"),),
        (public(KEY, "sig"), {**public(ENC_KEY, "enc"), "x": "AAAA"}),
        (public(KEY, "sig"), {"kty": "OKP", "crv": "X25519", "x": "AAAA", "use": "enc"}),
    ],
)
def test_a_provider_without_proper_keys_is_refused_at_start(keys: tuple[dict[str, str], ...]) -> None:
    with pytest.raises(SettingsInvalid):
        provider(keys=keys)
