"""The owner of the demo home: does what a person does on the screen, through the same contract."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeapp import api
from homeapp.client import Client
from homeapp.demo.meter.homewizard import DemoMeter
from homeapp.errors import PairingPending
from homeapp.model.device import DeviceLink, DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.offer import Choice, OfferCase, OfferState

WAIT_S = 30.0


class Owner:
    """Watches everything and acts.

    All waits raise TimeoutError after ``WAIT_S`` real seconds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def look(self) -> None:
        """Watch all topics, as the screen does."""
        await self._client.watch(*api.Topic)
        await self.wait(lambda: set(self._client.latest) == set(api.Topic))

    @property
    def snapshot(self) -> Snapshot:
        """The newest live picture."""
        value = self._client.latest[api.Topic.SNAPSHOT]
        assert isinstance(value, Snapshot)  # noqa: S101 - the contract's type of this topic
        return value

    @property
    def cases(self) -> tuple[OfferCase, ...]:
        """The newest inbox."""
        value: Any = self._client.latest[api.Topic.OFFERS]
        return tuple(value)

    @property
    def devices(self) -> tuple[DeviceView, ...]:
        """The newest list of devices."""
        value: Any = self._client.latest[api.Topic.DEVICES]
        return tuple(value)

    async def wait(self, done: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        """Wait until ``done()`` is truthy; asked after every notification."""
        return await self._client.wait_until(done, timeout_s)

    async def finds(self, device_id: str) -> DeviceView:
        """Wait until this device is seen."""
        found: DeviceView = await self.wait(lambda: self.device(device_id))
        return found

    def device(self, device_id: str) -> DeviceView | None:
        """The device as it is listed now, or None."""
        return next((device for device in self.devices if device.device_id == device_id), None)

    async def adopts_meter(self, meter: DemoMeter, device_id: str) -> None:
        """Adopt the meter, pressing its button when the hub asks for it."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await self._client.call(api.AdoptDevice(device_id=device_id, name="Smart meter"))
                except PairingPending:
                    meter.press_button()
                else:
                    break
        await self.online(device_id)

    async def adopts(self, device_id: str, name: str) -> None:
        """Adopt a device and wait until it is online."""
        await self._client.call(api.AdoptDevice(device_id=device_id, name=name))
        await self.online(device_id)

    async def online(self, device_id: str) -> None:
        """Wait until an adopted device is online."""
        await self.wait(lambda: (seen := self.device(device_id)) and seen.adopted and seen.link is DeviceLink.ONLINE)

    async def receives(self, key: str) -> OfferCase:
        """Wait for a request that can be decided."""
        case: OfferCase = await self.wait(lambda: self.case(key, OfferState.PENDING))
        return case

    def case(self, key: str, *states: OfferState) -> OfferCase | None:
        """The request, if it stands in one of the states."""
        return next((c for c in self.cases if c.offer.key == key and (not states or c.state in states)), None)

    async def sets_pin(self, pin: str) -> None:
        """Choose the owner's PIN; from then on nobody decides without one, the owner included."""
        await self._client.call(api.SetPin(for_role=api.Role.OWNER, pin=pin))

    async def logs_in(self, pin: str) -> None:
        """Enter the PIN at the screen."""
        await self._client.call(api.LogIn(as_role=api.Role.OWNER, pin=pin))

    async def approves(self, case: OfferCase) -> OfferCase:
        """Tap Approve."""
        return await self._client.call(api.DecideOffer(key=case.offer.key, digest=case.digest, choice=Choice.ACCEPT))

    async def sees(self, key: str, *states: OfferState) -> OfferCase:
        """Wait until a request stands in one of the states."""
        case: OfferCase = await self.wait(lambda: self.case(key, *states))
        return case
