"""The hub's certificates over real TLS: enrolled, renewed, revoked, and what enrolment servers get wrong."""

import asyncio
import base64
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp import identity
from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.broker import Broker, BrokerProgram, installed_broker
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import EnrolmentPending, Login
from homeapp.enrolment.renewal import Renewal
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor, read_descriptor
from homeapp.providers.onem2m.mqtt_link import Inbound, LinkEnded, MqttLink, MqttVersion
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
WITHIN_S = 20.0
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


KEY_PEM = identity.hub_key_pem(MemorySecrets())


class MovedClock:
    """The machine's clock, which the test can put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.monotonic() + seconds, woken))
        await woken.wait()

    def put_forward(self, by: timedelta) -> None:
        self._ahead += by
        for until, woken in self._sleepers:
            if until <= self.monotonic():
                woken.set()


@dataclass
class Told:
    """What the hub's parts tell the hub."""

    flows: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    notices: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def flow(self, sp_id: str) -> None:
        self.flows.put_nowait(sp_id)

    def notice(self, code: str, sentence: str) -> None:
        assert sentence.endswith(".")
        self.notices.put_nowait(code)


def described(
    authority: StreetAuthority, *, est_url: str = "", crl_url: str = "", sp_id: str = "evc_sp", **more: Any
) -> str:
    fields: dict[str, Any] = {
        "sp_id": sp_id,
        "name": "EVC provider",
        "ae_id": "Cevc-sp",
        "signing_key": SigningKey().public_jwk,
        "encryption_key": SigningKey().public_jwk,
        "hub_ae_id": HUB,
    }
    address = OperatorAddress(
        broker_host="127.0.0.1", broker_port=1, ca_pem=authority.ca_pem.decode(), est_url=est_url, crl_url=crl_url
    )
    return descriptors.descriptor_json(Company(**fields | more), address)


@dataclass
class Street:
    authority: StreetAuthority
    server: EstServer
    descriptor: Descriptor
    certificates: FlowCertificates
    clock: MovedClock
    told: Told

    @property
    def enrolling(self) -> Enrolling:
        return Enrolling(self.certificates)

    async def enrol(self) -> None:
        login = Login(user=HUB, password=self.server.one_time_password(HUB))
        await self.enrolling.enrol(self.descriptor, login)

    async def flows(self) -> tuple[Descriptor, ...]:
        return (self.descriptor,)

    def renewal(self) -> Renewal:
        return Renewal(
            certificates=self.certificates,
            flows=self.flows,
            clock=self.clock,
            renewed=self.told.flow,
            notice=self.told.notice,
        )

    def revocation(self) -> Revocation:
        return Revocation(
            certificates=self.certificates,
            flows=self.flows,
            clock=self.clock,
            changed=self.told.flow,
            notice=self.told.notice,
        )

    def standing(self) -> Enrolment:
        return self.certificates.standing(self.descriptor).enrolment


def on_a_street(directory: Path, body: Callable[[Street], Awaitable[None]], *, with_list: bool = False) -> None:
    async def main() -> None:
        authority, clock = StreetAuthority(), MovedClock()
        async with EstServer(authority) as server, asyncio.timeout(60):
            text = described(authority, est_url=server.url, crl_url=server.crl_url if with_list else "")
            certificates = FlowCertificates(directory, KEY_PEM, clock.now)
            await body(Street(authority, server, read_descriptor(text), certificates, clock, Told()))

    asyncio.run(main())


async def first_of(wanted: Awaitable[object], work: "asyncio.Future[Any]") -> None:
    """Wait for what is wanted; where the work ends before it, that is the failure."""
    waiting = asyncio.ensure_future(wanted)
    await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        waiting.cancel()
        await work


@contextlib.asynccontextmanager
async def running(task: Awaitable[object]) -> AsyncIterator[None]:
    job = asyncio.ensure_future(task)
    try:
        yield
    finally:
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


async def until(seen: Callable[[], bool]) -> None:
    while not seen():
        await asyncio.sleep(0.01)


@pytest.mark.usecase("W4", "W9")
def test_the_hub_enrols_with_a_password_that_is_good_once(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        login = Login(user=HUB, password=street.server.one_time_password(HUB))
        await street.enrolling.enrol(street.descriptor, login)
        assert street.standing() is Enrolment.VALID
        kept = (tmp_path / "certificates" / "evc_sp.pem").read_bytes()
        assert kept == street.server.issued[HUB]
        with pytest.raises(ProviderRefused, match="good once"):
            await street.enrolling.enrol(street.descriptor, login)
        assert (tmp_path / "certificates" / "evc_sp.pem").read_bytes() == kept

    on_a_street(tmp_path, body)


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(("user", "password"), [(HUB, "wrong"), ("Chub-0002-evc", None), ("a:b", None), (HUB, "")])
def test_a_wrong_password_or_somebody_elses_gets_nothing(tmp_path: Path, user: str, password: str | None) -> None:
    async def body(street: Street) -> None:
        right = street.server.one_time_password(user)
        street.server.one_time_password(HUB)
        with pytest.raises(ProviderRefused):
            await street.enrolling.enrol(
                street.descriptor, Login(user=user, password=right if password is None else password)
            )
        assert street.server.issued == {}
        assert street.standing() is Enrolment.NEEDED

    on_a_street(tmp_path, body)


def test_a_request_that_a_person_looks_at_first_is_repeated_later(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        login = Login(user=HUB, password=street.server.one_time_password(HUB))
        street.server.pending_s = 90
        with pytest.raises(EnrolmentPending, match="2 min") as caught:
            await street.enrolling.enrol(street.descriptor, login)
        assert caught.value.retry_after_s == 90
        street.server.pending_s = None
        await street.enrolling.enrol(street.descriptor, login)
        assert street.standing() is Enrolment.VALID

    on_a_street(tmp_path, body)


@pytest.mark.usecase("W9")
def test_a_certificate_is_renewed_in_time_with_the_one_that_is_still_good(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        street.server.certificate_life = timedelta(hours=3)
        await street.enrol()
        first = street.server.issued[HUB]
        async with running(street.renewal().run()):
            street.clock.put_forward(timedelta(hours=1, minutes=50))
            await asyncio.sleep(0)
            assert street.server.issued[HUB] == first
            street.clock.put_forward(timedelta(minutes=20))
            assert await street.told.flows.get() == "evc_sp"
        assert street.server.issued[HUB] != first
        assert (tmp_path / "certificates" / "evc_sp.pem").read_bytes() == street.server.issued[HUB]
        assert street.told.notices.empty()

    on_a_street(tmp_path, body)


@pytest.mark.usecase("W9")
def test_renewal_goes_on_trying_while_the_server_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body(street: Street) -> None:
        await street.enrol()
        renewal = street.renewal()
        await street.server.__aexit__()
        street.clock.put_forward(timedelta(days=25))
        async with running(renewal.run()):
            await until(lambda: "does not answer" in caplog.text)
            async with street.server:
                # By now it sleeps for at most an hour.
                while street.told.flows.empty():
                    street.clock.put_forward(timedelta(minutes=1))
                    await asyncio.sleep(0.01)
        assert street.standing() is Enrolment.VALID

    on_a_street(tmp_path, body)


@pytest.mark.usecase("W9")
@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        ("expired", "certificate_expired.evc_sp"),
        ("refused", "certificate_not_renewed.evc_sp"),
        ("no server", "certificate_ends.evc_sp"),
    ],
)
def test_what_only_a_person_can_mend_is_told_once(tmp_path: Path, prepare: str, code: str) -> None:
    async def body(street: Street) -> None:
        await street.enrol()
        renewal = street.renewal()
        if prepare == "refused":
            street.server.revoke(HUB)
        if prepare == "no server":
            street.descriptor = read_descriptor(described(street.authority))
        street.clock.put_forward(timedelta(days=40 if prepare == "expired" else 25))
        async with running(renewal.run()):
            assert await street.told.notices.get() == code
            for _ in range(20):
                street.clock.put_forward(timedelta(hours=1))
                await asyncio.sleep(0.01)
        assert street.told.notices.empty()
        assert street.told.flows.empty()

    on_a_street(tmp_path, body)


def test_renewal_waits_for_a_person_at_the_operator_and_then_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def body(street: Street) -> None:
        await street.enrol()
        first = street.server.issued[HUB]
        street.server.pending_s = 3 * 3600
        street.clock.put_forward(timedelta(days=25))
        async with running(street.renewal().run()):
            await until(lambda: "looks at the request first" in caplog.text)
            street.server.pending_s = None
            for _ in range(17):
                street.clock.put_forward(timedelta(minutes=10))
                await asyncio.sleep(0.01)
            assert street.server.issued[HUB] == first
            street.clock.put_forward(timedelta(minutes=20))
            assert await street.told.flows.get() == "evc_sp"

    on_a_street(tmp_path, body)


@pytest.mark.usecase("W4", "W9")
def test_a_revoked_hub_learns_of_it_and_an_unchanged_list_changes_nothing(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        revocation = street.revocation()
        assert await revocation.fetch(street.descriptor)
        await street.enrol()
        assert not await revocation.fetch(street.descriptor)
        async with running(revocation.run()):
            street.server.revoke(HUB)
            street.clock.put_forward(timedelta(minutes=1))
            revocation.wake()
            assert await street.told.notices.get() == "certificate_revoked.evc_sp"
            assert await street.told.flows.get() == "evc_sp"
        assert street.standing() is Enrolment.REVOKED
        await street.enrol()
        assert street.standing() is Enrolment.VALID

    on_a_street(tmp_path, body, with_list=True)


@pytest.mark.usecase("W4")
def test_whoever_hears_of_a_new_list_may_have_all_looked_at_again(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        told: asyncio.Queue[str] = asyncio.Queue()

        async def wake(sp_id: str) -> None:
            revocation.wake()
            told.put_nowait(sp_id)

        revocation = Revocation(
            certificates=street.certificates,
            flows=street.flows,
            clock=street.clock,
            changed=wake,
            notice=street.told.notice,
        )
        work = asyncio.ensure_future(revocation.run())
        try:
            await first_of(told.get(), work)
            await street.enrol()
            street.server.revoke(HUB)
            revocation.wake()
            await first_of(told.get(), work)
        finally:
            work.cancel()

    on_a_street(tmp_path, body, with_list=True)


@pytest.mark.usecase("W4")
def test_the_list_is_fetched_again_before_it_is_out_of_date(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        street.server.list_life = timedelta(hours=1)
        async with running(street.revocation().run()):
            assert await street.told.flows.get() == "evc_sp"
            first = street.certificates.revocation_list(street.descriptor)
            street.server.forget_list()
            while street.certificates.revocation_list(street.descriptor) == first:
                street.clock.put_forward(timedelta(minutes=1))
                await asyncio.sleep(0.01)
        # Nobody else is revoked now: there is no reason to connect anew.
        assert street.told.flows.empty()
        assert street.told.notices.empty()

    on_a_street(tmp_path, body, with_list=True)


@pytest.mark.usecase("W4")
def test_a_list_that_is_kept_from_the_hub_opens_no_door(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        with pytest.raises(ProviderUnreachable, match="list of revoked"):
            await street.enrol()
        await street.revocation().fetch(street.descriptor)
        await street.enrol()
        await street.server.__aexit__()
        street.clock.put_forward(timedelta(days=2))
        async with running(street.revocation().run()):
            assert await street.told.notices.get() == "revocation_list_missing.evc_sp"

    on_a_street(tmp_path, body, with_list=True)


NOT_SIGNED = bytes.fromhex("300b06092a864886f70d010701")
"""PKCS #7 that is proper, but of the kind ``data``."""
GOOD_PKCS7 = "application/pkcs7-mime; smime-type=certs-only"
REDIRECT = HttpAnswer(302, b"", headers=(("Location", "https://127.0.0.1:1/"),))


@contextlib.asynccontextmanager
async def canned(authority: StreetAuthority, answer: Callable[[HttpRequest], HttpAnswer]) -> AsyncIterator[str]:
    """A server that says what it is told to; its base address."""

    async def respond(request: HttpRequest) -> HttpAnswer:
        return answer(request)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_connection(reader, writer, respond, None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context(), limit=LARGEST_HEAD)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/.well-known/est"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (HttpAnswer(200, b"", content_type="text/html"), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, b"!!", content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, base64.b64encode(b"garbage"), content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, base64.b64encode(NOT_SIGNED), content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, b"A" * 300_000, content_type=GOOD_PKCS7), ProviderUnreachable, "more data"),
        (HttpAnswer(200, b"A" * 300_000, content_type=GOOD_PKCS7, cut=True), ProviderUnreachable, "not answer"),
        (HttpAnswer(204, b""), ProviderUnreachable, "cannot use"),
        (REDIRECT, ProviderUnreachable, "cannot use"),
        (HttpAnswer(400, b"\x1b[2J"), ProviderRefused, "status 400"),
        (HttpAnswer(403, b""), ProviderRefused, "password"),
        (HttpAnswer(429, b""), ProviderUnreachable, "cannot use"),
        (HttpAnswer(500, b""), ProviderUnreachable, "cannot use"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, HttpAnswer) else "",
)
def test_servers_that_misbehave_get_a_sentence(
    tmp_path: Path, answer: HttpAnswer, error: type[Exception], words: str
) -> None:
    async def main() -> None:
        authority = StreetAuthority()
        async with canned(authority, lambda _: answer) as url:
            descriptor = read_descriptor(described(authority, est_url=url))
            with pytest.raises(error, match=words):
                await Enrolling(FlowCertificates(tmp_path, KEY_PEM)).enrol(descriptor, Login(user=HUB, password="once"))

    asyncio.run(main())


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("whose", ["another hub's", "a foreign authority's", "an expired one"])
def test_a_certificate_that_is_not_for_the_hub_is_refused_whoever_sends_it(tmp_path: Path, whose: str) -> None:
    async def main() -> None:
        authority = StreetAuthority()
        async with EstServer(authority) as server:

            def answer(request: HttpRequest) -> HttpAnswer:
                csr = x509.load_der_x509_csr(base64.b64decode(request.body)) if request.body else None
                pem = csr.public_bytes(Encoding.PEM) if csr else b""
                made = {
                    "another hub's": lambda: authority.issue_client(HUB).certificate_pem,
                    "a foreign authority's": lambda: StreetAuthority().sign_request(pem, HUB),
                    "an expired one": lambda: authority.sign_request(pem, HUB, life=timedelta(days=-1)),
                }
                found = [x509.load_pem_x509_certificate(made[whose]() if csr else authority.ca_pem)]
                der = pkcs7.serialize_certificates(found, Encoding.DER)
                return HttpAnswer(200, base64.b64encode(der), content_type=GOOD_PKCS7)

            async with canned(authority, answer) as url:
                descriptor = read_descriptor(described(authority, est_url=url))
                certificates = FlowCertificates(tmp_path, KEY_PEM)
                with pytest.raises(ProviderRefused, match="cannot be used"):
                    await Enrolling(certificates).enrol(descriptor, Login(user=HUB, password="once"))
                assert certificates.standing(descriptor).enrolment is Enrolment.NEEDED
            assert server.issued == {}

    asyncio.run(main())


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Once; unlike an asyncio server it says why it does not want to."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
        pass


@pytest.mark.usecase("W4")
def test_a_server_that_does_not_accept_the_hubs_certificate_needs_a_person(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        await street.enrol()
        context = StreetAuthority().server_context(require_client=True, credentials=street.authority.issue_server())
        # In TLS 1.3 the refusal comes after the handshake and may be lost where the connection is reset.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/.well-known/est"
            descriptor = read_descriptor(described(street.authority, est_url=url))
            shaking = asyncio.create_task(asyncio.to_thread(shake_hands, listener, context))
            with pytest.raises(ProviderRefused, match="does not accept the hub's certificate"):
                await street.enrolling.renew(descriptor)
            await shaking

    on_a_street(tmp_path, body)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b"", ProviderUnreachable),
        (200, b"x" * 2_000_000, ProviderUnreachable),
        (200, b"garbage", MessageRejected),
    ],
)
def test_lists_that_are_none_are_not_kept(tmp_path: Path, status: int, content: bytes, error: type[Exception]) -> None:
    async def main() -> None:
        authority, told = StreetAuthority(), Told()
        async with canned(authority, lambda _: HttpAnswer(status, content)) as url:
            descriptor = read_descriptor(described(authority, crl_url=url))
            certificates = FlowCertificates(tmp_path, KEY_PEM)
            revocation = Revocation(
                certificates=certificates,
                flows=lambda: asyncio.sleep(0, (descriptor,)),
                clock=MovedClock(),
                changed=told.flow,
                notice=told.notice,
            )
            with pytest.raises(error):
                await revocation.fetch(descriptor)
            assert certificates.revocation_list(descriptor) is None

    asyncio.run(main())


class Hub:
    """The hub's end of a flow: connects, acknowledges and notes what comes."""

    def __init__(self, broker: Broker) -> None:
        self.got: list[int] = []
        self._broker = broker
        self._link: MqttLink | None = None
        self._news = asyncio.Event()

    async def connect(self, tls: ssl.SSLContext) -> MqttLink:
        self._link = MqttLink(
            host=self._broker.host,
            port=self._broker.port,
            tls=tls,
            client_id=HUB,
            version=MqttVersion.V5,
            on_message=self._arrived,
            on_refused=lambda _: None,
        )
        await self._link.open([f"/oneM2M/req/id-in/{HUB}/json"])
        return self._link

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    def _arrived(self, message: Inbound) -> None:
        self.got.append(int(message.payload))
        if self._link is not None:
            self._link.acknowledge(message)
        self._news.set()

    async def until_got(self, number: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while number not in self.got:
                self._news.clear()
                await self._news.wait()


class Sender:
    """The CSE's end: sends numbered messages."""

    def __init__(self, broker: Broker) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="C::id-in")
        self._client.username_pw_set(broker.cse_user, broker.cse_password)
        self._client.tls_set(ca_certs=str(broker.ca_file))
        self._client.connect(broker.host, broker.cse_port)
        self._client.loop_start()
        self.sent = 0

    async def send(self, count: int) -> None:
        for _ in range(count):
            info = self._client.publish(f"/oneM2M/req/id-in/{HUB}/json", str(self.sent), qos=1)
            self.sent += 1
            await asyncio.to_thread(info.wait_for_publish, WITHIN_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@mosquitto_only
@pytest.mark.usecase("W4", "W9", "W6")
def test_renewal_and_revocation_of_the_old_certificate_lose_no_message(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        directory = tmp_path / "broker"
        directory.mkdir(mode=0o700)
        broker = Broker(directory, street.authority, BrokerProgram.MOSQUITTO)
        await broker.start()
        street.server.certificate_life = timedelta(hours=3)
        await street.enrol()
        old = street.server.issued[HUB]
        hub, sender = Hub(broker), Sender(broker)
        tls = street.certificates.context(street.descriptor)
        try:
            link = await hub.connect(tls)
            await sender.send(5)
            async with running(street.renewal().run()):
                street.clock.put_forward(timedelta(hours=2, minutes=10))
                sending = asyncio.ensure_future(sender.send(50))
                await street.told.flows.get()
                # The flow connects anew, with its persistent session, while messages keep coming.
                await link.close()
                link = await hub.connect(tls)
                await sending
            await hub.until_got(sender.sent - 1)
            assert sorted(set(hub.got)) == list(range(sender.sent))
            # The old certificate is worth nothing now; the context in use shows the new one.
            await broker.revoke(old)
            assert isinstance(await link.ended(), LinkEnded)
            link = await hub.connect(tls)
            await link.close()
            await broker.revoke(street.server.issued[HUB])
            with pytest.raises(LinkEnded):
                await hub.connect(tls)
            await hub.close()
        finally:
            await asyncio.to_thread(sender.close)
            await broker.stop()

    on_a_street(tmp_path, body)
