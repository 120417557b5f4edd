"""The providers' side as a whole: after the last word of owner and installer nothing of a provider goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp import api, audit
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import NotConsented
from homeapp.identity import HubKeys
from homeapp.identity.keys import key_pem
from homeapp.model.consent import DataClass
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.provider_side import Listeners, ProviderSide, Surroundings
from homeapp.settings import SecretPlace, Settings
from homeapp.store.database import Database
from homeapp.store.outbox import Outbox
from kit.clocks import StandingClock

OPERATOR = StreetAuthority()
LISTS = "revoked certificates"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_KEY_PEM = key_pem(ec.generate_private_key(ec.SECP256R1()))


class SleepersClock(StandingClock):
    """Nobody who sleeps ever wakes, and they are counted."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self._sleeping = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self._sleeping.release()
        await asyncio.Event().wait()

    async def asleep(self, tasks: int) -> None:
        """Until so many have gone to sleep."""
        async with asyncio.timeout(5):
            for _ in range(tasks):
                await self._sleeping.acquire()


class NoSecrets:
    place = SecretPlace.MACHINE_FILE

    def get(self, _name: str) -> str | None:
        return None

    def set(self, _name: str, _value: str) -> None:
        raise AssertionError

    def delete(self, _name: str) -> None:
        raise AssertionError

    def names(self) -> tuple[str, ...]:
        return ()

    def delete_all(self) -> None:
        raise AssertionError


class Home:
    """A providers' side without its long tasks."""

    def __init__(self, directory: Path, database: Database) -> None:
        async def receipt(_receipt: object) -> None:
            raise AssertionError

        clock = SleepersClock()
        self.outbox = Outbox(database, clock)
        nobody: Any = None
        self.notices: list[str] = []
        self.clock = clock
        self.side = ProviderSide(
            Surroundings(
                data_dir=directory,
                settings=Settings(),
                database=database,
                secrets=NoSecrets(),
                keys=HubKeys(sign_pem=_KEY_PEM, encryption_pem=_KEY_PEM),
                clock=clock,
                machine_clock=clock,
            ),
            outbox=self.outbox,
            inbox=nobody,
            tell=Listeners(
                receipt=receipt,
                notice=lambda code, _sentence: self.notices.append(code),
                failed=lambda name, error: None,
                sharing_changed=lambda: None,
                uplink_changed=lambda: None,
            ),
        )

    async def call(self, call: api.Call[Any], role: api.Role = api.Role.INSTALLER) -> Any:
        return await self.side.handlers()[type(call)](call, role)

    async def pair(self, sp_id: str = "pev_sp", crl_url: str = "") -> None:
        company = Company(
            sp_id=sp_id,
            name="Provider",
            ae_id=f"C{sp_id}",
            signing_key=SigningKey().public_jwk,
            encryption_key=SigningKey().public_jwk,
            hub_ae_id="Chub-0001",
            manufacturer=("Cmaker", SigningKey().public_jwk) if sp_id == "pev_sp" else None,
        )
        address = OperatorAddress(
            broker_host="m2m.example", broker_port=8883, ca_pem=OPERATOR.ca_pem.decode(), crl_url=crl_url
        )
        text = descriptors.descriptor_json(company, address)
        view = await self.call(api.ReadDescriptor(text=text))
        await self.call(api.PairProvider(text=text, fingerprint=view.fingerprint))

    async def agree(self, data_class: DataClass, sp_id: str = "pev_sp", *, granted: bool = True) -> None:
        version = next(
            entry.text_version
            for provider in self.side.sharing()
            if provider.sp_id == sp_id
            for entry in provider.entries
            if entry.data_class is data_class
        )
        call = api.SetConsent(sp_id=sp_id, data_class=data_class, granted=granted, text_version=version)
        await self.call(call, api.Role.OWNER)


def at_home(directory: Path, body: Callable[[Home], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            home = Home(directory, database)
            await home.side.load()
            await body(home)

    asyncio.run(main())


def record(number: int = 1) -> DataRecord:
    return DataRecord(
        record_id=f"r{number}",
        sp_id="pev_sp",
        data_class=DataClass.CHARGING,
        kind=RecordKind.PEV_STATE,
        priority=Priority.METERING,
        created_at=NOW,
        not_after=NOW + timedelta(days=1),
        body={"plugged": True},
    )


@pytest.mark.usecase("W8")
def test_of_an_unpaired_provider_nothing_is_looked_after_or_trusted_any_more(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.pair()
        assert home.side.authorities("pev_sp")
        await home.call(api.UnpairProvider(sp_id="pev_sp"))
        assert home.side.authorities("pev_sp") == ""
        assert home.side.manufacturer_key("pev_sp") is None
        assert home.side.name_of("pev_sp") == "pev_sp"
        assert home.side.sharing() == ()

    at_home(tmp_path, body)


@pytest.mark.usecase("W8")
def test_a_record_that_was_on_its_way_into_the_outbox_when_consent_was_taken_back_does_not_wait_there(
    tmp_path: Path,
) -> None:
    async def body(home: Home) -> None:
        await home.pair()
        for data_class in (DataClass.IDENTITY, DataClass.CHARGING):
            await home.agree(data_class)
        putting = asyncio.create_task(home.side.put(record()))
        await asyncio.sleep(0)
        taking_back = asyncio.create_task(home.agree(DataClass.CHARGING, granted=False))
        with pytest.raises(NotConsented):
            await putting
        await taking_back
        assert await home.outbox.waiting() == {}

    at_home(tmp_path, body)


class Listening:
    """Notes who connects, and hangs up."""

    def __init__(self) -> None:
        self.visits = 0
        self.visited = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> "Listening":
        self._server = await asyncio.start_server(self._visit, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _visit(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        self.visited.set()
        writer.close()


@pytest.mark.usecase("W8")
def test_without_consent_not_even_the_operator_of_the_platform_hears_of_the_home(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async with Listening() as operator:
            await home.pair(crl_url=f"http://127.0.0.1:{operator.port}/revoked.crl")
            tasks = [asyncio.ensure_future(home.side.bodies()[name]()) for name in ("certificates", LISTS)]
            await home.clock.asleep(2)
            assert operator.visits == 0
            await home.agree(DataClass.IDENTITY)
            async with asyncio.timeout(5):
                await operator.visited.wait()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    at_home(tmp_path, body)


@pytest.mark.usecase("W8")
def test_while_something_is_to_be_deleted_at_a_provider_the_way_to_it_is_looked_after(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async with Listening() as operator:
            await home.pair(crl_url=f"http://127.0.0.1:{operator.port}/revoked.crl")
            await home.agree(DataClass.IDENTITY)
            await home.agree(DataClass.IDENTITY, granted=False)
            task = asyncio.ensure_future(home.side.bodies()[LISTS]())
            async with asyncio.timeout(5):
                await operator.visited.wait()
            task.cancel()
            await asyncio.wait((task,))

    at_home(tmp_path, body)


@pytest.mark.usecase("W9")
def test_each_certificate_is_a_row_of_the_audit_log(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.pair()
        request = await home.call(api.GetCertificateRequest(sp_id="pev_sp"))
        pem = OPERATOR.sign_request(request.encode(), "Chub-0001").decode()
        view = await home.call(api.ImportCertificate(sp_id="pev_sp", pem=pem))
        assert view.not_after is not None
        *_, row = audit.read_rows(tmp_path)
        assert (row.kind, row.subject) == ("provider_certificate", "pev_sp")
        assert view.not_after.isoformat()[:19] in row.detail

    at_home(tmp_path, body)
