"""A charging session seen by all three: the demo station, the hub between, and the provider's demo CSMS."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from homeapp.demo.charger.ocpp_schemas import Version
from homeapp.demo.csms.books import Phase
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.csms_bench import ALL, CARD, NAME, PASSWORD, WAIT_S, CsmsBench, alive
from kit.provider_street import HubInProcess

EVERY_VERSION = pytest.mark.parametrize("version", ALL)
WISH_W = 13 * 3 * 230.0
STATION_PASSWORD = "between-hub-and-station"


class Street(CsmsBench):
    """The bench with a hub between the station and the CSMS."""

    hub: HubInProcess

    def make_hub(self) -> HubInProcess:
        return HubInProcess(
            self.clock, self.directory, self.authority, self.csms.url, PASSWORD, {NAME: STATION_PASSWORD}
        )

    def control(self, wish_w: float) -> "Control":
        return Control(self, wish_w)

    @property
    def station_url(self) -> str:
        return self.hub.url


class Control:
    """Tells the station again and again what it may draw, before the lease ends."""

    def __init__(self, street: Street, wish_w: float) -> None:
        self._street = street
        self._wish_w = wish_w

    async def run(self) -> None:
        while True:
            await self._street.hub.evce(NAME).apply(EvceCommand(limit_w=self._wish_w))
            await self._street.clock.sleep(5.0)


def run(version: Version, directory: Path, story: Callable[[Street], Awaitable[None]]) -> None:
    async def go() -> None:
        street = Street(version, directory)
        async with alive(street.csms):
            await asyncio.wait_for(street.csms.started(), WAIT_S)
            street.hub = street.make_hub()
            async with alive(street.hub):
                await asyncio.wait_for(street.hub.started(), WAIT_S)
                street.station = street.make_station(password=STATION_PASSWORD)
                async with alive(street.station):
                    await story(street)
        assert street.csms.breaches == []

    asyncio.run(go())


@EVERY_VERSION
def test_a_session_is_the_same_on_both_ends(version: Version, tmp_path: Path) -> None:
    async def story(street: Street) -> None:
        hub = street.hub
        await hub.register.until_status(EvceStatus.AVAILABLE)
        await street.until(lambda: street.book.registered)
        street.station.plug_in()
        street.station.present_card(CARD)
        await street.until(lambda: bool(street.book.running))
        await hub.register.until_status(EvceStatus.CHARGING)
        transaction = street.transaction
        async with alive(street.control(WISH_W)):
            await street.power(WISH_W)
        await street.until(lambda: transaction.events[-1].phase is Phase.UPDATED)
        street.station.unplug()
        await street.until(lambda: transaction.ended)
        assert transaction.in_order
        assert transaction.missing == []
        assert street.book.duplicates == street.book.repeats.total() == 0
        await street.until(lambda: street.book.statuses.get((1, 1)) == "Available")

    run(version, tmp_path, story)


@EVERY_VERSION
def test_the_provider_starts_and_stops_through_the_hub(version: Version, tmp_path: Path) -> None:
    async def story(street: Street) -> None:
        transaction = await street.charging()
        await street.hub.register.until_status(EvceStatus.CHARGING)
        assert await street.commands.stop(transaction.transaction_id) == "Accepted"
        await street.until(lambda: transaction.ended)

    run(version, tmp_path, story)
