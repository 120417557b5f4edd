"""Adoption, admission and recovery of devices."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from homeapp.clock import SystemClock
from homeapp.errors import DeviceUnreachable, EnvironmentProblem, NotFound, PairingPending, WrongState
from homeapp.model.device import AdoptedDevice, Candidate, DeviceKind, DeviceLink
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.ports import Admission, Evce, StationRegister
from homeapp.sessions import DeviceSessions

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


class HastyClock(SystemClock):
    """Sleeps do not take long."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.001))


def candidate(device_id: str, kind: DeviceKind, address: str = "127.0.0.1:1") -> Candidate:
    return Candidate(
        device_id=device_id,
        kind=kind,
        driver=device_id.split(":", maxsplit=1)[0],
        address=address,
        product="Product",
        seen_at=NOW,
        link=DeviceLink.KNOCKING if kind is DeviceKind.EVCE else DeviceLink.FOUND,
    )


METER = candidate("homewizard:1", DeviceKind.METER)
STATION = candidate("ocpp:a", DeviceKind.EVCE)


@dataclass
class Home:
    """The surroundings of the sessions: memory for a ledger and secrets, one meter that can fail, one endpoint."""

    devices: dict[str, AdoptedDevice] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    button_pressed: bool = True
    failures: int = 0
    readings: list[MeterReading] = field(default_factory=list)
    states: list[EvceState] = field(default_factory=list)
    opened_at: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    register: StationRegister | None = None
    name: str = "homewizard"
    refusal: str | None = None
    meters: dict[str, Candidate] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    enrolling: list[str] = field(default_factory=list)
    pairing: list[str] = field(default_factory=list)
    full: str = ""
    port_is_taken: bool = False
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.enrolled, self.paired = asyncio.Event(), asyncio.Event()
        self.enrolled.set()
        self.paired.set()

    def fits(self, device_ids: Sequence[str]) -> str | None:
        self.asked.append(list(device_ids))
        return self.refusal

    async def adopted_devices(self) -> tuple[AdoptedDevice, ...]:
        return tuple(self.devices.values())

    async def adopt_device(self, device: AdoptedDevice) -> None:
        self.devices[device.device_id] = device

    async def forget_device(self, device_id: str) -> None:
        if self.full == "ledger":
            raise EnvironmentProblem("No room.")
        del self.devices[device_id]

    def get(self, name: str) -> str | None:
        return self.secrets.get(name)

    def set(self, name: str, value: str) -> None:
        self.secrets[name] = value

    def delete(self, name: str) -> None:
        if self.full == "secrets":
            raise EnvironmentProblem("No room.")
        self.secrets.pop(name, None)

    def at(self, address: str) -> Candidate:
        if address not in self.meters:
            raise DeviceUnreachable(f"Nothing answers at {address}.")
        return replace(self.meters[address], address=f"{address}:443")

    async def pair(self, seen: Candidate) -> str | None:
        self.pairing.append(seen.device_id)
        await self.paired.wait()
        if not self.button_pressed:
            raise PairingPending("Press the button on the meter.")
        return "token"

    def open(self, device: AdoptedDevice, secret: str | None) -> "Home":
        assert secret == "token"
        self.opened_at.append(device.address)
        return self

    @property
    def device_id(self) -> str:
        return "homewizard:1"

    async def _stream(self) -> AsyncIterator[MeterReading]:
        if self.failures:
            self.failures -= 1
            raise DeviceUnreachable("The meter does not answer.")
        yield MeterReading(device_id="homewizard:1", received_at=NOW, power_w=100.0)
        await asyncio.Event().wait()

    def readings_(self) -> AsyncIterator[MeterReading]:
        return self._stream()

    async def run(self, register: StationRegister) -> None:
        self.register = register
        if self.port_is_taken:
            raise EnvironmentProblem("Port 8887 is taken.")
        await asyncio.Event().wait()

    def evce(self, _device_id: str) -> Evce | None:
        return None

    async def enrol(self, device_id: str) -> str:
        self.enrolling.append(device_id)
        await self.enrolled.wait()
        return "station-password"

    async def drop(self, device_id: str) -> None:
        self.dropped.append(device_id)

    async def raise_security(self, device_id: str) -> None:
        self.raised.append(device_id)

    async def forget(self, device_id: str) -> None:
        self.forgotten.append(device_id)

    def meter_read(self, reading: MeterReading) -> None:
        self.readings.append(reading)
        self.changed.set()

    def evce_changed(self, state: EvceState) -> None:
        self.states.append(state)
        self.changed.set()

    def devices_changed(self) -> None:
        self.changed.set()

    def part_failed(self, name: str, error: Exception) -> None:
        self.failed.append(f"{name}: {error}")
        self.changed.set()


class OneMeter:
    """The driver's meter, backed by the home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def device_id(self) -> str:
        return self._home.device_id

    def readings(self) -> AsyncIterator[MeterReading]:
        return self._home.readings_()


class OneDriver:
    name = "homewizard"

    def __init__(self, home: Home) -> None:
        self._home = home

    async def look(self, address: str) -> Candidate:
        return self._home.at(address)

    async def pair(self, seen: Candidate) -> str | None:
        return await self._home.pair(seen)

    def open(self, device: AdoptedDevice, secret: str | None) -> OneMeter:
        self._home.open(device, secret)
        return OneMeter(self._home)


class Announcer:
    """Reports what it is given, then stays quiet."""

    def __init__(self, *seen: Candidate) -> None:
        self._seen = seen

    async def run(self, found: Callable[[Candidate], None]) -> None:
        for item in self._seen:
            found(item)
        await asyncio.Event().wait()


def in_a_home(
    body: Callable[[Home, DeviceSessions], Awaitable[None]], *seen: Candidate, port_is_taken: bool = False
) -> None:
    async def main() -> None:
        home = Home(port_is_taken=port_is_taken)
        sessions = DeviceSessions(
            ledger=home,
            secrets=home,
            meter_drivers={"homewizard": OneDriver(home)},
            discoverers=[Announcer(*seen)],
            endpoint=home,
            clock=HastyClock(),
            listener=home,
            fits=home.fits,
        )
        await sessions.load()
        running = asyncio.create_task(sessions.run())
        try:
            async with asyncio.timeout(10):
                await until(home, lambda: home.register is not None and len(sessions.views()) == len(seen))
                await body(home, sessions)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


async def until(home: Home, done: Callable[[], bool]) -> None:
    while not done():
        home.changed.clear()
        try:
            async with asyncio.timeout(0.05):
                await home.changed.wait()
        except TimeoutError:
            continue


@pytest.mark.usecase("W6")
def test_the_owner_is_told_where_no_charger_can_be_served() -> None:
    async def body(home: Home, _sessions: DeviceSessions) -> None:
        await until(home, lambda: bool(home.failed))
        assert home.failed[0] == "server for chargers: Port 8887 is taken."

    in_a_home(body, METER, port_is_taken=True)


def test_a_found_meter_is_adopted_and_read() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        assert sessions.online(DeviceKind.METER) is None
        view = await sessions.adopt("homewizard:1", "Grid meter")
        assert (view.adopted, view.name) == (True, "Grid meter")
        assert home.secrets == {"device.homewizard:1": "token"}
        await until(home, lambda: bool(home.readings))
        assert sessions.online(DeviceKind.METER)

    in_a_home(body, METER)


def test_a_meter_that_waits_for_its_button_says_so() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        home.button_pressed = False
        with pytest.raises(PairingPending):
            await sessions.adopt("homewizard:1")
        view = sessions.views()[0]
        assert (view.link, view.adopted) == (DeviceLink.PAIRING, False)
        assert view.problem == "Press the button on the meter."
        home.button_pressed = True
        assert (await sessions.adopt("homewizard:1")).problem is None

    in_a_home(body, METER)


def test_a_meter_that_fails_is_shown_and_tried_again_at_its_new_address() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        home.failures = 3
        await sessions.adopt("homewizard:1")
        await until(home, lambda: any(view.problem for view in sessions.views()) or bool(home.readings))
        sessions.knocked(candidate("homewizard:1", DeviceKind.METER, "127.0.0.1:2"))
        await until(home, lambda: bool(home.readings))
        assert len(home.opened_at) == 4
        assert sessions.views()[0].problem is None

    in_a_home(body, METER)


@pytest.mark.usecase("D1", "W4")
def test_a_meter_that_is_looked_for_can_be_adopted_and_is_kept_where_it_was_found_last() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        with pytest.raises(DeviceUnreachable, match=r"Nothing answers at 192\.168\.1\.20"):
            await sessions.look("192.168.1.20")
        with pytest.raises(NotFound, match="not asked"):
            await sessions.look("8.8.8.8")
        home.meters = {"192.168.1.20": METER, "192.168.1.21": METER}
        found = await sessions.look(" 192.168.1.20 ")
        assert (found.device_id, found.address, found.adopted) == ("homewizard:1", "192.168.1.20:443", False)
        await sessions.adopt("homewizard:1")
        assert home.devices["homewizard:1"].address == "192.168.1.20:443"
        moved = await sessions.look("192.168.1.21")
        assert (moved.address, moved.adopted) == ("192.168.1.21:443", True)
        assert home.devices["homewizard:1"].address == "192.168.1.21:443", "also after a start"

    in_a_home(body)


def test_a_meter_with_a_new_api_is_read_as_it_was_until_it_is_adopted_anew() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        await sessions.adopt("homewizard:1")
        home.meters = {"192.168.1.20": replace(METER, properties={"api": "v2"})}
        assert (await sessions.look("192.168.1.20")).address == METER.address
        assert home.devices["homewizard:1"].address == METER.address

    in_a_home(body, METER)


@pytest.mark.usecase("W4")
def test_a_station_knocks_is_adopted_and_needs_its_password() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        assert sessions.admission("ocpp:a", None) is Admission.KNOCKING
        assert not sessions.authorizes("ocpp:a", "homeapp")
        await sessions.adopt("ocpp:a")
        assert home.dropped == ["ocpp:a"]
        assert sessions.admission("ocpp:a", "station-password") is Admission.ADOPTED
        assert sessions.admission("ocpp:a", "guess") is Admission.REFUSED
        assert sessions.views()[0].link is DeviceLink.REFUSED
        assert sessions.authorizes("ocpp:a", "homeapp")
        assert not sessions.authorizes("ocpp:a", "card-4711")
        state = EvceState(device_id="ocpp:a", received_at=NOW, status=EvceStatus.AVAILABLE, connected=True)
        sessions.changed(state)
        assert sessions.online(DeviceKind.EVCE)

    in_a_home(body, STATION)


def test_forgetting_deletes_the_secret_and_closes_the_door() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        await sessions.adopt("ocpp:a")
        await sessions.forget("ocpp:a")
        assert home.secrets == {}
        assert home.devices == {}
        assert home.forgotten == ["ocpp:a"]
        assert not sessions.is_adopted("ocpp:a")
        assert sessions.admission("ocpp:a", "station-password") is Admission.KNOCKING
        with pytest.raises(NotFound):
            await sessions.forget("ocpp:a")

    in_a_home(body, STATION)


def test_a_charger_that_is_turned_away_is_told_to_the_owner_unless_it_is_there() -> None:
    async def body(_home: Home, sessions: DeviceSessions) -> None:
        sessions.turned_away("ocpp:a", "The charger came without its certificate.")
        await sessions.adopt("ocpp:a")
        assert (sessions.vendor("ocpp:a"), sessions.vendor("ocpp:b")) == (STATION.properties.get("vendor", ""), "")
        assert not sessions.agreed_firmware("ocpp:a", "https://maker.example/", "")
        online = EvceState(device_id="ocpp:a", received_at=NOW, status=EvceStatus.AVAILABLE, connected=True)
        sessions.changed(online)
        sessions.turned_away("ocpp:a", "The charger came without its certificate.")
        assert sessions.views()[0].link is DeviceLink.ONLINE
        sessions.changed(replace(online, connected=False, status=EvceStatus.OFFLINE))
        sessions.turned_away("ocpp:a", "The charger came without its certificate.")
        view = sessions.views()[0]
        assert (view.link, view.problem) == (DeviceLink.REFUSED, "The charger came without its certificate.")

    in_a_home(body, STATION)


def test_only_an_adopted_chargers_security_is_raised() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        for device_id in ("ocpp:a", "homewizard:1"):
            with pytest.raises(NotFound):
                await sessions.raise_security(device_id)
        await sessions.adopt("ocpp:a")
        assert sessions.is_adopted("ocpp:a")
        await sessions.raise_security("ocpp:a")
        assert home.raised == ["ocpp:a"]

    in_a_home(body, STATION)


def test_a_crowd_of_announcements_is_bounded() -> None:
    async def body(_home: Home, sessions: DeviceSessions) -> None:
        for number in range(500):
            sessions.knocked(candidate(f"ocpp:{number}", DeviceKind.EVCE))
        assert len(sessions.views()) == 64

    in_a_home(body)


def test_of_two_meters_only_the_first_is_adopted_and_the_owner_is_told() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        await sessions.adopt("homewizard:1", "Cupboard")
        sessions.knocked(candidate("homewizard:2", DeviceKind.METER))
        with pytest.raises(WrongState, match="Cupboard"):
            await sessions.adopt("homewizard:2")
        assert list(home.devices) == ["homewizard:1"]

    in_a_home(body, METER)


def test_all_chargers_are_adopted_heard_and_under_control() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        sessions.knocked(candidate("ocpp:b", DeviceKind.EVCE))
        assert sessions.online(DeviceKind.EVCE) is None
        for device_id in ("ocpp:a", "ocpp:b"):
            await sessions.adopt(device_id)
            state = EvceState(device_id=device_id, received_at=NOW, status=EvceStatus.CHARGING, connected=True)
            sessions.changed(state)
            assert sessions.online(DeviceKind.EVCE)
        assert [device.device_id for device in sessions.chargers] == ["ocpp:a", "ocpp:b"]
        assert [state.device_id for state in home.states] == ["ocpp:a", "ocpp:b"]
        assert [view.problem for view in sessions.views()] == [None, None]
        sessions.changed(EvceState(device_id="ocpp:b", received_at=NOW, status=EvceStatus.OFFLINE, connected=False))
        assert sessions.online(DeviceKind.EVCE) is False

    in_a_home(body, STATION)


def test_a_charger_whose_safe_current_the_fuse_cannot_carry_too_is_not_adopted() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        await sessions.adopt("ocpp:a")
        home.refusal = "The main fuse cannot carry that."
        sessions.knocked(candidate("ocpp:b", DeviceKind.EVCE))
        with pytest.raises(WrongState, match="cannot carry"):
            await sessions.adopt("ocpp:b")
        assert home.asked[-1] == ["ocpp:a", "ocpp:b"]
        assert list(home.devices) == ["ocpp:a"]

    in_a_home(body, STATION)


@pytest.mark.usecase("D2")
def test_a_charger_that_is_being_adopted_counts_for_the_next_one() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        home.enrolled.clear()
        sessions.knocked(candidate("ocpp:b", DeviceKind.EVCE))
        first = asyncio.create_task(sessions.adopt("ocpp:a"))
        await until(home, lambda: home.enrolling == ["ocpp:a"])
        home.refusal = "The main fuse cannot carry that."
        with pytest.raises(WrongState, match="cannot carry"):
            await sessions.adopt("ocpp:b")
        assert home.asked[-1] == ["ocpp:a", "ocpp:b"]
        with pytest.raises(WrongState, match="is being adopted"):
            await sessions.adopt("ocpp:a")
        assert sessions.views()[0].link is DeviceLink.PAIRING
        home.enrolled.set()
        await first
        assert list(home.devices) == ["ocpp:a"]

    in_a_home(body, STATION)


def test_a_meter_that_is_being_adopted_is_the_homes_one() -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        home.paired.clear()
        sessions.knocked(candidate("homewizard:2", DeviceKind.METER))
        first = asyncio.create_task(sessions.adopt("homewizard:1"))
        await until(home, lambda: home.pairing == ["homewizard:1"])
        with pytest.raises(WrongState, match="is being adopted"):
            await sessions.adopt("homewizard:2")
        home.paired.set()
        await first
        assert list(home.devices) == ["homewizard:1"]

    in_a_home(body, METER)


@pytest.mark.usecase("W6")
@pytest.mark.parametrize("fails", ["ledger", "secrets"])
def test_a_charger_whose_record_cannot_be_deleted_stays_or_goes_as_a_whole(fails: str) -> None:
    async def body(home: Home, sessions: DeviceSessions) -> None:
        await sessions.adopt("ocpp:a")
        home.full = fails
        with pytest.raises(EnvironmentProblem, match="No room"):
            await sessions.forget("ocpp:a")
        assert sessions.is_adopted("ocpp:a") is ("ocpp:a" in home.devices)
        assert sessions.is_adopted("ocpp:a") is (home.forgotten == [])
        home.full = ""
        if fails == "ledger":
            assert sessions.admission("ocpp:a", "station-password") is Admission.ADOPTED
            await sessions.forget("ocpp:a")
        assert (home.devices, home.forgotten) == ({}, ["ocpp:a"])

    in_a_home(body, STATION)


def test_an_adoption_that_cannot_be_done_leaves_no_trace() -> None:
    async def body(_home: Home, sessions: DeviceSessions) -> None:
        with pytest.raises(NotFound):
            await sessions.adopt("other:1")
        view = sessions.views()[0]
        assert view.link is DeviceLink.FOUND
        assert view.problem is not None

    in_a_home(body, candidate("other:1", DeviceKind.METER))
