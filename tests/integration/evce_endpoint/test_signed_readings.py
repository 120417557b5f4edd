"""A station is answered once what its meter has signed is kept."""

import asyncio
from collections.abc import Sequence

import pytest

from devices.evce.schemas import Version
from homeapp.errors import StoreUnavailable
from homeapp.model.readings import EvceStatus
from homeapp.model.signed_reading import SignedReading
from kit.evce_street import DEVICE, Json, RawStation, Street, Tls, run


class Gate:
    """Keeps readings when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self.failures: list[StoreUnavailable] = []
        self.kept: list[tuple[str, str, list[str]]] = []

    async def keep(self, device_id: str, transaction_id: str, readings: Sequence[SignedReading]) -> None:
        self.asked.set()
        if self.failures:
            raise self.failures.pop()
        await self.open.wait()
        self.kept.append((device_id, transaction_id, [reading.data for reading in readings]))


def signed(station: RawStation, *texts: str) -> list[Json]:
    entries = [
        {
            "value": 5,
            "context": "Transaction.Begin",
            "signedMeterValue": {"signedMeterData": text, "encodingMethod": "OCMF"}
            | ({"publicKey": "", "signingMethod": ""} if station.version is Version.V201 else {}),
        }
        for text in texts
    ]
    return [{"timestamp": station.stamp(), "sampledValue": entries}]


@pytest.mark.usecase("W3")
@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_a_station_is_answered_when_what_its_meter_has_signed_is_kept(tls: Tls, version: Version) -> None:
    gate = Gate()

    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            await station.plug_in()
            answer = asyncio.create_task(station.event("Started", meterValue=signed(station, "a", "b")))
            await gate.asked.wait()
            # Control does not wait for the disk.
            await street.register.until(
                lambda: street.register.state is not None and street.register.state.transaction_id == "tx-1"
            )
            assert not answer.done()
            gate.open.set()
            await answer
            assert gate.kept == [(DEVICE, "tx-1", ["a", "b"])]

    run(tls, body, signed_keeper=gate)


@pytest.mark.usecase("W3")
def test_what_could_not_be_kept_is_kept_with_the_next_message_and_the_owner_is_told(tls: Tls) -> None:
    gate = Gate()
    gate.open.set()

    async def body(street: Street) -> None:
        async with street.secured(Version.V201) as (station, _):
            await station.plug_in()
            gate.failures.append(StoreUnavailable("The disk is full."))
            await station.event("Started", meterValue=signed(station, "a"))
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert "has signed cannot be kept yet: The disk is full." in (state.problem or "")
            await station.event("Updated", 1, meterValue=signed(station, "b"))
            assert gate.kept == [(DEVICE, "tx-1", ["a", "b"])]
            await street.register.until(lambda: street.register.state is not None and not street.register.state.problem)
            await station.call("Heartbeat", {})
            assert len(gate.kept) == 1

    run(tls, body, signed_keeper=gate)
