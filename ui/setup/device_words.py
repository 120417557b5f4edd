"""What the pages of meter and charger tell of a device, and which of several they are about."""

from dataclasses import dataclass

from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.live import LiveCharger
from ui import formats, words
from ui.tr import tr
from ui.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Devices of one kind.

    Attributes:
        adopted: the one of this home, an online one first; None without one.
        others: those that could be adopted.
    """

    adopted: DeviceView | None
    others: tuple[DeviceView, ...]

    @property
    def online(self) -> bool:
        """The adopted one answers."""
        return self.adopted is not None and self.adopted.link is DeviceLink.ONLINE


def candidates(view: View, kind: DeviceKind) -> Candidates:
    """What there is of this kind."""
    known = [device for device in view.devices or () if device.kind is kind]
    adopted = sorted((device for device in known if device.adopted), key=_online_first)
    others = tuple(device for device in known if not device.adopted)
    return Candidates(adopted=adopted[0] if adopted else None, others=others)


def name(device: DeviceView) -> str:
    """What it is called."""
    return device.name or device.product or words.kind_words(device.kind)


def particulars(device: DeviceView) -> str:
    """What tells it from another one of the same make, in one line."""
    told = device.properties
    vendor = " ".join(filter(None, (told.get("vendor", ""), told.get("model", ""))))
    serial, identity = told.get("serial", ""), device.device_id.partition(":")[2]
    parts = [vendor if vendor != name(device) else "", device.product if device.product != name(device) else ""]
    parts = parts[:1] if parts[0] else parts[1:]
    if device.kind is DeviceKind.EVCE:
        parts.append(tr("identity {identity}", identity=identity))
    if serial and (device.kind is DeviceKind.METER or serial != identity):
        parts.append(tr("serial number {serial}", serial=serial))
    parts.append(protocol_words(told.get("protocol", "")))
    parts.append(device.address)
    return " · ".join(filter(None, parts))


def heard(device: DeviceView, view: View) -> str:
    """How long ago anything was heard of it; empty where that is not known."""
    if device.seen_age_s is None:
        return ""
    return tr("heard {age}", age=formats.ago(device.seen_age_s + view.since_devices_s))


def protocol_words(protocol: str) -> str:
    """``ocpp2.0.1`` as people write it."""
    return protocol.replace("ocpp", "OCPP ") if protocol.startswith("ocpp") else protocol


def live_charger(device: DeviceView, view: View) -> LiveCharger | None:
    """What the snapshot tells of it."""
    chargers = view.snapshot.chargers if view.snapshot is not None else ()
    return next((charger for charger in chargers if charger.device_id == device.device_id), None)


def _online_first(device: DeviceView) -> bool:
    return device.link is not DeviceLink.ONLINE
