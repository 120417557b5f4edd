"""Settings are applied while a car charges: no more than it was allowed before, and one charging session all along."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from homeapp import api
from homeapp.client import connect, connect_again
from homeapp.demo.charger.watch import Observation
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.model.plan import ChargingMode

WAIT_S = 60.0
FLOOR_W = 6 * 230 * 3


class Gap:
    """What the charger does from now on until the hub commands it again."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._before = street.station.observation
        self.seen: list[Observation] = []

    async def lasts_until(self, done: Callable[[Observation], bool]) -> Observation:
        def noted(seen: Observation) -> bool:
            self.seen.append(seen)
            return done(seen)

        return await self._street.station.wait_for(noted, WAIT_S)

    def check(self) -> None:
        """Its floor or what it was allowed before, and the same session."""
        assert any(not seen.connected for seen in self.seen), "the hub was gone"
        for seen in self.seen:
            assert seen.power_w <= max(self._before.limit_w, FLOOR_W) + 1
            assert seen.transaction_id == self._before.transaction_id


@pytest.mark.street
@pytest.mark.timeout(180)
@pytest.mark.usecase("D2", "W4", "W6")
def test_a_car_charges_on_under_the_settings_that_are_applied(tmp_path: Path) -> None:
    async def body(street: Street, stack: AsyncExitStack) -> None:
        client = await stack.enter_async_context(connect(street.home.socket))
        owner = Owner(client)
        await owner.look()
        await client.call(api.SetMode(mode=ChargingMode.NOW))
        found = await client.call(api.LookForMeter(address=street.meter.address("v2")))
        await owner.adopts_meter(street.meter, found.device_id)
        await owner.finds(street.charger_id)
        await owner.adopts(street.charger_id, "Charger")
        street.plug_in()
        before = await street.station.wait_for(lambda seen: seen.power_w > FLOOR_W + 2000, WAIT_S)
        assert before.transaction_id is not None
        settings = street.home.data_dir / "settings.toml"
        text = settings.read_text()
        settings.write_text(text.replace("[site]\n", "[site]\nmax_current_a = 10.0\n", 1))
        gap = Gap(street)
        watching = asyncio.create_task(gap.lasts_until(lambda seen: not seen.connected))
        await client.call(api.ApplySettings())
        await watching
        again = await connect_again(client, stack, WAIT_S)
        # The charger is asked as soon as it is back; the circuit carries less now.
        await gap.lasts_until(
            lambda seen: seen.connected and FLOOR_W + 500 < seen.power_w <= 10 * 230 * 3 + 50,
        )
        gap.check()
        assert (await again.call(api.GetSnapshot())).mode is ChargingMode.NOW
        assert [device.device_id for device in await again.call(api.ListDevices()) if device.adopted] == [
            found.device_id,
            street.charger_id,
        ]

    async def main() -> None:
        async with Street(StreetPlan(directory=tmp_path)) as street, AsyncExitStack() as stack:
            await street.home.start_hub()
            await street.power_charger()
            await body(street, stack)

    asyncio.run(main())
