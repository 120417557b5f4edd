"""HomeWizard API v1: plain HTTP on port 80, no credentials, switched on by the owner in the maker's app.

The meter is not authenticated; its serial is asked for on each connect so that a reassigned address is noticed.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from zoneinfo import ZoneInfo

from devices.meters.homewizard.link import Answer, Endpoint, HttpLink, authority, http_link
from devices.meters.homewizard.measurement import V1_FIELDS, json_object, read_measurement
from devices.meters.homewizard.pace import poll
from devices.meters.homewizard.products import clean_serial, is_meter, serial_of
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotSupported, ProtocolError
from homeapp.model.readings import MeterReading
from homeapp.ports import Clock

PORT = 80


class MeterV1:
    """A meter that is polled once a second."""

    def __init__(self, *, device_id: str, address: str, clock: Clock, zone: ZoneInfo) -> None:
        self._device_id = device_id
        self._address = address
        self._clock = clock
        self._zone = zone

    @property
    def device_id(self) -> str:
        return self._device_id

    async def readings(self) -> AsyncIterator[MeterReading]:
        async with http_link(Endpoint(authority(self._address, PORT))) as link:
            await self._recognise(link)

            async def fetch() -> MeterReading:
                return await self._measurement(link)

            polled: AsyncGenerator[MeterReading, None] = poll(self._clock, fetch)
            async with aclosing(polled):
                async for reading in polled:
                    yield reading

    async def test(self) -> None:
        """Ask once for everything that ``readings`` needs.

        Raises:
            DeviceError: the meter cannot be read; the sentence says why.
        """
        async with http_link(Endpoint(authority(self._address, PORT))) as link:
            await self._recognise(link)
            await self._measurement(link)

    async def _recognise(self, link: HttpLink) -> None:
        about = json_object(checked(await link.request("GET", "/api")).body)
        if clean_serial(about.get("serial")) != serial_of(self._device_id):
            raise DeviceUnreachable(f"Another device than this meter answers at {self._address}.")
        product_type = about.get("product_type")
        if not isinstance(product_type, str) or not is_meter(product_type):
            raise NotSupported("This HomeWizard product is not a meter that the hub can use.")

    async def _measurement(self, link: HttpLink) -> MeterReading:
        answer = checked(await link.request("GET", "/api/v1/data"))
        return read_measurement(
            json_object(answer.body),
            V1_FIELDS,
            device_id=self._device_id,
            received_at=self._clock.now(),
            zone=self._zone,
        )


def checked(answer: Answer) -> Answer:
    """``answer`` where it is a success (API v1, "Error Handling")."""
    if answer.status == 200:
        return answer
    if answer.status == 403:
        raise DeviceRefused(
            "The meter keeps its local API closed. In the HomeWizard app, open the meter's settings and switch \"Local "
            'API" on.'
        )
    if answer.status >= 500:
        raise DeviceUnreachable(f"The meter is not ready (HTTP {answer.status}). Restart it if this goes on.")
    raise ProtocolError(f"The meter does not know the local API (HTTP {answer.status}). Update it in the app.")
