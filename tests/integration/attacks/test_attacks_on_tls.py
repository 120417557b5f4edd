"""Certificates and protocols that must not get through, to the hub or to its operator: refused and logged."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp import identity
from homeapp.clock import SystemClock
from homeapp.demo.operator import descriptors, pki
from homeapp.demo.operator.broker import Broker, BrokerProgram, installed_broker
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import Credentials, StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import Login
from homeapp.enrolment.renewal import Renewal
from homeapp.enrolment.revocation_list import read_list
from homeapp.errors import ProviderUnreachable, SettingsInvalid
from homeapp.pairing.descriptor import Descriptor, read_descriptor
from homeapp.providers.onem2m.mqtt_link import LinkEnd, LinkEnded, MqttLink, MqttVersion
from homeapp.redaction import redacted
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
PROVIDER = "Cevc-sp"
OPERATOR, FOREIGN = StreetAuthority(), StreetAuthority()
DAY = timedelta(days=1)
ACCEPTED = b"\x20\x02\x00\x00"
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


KEY_PEM = identity.hub_key_pem(MemorySecrets())


def old_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """TLS 1.1 and nothing else; today's libraries need to be persuaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def showing(credentials: Credentials) -> ssl.SSLContext:
    return OPERATOR.server_context(credentials=credentials)


def revoked_server() -> ssl.SSLContext:
    credentials = OPERATOR.issue_server()
    OPERATOR.revoke(credentials.certificate_pem)
    return showing(credentials)


FALSE_SERVERS: dict[str, Callable[[], ssl.SSLContext]] = {
    "foreign": FOREIGN.server_context,
    "expired": lambda: showing(OPERATOR.issue_server(life=-DAY)),
    "revoked": revoked_server,
    "wrong host": lambda: showing(OPERATOR.issue_server(names=["m2m.example"], addresses=["192.0.2.1"])),
    "another provider's": lambda: showing(OPERATOR.issue_client(PROVIDER)),
    "TLS 1.1": lambda: old_tls(OPERATOR.server_context()),
}


class Server:
    """Shakes hands and notes what it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, context: ssl.SSLContext) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            self.heard += await reader.read(4096)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def descriptor_for(port: int) -> Descriptor:
    company = Company(
        sp_id="evc_sp",
        name="EVC provider",
        ae_id=PROVIDER,
        signing_key=SigningKey().public_jwk,
        encryption_key=SigningKey().public_jwk,
        hub_ae_id=HUB,
    )
    address = OperatorAddress(
        broker_host="127.0.0.1",
        broker_port=port,
        ca_pem=OPERATOR.ca_pem.decode(),
        est_url=f"https://127.0.0.1:{port}/.well-known/est",
        crl_url="http://127.0.0.1:9/revoked.crl",
    )
    return read_descriptor(descriptors.descriptor_json(company, address))


def enrolled(directory: Path, descriptor: Descriptor, now: Callable[[], datetime] | None = None) -> FlowCertificates:
    """A hub with a good certificate and the newest list."""
    certificates = FlowCertificates(directory, KEY_PEM, now)
    newest = read_list(OPERATOR.revocation_list(), OPERATOR.ca_pem.decode(), datetime.now(UTC), None)
    certificates.keep_list(descriptor, newest)
    request = certificates.request(descriptor).encode()
    certificates.bring_in(descriptor, OPERATOR.sign_request(request, HUB).decode())
    return certificates


def link_to(port: int, tls: ssl.SSLContext) -> MqttLink:
    return MqttLink(
        host="127.0.0.1",
        port=port,
        tls=tls,
        client_id=HUB,
        version=MqttVersion.V5,
        on_message=lambda _: None,
        on_refused=lambda _: None,
    )


def against(context: ssl.SSLContext, body: Callable[[Server], Awaitable[None]]) -> Server:
    server = Server()

    async def main() -> None:
        async with server.listening(context), asyncio.timeout(60):
            await body(server)

    asyncio.run(main())
    return server


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho leaves the socket of a failed handshake
@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("name", list(FALSE_SERVERS))
def test_the_hub_tells_a_false_broker_nothing(tmp_path: Path, name: str) -> None:
    async def body(server: Server) -> None:
        descriptor = descriptor_for(server.port)
        link = link_to(server.port, enrolled(tmp_path, descriptor).context(descriptor))
        try:
            with pytest.raises(LinkEnded) as caught:
                await link.open(["/oneM2M/req/id-in/x/json"])
            assert caught.value.end is LinkEnd.TLS_FAILED
        finally:
            await link.close()

    assert against(FALSE_SERVERS[name](), body).heard == b""


@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("name", list(FALSE_SERVERS))
def test_a_false_enrolment_server_learns_no_password(tmp_path: Path, name: str) -> None:
    async def body(server: Server) -> None:
        descriptor = descriptor_for(server.port)
        with pytest.raises(ProviderUnreachable):
            await Enrolling(enrolled(tmp_path, descriptor)).enrol(descriptor, Login(user=HUB, password="good once"))

    assert against(FALSE_SERVERS[name](), body).heard == b""


@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("name", list(FALSE_SERVERS))
def test_renewal_at_a_false_server_is_refused_and_logged(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(server: Server) -> None:
        descriptor, told = descriptor_for(server.port), asyncio.Event()
        certificates = enrolled(tmp_path, descriptor)
        before = certificates.standing(descriptor)

        async def flows() -> tuple[Descriptor, ...]:
            return (descriptor,)

        async def renewed(_sp_id: str) -> None:
            told.set()

        renewal = Renewal(
            certificates=certificates,
            flows=flows,
            clock=InThreeWeeks(),
            renewed=renewed,
            expired=renewed,
            notice=lambda code, sentence: None,
        )
        running = asyncio.ensure_future(renewal.run())
        while "evc_sp: renewal of its certificate: " not in caplog.text:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not told.is_set()
        assert certificates.standing(descriptor) == before

    assert against(FALSE_SERVERS[name](), body).heard == b""
    assert "could not prove who it is" in caplog.text or name == "TLS 1.1"
    assert "PRIVATE" not in redacted(caplog.text)


class InThreeWeeks(SystemClock):
    """When the certificate is due for renewal, and still good."""

    def now(self) -> datetime:
        return super().now() + 21 * DAY


def test_a_proper_server_is_believed(tmp_path: Path) -> None:
    """The others are refused for the one thing that is wrong with each."""

    async def body(server: Server) -> None:
        descriptor = descriptor_for(server.port)
        link = link_to(server.port, enrolled(tmp_path, descriptor).context(descriptor))
        with pytest.raises(LinkEnded) as caught:
            await link.open(["x"])
        await link.close()
        assert caught.value.end is LinkEnd.SILENT

    assert HUB.encode() in against(OPERATOR.server_context(), body).heard


def test_the_old_server_speaks_with_old_clients() -> None:
    async def body(server: Server) -> None:
        client = old_tls(OPERATOR.client_context())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.write(b"old")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    assert against(FALSE_SERVERS["TLS 1.1"](), body).heard == b"old"


def test_certificates_of_others_are_not_taken_for_the_hubs(tmp_path: Path) -> None:
    descriptor = descriptor_for(1)
    certificates = enrolled(tmp_path, descriptor)
    before = certificates.standing(descriptor)
    request = certificates.request(descriptor).encode()
    revoked = OPERATOR.sign_request(request, HUB)
    OPERATOR.revoke(revoked)
    newest = read_list(OPERATOR.revocation_list(), OPERATOR.ca_pem.decode(), datetime.now(UTC), None)
    certificates.keep_list(descriptor, newest)
    for pem in (
        OPERATOR.issue_client(PROVIDER).certificate_pem,
        OPERATOR.issue_client(HUB).certificate_pem,
        FOREIGN.sign_request(request, HUB),
        OPERATOR.sign_request(request, HUB, life=-DAY),
        revoked,
    ):
        with pytest.raises(SettingsInvalid):
            certificates.bring_in(descriptor, pem.decode())
    assert certificates.standing(descriptor) == before


def with_broker(
    directory: Path,
    body: Callable[[Broker, StreetAuthority], Awaitable[None]],
    program: BrokerProgram = BrokerProgram.MOSQUITTO,
) -> str:
    """Its log afterwards."""
    authority = StreetAuthority()
    broker = Broker(directory, authority, program)

    async def main() -> None:
        await broker.start()
        try:
            async with asyncio.timeout(60):
                await body(broker, authority)
        finally:
            await broker.stop()

    asyncio.run(main())
    return (directory / "broker.log").read_text()


def knock(port: int, context: ssl.SSLContext) -> bytes:
    """What the broker answers to a CONNECT (MQTT 3.1.1) as the hub."""
    packet = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(HUB).to_bytes(2, "big") + HUB.encode()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.sendall(bytes([0x10, len(packet)]) + packet)
        if answer := wrapped.recv(4):
            return answer
        raise ConnectionResetError("closed without a word")


def send_as_cse(broker: Broker, messages: list[tuple[str, str]]) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="C::id-in")
    client.username_pw_set(broker.cse_user, broker.cse_password)
    client.tls_set(ca_certs=str(broker.ca_file))
    client.connect(broker.host, broker.cse_port)
    client.loop_start()
    for receiver, text in messages:
        client.publish(f"/oneM2M/req/id-in/{receiver}/json", text, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def client_with(authority: StreetAuthority, credentials: Credentials | None) -> ssl.SSLContext:
    context = authority.client_context()
    if credentials is not None:
        pki._load(context, credentials)
    return context


@mosquitto_only
@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("whose", ["none", "foreign", "expired", "a server's", "TLS 1.1"])
def test_the_operator_turns_false_hubs_away_and_logs_it(tmp_path: Path, whose: str) -> None:
    async def body(broker: Broker, authority: StreetAuthority) -> None:
        made: dict[str, Callable[[], Credentials | None]] = {
            "none": lambda: None,
            "foreign": lambda: FOREIGN.issue_client(HUB),
            "expired": lambda: authority.issue_client(HUB, life=-DAY),
            "a server's": authority.issue_server,
            "TLS 1.1": lambda: authority.issue_client(HUB),
        }
        context = client_with(authority, made[whose]())
        if whose == "TLS 1.1":
            old_tls(context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(knock, broker.port, context)
        assert await asyncio.to_thread(knock, broker.port, client_with(authority, authority.issue_client(HUB)))

    assert "SSL routines" in with_broker(tmp_path, body)


@mosquitto_only
@pytest.mark.usecase("W4", "W9")
def test_the_operator_turns_a_revoked_hub_away_and_nobody_else(tmp_path: Path) -> None:
    async def body(broker: Broker, authority: StreetAuthority) -> None:
        revoked, good = authority.issue_client(HUB), authority.issue_client("Chub-0001-pev")
        link = link_to(broker.port, client_with(authority, revoked))
        await link.open([f"/oneM2M/req/id-in/{HUB}/json"])
        await broker.revoke(revoked.certificate_pem)
        assert (await link.ended()).end is LinkEnd.LOST
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(knock, broker.port, client_with(authority, revoked))
        assert await asyncio.to_thread(knock, broker.port, client_with(authority, good)) == ACCEPTED
        await link.close()

    assert "certificate verify failed" in with_broker(tmp_path, body)


@pytest.mark.usecase("W4", "W9")
def test_the_broker_for_machines_without_mosquitto_does_so_too(tmp_path: Path) -> None:
    pytest.importorskip("amqtt")

    async def body(broker: Broker, authority: StreetAuthority) -> None:
        revoked = authority.issue_client(HUB)
        context = client_with(authority, revoked)
        assert await asyncio.to_thread(knock, broker.port, context) == ACCEPTED
        await broker.revoke(revoked.certificate_pem)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(knock, broker.port, context)
        context = client_with(authority, authority.issue_client(HUB))
        assert await asyncio.to_thread(knock, broker.port, context) == ACCEPTED

    with_broker(tmp_path, body, BrokerProgram.AMQTT)


@mosquitto_only
@pytest.mark.usecase("W4", "W5")
def test_with_another_providers_valid_certificate_nobody_is_the_hub(tmp_path: Path) -> None:
    async def body(broker: Broker, authority: StreetAuthority) -> None:
        got: asyncio.Queue[bytes] = asyncio.Queue()
        refused: asyncio.Queue[int] = asyncio.Queue()
        link = MqttLink(
            host=broker.host,
            port=broker.port,
            tls=client_with(authority, authority.issue_client(PROVIDER)),
            client_id=HUB,
            version=MqttVersion.V5,
            on_message=lambda message: got.put_nowait(message.payload),
            on_refused=refused.put_nowait,
        )
        await link.open([f"/oneM2M/req/id-in/{HUB}/json", f"/oneM2M/req/id-in/{PROVIDER}/json"])
        number = link.publish(f"/oneM2M/req/{HUB}/id-in/json", b"{}")
        assert await refused.get() == number
        await asyncio.to_thread(send_as_cse, broker, [(HUB, "for the hub"), (PROVIDER, "for the provider")])
        assert await got.get() == b"for the provider"
        await link.close()

    # The log names who it was, not who it claimed to be.
    assert f"u'{PROVIDER}'" in with_broker(tmp_path, body)
