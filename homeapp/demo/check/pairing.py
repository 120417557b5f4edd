"""Pairing, enrolment and consent: nothing leaves the home before them."""

import asyncio

from homeapp import api
from homeapp.csms_side import LINK_ID
from homeapp.demo.check.scene import Scene
from homeapp.demo.commissioning import USUAL
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import HomeappError, ProviderRefused, ProviderUnreachable
from homeapp.model.live import LinkState


class PairingPart:
    """Its steps."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._street = scene.street

    async def enrolled(self) -> str:
        providers = self._street.providers
        await self._scene.commissioning.introduce()
        try:
            await self._scene.commissioning.pair("evc_sp")
            await self._scene.client.call(api.EnrolProvider(sp_id="evc_sp", user="Chub-0001-evc", password="guessed"))  # noqa: S106 - it is meant to be wrong
        except ProviderRefused as error:
            refusal = str(error).partition(".")[0]
        else:
            raise HomeappError("A wrong password enrolled the hub.")
        for sp_id in providers.customers:
            await self._scene.commissioning.pair(sp_id)
            await self._scene.commissioning.enrol(sp_id)
        issued = ", ".join(sorted(providers.registration.issued))
        return (
            f"paired by fingerprint; the registration authority (EST) issued {issued} for the hub's own key; "
            f"a wrong password: {refusal}"
        )

    async def nothing_has_left(self) -> str:
        counts = await self._street.uplink.count()
        if any(count.up_bytes or count.connections for count in counts.values()):
            raise HomeappError(f"Something has left before anybody agreed: {counts}.")
        seen = sum(
            len(company.records) + len(company.decisions) for company in self._street.providers.customers.values()
        )
        return f"before consent the communication operator carried 0 bytes in {len(counts)} flows; companies saw {seen}"

    async def agreed_and_connected(self) -> str:
        for sp_id, data_classes in USUAL.items():
            await self._scene.commissioning.agree(sp_id, data_classes)
        await self._scene.owner.wait(self._all_up)
        stranger = await self._turned_away()
        links = ", ".join(link.name for link in self._scene.owner.snapshot.providers)
        return f"each with a certificate of its own, mutual TLS: {links}; {stranger}"

    def _all_up(self) -> bool:
        links = self._scene.owner.snapshot.providers
        known = {link.sp_id for link in links}
        return known == {*USUAL, LINK_ID} and all(link.state is LinkState.UP for link in links)

    async def _turned_away(self) -> str:
        """Somebody with a certificate of the right name, by the wrong authority."""
        broker = self._street.providers.broker
        name = self._street.providers.hub_ae_ids["evc_sp"]
        context = await asyncio.to_thread(StreetAuthority().client_context, name)
        context.load_verify_locations(cadata=self._street.providers.authority.ca_pem.decode())
        try:
            async with asyncio.timeout(3):
                async with Onem2mApplication(name, Access(host=broker.host, port=broker.port, context=context)):
                    raise HomeappError("The broker let a stranger in.")
        except (TimeoutError, ProviderUnreachable):
            return f"the broker turned away a {name} of another authority"
