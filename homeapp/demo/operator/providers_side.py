"""The providers' side of the demo street in one piece: authority, broker, CSE and the three companies."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType

from homeapp.demo.operator.broker import Broker, BrokerProgram
from homeapp.demo.operator.cse import SystemOperatorCse
from homeapp.demo.operator.onem2m_application import Access
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.service_provider import StreetApplication
from homeapp.demo.operator.service_providers import EvcServiceProvider, Manufacturer, PevServiceProvider
from homeapp.errors import EnvironmentProblem
from homeapp.ports import Clock

_REGISTERED_S = 20.0


class ProvidersSide:
    """Everything a hub meets beyond the home's own network, but for the grid operator.

    Use as an async context manager: inside, all of it runs and the companies are registered; afterwards nothing is
    left running.

    Attributes:
        hub_ae_id: the AE-ID that the hub has to use, and the common name of its certificate.
        authority: signs certificates.
        broker, cse: may be restarted or killed to see what the hub does.
        evc_sp, pev_sp, manufacturer: the companies; from the moment it is entered.
    """

    evc_sp: EvcServiceProvider
    pev_sp: PevServiceProvider
    manufacturer: Manufacturer

    def __init__(
        self, directory: Path, clock: Clock, *, hub_ae_id: str = "Chub-0001", program: BrokerProgram | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            directory: a temporary folder of its own; keys of the street are kept there.
            clock: the street's.
            hub_ae_id: see above.
            program: which broker; by default the installed one.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.hub_ae_id = hub_ae_id
        self.authority = StreetAuthority()
        self.broker = Broker(directory, self.authority, program)
        self.cse = SystemOperatorCse(directory / "cse", self.broker, self.authority)
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

    def enrol_hub(self, csr_pem: bytes) -> bytes:
        """Sign the hub's certificate request (PEM); return its certificate (PEM).

        Raises:
            MessageRejected: it is no proper request for ``hub_ae_id`` with an EC P-256 key.
        """
        return self.authority.sign_request(csr_pem, self.hub_ae_id)

    def trust_hub(self, jwk: Mapping[str, str]) -> None:
        """Let the providers accept what is signed with the hub's public key."""
        self.evc_sp.trust_hub(jwk)
        self.pev_sp.trust_hub(jwk)

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
        await self._found_companies()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for company in self._companies():
            stack.callback(group.create_task(company.run()).cancel)
        await self._all_registered()

    def _companies(self) -> tuple[StreetApplication, ...]:
        return self.evc_sp, self.pev_sp, self.manufacturer

    async def _found_companies(self) -> None:
        names = (EvcServiceProvider.ae_id, PevServiceProvider.ae_id, Manufacturer.ae_id)
        evc, pev, maker = [await asyncio.to_thread(self._access, name) for name in names]
        self.evc_sp = EvcServiceProvider(evc, self._clock, self.hub_ae_id)
        self.pev_sp = PevServiceProvider(pev, self._clock, self.hub_ae_id)
        self.manufacturer = Manufacturer(maker, self._clock, self.pev_sp.public_jwk)

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
