"""The hub's certificates over real TLS: enrolled, renewed, revoked."""

import asyncio
import ssl
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.demo.operator.broker import Broker, BrokerProgram, installed_broker
from homeapp.enrolment.est import EnrolmentPending, Login
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import ProviderRefused
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import read_descriptor
from homeapp.providers.onem2m.mqtt_link import Inbound, LinkEnded, MqttLink, MqttVersion
from kit import cancelled_requests
from kit.enrolling_street import HUB, Street, described, on_a_street, running, until

pytestmark = cancelled_requests.MARKS

WITHIN_S = 20.0
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


async def first_of(wanted: Awaitable[object], work: "asyncio.Future[Any]") -> None:
    """Wait for what is wanted; where the work ends before it, that is the failure."""
    waiting = asyncio.ensure_future(wanted)
    await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        waiting.cancel()
        await work


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
            # A pause that just begins is not cut short by this.
            while street.told.flows.empty():
                await street.clock.put_forward_in_sleep(timedelta(minutes=20))
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
                    await street.clock.put_forward_in_sleep(timedelta(minutes=1))
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
                await street.clock.put_forward_in_sleep(timedelta(hours=1))
        assert street.told.notices.empty()
        assert street.told.flows.empty()
        assert street.told.expired == ({"evc_sp"} if prepare == "expired" else set())

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
                await street.clock.put_forward_in_sleep(timedelta(minutes=10))
            assert street.server.issued[HUB] == first
            # A pause that just begins is not cut short by this.
            while street.told.flows.empty():
                await street.clock.put_forward_in_sleep(timedelta(minutes=20))
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
                await street.clock.put_forward_in_sleep(timedelta(minutes=1))
        # Nobody else is revoked now: there is no reason to connect anew.
        assert street.told.flows.empty()
        assert street.told.notices.empty()

    on_a_street(tmp_path, body, with_list=True)


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
