"""The car's driver against the simulated car over real sockets."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.pev import allow_list, conversation, doip
from devices.registry import pev as make_pev
from homeapp.clock import SharedClock
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.demo.pev.pev import HOST, DemoPev
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, NotSupported, ProtocolError
from homeapp.model.health import Defect
from homeapp.ports import Pev

PAYLOAD = bytes(range(256)) * 12
MANUFACTURER = SigningKey()


def manifest(key: SigningKey, *, version: str, payload: bytes) -> str:
    """The manufacturer's word about a package."""
    claims = {"version": version, "sha256": sha256(payload).hexdigest(), "size_bytes": len(payload)}
    return key.sign("package+jws", claims)


def _clock() -> SharedClock:
    return SharedClock(datetime(2026, 11, 23, 18, 0, tzinfo=UTC), time.time(), 20.0)


def package(version: str = "2.1", *, key: SigningKey = MANUFACTURER, payload: bytes = PAYLOAD) -> bytes:
    return manifest(key, version=version, payload=PAYLOAD).encode() + b"\n" + payload


@asynccontextmanager
async def plugged_in(car: DemoPev) -> AsyncIterator[Pev]:
    task = asyncio.create_task(car.run())
    try:
        car.plug()
        async with asyncio.timeout(5):
            await car.started()
        yield make_pev(address=HOST, port=car.port, clock=_clock())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def with_car(body: Callable[[DemoPev, Pev], Awaitable[None]]) -> None:
    async def main() -> None:
        car = DemoPev(manufacturer_key=MANUFACTURER.public_jwk)
        async with plugged_in(car) as pev:
            await body(car, pev)

    asyncio.run(main())


@pytest.mark.usecase("D3", "L1", "T3", "F6", "F8-9")
@pytest.mark.parametrize("pending", [0, 3])
def test_an_examination_reads_and_changes_nothing(pending: int) -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.pending = pending
        car.add_defect("P0A1F")
        car.add_defect("P0AA7-16", confirmed=False)
        found = await pev.examine()
        assert found.vin == car.vehicle.vin
        assert found.defects == (Defect(code="P0A1F", confirmed=True), Defect(code="P0AA7-16", confirmed=False))
        assert (found.soc_pct, found.soh_pct, found.low_voltage_v) == (64.0, 93.5, 12.6)
        assert found.software_version == "2.0"
        assert car.services == {0x19, 0x22}
        car.vehicle.mend("P0A1F")
        assert [defect.code for defect in (await pev.examine()).defects] == ["P0AA7-16"]

    with_car(body)


@pytest.mark.usecase("S7")
def test_where_it_is_or_that_it_does_not_tell() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        place = await pev.locate()
        assert place is not None
        assert (place.latitude, place.longitude) == (52.0907, 5.1214)
        car.vehicle.position = None
        assert await pev.locate() is None

    with_car(body)


@pytest.mark.usecase("S1", "D3", "L1")
@pytest.mark.parametrize("pending", [0, 2])
def test_software_of_the_manufacturer_is_installed(pending: int) -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.pending = pending
        await pev.install(package(), "2.1")
        assert car.vehicle.software_version == "2.1"
        assert car.services == {0x10, 0x22, 0x31, 0x34, 0x36, 0x37}
        assert (await pev.examine()).software_version == "2.1"

    with_car(body)


@pytest.mark.usecase("S1", "W9")
@pytest.mark.parametrize(
    "refused",
    [
        package(key=SigningKey()),
        package(payload=PAYLOAD[:-1] + b"!"),
        PAYLOAD,
        MANUFACTURER.sign("offer+jws", {"version": "2.1", "sha256": "", "size_bytes": 0}).encode() + b"\n",
    ],
    ids=["another key", "another payload", "no signature", "signed for another purpose"],
)
def test_the_car_itself_refuses_other_software(refused: bytes) -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        with pytest.raises(DeviceRefused, match="0x72"):
            await pev.install(refused, "2.1")
        assert car.vehicle.software_version == "2.0"

    with_car(body)


@pytest.mark.usecase("S1")
def test_a_transfer_that_is_cut_leaves_the_old_software_and_can_be_done_again() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.cut_after_blocks = 3
        with pytest.raises(DeviceUnreachable):
            await pev.install(package(), "2.1")
        assert car.vehicle.software_version == "2.0"
        assert 0x31 not in car.services, "nothing was activated"
        await pev.install(package(), "2.1")
        assert car.vehicle.software_version == "2.1"

    with_car(body)


def test_a_car_that_is_locked_or_moves_is_not_changed() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.vehicle.locked = True
        with pytest.raises(DeviceRefused, match="0x33"):
            await pev.install(package(), "2.1")
        car.vehicle.locked, car.vehicle.moving = False, True
        with pytest.raises(DeviceRefused, match="0x22"):
            await pev.install(package(), "2.1")
        assert 0x36 not in car.services

    with_car(body)


def test_a_car_that_does_not_say_that_it_runs_the_software(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doip, "ACTIVATE_WITHIN_S", 0.3)

    async def body(car: DemoPev, pev: Pev) -> None:
        with pytest.raises(DeviceUnreachable, match=r"does not say that it runs 3\.0"):
            await pev.install(package("2.1"), "3.0")

    with_car(body)


@pytest.mark.usecase("W2")
def test_what_is_not_allowed_does_not_leave_the_hub() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        talk = conversation.Conversation(HOST, car.port, allow_list.READING)

        def change(ask: conversation.Ask) -> bytes:
            return ask(allow_list.REQUEST_DOWNLOAD, struct.pack(">BBII", 0, 0x44, 0, 100))

        with pytest.raises(NotSupported):
            await asyncio.to_thread(talk.hold, change)
        assert not car.history

    with_car(body)


def test_asleep_or_unwilling() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.routing_code = 0x04
        with pytest.raises(DeviceRefused, match="does not let the hub look into it"):
            await pev.examine()
        car.faults.routing_code = None
        car.unplug()
        with pytest.raises(DeviceUnreachable, match="plugged in"):
            await pev.examine()
        car.plug()
        async with asyncio.timeout(5):
            await car.started()
        assert (await pev.examine()).vin == car.vehicle.vin, "it keeps its port"

    with_car(body)


def test_a_silent_car_is_given_up_and_the_thread_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doip, "EXAMINE_WITHIN_S", 0.2)

    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.silent = True
        with pytest.raises(DeviceUnreachable, match="too long"):
            await pev.examine()
        car.faults.silent = False
        monkeypatch.setattr(doip, "EXAMINE_WITHIN_S", 20.0)
        assert (await pev.examine()).vin == car.vehicle.vin

    with_car(body)


def test_a_conversation_that_is_ended_fails_at_once() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.silent = True
        looking = asyncio.create_task(pev.examine())
        while not car._writers:
            await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        while car._writers:
            await asyncio.sleep(0)

    with_car(body)


def test_nothing_listens_there() -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        pev = make_pev(address=HOST, port=free.getsockname()[1], clock=_clock())
        with pytest.raises(DeviceUnreachable):
            asyncio.run(pev.examine())


def _doip(payload_type: int, payload: bytes) -> bytes:
    return struct.pack(">BBHI", 2, 0xFD, payload_type, len(payload)) + payload


ADDRESSES = bytes.fromhex("10100E00")
BEGINNINGS = st.sampled_from([b"", b"\x7f\x19", b"\x59\x02\x2f", b"\x59\x02", b"\x62\xf1\x90"])
DIAGNOSTIC_ANSWERS = st.tuples(BEGINNINGS, st.binary(max_size=40)).map(
    lambda told: _doip(0x8001, ADDRESSES + b"".join(told))
)
DAMAGED = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=30)).map(lambda told: _doip(*told)),
    DIAGNOSTIC_ANSWERS,
    st.lists(DIAGNOSTIC_ANSWERS, min_size=2, max_size=4).map(b"".join),
)


@pytest.mark.usecase("W6")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(garbage=DAMAGED)
def test_whatever_a_car_says_raises_only_device_errors(monkeypatch: pytest.MonkeyPatch, garbage: bytes) -> None:
    monkeypatch.setattr(conversation, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(conversation, "PENDING_WITHIN_S", 0.05)
    monkeypatch.setattr(conversation, "_READ_S", 0.02)

    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.garbage = garbage
        with pytest.raises(DeviceError) as failure:
            await pev.examine()
        assert str(failure.value).endswith(".")

    with_car(body)


def test_a_message_that_claims_to_be_huge_is_not_waited_for() -> None:
    async def body(car: DemoPev, pev: Pev) -> None:
        car.faults.garbage = struct.pack(">BBHI", 2, 0xFD, 0x8001, 2**32 - 1)
        with pytest.raises(ProtocolError):
            await pev.examine()

    with_car(body)
