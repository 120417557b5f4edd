"""The car behind a DoIP entity at a fixed address; implements ``homeapp.ports.Pev``."""

import asyncio
import struct
from collections.abc import Callable
from typing import TypeVar

from devices.pev import allow_list, vehicle_data
from devices.pev.allow_list import Services
from devices.pev.conversation import REQUEST_OUT_OF_RANGE, Ask, Conversation, Refusal
from devices.pev.vehicle_data import Quantity
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable
from homeapp.model.health import PevExamination, Position
from homeapp.ports import Clock

EXAMINE_WITHIN_S = 60.0
ACTIVATE_WITHIN_S = 300.0
"""Real seconds until the car runs new software that it has accepted."""
SLOWEST_TRANSFER = 20_000
"""Bytes a second; a car that takes less is given up."""

ACTIVATE_ROUTINE = 0x0201
_LARGEST_BLOCK = 4093
_ASK_AGAIN_S = 2.0
_CONDITIONS_NOT_CORRECT = 0x22

T = TypeVar("T")


class DoipPev:
    """One conversation at a time; each connects and disconnects by itself, because listening keeps a car awake.

    Args:
        address: literal IP address of the car's DoIP entity.
        port: its TCP port, 13400 in ISO 13400-2.
        clock: hub time.
    """

    def __init__(self, *, address: str, port: int, clock: Clock) -> None:
        self._address = address
        self._port = port
        self._clock = clock
        self._lock = asyncio.Lock()

    async def examine(self) -> PevExamination:
        def talk(ask: Ask) -> PevExamination:
            found = ask(allow_list.READ_DTC, bytes([vehicle_data.STATUS_MASK]), subfunction=0x02)
            return PevExamination(
                at=self._clock.now(),
                vin=vehicle_data.vin(_required(ask, vehicle_data.VIN_DID)),
                defects=vehicle_data.defects(found),
                soc_pct=_number(ask, vehicle_data.SOC_PCT),
                soh_pct=_number(ask, vehicle_data.SOH_PCT),
                low_voltage_v=_number(ask, vehicle_data.LOW_VOLTAGE_V),
                software_version=_version(ask),
            )

        return await self._converse(talk, EXAMINE_WITHIN_S)

    async def locate(self) -> Position | None:
        def talk(ask: Ask) -> Position | None:
            value = _optional(ask, vehicle_data.POSITION_DID)
            angles = None if value is None else vehicle_data.angles(value)
            return angles and Position(at=self._clock.now(), latitude=angles[0], longitude=angles[1])

        return await self._converse(talk, EXAMINE_WITHIN_S)

    async def install(self, package: bytes, version: str) -> None:
        within_s = EXAMINE_WITHIN_S + len(package) / SLOWEST_TRANSFER
        await self._converse(lambda ask: _transfer(ask, package), within_s, allow_list.INSTALLING)
        try:
            async with asyncio.timeout(ACTIVATE_WITHIN_S):
                while await self._runs() != version:
                    await self._clock.sleep(_ASK_AGAIN_S)
        except TimeoutError as error:
            raise DeviceUnreachable(
                f"The car has taken the software but does not say that it runs {version}. The hub looks again."
            ) from error

    async def _runs(self) -> str | None:
        """Its software version; None while it restarts."""
        try:
            return await self._converse(_version, EXAMINE_WITHIN_S)
        except DeviceError:
            return None

    async def _converse(self, talk: Callable[[Ask], T], within_s: float, services: Services = allow_list.READING) -> T:
        async with self._lock:
            conversation = Conversation(self._address, self._port, services)
            try:
                async with asyncio.timeout(within_s):
                    return await asyncio.to_thread(conversation.hold, talk)
            except TimeoutError as error:
                raise DeviceUnreachable("The car takes too long to answer. The hub tries again.") from error
            finally:
                # Where this ends before the thread does, the thread follows.
                conversation.end()


def _transfer(ask: Ask, package: bytes) -> None:
    """Hand ``package`` over block by block and have it activated."""
    try:
        ask(allow_list.SESSION_CONTROL, subfunction=allow_list.EXTENDED_SESSION)
        # No compression, no encryption; four bytes each of address and size.
        size = struct.pack(">BBII", 0x00, 0x44, 0, len(package))
        block = min(vehicle_data.block_size(ask(allow_list.REQUEST_DOWNLOAD, size)), _LARGEST_BLOCK)
        for number, start in enumerate(range(0, len(package), block), start=1):
            ask(allow_list.TRANSFER_DATA, bytes([number & 0xFF]) + package[start : start + block])
        ask(allow_list.TRANSFER_EXIT)
        routine = ACTIVATE_ROUTINE.to_bytes(2, "big")
        ask(allow_list.ROUTINE_CONTROL, routine, subfunction=allow_list.START_ROUTINE)
    except Refusal as error:
        raise DeviceRefused(
            f"The car refuses the software (code 0x{error.code:02X}). It keeps what it has. Tell the PEV provider."
        ) from error


def _required(ask: Ask, did: int) -> bytes:
    return vehicle_data.identified(ask(allow_list.READ_DATA, did.to_bytes(2, "big")), did)


def _optional(ask: Ask, did: int) -> bytes | None:
    """None where the car does not tell."""
    try:
        return _required(ask, did)
    except Refusal as error:
        if error.code in (REQUEST_OUT_OF_RANGE, _CONDITIONS_NOT_CORRECT):
            return None
        raise


def _number(ask: Ask, quantity: Quantity) -> float | None:
    value = _optional(ask, quantity.did)
    return None if value is None else vehicle_data.number(value, quantity)


def _version(ask: Ask) -> str | None:
    value = _optional(ask, vehicle_data.SOFTWARE_VERSION_DID)
    return None if value is None else vehicle_data.software_version(value)
