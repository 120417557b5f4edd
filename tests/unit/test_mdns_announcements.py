"""What is made of mDNS announcements: hostile ones are cleaned or dropped, a device counts once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.dns_sd import MOST_DEVICES, Announcement, Sightings, best_address, clean_txt
from devices.meters.homewizard import SERVICES
from devices.meters.homewizard.announcement import read_v1, read_v2
from homeapp.model.device import DeviceKind

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
V1 = {
    "api_enabled": "1",
    "path": "/api/v1",
    "serial": "5c2fafaabbcc",
    "product_name": "P1 Meter",
    "product_type": "HWE-P1",
}
V2 = {
    "api_version": "2.0.0",
    "id": "appliance/p1dongle/5c2fafaabbcc",
    "serial": "5c2fafaabbcc",
    "product_name": "P1 Meter",
    "product_type": "HWE-P1",
}


def v1(**changed: str) -> Announcement:
    announcement = read_v1(V1 | changed)
    assert announcement is not None
    return announcement


def v2(**changed: str) -> Announcement:
    announcement = read_v2(V2 | changed)
    assert announcement is not None
    return announcement


def test_both_generations_announce_the_same_device() -> None:
    assert v1().device_id == v2().device_id == "homewizard:5c2fafaabbcc"
    assert v1().properties == {
        "api": "v1",
        "product_type": "HWE-P1",
        "serial": "5c2fafaabbcc",
        "api_enabled": "1",
    }
    assert v2().properties == {
        "api": "v2",
        "product_type": "HWE-P1",
        "serial": "5c2fafaabbcc",
        "id": "appliance/p1dongle/5c2fafaabbcc",
        "api_version": "2.0.0",
    }
    assert v2().product == "HomeWizard P1 Meter"
    assert v2(serial="5C2FAFAABBCC").device_id == "homewizard:5c2fafaabbcc"


def test_a_closed_local_api_is_told() -> None:
    assert v1(api_enabled="0").properties["api_enabled"] == "0"


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": ""},
        {"serial": "../../etc/pw"},
        {"serial": "5c2fafaabbc"},
        {"product_type": "HWE-SKT"},
        {"product_type": "HWE-BAT"},
        {"product_type": ""},
    ],
)
def test_what_is_no_meter_is_left_out(changed: dict[str, str]) -> None:
    assert read_v1(V1 | changed) is None
    assert read_v2(V2 | changed) is None
    assert read_v1({}) is None


def test_v2_replaces_v1_and_is_never_talked_down() -> None:
    sightings = Sightings()
    first = sightings.note(v1(), "10.0.0.2:80", NOW)
    assert first is not None
    assert first.properties["api"] == "v1"
    second = sightings.note(v2(), "10.0.0.2:443", NOW)
    assert second is not None
    assert second.properties["api"] == "v2"
    assert sightings.note(v1(), "10.0.0.66:80", NOW) is None


def test_only_news_is_reported() -> None:
    sightings = Sightings()
    assert sightings.note(v2(), "10.0.0.2:443", NOW) is not None
    assert sightings.note(v2(), "10.0.0.2:443", NOW + timedelta(hours=1)) is None
    moved = sightings.note(v2(), "10.0.0.3:443", NOW + timedelta(hours=2))
    assert moved is not None
    assert moved.address == "10.0.0.3:443"
    assert moved.seen_at == NOW + timedelta(hours=2)


def test_a_flood_of_devices_forgets_the_longest_unheard() -> None:
    sightings = Sightings()
    sightings.note(v2(), "10.0.0.2:443", NOW)
    for number in range(MOST_DEVICES):
        sightings.note(v2(serial=f"{number:012x}"), "10.0.0.3:443", NOW)
    assert sightings.note(v2(), "10.0.0.2:443", NOW) is not None
    assert len(sightings._best) == MOST_DEVICES


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["10.77.0.3", "10.77.0.2"], "10.77.0.3:443"),
        (["fd00::5", "192.168.1.20"], "192.168.1.20:443"),
        (["fe80::1%2", "fd00::5"], "[fd00::5]:443"),
        (["169.254.7.7"], "169.254.7.7:443"),
        (["fe80::1"], None),
        (["8.8.8.8"], None),
        (["2606:4700:4700::1111"], None),
        (["224.0.0.251", "0.0.0.0", "255.255.255.255", "::", "::1", "127.0.0.1", "::ffff:127.0.0.1"], None),  # noqa: S104 - not bound
        (["meter.local", ""], None),
        ([], None),
    ],
)
def test_only_addresses_of_the_local_network_are_used(addresses: list[str], expected: str | None) -> None:
    assert best_address(addresses, 443) == expected


def test_loopback_is_used_where_it_is_watched() -> None:
    assert best_address(["127.0.0.1"], 443, loopback=True) == "127.0.0.1:443"


@pytest.mark.parametrize("port", [None, 0, -1, 65536])
def test_a_port_out_of_range_is_no_address(port: int | None) -> None:
    assert best_address(["10.0.0.1"], port) is None


def test_txt_is_short_printable_text() -> None:
    cleaned = clean_txt(
        {
            b"Serial": b"5c2fafaabbcc",
            b"serial": b"second of its name",
            b"product_name": b"P1\x00\x1b[31m\xff\xe2\x80\xae Meter" + b"x" * 5000,
            b"flag": None,
            b"": b"no key",
            b"k" * 5000: b"v",
        }
    )
    assert cleaned["serial"] == "5c2fafaabbcc"
    assert cleaned["product_name"].startswith("P1[31m� Meter")
    assert len(cleaned["product_name"]) == 64
    assert set(cleaned) == {"serial", "product_name", "k" * 32}
    assert len(clean_txt({str(number).encode(): b"v" for number in range(1000)})) == 32


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([b"serial", b"product_type", b"product_name", b"id", b"api_enabled"]) | st.binary(max_size=50),
        st.none() | st.sampled_from([b"HWE-P1", b"5c2fafaabbcc", b"0"]) | st.binary(max_size=300),
    )
)
def test_any_txt_record_is_survived(txt: Mapping[bytes, bytes | None]) -> None:
    for read in SERVICES.values():
        announcement = read(clean_txt(txt))
        if announcement is not None:
            assert announcement.kind is DeviceKind.METER
            shown = [announcement.product, *announcement.properties.values()]
            assert all(text.isprintable() and len(text) <= 80 for text in shown)
