"""What the simulated car knows of itself."""

import struct
from collections.abc import Callable, Mapping

_CONFIRMED_STATUS = 0x2F
_SUSPECTED_STATUS = 0x24


class Vehicle:
    """A parked car.

    Args:
        vin: its identity.
        software_version: at the beginning.
        manufacturer_key: public JWK; only what it has signed is activated.
        soc_pct: tells the state of charge.

    Attributes:
        software_version: in force.
        soh_pct, low_voltage_v: as they are read.
        position: latitude and longitude, or None where the car does not tell.
        locked: its owner has not unlocked it for changes.
        moving: it does not let itself be changed then.
    """

    def __init__(
        self,
        *,
        vin: str,
        software_version: str,
        manufacturer_key: Mapping[str, str],
        soc_pct: Callable[[], float],
    ) -> None:
        self.vin = vin
        self.software_version = software_version
        self.manufacturer_key = manufacturer_key
        self.soh_pct = 93.5
        self.low_voltage_v = 12.6
        self.position: tuple[float, float] | None = (52.0907, 5.1214)
        self.locked = False
        self.moving = False
        self._soc_pct = soc_pct
        self._codes: dict[bytes, int] = {}

    def add_defect(self, code: str, *, confirmed: bool = True) -> None:
        """Hold a trouble code such as ``P0A1F`` or ``P0AA7-16`` from now on."""
        self._codes[_encoded(code)] = _CONFIRMED_STATUS if confirmed else _SUSPECTED_STATUS

    def mend(self, code: str) -> None:
        """Hold it no longer."""
        self._codes.pop(_encoded(code), None)

    def trouble_codes(self) -> tuple[tuple[bytes, int], ...]:
        """Each as three bytes, with its status byte."""
        return tuple(self._codes.items())

    def data(self) -> Mapping[int, bytes]:
        """What can be read, by data identifier."""
        latitude, longitude = self.position or (0.0, 0.0)
        place = {0x0104: struct.pack(">ii", round(latitude * 1e7), round(longitude * 1e7))} if self.position else {}
        return {
            0xF190: self.vin.encode("ascii"),
            0xF189: self.software_version.encode("ascii"),
            0x0101: round(self._soc_pct() * 100).to_bytes(2, "big"),
            0x0102: round(self.soh_pct * 100).to_bytes(2, "big"),
            0x0103: round(self.low_voltage_v * 1000).to_bytes(2, "big"),
            **place,
        }

    def activate(self, version: str) -> None:
        """Run software that the manufacturer has signed."""
        self.software_version = version


def _encoded(code: str) -> bytes:
    name, _, failure_type = code.partition("-")
    high = "PCBU".index(name[0]) << 6 | int(name[1], 16) << 4 | int(name[2], 16)
    return bytes([high, int(name[3:5], 16), int(failure_type or "00", 16)])
