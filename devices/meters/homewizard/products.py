"""The HomeWizard products that measure a grid connection, and how they are named."""

import re
from dataclasses import dataclass

from homeapp.errors import DeviceRefused, NotSupported

DRIVER = "homewizard"

# Product type as announced: the type in the name of its certificate (API v2, "Hostname Validation").
_CERTIFICATE_TYPES = {
    "HWE-P1": "p1dongle",
    "HWE-KWH1": "energymeter",
    "HWE-KWH3": "energymeter",
    "SDM230-wifi": "energymeter",
    "SDM630-wifi": "energymeter",
}
_PRODUCTS = {"p1dongle": "P1 meter", "energymeter": "kWh meter"}
_SERIAL = re.compile(r"[0-9a-f]{12}")


def is_meter(product_type: str) -> bool:
    """True for products that this driver can read; sockets, water meters and batteries are none."""
    return product_type in _CERTIFICATE_TYPES


def device_id(serial: str) -> str:
    """The device id of the product with this serial."""
    return f"{DRIVER}:{serial}"


def serial_of(device: str) -> str:
    """The serial in a device id of this driver.

    Raises:
        NotSupported: it is not one of this driver's ids.
    """
    driver, _, serial = device.partition(":")
    if driver != DRIVER or clean_serial(serial) != serial:
        raise NotSupported(f"{device!r} is not a HomeWizard meter.")
    return serial


def clean_serial(text: object) -> str | None:
    """A serial as twelve lower-case hexadecimal digits, or None where the text is no serial."""
    if not isinstance(text, str):
        return None
    lowered = text.lower()
    return lowered if _SERIAL.fullmatch(lowered) else None


@dataclass(frozen=True, slots=True)
class CertifiedProduct:
    """What the name of a meter's certificate tells.

    Attributes:
        kind: the type in it, which several products may share.
        product: for people.
    """

    serial: str
    kind: str
    product: str


def read_certificate_name(name: str) -> CertifiedProduct | None:
    """Whose certificate this is, or None where it is no meter's."""
    parts = name.split("/")
    serial = clean_serial(parts[-1])
    if len(parts) != 3 or parts[0] != "appliance" or parts[1] not in _PRODUCTS or serial is None:
        return None
    return CertifiedProduct(serial, parts[1], _PRODUCTS[parts[1]])


def certificate_name(serial: str, product_type: str, certificate_type: str = "") -> str:
    """The common name that the meter's certificate must carry.

    Args:
        serial: the meter's.
        product_type: as announced; empty where only the other one is known.
        certificate_type: as its certificate has told it before.

    Raises:
        DeviceRefused: the product has no such certificate.
    """
    kind = _CERTIFICATE_TYPES.get(product_type) or (certificate_type if certificate_type in _PRODUCTS else None)
    if kind is None:
        raise DeviceRefused(f"The HomeWizard product {product_type or 'without a type'!r} is not a supported meter.")
    return f"appliance/{kind}/{serial}"
