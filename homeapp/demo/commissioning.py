"""What an installer and the owner of the demo home do once: pair with the providers, enrol, agree to what may leave."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from homeapp import api
from homeapp.client import Client
from homeapp.demo.operator.descriptors import printed_fingerprint
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.errors import NotFound
from homeapp.model.consent import DataClass, SharingEntry
from homeapp.model.pairing import PairedProvider

USUAL = {
    "grid_sp": (DataClass.IDENTITY, DataClass.METERING),
    "evc_sp": (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING),
    "pev_sp": (DataClass.IDENTITY, DataClass.CHARGING, DataClass.HEALTH),
    "fleet": (DataClass.IDENTITY,),
}
"""What the owner of the demo home lets each provider have; where the car is is not among it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commissioning:
    """The installer's and the owner's part over the hub's contract.

    Attributes:
        client: a connection that may do all of it.
        providers: the companies of the street.
        ports: where the hub reaches the broker, by provider.
    """

    client: Client
    providers: ProvidersSide
    ports: dict[str, int]

    async def introduce(self) -> None:
        """Give the companies the hub's public keys."""
        card: str = await self.client.call(api.GetHubCard())
        keys = {key["use"]: key for key in json.loads(card)["keys"]}
        self.providers.trust_hub(keys["sig"], keys["enc"])

    async def pair(self, sp_id: str) -> PairedProvider:
        """Compare the fingerprint with the company's own print, and pair."""
        text = self.providers.descriptor(sp_id, self.ports[sp_id])
        return await self.client.call(api.PairProvider(text=text, fingerprint=printed_fingerprint(text)))

    async def enrol(self, sp_id: str) -> PairedProvider:
        """Get the certificate with a password for once."""
        ae_id = self.providers.hub_ae_ids[sp_id]
        password = self.providers.registration.one_time_password(ae_id)
        return await self.client.call(api.EnrolProvider(sp_id=sp_id, user=ae_id, password=password))

    async def agree(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        """Let the provider have these kinds of data, having read the words."""
        for data_class in data_classes:
            await self._decide(sp_id, data_class, granted=True)

    async def take_back(self, sp_id: str, data_class: DataClass) -> None:
        """Let the provider have this kind of data no more."""
        await self._decide(sp_id, data_class, granted=False)

    async def all(self) -> None:
        """Everything, with the usual consents."""
        await self.introduce()
        for sp_id in self.providers.customers:
            await self.pair(sp_id)
            await self.enrol(sp_id)
        for sp_id, data_classes in USUAL.items():
            await self.agree(sp_id, data_classes)

    async def entry(self, sp_id: str, data_class: DataClass) -> SharingEntry:
        """What the owner sees of this.

        Raises:
            NotFound: the provider does not ask for it.
        """
        for provider in await self.client.call(api.GetSharing()):
            for entry in provider.entries if provider.sp_id == sp_id else ():
                if entry.data_class is data_class:
                    return entry
        raise NotFound(f"{sp_id} does not ask for {data_class}.")

    async def _decide(self, sp_id: str, data_class: DataClass, *, granted: bool) -> None:
        words = await self.entry(sp_id, data_class)
        await self.client.call(
            api.SetConsent(sp_id=sp_id, data_class=data_class, granted=granted, text_version=words.text_version)
        )
