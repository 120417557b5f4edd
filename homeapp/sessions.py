"""Devices: find them, adopt them, keep them connected, pass on what they report."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from homeapp.errors import (
    DeviceError,
    DeviceRefused,
    DeviceUnreachable,
    HomeappError,
    NotFound,
    PairingPending,
    WrongState,
)
from homeapp.local_address import local_address
from homeapp.model.device import AdoptedDevice, Candidate, DeviceKind, DeviceLink, DeviceView
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.ports import Admission, Clock, Discoverer, Evce, EvceEndpoint, MeterDriver
from homeapp.supervision import jittered, supervise

logger = logging.getLogger(__name__)

HUB_ID_TOKEN = "homeapp"  # noqa: S105 - an idToken names who charges, it is no secret
MOST_CANDIDATES = 64
METER_REFUSED_PAUSE_S = 60.0
_METER_NOT_USED = "This hub uses one smart meter, the one adopted first. Forget that one to use this one."


def hub_alone(_device_id: str, id_token: str) -> bool:
    """Whether a card may charge where the hub's own is the only one."""
    return id_token == HUB_ID_TOKEN


class DeviceLedger(Protocol):
    """Where adopted devices are kept."""

    async def adopted_devices(self) -> tuple[AdoptedDevice, ...]:
        """All of them."""

    async def adopt_device(self, device: AdoptedDevice) -> None:
        """Add or replace one."""

    async def forget_device(self, device_id: str) -> None:
        """Remove one."""


class Secrets(Protocol):
    """Where device secrets are kept; these calls may block."""

    def get(self, name: str) -> str | None:
        """The secret, or None."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret."""

    def delete(self, name: str) -> None:
        """Forget it; unknown names are fine."""


class SessionListener(Protocol):
    """Who is told; none of these blocks."""

    def meter_read(self, reading: MeterReading) -> None:
        """A meter has reported."""

    def evce_changed(self, state: EvceState) -> None:
        """A charger's state has changed."""

    def devices_changed(self) -> None:
        """The list of devices, or how one of them stands, has changed."""

    def part_failed(self, name: str, error: Exception) -> None:
        """What serves all chargers has ended with ``error`` and is started again, as where its port is taken."""


class DeviceSessions:
    """All devices of the home; implements ``StationRegister`` for the OCPP endpoint.

    One meter is in use, because mixing what two of them report would mislead the fuse guard; all chargers are.

    Args:
        fits: why the home cannot have just these chargers, as a sentence, or None.
        agreed_firmware: whether the owner has agreed to charger firmware of this address and signature for now.

    Raises (all operations):
        NotFound, WrongState, DeviceError, StoreUnavailable, SecretStoreUnavailable.
    """

    def __init__(
        self,
        *,
        ledger: DeviceLedger,
        secrets: Secrets,
        meter_drivers: Mapping[str, MeterDriver],
        discoverers: Sequence[Discoverer],
        endpoint: EvceEndpoint,
        clock: Clock,
        listener: SessionListener,
        agreed_firmware: Callable[[str, str], bool] = lambda _location, _signature: False,
        authorizes: Callable[[str, str], bool] = hub_alone,
        fits: Callable[[Sequence[str]], str | None] = lambda _: None,
    ) -> None:
        self._agreed_firmware = agreed_firmware
        self._ledger = ledger
        self._secrets = secrets
        self._drivers = meter_drivers
        self._discoverers = discoverers
        self._endpoint = endpoint
        self._clock = clock
        self._listener = listener
        self._authorizes = authorizes
        self._fits = fits
        self._candidates: dict[str, Candidate] = {}
        self._adopted: dict[str, AdoptedDevice] = {}
        self._adopting: dict[str, Candidate] = {}
        self._links: dict[str, DeviceLink] = {}
        self._problems: dict[str, str] = {}
        self._heard: dict[str, datetime] = {}
        self._passwords: dict[str, bytes] = {}
        self._meter_secrets: dict[str, str | None] = {}
        self._meter_tasks: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def adopted(self) -> tuple[AdoptedDevice, ...]:
        """Devices of the home."""
        return tuple(self._adopted.values())

    @property
    def chargers(self) -> tuple[AdoptedDevice, ...]:
        """The chargers of the home, the one adopted first first."""
        return tuple(device for device in self._adopted.values() if device.kind is DeviceKind.EVCE)

    def evce(self, device_id: str) -> Evce | None:
        """An adopted charger, or None while it has not connected since the hub started."""
        return self._endpoint.evce(device_id) if device_id in self._adopted else None

    def has(self, kind: DeviceKind) -> bool:
        """Whether a device of this kind is adopted."""
        return any(device.kind is kind for device in self._adopted.values())

    def online(self, kind: DeviceKind) -> bool | None:
        """Whether all that are in use are online; None where none is adopted."""
        used = [device_id for device_id, device in self._adopted.items() if device.kind is kind]
        used = [device_id for device_id in used if self._is_in_use(device_id)]
        return all(self._links.get(device_id) is DeviceLink.ONLINE for device_id in used) if used else None

    async def load(self) -> None:
        """Know the devices of the home, before anybody asks for them."""
        for device in sorted(await self._ledger.adopted_devices(), key=lambda known: known.adopted_at):
            await self._admit(device)

    async def run(self) -> None:
        """Discover, serve and read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for device in self._adopted.values():
                self._begin(device)
            tasks.create_task(
                supervise(
                    "server for chargers", lambda: self._endpoint.run(self), self._clock, self._listener.part_failed
                )
            )
            for discoverer in self._discoverers:
                tasks.create_task(self._discover(discoverer))

    async def adopt(self, device_id: str, name: str = "") -> DeviceView:
        """Make a candidate part of the home."""
        candidate = self._candidates.get(device_id)
        if candidate is None:
            raise NotFound("This device is not to be seen on the network at the moment. Check that it is switched on.")
        if (refusal := self._no_room(candidate)) is not None:
            raise WrongState(refusal)
        self._adopting[device_id] = candidate
        self._links[device_id] = DeviceLink.PAIRING
        self._listener.devices_changed()
        try:
            device = await self._pair(candidate, name)
        except HomeappError as error:
            if not isinstance(error, PairingPending):
                self._links.pop(device_id, None)
            self._problems[device_id] = str(error)
            self._listener.devices_changed()
            raise
        finally:
            del self._adopting[device_id]
        self._problems.pop(device_id, None)
        logger.info("%s: adopted as %r", device_id, device.name)
        self._begin(device)
        self._listener.devices_changed()
        return self._view(device)

    async def look(self, address: str) -> DeviceView:
        """Ask whether a meter is at an address of the local network, and make it a candidate.

        An adopted one is asked there from now on.
        """
        where = local_address(address)
        refusals: list[HomeappError] = []
        for driver in self._drivers.values():
            try:
                candidate = await driver.look(where)
            except (DeviceError, NotFound) as error:
                refusals.append(error)
                continue
            self._found(candidate)
            if (adopted := self._adopted.get(candidate.device_id)) is not None:
                await self._ledger.adopt_device(adopted)
            return next(view for view in self.views() if view.device_id == candidate.device_id)
        # What a meter itself says tells more than that there is none.
        nobody = NotFound("This hub has no driver for meters.")
        raise min(refusals, key=lambda error: isinstance(error, NotFound | DeviceUnreachable), default=nobody)

    async def forget(self, device_id: str) -> None:
        """Disconnect a device and delete what is kept of it."""
        if device_id not in self._adopted:
            raise NotFound("No such device is adopted.")
        await self._ledger.forget_device(device_id)
        device = self._adopted.pop(device_id, None)
        for kept in (self._links, self._problems, self._heard, self._passwords, self._meter_secrets):
            kept.pop(device_id, None)
        if (task := self._meter_tasks.pop(device_id, None)) is not None:
            task.cancel()
        logger.info("%s: forgotten", device_id)
        self._listener.devices_changed()
        try:
            await asyncio.to_thread(self._secrets.delete, _secret_name(device_id))
        finally:
            if device is not None and device.kind is DeviceKind.EVCE:
                await self._endpoint.forget(device_id)

    async def raise_security(self, device_id: str) -> None:
        """Have a charger prove itself by a certificate instead of its password; see ``EvceEndpoint``."""
        device = self._adopted.get(device_id)
        if device is None or device.kind is not DeviceKind.EVCE:
            raise NotFound("No such charger is adopted.")
        await self._endpoint.raise_security(device_id)

    def views(self) -> tuple[DeviceView, ...]:
        """Adopted devices first, then candidates."""
        found = [c for c in self._candidates.values() if c.device_id not in self._adopted]
        return tuple(self._view(device) for device in self._adopted.values()) + tuple(
            self._view_of_candidate(candidate) for candidate in found
        )

    def admission(self, device_id: str, password: str | None) -> Admission:
        if device_id not in self._adopted:
            return Admission.KNOCKING
        expected = self._passwords.get(device_id)
        if expected is not None and hmac.compare_digest(expected, _hashed(password or "")):
            return Admission.ADOPTED
        if self._links.get(device_id) is not DeviceLink.REFUSED:
            self._links[device_id] = DeviceLink.REFUSED
            self._problems[device_id] = (
                "The charger came with a wrong password. Forget it here and adopt it again, or restore its password."
            )
            logger.warning("%s: refused, wrong password", device_id)
            self._listener.devices_changed()
        return Admission.REFUSED

    def is_adopted(self, device_id: str) -> bool:
        return device_id in self._adopted

    def turned_away(self, device_id: str, sentence: str) -> None:
        # While it is connected, somebody else has tried.
        if self._links.get(device_id) not in (DeviceLink.ONLINE, DeviceLink.CONNECTING) and self.is_adopted(device_id):
            self._set_link(device_id, DeviceLink.REFUSED, sentence)

    def vendor(self, device_id: str) -> str:
        device = self._adopted.get(device_id)
        return device.properties.get("vendor", "") if device is not None else ""

    def agreed_firmware(self, device_id: str, location: str, signature: str) -> bool:
        return self._is_in_use(device_id) and self._agreed_firmware(location, signature)

    def authorizes(self, device_id: str, id_token: str) -> bool:
        return device_id in self._adopted and self._authorizes(device_id, id_token)

    def knocked(self, candidate: Candidate) -> None:
        self._found(candidate)

    def changed(self, state: EvceState) -> None:
        if state.device_id not in self._adopted:
            return
        self._heard[state.device_id] = state.received_at
        link = DeviceLink.OFFLINE
        if state.connected:
            link = DeviceLink.CONNECTING if state.status is EvceStatus.STARTING else DeviceLink.ONLINE
        self._set_link(state.device_id, link, state.problem)
        self._listener.evce_changed(state)

    def _no_room(self, candidate: Candidate) -> str | None:
        """Why a candidate cannot be adopted beside what the home has, or has as soon as it is paired."""
        coming = [item for item in self._adopting.values() if item.kind is candidate.kind]
        if candidate.device_id in self._adopting or (coming and candidate.kind is DeviceKind.METER):
            busy = self._adopting.get(candidate.device_id, coming[0])
            return f"“{busy.product}” is being adopted just now. Wait for that, then look again."
        if candidate.kind is DeviceKind.EVCE:
            others = dict.fromkeys([*(item.device_id for item in self.chargers), *(item.device_id for item in coming)])
            return self._fits([*(other for other in others if other != candidate.device_id), candidate.device_id])
        meter = self._meter_in_use()
        if meter is None or meter.device_id == candidate.device_id:
            return None
        return f"This home already has a smart meter, “{meter.name}”. Forget that one first to use this one."

    def _meter_in_use(self) -> AdoptedDevice | None:
        return next((device for device in self._adopted.values() if device.kind is DeviceKind.METER), None)

    def _is_in_use(self, device_id: str) -> bool:
        device = self._adopted.get(device_id)
        return device is not None and (device.kind is DeviceKind.EVCE or device is self._meter_in_use())

    async def _pair(self, candidate: Candidate, name: str) -> AdoptedDevice:
        if candidate.kind is DeviceKind.EVCE:
            secret: str | None = await self._endpoint.enrol(candidate.device_id)
        else:
            driver = self._drivers.get(candidate.driver)
            if driver is None:
                raise NotFound(f"This hub has no driver {candidate.driver!r}.")
            secret = await driver.pair(candidate)
        device = AdoptedDevice(
            device_id=candidate.device_id,
            kind=candidate.kind,
            driver=candidate.driver,
            name=name or candidate.product,
            address=candidate.address,
            product=candidate.product,
            adopted_at=self._clock.now(),
            properties=candidate.properties,
        )
        if secret is not None:
            await asyncio.to_thread(self._secrets.set, _secret_name(candidate.device_id), secret)
        await self._ledger.adopt_device(device)
        await self._admit(device)
        if candidate.kind is DeviceKind.EVCE:
            await self._endpoint.drop(candidate.device_id)
        return device

    async def _admit(self, device: AdoptedDevice) -> None:
        secret = await asyncio.to_thread(self._secrets.get, _secret_name(device.device_id))
        self._adopted[device.device_id] = device
        self._links[device.device_id] = DeviceLink.CONNECTING
        if device.kind is DeviceKind.EVCE:
            self._passwords[device.device_id] = _hashed(secret or "")
        else:
            self._meter_secrets[device.device_id] = secret

    def _begin(self, device: AdoptedDevice) -> None:
        if device.kind is not DeviceKind.METER or self._tasks is None:
            return
        if (old := self._meter_tasks.pop(device.device_id, None)) is not None:
            old.cancel()
        self._meter_tasks[device.device_id] = self._tasks.create_task(
            supervise(device.device_id, lambda: self._keep_reading(device.device_id), self._clock)
        )

    async def _keep_reading(self, device_id: str) -> None:
        attempt = 0
        while (device := self._adopted.get(device_id)) is not None:
            driver = self._drivers.get(device.driver)
            if driver is None:
                self._set_link(device_id, DeviceLink.OFFLINE, f"This hub has no driver {device.driver!r}.")
                return
            try:
                async for reading in driver.open(device, self._meter_secrets.get(device_id)).readings():
                    attempt = 0
                    self._heard[device_id] = reading.received_at
                    in_use = self._is_in_use(device_id)
                    self._set_link(device_id, DeviceLink.ONLINE, None if in_use else _METER_NOT_USED)
                    if in_use:
                        self._listener.meter_read(reading)
            except DeviceRefused as error:
                self._set_link(device_id, DeviceLink.REFUSED, str(error))
                await self._clock.sleep(METER_REFUSED_PAUSE_S)
            except DeviceError as error:
                self._set_link(device_id, DeviceLink.OFFLINE, str(error))
            attempt += 1
            await self._clock.sleep(0.5 + jittered(attempt, longest_s=30.0))

    async def _discover(self, discoverer: Discoverer) -> None:
        await supervise(type(discoverer).__name__, lambda: discoverer.run(self._found), self._clock)

    def _found(self, candidate: Candidate) -> None:
        known = self._candidates.get(candidate.device_id)
        if known is None and len(self._candidates) >= MOST_CANDIDATES:
            oldest = min(self._candidates.values(), key=lambda item: item.seen_at)
            del self._candidates[oldest.device_id]
        self._candidates[candidate.device_id] = candidate
        adopted = self._adopted.get(candidate.device_id)
        if adopted is not None and candidate.address != adopted.address and _is_same_way(adopted, candidate):
            # Only a hint for the next connection: the device's own credentials prove who it is.
            self._adopted[candidate.device_id] = replace(adopted, address=candidate.address)
        if known is None or (known.address, known.link) != (candidate.address, candidate.link):
            logger.info("%s: seen at %s (%s)", candidate.device_id, candidate.address, candidate.link)
        self._listener.devices_changed()

    def _set_link(self, device_id: str, link: DeviceLink, problem: str | None) -> None:
        before = (self._links.get(device_id), self._problems.get(device_id))
        if before == (link, problem):
            return
        if before[0] is not link:
            level = logging.INFO if link in (DeviceLink.ONLINE, DeviceLink.CONNECTING) else logging.WARNING
            logger.log(level, "%s: %s%s", device_id, link, f" - {problem}" if problem else "")
        self._links[device_id] = link
        if problem is None:
            self._problems.pop(device_id, None)
        else:
            self._problems[device_id] = problem
        self._listener.devices_changed()

    def _view(self, device: AdoptedDevice) -> DeviceView:
        heard = self._heard.get(device.device_id)
        return DeviceView(
            device_id=device.device_id,
            kind=device.kind,
            driver=device.driver,
            name=device.name,
            product=device.product,
            address=device.address,
            link=self._links.get(device.device_id, DeviceLink.OFFLINE),
            adopted=True,
            problem=self._problems.get(device.device_id),
            seen_age_s=None if heard is None else max(0.0, (self._clock.now() - heard).total_seconds()),
            properties=device.properties,
        )

    def _view_of_candidate(self, candidate: Candidate) -> DeviceView:
        return DeviceView(
            device_id=candidate.device_id,
            kind=candidate.kind,
            driver=candidate.driver,
            name=candidate.product,
            product=candidate.product,
            address=candidate.address,
            link=self._links.get(candidate.device_id, candidate.link),
            adopted=False,
            problem=self._problems.get(candidate.device_id),
            seen_age_s=max(0.0, (self._clock.now() - candidate.seen_at).total_seconds()),
            properties=candidate.properties,
        )


def _is_same_way(adopted: AdoptedDevice, candidate: Candidate) -> bool:
    """A meter that has learned another generation of its API answers that at another port."""
    return adopted.kind is DeviceKind.METER and adopted.properties.get("api") == candidate.properties.get("api")


def _secret_name(device_id: str) -> str:
    return f"device.{device_id}"


def _hashed(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()
