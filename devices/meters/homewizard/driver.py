"""The HomeWizard driver: looks for a meter, pairs a candidate, opens an adopted one with the API it was seen with."""

import secrets
from zoneinfo import ZoneInfo

from devices.meters.homewizard import lookup
from devices.meters.homewizard.api_v1 import MeterV1
from devices.meters.homewizard.api_v2 import MeterV2
from devices.meters.homewizard.products import DRIVER, certificate_name, serial_of
from homeapp.model.device import AdoptedDevice, Candidate
from homeapp.ports import Clock, Meter


class HomeWizardDriver:
    """Makes HomeWizard meters; implements ``ports.MeterDriver``.

    Args:
        clock: times polls, silence and readings.
        time_zone: IANA name of the site's zone, in which the meters tell their time.
        ca_pem: one more certificate authority to trust beside the maker's, for meters that are simulated.
    """

    def __init__(self, *, clock: Clock, time_zone: str, ca_pem: str | None = None) -> None:
        self._clock = clock
        self._zone = ZoneInfo(time_zone)
        self._ca_pem = ca_pem
        # A name of its own per hub, because a second user of the same name would void the token of the first.
        self._user = f"homeapp-{secrets.token_hex(2)}"

    @property
    def name(self) -> str:
        return DRIVER

    async def look(self, address: str) -> Candidate:
        return await lookup.look(address, self._clock, self._ca_pem)

    async def pair(self, candidate: Candidate) -> str | None:
        if candidate.properties.get("api") == "v2":
            return await self._meter_v2(candidate, None).request_token(self._user)
        await self._meter_v1(candidate).test()
        return None

    def open(self, device: AdoptedDevice, secret: str | None) -> Meter:
        if device.properties.get("api") == "v2":
            return self._meter_v2(device, secret)
        return self._meter_v1(device)

    def _meter_v1(self, device: Candidate | AdoptedDevice) -> MeterV1:
        return MeterV1(device_id=device.device_id, address=device.address, clock=self._clock, zone=self._zone)

    def _meter_v2(self, device: Candidate | AdoptedDevice, token: str | None) -> MeterV2:
        serial = serial_of(device.device_id)
        return MeterV2(
            device_id=device.device_id,
            address=device.address,
            certificate_name=certificate_name(
                serial, device.properties.get("product_type", ""), device.properties.get("certificate_type", "")
            ),
            clock=self._clock,
            zone=self._zone,
            token=token,
            ca_pem=self._ca_pem,
        )
