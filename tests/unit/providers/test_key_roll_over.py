"""A provider's new keys: whose word they need, from when they hold, and until when the old ones do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey
from provider_kit import (
    HUB_ENC_KEY,
    HUB_KEY,
    START,
    FakePost,
    RecordingInbox,
    Store,
    decision,
    public,
    signed,
    while_running,
)
from provider_kit import peer as known_peer

from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.jose import HubSigner
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import ServiceProvider
from kit.clocks import StandingClock

pytestmark = pytest.mark.usecase("W5", "W9")
OLD, NEW, NEWER = (ECKey.generate_key("P-256") for _ in range(3))
OLD_ENC, NEW_ENC, NEWER_ENC = (ECKey.generate_key("P-256") for _ in range(3))
DAY = timedelta(days=1)
Keys = tuple[dict[str, str], ...]


def pair(signing: ECKey, encryption: ECKey) -> list[dict[str, str]]:
    return [public(signing, "sig"), public(encryption, "enc")]


def roll(
    by: ECKey = OLD,
    to: ECKey = NEW,
    jti: str = "k-1",
    *,
    told: list[dict[str, str]] | None = None,
    until: datetime = START + DAY,
    proof_by: ECKey | None = None,
    proof_typ: str = "keys-proof+jws",
    **proven: Any,
) -> str:
    keys = told or pair(to, NEW_ENC if to is NEW else NEWER_ENC)
    claims = {"iss": "Csp", "aud": "Chub-0001", "jti": jti, "keys": keys, **proven}
    signer = proof_by or to
    header = {"alg": "ES256", "kid": signer.thumbprint(), "typ": proof_typ}
    proof = jws.serialize_compact(header, json.dumps(claims), signer, algorithms=["ES256"])
    return signed("keys+jws", jti, by, keys=keys, old_keys_until=until.isoformat(), proof=proof)


def offer(by: ECKey, jti: str) -> str:
    body = {
        "id": jti,
        "revision": 1,
        "kind": "power_feed",
        "binding": "owner_decides",
        "title": "Feed",
        "intervals": [{"start": "2026-01-18T18:00:00Z", "end": "2026-01-18T19:00:00Z", "setpoint_w": -3000}],
        "expires_at": "2026-01-18T17:00:00Z",
    }
    return signed("offer+jws", jti, by, life_s=5 * 86_400, offer=body)


class Home:
    """A hub with one provider; what is kept outlives it."""

    def __init__(self) -> None:
        self.clock, self.store, self.post = StandingClock(START), Store(), FakePost()
        self.peer = known_peer(keys=tuple(pair(OLD, OLD_ENC)))
        self.kept: list[tuple[str, Keys, datetime]] = []
        self.failure: Exception | None = None
        self.inbox = RecordingInbox(self.store)

    async def keep(self, sp_id: str, keys: Keys, until: datetime) -> None:
        if self.failure is not None:
            raise self.failure
        self.kept.append((sp_id, keys, until))
        self.peer = self.peer.with_keys(keys, until)

    def subject(self, peer: Peer | None = None) -> ServiceProvider:
        return EvcSp(
            mailbox=Mailbox(sp_id="evc_sp", ae_id="Csp", label="Evc"),
            peer=peer or self.peer,
            post=self.post,
            signer=HubSigner(HUB_KEY.as_pem(private=True).decode()),
            unsealer=HubUnsealer(HUB_ENC_KEY.as_pem(private=True).decode()),
            clock=self.clock,
            keys_changed=self.keep,
        )

    async def live(self, body: Callable[[ServiceProvider], Awaitable[None]]) -> None:
        """Start the hub from what is kept, and stop it after ``body``."""
        subject = self.subject()
        assert await while_running(subject, self.inbox, lambda: body(subject)) is None

    def take(self, *contents: str, live: bool = True) -> list[Any]:
        """What the hub does about ``contents`` in a life of its own."""
        self.inbox = RecordingInbox(self.store)

        async def body(subject: ServiceProvider) -> None:
            for content in contents:
                await subject.take(content, live=live)

        asyncio.run(self.live(body))
        return self.inbox.acts


def acted(*jtis: str) -> list[Any]:
    return [("offer", "evc_sp", jti, 1) for jti in jtis]


def test_new_keys_hold_at_once_and_old_ones_until_they_end() -> None:
    home = Home()
    assert home.take(roll(), offer(NEW, "n-1"), offer(OLD, "o-1")) == acted("n-1", "o-1")
    assert home.kept == [("evc_sp", tuple(pair(NEW, NEW_ENC)), START + DAY)]
    assert home.take(offer(NEW, "n-2"), offer(OLD, "o-2")) == acted("n-2", "o-2")
    home.clock.at = START + DAY
    assert home.take(offer(NEW, "n-3"), offer(OLD, "o-3")) == [*acted("n-3"), ("rejected", "expired")]


def test_without_overlap_old_keys_end_at_once() -> None:
    assert Home().take(roll(until=START), offer(OLD, "o-1")) == [("rejected", "expired")]


def test_what_old_keys_signed_and_was_done_is_nobodys_fault_when_the_mailbox_is_read_again() -> None:
    home = Home()
    lain = [offer(OLD, "o-1"), roll(), offer(NEW, "n-1")]
    assert home.take(*lain) == acted("o-1", "n-1")
    home.clock.at = START + timedelta(minutes=30)
    assert home.take(*lain, live=False) == []
    home.clock.at = START + 2 * DAY
    assert home.take(*lain, live=False) == []


@pytest.mark.usecase("W8")
def test_the_hub_seals_to_the_newest_key() -> None:
    home = Home()

    async def body(subject: ServiceProvider) -> None:
        await subject.take(roll(), live=True)
        await subject.deliver(decision(START + timedelta(hours=1)))

    asyncio.run(home.live(body))
    sealed = home.post.sent[0][2]
    assert jwe.decrypt_compact(sealed, NEW_ENC, algorithms=["ECDH-ES", "A256GCM"]).plaintext


def test_new_keys_are_kept_before_they_hold() -> None:
    home = Home()

    async def body(subject: ServiceProvider) -> None:
        home.failure = StoreUnavailable("The disk is full.")
        with pytest.raises(StoreUnavailable):
            await subject.take(roll(), live=True)
        await subject.take(offer(NEW, "n-1"), live=True)
        home.failure = None
        await subject.take(roll(), live=False)
        await subject.take(offer(NEW, "n-2"), live=True)

    asyncio.run(home.live(body))
    assert home.inbox.acts == [("rejected", "signature"), *acted("n-2")]
    assert len(home.kept) == 1


def test_a_hub_that_died_over_new_keys_takes_them_up() -> None:
    """They were kept, but the message was not yet done with: it comes again, signed with what is an old key now."""
    home = Home()

    async def dies(sp_id: str, keys: Keys, until: datetime) -> None:
        await home.keep(sp_id, keys, until)
        raise ZeroDivisionError

    async def main() -> None:
        subject = home.subject()
        subject._keys_changed = dies

        async def body() -> None:
            with pytest.raises(ProviderUnreachable):
                await subject.take(roll(), live=True)

        assert isinstance(await while_running(subject, home.inbox, body), ZeroDivisionError)

    asyncio.run(main())
    assert home.take(roll(), offer(NEW, "n-1"), live=False) == acted("n-1")
    assert len(home.kept) == 1


def test_a_replaced_key_cannot_bring_in_keys() -> None:
    home = Home()
    assert home.take(roll(), roll(OLD, NEWER, "k-2")) == [("rejected", "signature")]
    assert home.take(offer(NEWER, "x-1"), offer(NEW, "n-1")) == [("rejected", "signature"), *acted("n-1")]


def test_an_old_message_does_not_bring_old_keys_back() -> None:
    home = Home()
    first = roll()
    assert home.take(first, roll(NEW, NEWER, "k-2")) == []
    # Neither as it was nor under a number of its own: OLD is forgotten, NEW is replaced.
    assert home.take(first, roll(OLD, NEW, "k-3"), roll(NEW, NEW, "k-4")) == [("rejected", "signature")] * 3
    assert [keys for _, keys, _ in home.kept] == [tuple(pair(NEW, NEW_ENC)), tuple(pair(NEWER, NEWER_ENC))]


def test_a_repetition_has_no_effect() -> None:
    home = Home()
    message = roll()
    assert home.take(message, message, roll(NEW, NEW, "k-2")) == []
    assert home.take(message, live=False) == []
    assert len(home.kept) == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (roll(by=NEW), "signature"),
        (roll(proof_by=OLD), "signature"),
        (roll(proof_typ="keys+jws"), "schema"),
        (roll(iss="Cother"), "value"),
        (roll(aud="Chub-0002"), "value"),
        (roll(keys=pair(NEW, OLD_ENC)), "value"),
        (roll(until=START + timedelta(days=30, seconds=1)), "value"),
        (roll(told=[public(NEW, "sig")]), "schema"),
        (roll(told=[*pair(NEW, NEW_ENC), public(NEWER, "sig")]), "schema"),
        (roll(told=[public(NEW, "sig"), public(NEWER, "sig")]), "value"),
        (roll(told=[public(NEW, "sig"), {**public(NEW_ENC, "enc"), "d": "AAAA"}]), "value"),
        (roll(told=[public(NEW, "sig"), {**public(NEW_ENC, "enc"), "x": "AAAA"}]), "value"),
        (roll(told=[{**public(NEW, "sig"), "d": "AAAA"}, public(NEW_ENC, "enc")]), "value"),
        (roll(told=[{"kty": "oct", "k": "AAAA", "use": "sig"}, public(NEW_ENC, "enc")]), "value"),
    ],
)
def test_new_keys_that_are_not_in_order_are_refused(message: str, code: str) -> None:
    home = Home()
    assert home.take(message, offer(OLD, "o-1")) == [("rejected", code), *acted("o-1")]
    assert home.kept == []
