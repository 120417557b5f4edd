"""How HomeWizard meters announce themselves by mDNS (API documentation, "Discovery").

A meter with both generations of the API announces two services; v2 is preferred because it proves who it is.
"""

from collections.abc import Mapping

from devices.dns_sd import Announcement, AnnouncementReader
from devices.meters.homewizard.products import DRIVER, clean_serial, device_id, is_meter
from homeapp.model.device import DeviceKind


def read_v1(txt: Mapping[str, str]) -> Announcement | None:
    """``_hwenergy._tcp``: plain HTTP; ``api_enabled`` tells whether the owner has opened it."""
    return _read(txt, "v1", {"api_enabled": "0" if txt.get("api_enabled") == "0" else "1"})


def read_v2(txt: Mapping[str, str]) -> Announcement | None:
    """``_homewizard._tcp``: HTTPS; ``id`` is the name in the meter's certificate."""
    return _read(txt, "v2", {name: txt[name] for name in ("id", "api_version") if name in txt})


SERVICES: dict[str, AnnouncementReader] = {"_hwenergy._tcp.local.": read_v1, "_homewizard._tcp.local.": read_v2}


def _read(txt: Mapping[str, str], api: str, more: dict[str, str]) -> Announcement | None:
    serial = clean_serial(txt.get("serial"))
    product_type = txt.get("product_type", "")
    if serial is None or not is_meter(product_type):
        return None
    return Announcement(
        device_id=device_id(serial),
        kind=DeviceKind.METER,
        driver=DRIVER,
        product=f"HomeWizard {txt.get('product_name') or product_type}",
        preference=2 if api == "v2" else 1,
        properties={"api": api, "product_type": product_type, "serial": serial, **more},
    )
