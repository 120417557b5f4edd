"""The devices of a home, as the hub would tell them."""

from dataclasses import replace

from homeapp.model.device import DeviceKind, DeviceLink, DeviceView

METER = DeviceView(
    device_id="homewizard:5c2faf010203",
    kind=DeviceKind.METER,
    driver="homewizard",
    name="Meter cupboard",
    product="HomeWizard P1 Meter",
    address="192.168.1.40:443",
    link=DeviceLink.ONLINE,
    adopted=True,
    seen_age_s=1.0,
)
CHARGER = DeviceView(
    device_id="ocpp:SN1005",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Driveway",
    product="Wallbox, OCPP 2.0.1",
    address="192.168.1.61:49822",
    link=DeviceLink.ONLINE,
    adopted=True,
    seen_age_s=3.0,
)
KNOCKING = replace(
    CHARGER,
    device_id="ocpp:SN2001",
    name="",
    product="Charger Duo 22",
    address="192.168.1.77:50110",
    link=DeviceLink.KNOCKING,
    adopted=False,
)
FOUND = replace(
    METER,
    device_id="homewizard:aabbcc",
    name="",
    product="kWh Meter 3-phase",
    address="192.168.1.52:443",
    link=DeviceLink.FOUND,
    adopted=False,
    seen_age_s=12.0,
)
OFFLINE = replace(CHARGER, link=DeviceLink.OFFLINE, seen_age_s=760.0)
