"""The providers' side of the demo street in one piece: authority, broker, CSE and the companies."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType

from homeapp.demo.operator.broker import Broker, BrokerProgram
from homeapp.demo.operator.cse import SystemOperatorCse
from homeapp.demo.operator.descriptors import Company, OperatorAddress, descriptor_json
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.operator.manufacturer import Manufacturer
from homeapp.demo.operator.onem2m_application import Access
from homeapp.demo.operator.package_server import PackageServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.service_provider import HubCorrespondent
from homeapp.demo.operator.service_providers import EvcServiceProvider, FleetControlCentre, PevServiceProvider
from homeapp.demo.operator.street_application import StreetApplication
from homeapp.errors import EnvironmentProblem
from homeapp.ports import Clock

_REGISTERED_S = 20.0
_SPREAD_S = 2
"""One home comes back alone: it need not wait for others."""
_FLOWS = {"evc_sp": "evc", "pev_sp": "pev", "fleet": "fleet"}
"""Ends of the hub's AE-IDs: each provider knows the hub by another one."""


class ProvidersSide:
    """Everything a hub meets beyond the home's own network, but for the grid operator.

    Use as an async context manager: inside, all of it runs and the companies are registered; afterwards nothing is
    left running.

    Attributes:
        hub_ae_ids: by provider, the AE-ID that the hub has to use there, and the common name of its certificate.
        authority: signs certificates.
        registration: where hubs get their certificates.
        broker, cse: may be restarted or killed to see what the hub does.
        evc_sp, pev_sp, fleet, manufacturer: the companies; from the moment it is entered.
        packages: where software is fetched; from the moment it is entered.
    """

    evc_sp: EvcServiceProvider
    pev_sp: PevServiceProvider
    fleet: FleetControlCentre
    manufacturer: Manufacturer
    packages: PackageServer

    def __init__(
        self, directory: Path, clock: Clock, *, hub_base: str = "Chub-0001", program: BrokerProgram | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            directory: a temporary folder of its own; keys of the street are kept there.
            clock: the street's.
            hub_base: what the hub's AE-IDs begin with.
            program: which broker; by default the installed one.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.hub_ae_ids: Mapping[str, str] = {sp_id: f"{hub_base}-{end}" for sp_id, end in _FLOWS.items()}
        self.authority = StreetAuthority()
        self.broker = Broker(directory, self.authority, program)
        self.cse = SystemOperatorCse(directory / "cse", self.broker, self.authority)
        self.registration = EstServer(self.authority)
        self._clock = clock
        self._stack = AsyncExitStack()

    @property
    def broker_host(self) -> str:
        """For the hub's setting of the same name."""
        return self.broker.host

    @property
    def broker_port(self) -> int:
        """For the hub's setting of the same name."""
        return self.broker.port

    @property
    def ca_file(self) -> Path:
        """For the hub's setting of the same name."""
        return self.broker.ca_file

    @property
    def customers(self) -> Mapping[str, HubCorrespondent]:
        """The companies that have the hub for a customer, by provider id."""
        return {company.sp_id: company for company in (self.evc_sp, self.pev_sp, self.fleet)}

    def enrol_hub(self, csr_pem: bytes, sp_id: str) -> bytes:
        """Sign the hub's certificate request (PEM) for one provider; return its certificate (PEM).

        Raises:
            MessageRejected: it is no proper request for the hub's AE-ID there with an EC P-256 key.
        """
        return self.authority.sign_request(csr_pem, self.hub_ae_ids[sp_id])

    def trust_hub(self, signing_jwk: Mapping[str, str], encryption_jwk: Mapping[str, str]) -> None:
        """Give the providers the hub's public keys."""
        for company in self.customers.values():
            company.trust_hub(signing_jwk, encryption_jwk)

    def descriptor(self, sp_id: str, broker_port: int | None = None) -> str:
        """What this provider hands to its customer, to pair with; JSON.

        Args:
            sp_id: which provider.
            broker_port: where its customer reaches the broker; by default the broker's own.
        """
        company = self.customers[sp_id]
        maker = (self.manufacturer.ae_id, self.manufacturer.public_jwk) if sp_id == self.pev_sp.sp_id else None
        operator = OperatorAddress(
            broker_host=self.broker.host,
            broker_port=broker_port or self.broker.port,
            ca_pem=self.authority.ca_pem.decode(),
            crl_url=self.registration.crl_url,
            est_url=self.registration.url,
            reconnect_spread_s=_SPREAD_S,
        )
        described = Company(
            sp_id=sp_id,
            name=company.name,
            ae_id=company.ae_id,
            signing_key=company.public_jwk,
            encryption_key=company.encryption_jwk,
            hub_ae_id=self.hub_ae_ids[sp_id],
            manufacturer=maker,
        )
        return descriptor_json(described, operator)

    async def __aenter__(self) -> "ProvidersSide":
        """Start all, the CSE after the broker and the companies after the CSE.

        Raises:
            EnvironmentProblem: a program cannot be started or does not answer.
            ProviderUnreachable: the broker vanished meanwhile.
        """
        try:
            async with AsyncExitStack() as stack:
                await self._open(stack)
                self._stack = stack.pop_all()
        except BaseExceptionGroup as group:
            raise _unwrapped(group) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._stack.__aexit__(kind, problem, trace)
        except BaseExceptionGroup as group:
            raise _unwrapped(group) from None

    async def _open(self, stack: AsyncExitStack) -> None:
        await self.broker.start()
        stack.push_async_callback(self.broker.stop)
        await self.cse.start()
        stack.push_async_callback(self.cse.stop)
        await stack.enter_async_context(self.registration)
        await self._found_companies()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(group.create_task(self.packages.run()).cancel)
        await self.packages.started()
        for company in self._companies():
            stack.callback(group.create_task(company.run()).cancel)
        await self._all_registered()

    def _companies(self) -> tuple[StreetApplication, ...]:
        return *self.customers.values(), self.manufacturer

    async def _found_companies(self) -> None:
        names = (EvcServiceProvider.ae_id, PevServiceProvider.ae_id, FleetControlCentre.ae_id, Manufacturer.ae_id)
        evc, pev, fleet, maker = [await asyncio.to_thread(self._access, name) for name in names]
        self.packages = PackageServer(await asyncio.to_thread(self.authority.server_context))
        self.evc_sp = EvcServiceProvider(evc, self._clock, self.hub_ae_ids["evc_sp"])
        self.pev_sp = PevServiceProvider(pev, self._clock, self.hub_ae_ids["pev_sp"])
        self.fleet = FleetControlCentre(fleet, self._clock, self.hub_ae_ids["fleet"])
        self.manufacturer = Manufacturer(maker, self._clock, lambda: self.pev_sp.public_jwk, self.packages)
        self.pev_sp.trust_manufacturer(self.manufacturer.public_jwk)

    def _access(self, name: str) -> Access:
        context = self.authority.client_context(name)
        return Access(host=self.broker.host, port=self.broker.port, context=context)

    async def _all_registered(self) -> None:
        for company in self._companies():
            try:
                await company.wait_for(partial(_is_registered, company), _REGISTERED_S)
            except TimeoutError as error:
                raise EnvironmentProblem(f"{company.name} could not register at the system operator.") from error


def _unwrapped(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong inside, without the wrapping of the task group, where it is one thing only."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group


def _is_registered(company: StreetApplication) -> bool:
    return company.registered
