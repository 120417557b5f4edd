"""Prices and emissions as a VTN announces them."""

from datetime import timedelta
from typing import Any

from kit.announced_events import NOON, Scene, play, prices


def test_now_is_when_it_became_known_and_stays_so() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"tariff": [prices(start="0001-01-01T00:00:00Z", modificationDateTime="08:59:24")]}
        assert await scene.poll() == [("tariff", "1")]
        scene.clock.at += timedelta(minutes=10)
        assert await scene.poll() == []

    play(act)


def test_prices_in_a_second_currency_are_refused() -> None:
    async def act(scene: Scene) -> None:
        dollars = [{"payloadType": "PRICE", "units": "KWH", "currency": "USD"}]
        later = (NOON + timedelta(hours=1)).isoformat()
        scene.vtn.published = {"tariff": [prices(), prices("q", start=later, payloadDescriptors=dollars)]}
        assert await scene.poll() == [("rejected", "value"), ("tariff", "1")]

    play(act)


def test_prices_that_vanish_are_left_to_run_out() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"tariff": [prices()]}
        await scene.poll()
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


def test_emissions_come_with_the_prices() -> None:
    def ghg(event_id: str, value: object, **parts: Any) -> Any:
        return prices(event_id, intervals=[{"id": 0, "payloads": [{"type": "GHG", "values": [value]}]}], **parts)

    async def act(scene: Scene) -> None:
        later = (NOON + timedelta(hours=1)).isoformat()
        scene.vtn.published = {"tariff": [prices(), ghg("g", 350), ghg("h", 80.5, start=later), ghg("bad", "NaN")]}
        assert sorted(await scene.poll()) == [("rejected", "value"), ("tariff", "1")]
        (tariff,) = scene.heard.tariffs
        assert [((slot.start - NOON) / timedelta(hours=1), slot.g_per_kwh) for slot in tariff.ghg] == [
            (0, 350),
            (1, 80.5),
        ]
        assert await scene.poll() == []
        scene.vtn.published = {"tariff": [prices(), ghg("g", 351)]}
        assert await scene.poll() == [("tariff", "1")]

    play(act)
