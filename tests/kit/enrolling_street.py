"""An operator's enrolment server over TLS, and one flow's certificates at the hub."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeapp import identity
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import Login
from homeapp.enrolment.renewal import Renewal
from homeapp.enrolment.revocation import Revocation
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor, read_descriptor
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
KEY_PEM = identity.hub_key_pem(MemorySecrets())


class MovedClock:
    """The machine's clock, which the test can put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        self._lay_down = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        sleeper = (self.monotonic() + seconds, woken)
        self._sleepers.append(sleeper)
        self._lay_down.set()
        try:
            await woken.wait()
        finally:
            self._sleepers.remove(sleeper)

    async def put_forward_in_sleep(self, by: timedelta) -> None:
        """Not while the sleeper is at work: however slow the machine is, its work takes no time by this clock."""
        while not self._sleepers or any(woken.is_set() for _, woken in self._sleepers):
            self._lay_down.clear()
            await self._lay_down.wait()
        self.put_forward(by)

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

    expired: set[str] = field(default_factory=set)

    async def no_more(self, sp_id: str) -> None:
        self.expired.add(sp_id)

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
            expired=self.told.no_more,
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
