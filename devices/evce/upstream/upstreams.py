"""The ways of all stations to the CSMS: one each, made when the station first connects (``port.UpstreamSource``)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from devices.evce.upstream.port import StationFacts
from devices.evce.upstream.station_way import StationWay, Surroundings
from homeapp.model.live import LinkState
from homeapp.ports import CsmsWay


class Upstreams:
    """Implements ``homeapp.ports.StationUpstreams``; before ``run`` nothing leaves the home."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._ways: dict[str, StationWay] = {}
        self._way: CsmsWay | None = None
        self._came = asyncio.Event()

    def upstream(self, station: StationFacts) -> StationWay:
        way = self._ways.get(station.device_id)
        if way is None:
            way = self._ways[station.device_id] = StationWay(station, self._around, self)
            self._came.set()
        way.station_is(station)
        return way

    async def run(self, way: CsmsWay) -> None:
        self._way = way
        await self._around.outbox.begin()
        running: set[str] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._came.clear()
                for device_id in self._ways.keys() - running:
                    running.add(device_id)
                    tasks.create_task(self._ways[device_id].run())
                self.consent_changed()
                await self._came.wait()

    def consent_changed(self) -> None:
        # Before the consents are known nothing is withdrawn.
        withdrawn = self._way is not None and not self._way.may_relay()
        if withdrawn and self._around.ending is not None:
            self._around.ending.end()
        for way in self._ways.values():
            way.moved()

    async def void(self) -> int:
        count = await self._around.outbox.void()
        if self._around.stops is not None:
            await self._around.stops.forget()
        if self._around.ending is not None:
            await self._around.ending.erase()
        return count

    def may_relay(self) -> bool:
        return self._way is not None and self._way.may_relay()

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        if self._way is not None:
            self._way.left(action, payload, size_bytes)

    def link(self, device_id: str, state: LinkState, problem: str | None = None) -> None:
        if self._way is not None:
            self._way.link(device_id, state, problem)

    def notice(self, code: str, sentence: str) -> None:
        if self._way is not None:
            self._way.notice(code, sentence)
