"""The HomeWizard products that measure a grid connection, and how they are named."""

import re

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


def certificate_name(serial: str, product_type: str) -> str:
    """The common name that the meter's certificate must carry.

    Raises:
        DeviceRefused: the product has no such certificate.
    """
    kind = _CERTIFICATE_TYPES.get(product_type)
    if kind is None:
        raise DeviceRefused(f"The HomeWizard product {product_type or 'without a type'!r} is not a supported meter.")
    return f"appliance/{kind}/{serial}"
