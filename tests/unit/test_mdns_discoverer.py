"""The mDNS discoverer over real multicast on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

import devices.mdns
from devices.dns_sd import Announcement
from devices.mdns import MdnsDiscoverer
from homeapp.clock import SystemClock
from homeapp.errors import DeviceUnreachable
from homeapp.model.device import Candidate, DeviceKind

# A type of its own keeps these tests apart from others on the same machine.
SERVICE = "_hub-test._tcp.local."


def read(txt: Mapping[str, str]) -> Announcement | None:
    if "serial" not in txt:
        return None
    return Announcement(
        device_id=f"test:{txt['serial']}",
        kind=DeviceKind.METER,
        driver="test",
        product=txt.get("name", ""),
        properties=dict(txt),
    )


def service(instance: str, address: str = "127.0.0.1", **txt: str) -> AsyncServiceInfo:
    return AsyncServiceInfo(
        SERVICE,
        f"{instance}.{SERVICE}",
        port=4711,
        properties=dict(txt),
        server=f"{instance}.local.",
        parsed_addresses=[address],
    )


@asynccontextmanager
async def watched() -> AsyncIterator[asyncio.Queue[Candidate]]:
    seen: asyncio.Queue[Candidate] = asyncio.Queue()
    discoverer = MdnsDiscoverer(clock=SystemClock(), interfaces=("127.0.0.1",), services={SERVICE: read})
    task = asyncio.create_task(discoverer.run(seen.put_nowait))
    try:
        async with asyncio.timeout(30):
            yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def announcer() -> AsyncIterator[AsyncZeroconf]:
    async with AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only) as multicast:
        yield multicast


def test_a_device_is_found_and_reported_again_when_its_record_or_address_changes() -> None:
    async def scenario() -> None:
        async with announcer() as multicast, watched() as seen:
            info = service("first", serial="1", name="one")
            await (await multicast.async_register_service(info))
            found = await seen.get()
            assert (found.device_id, found.address, found.product) == ("test:1", "127.0.0.1:4711", "one")
            await (await multicast.async_update_service(service("first", serial="1", name="two")))
            assert (await seen.get()).product == "two"
            await (await multicast.async_update_service(service("first", "127.0.0.7", serial="1", name="two")))
            moved = await seen.get()
            assert (moved.device_id, moved.address) == ("test:1", "127.0.0.7:4711")

    asyncio.run(scenario())


def test_two_instances_of_one_serial_are_one_device_and_nonsense_is_none() -> None:
    async def scenario() -> None:
        async with announcer() as multicast, watched() as seen:
            infos = (
                service("nonsense"),
                service("stranger", "8.8.8.8", serial="9"),
                service("elder", serial="1"),
                service("twin", serial="1"),
            )
            announced = await asyncio.gather(*map(multicast.async_register_service, infos))
            await asyncio.gather(*announced)
            await (await multicast.async_register_service(service("last", serial="2")))
            assert (await seen.get()).device_id == "test:1"
            assert (await seen.get()).device_id == "test:2"
            assert seen.empty()

    asyncio.run(scenario())


def test_a_network_without_multicast_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(**_: object) -> AsyncZeroconf:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(devices.mdns, "AsyncZeroconf", no_socket)
    with pytest.raises(DeviceUnreachable, match="5353"):
        asyncio.run(MdnsDiscoverer(clock=SystemClock(), interfaces=("127.0.0.1",)).run(lambda _: None))


def test_a_hub_without_a_network_says_so() -> None:
    with pytest.raises(DeviceUnreachable, match="no network"):
        asyncio.run(MdnsDiscoverer(clock=SystemClock(), interfaces=("192.0.2.1",)).run(lambda _: None))


def test_the_watch_begins_anew_when_an_interface_comes_and_ends_when_all_have_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    present = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "127.0.0.2"], [], []]
    opened: list[list[str]] = []
    original = devices.mdns._open

    def open_recorded(addresses: list[str]) -> AsyncZeroconf:
        opened.append(addresses)
        return original(addresses)

    monkeypatch.setattr(devices.mdns, "_ipv4_addresses", lambda: present.pop(0) if len(present) > 1 else present[0])
    monkeypatch.setattr(devices.mdns, "_RESCAN_S", 0.0)
    monkeypatch.setattr(devices.mdns, "_open", open_recorded)
    discoverer = MdnsDiscoverer(clock=SystemClock(), interfaces=("127.0.0.1", "127.0.0.2"), services={SERVICE: read})
    with pytest.raises(DeviceUnreachable, match="no network"):
        asyncio.run(discoverer.run(lambda _: None))
    assert opened == [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]]


def test_loopback_alone_is_no_network_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.mdns, "_ipv4_addresses", lambda: ["127.0.0.1"])
    monkeypatch.setattr(devices.mdns, "_open", lambda addresses: pytest.fail(f"{addresses} watched"))
    with pytest.raises(DeviceUnreachable, match="no network"):
        asyncio.run(MdnsDiscoverer(clock=SystemClock()).run(lambda _: None))
