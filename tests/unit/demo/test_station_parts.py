"""Parts of the demo station, each by itself."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from homeapp.demo.charger.availability import Availability
from homeapp.demo.charger.certificates import CSMS_ROOT, CertificateStore
from homeapp.demo.charger.disorder import disordered
from homeapp.demo.charger.event_streams import EventStreams
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.local_list import LocalList
from homeapp.demo.charger.meter_signature import SigningMeter, is_genuine
from homeapp.demo.charger.network import Network, NetworkProfile
from homeapp.demo.charger.outlet import Sample
from homeapp.demo.charger.settings import Knob, Settings, Verdict
from homeapp.demo.charger.station_clock import StationClock
from homeapp.demo.ocpp.schemas import Json, Version, request_problem
from homeapp.demo.operator.pki import StreetAuthority
from kit.clocks import StandingClock

NAME = "EVCE-1"


def now() -> datetime:
    return datetime.now(UTC)


# The local list.


def test_the_local_list_is_replaced_or_changed_by_versions_that_rise() -> None:
    tokens = LocalList()
    assert tokens.version == 0
    assert tokens.update(2, [("Owner", "Accepted"), ("Guest", "Blocked")], whole=True) == "Accepted"
    assert (tokens.status("OWNER"), tokens.status("guest"), tokens.status("x")) == ("Accepted", "Blocked", None)
    assert tokens.update(2, [("x", "Accepted")], whole=False) == "VersionMismatch"
    assert tokens.update(3, [("x", "Accepted"), ("guest", None)], whole=False) == "Accepted"
    assert (tokens.status("x"), tokens.status("guest"), len(tokens)) == ("Accepted", None, 2)
    assert tokens.update(4, [(str(number), "Accepted") for number in range(101)], whole=True) == "Failed"
    again = LocalList(dict(tokens.to_json()))
    assert (again.version, again.status("owner")) == (3, "Accepted")


# Availability.


def test_an_evse_goes_out_of_service_when_its_transaction_is_over() -> None:
    busy = {1}
    availability = Availability((), lambda evse: evse in busy)
    assert availability.change(1, operative=False) == "Scheduled"
    availability.look_again()
    assert availability.operative(1)
    busy.clear()
    availability.look_again()
    assert not availability.operative(1)
    assert availability.operative(2)
    assert availability.change(0, operative=False) == "Accepted"
    assert not availability.operative(2)
    assert Availability(availability.to_json(), lambda _: False).operative(1) is False
    assert availability.change(1, operative=True) == "Accepted"
    assert not availability.operative(1)


# The way to the CSMS.


def network(kept: Json | None = None, security: int = 2) -> Network:
    factory = NetworkProfile(url=f"wss://hub/ocpp/{NAME}", security_profile=security)
    return Network(factory, Version.V201, NAME, kept)


def connection(url: str = "wss://provider/ocpp", security: int = 2, **more: object) -> Json:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": security,
        "ocppInterface": "Wired0",
    } | more


def test_a_network_profile_takes_its_turn_after_a_restart_only() -> None:
    subject = network()
    assert subject.set(2, connection()) == "Accepted"
    assert subject.prioritise("2,1")
    assert subject.current.url == f"wss://hub/ocpp/{NAME}"
    subject.restarted()
    assert subject.current.url == f"wss://provider/ocpp/{NAME}"
    again = network(subject.to_json())
    assert (again.active, again.priority) == (2, (2, 1))


@pytest.mark.parametrize(
    ("slot", "data"),
    [
        (1, connection()),
        (0, connection()),
        (6, connection()),
        (2, connection(security=1)),
        (2, connection("ftp://provider")),
        (2, connection(ocppTransport="SOAP")),
        (2, connection(ocppVersion="OCPP16")),
    ],
)
def test_network_profiles_that_it_does_not_take(slot: int, data: Json) -> None:
    assert network().set(slot, data) == "Rejected"


@pytest.mark.parametrize("text", ["2", "1,2", "", "x", "1,,1"])
def test_the_priority_names_only_profiles_that_there_are(text: str) -> None:
    assert not network().prioritise(text)


def test_after_some_failures_the_next_network_profile_is_tried() -> None:
    subject = network()
    subject.set(2, connection())
    subject.prioritise("2,1")
    subject.restarted()
    seen = []
    for _ in range(9):
        seen.append(subject.active)
        subject.failed()
    assert seen == [2, 2, 2, 1, 1, 1, 2, 2, 2]


def test_the_security_profile_rises_and_falls_back_when_nothing_answers() -> None:
    subject = network(security=1)
    assert not subject.raise_security(1)
    assert subject.raise_security(2)
    assert network(subject.to_json()).current.security_profile == 2
    for _ in range(3):
        subject.failed()
    assert subject.current.security_profile == 1
    assert subject.raise_security(3)
    subject.connected()
    for _ in range(9):
        subject.failed()
    assert subject.current.security_profile == 3


# Certificates.


def store(**more: object) -> CertificateStore:
    return CertificateStore(NAME, now, **more)  # type: ignore[arg-type]


def test_a_certificate_for_its_own_key_is_used_and_kept() -> None:
    authority, certificates = StreetAuthority(), store()
    csr = certificates.request("Somebody")
    names = x509.load_pem_x509_csr(csr.encode()).subject
    assert names.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Somebody"
    signed = authority.sign_request(csr.encode(), NAME).decode()
    assert certificates.take_signed(signed + authority.ca_pem.decode())
    assert not certificates.take_signed(signed)
    again = store(kept=certificates.to_json())
    context = again.context(authority.client_context(), mutual=True)
    assert context.check_hostname
    assert again.chain_pem is not None


def test_certificates_that_it_does_not_take_as_its_own() -> None:
    authority, other = StreetAuthority(), StreetAuthority()
    certificates = store()
    assert not certificates.take_signed(authority.ca_pem.decode())
    csr = certificates.request("")
    assert not certificates.take_signed("nonsense")
    assert not certificates.take_signed(authority.issue_client(NAME).certificate_pem.decode())
    signed = authority.sign_request(csr.encode(), NAME).decode()
    assert not certificates.take_signed(signed + other.ca_pem.decode())
    expired = authority.sign_request(csr.encode(), NAME, life=timedelta(days=-1)).decode()
    assert not certificates.take_signed(expired)
    assert certificates.take_signed(signed)


def test_roots_are_installed_listed_and_deleted() -> None:
    pems = [StreetAuthority().ca_pem.decode() for _ in range(2)]
    certificates = store()
    assert certificates.install(CSMS_ROOT, "nonsense") == "Rejected"
    for pem in (*pems, pems[0]):
        assert certificates.install(CSMS_ROOT, pem) == "Accepted"
    assert certificates.roots() == pems
    assert certificates.installed(["MORootCertificate"]) == []
    kind, hash_data = certificates.installed(None)[1]
    assert (kind, hash_data["hashAlgorithm"]) == (CSMS_ROOT, "SHA256")
    assert certificates.delete(hash_data | {"serialNumber": "1"}) == "NotFound"
    loud = {name: value.upper() for name, value in hash_data.items()}
    assert certificates.delete(loud) == "Accepted"
    assert certificates.roots() == pems[:1]


def test_what_it_trusts_grows_with_the_roots() -> None:
    factory, root = StreetAuthority(), StreetAuthority()
    certificates, trust = store(), factory.client_context()
    assert certificates.context(trust, mutual=True) is trust
    certificates.install(CSMS_ROOT, root.ca_pem.decode())
    context = certificates.context(trust, mutual=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 2


# The meter that signs.


def test_a_signed_reading_is_genuine_until_somebody_touches_it() -> None:
    meter = SigningMeter("M1")
    text = meter.sign(sample(), "Transaction.Begin", "owner")
    assert text.startswith("OCMF|")
    assert is_genuine(text, meter.public_key)
    assert not is_genuine(text.replace(":1000,", ":1,"), meter.public_key)
    assert not is_genuine(text, SigningMeter("M1").public_key)
    assert not is_genuine("OCMF|{}|nonsense", meter.public_key)
    again = SigningMeter("M1", meter.key_pem)
    assert is_genuine(again.sign(sample(), "Transaction.End", "owner"), meter.public_key)


def sample() -> Sample:
    return Sample(
        at=now(),
        import_w=0,
        export_w=0,
        currents_a=(0, 0, 0),
        phases=3,
        offered_w=0,
        import_wh=1000,
        export_wh=0,
        soc_pct=None,
    )


# Streams.


def test_a_stream_collects_and_sends_at_its_interval() -> None:
    clock = StandingClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    streams = EventStreams({"EVSE.Power": lambda: 1234.5}, clock.now, clock.monotonic)
    stream = streams.monitor("EVSE.Power", {"interval": 10, "values": 3})
    assert streams.to_json() == []
    streams.opened(stream.stream_id, accepted=True)
    told = []
    for _ in range(20):
        clock.at += timedelta(seconds=1)
        told.extend(streams.tick())
    assert [len(entry["data"]) for entry in told] == [3, 3]
    assert told[0]["data"][-1] == {"t": 10.0, "v": "1234.5"}
    for entry in told:
        assert request_problem(Version.V21, "NotifyPeriodicEventStream", entry) is None
    assert streams.adjust(stream.stream_id, {"interval": 5})
    assert streams.to_json()[0]["params"] == {"interval": 5, "values": 3}
    assert streams.close(stream.monitor_id)
    assert not streams.close(stream.monitor_id)
    assert not streams.adjust(stream.stream_id, {})
    refused = streams.monitor("EVSE.Power", {})
    streams.opened(refused.stream_id, accepted=False)
    assert streams.to_json() == []


# Settings.


def test_settings_are_checked_kept_and_restored() -> None:
    def make() -> Settings:
        return Settings({"Interval": Knob.SAMPLE_INTERVAL}, {"Fixed": "1"}, {"Free": "true", "Text": ""})

    settings = make()
    settings.show("Live", lambda: "7")
    assert settings.get("Live") == "7"
    tries = {"Interval": "20", "Fixed": "2", "Live": "8", "Free": "maybe", "Text": "words", "None": "1"}
    assert {name: settings.set(name, value) for name, value in tries.items()} == {
        "Interval": Verdict.ACCEPTED,
        "Fixed": Verdict.READ_ONLY,
        "Live": Verdict.READ_ONLY,
        "Free": Verdict.REJECTED,
        "Text": Verdict.ACCEPTED,
        "None": Verdict.UNKNOWN,
    }
    again = make()
    again.restore(settings.to_json() | {"Gone": "1"})
    assert (again.seconds(Knob.SAMPLE_INTERVAL), again.get("Text"), again.unsaved) == (20, "words", False)


# The clock.


def test_the_clock_is_wrong_as_long_as_the_fault_lasts() -> None:
    street = StandingClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    clock = StationClock(street)
    assert not clock.heed(Faults(silent=True))
    assert clock.heed(Faults(clock_offset_s=-3600))
    assert clock.now() == street.at - timedelta(hours=1)
    assert clock.heed(Faults(clock_1970=True))
    street.at += timedelta(seconds=5)
    assert clock.now() == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert clock.heed(Faults())
    assert clock.now() == street.at


# Messages that a faulty station writes.


def meter_values(version: Version) -> Json:
    unit = (lambda name: {"unit": name}) if version is Version.V16 else lambda name: {"unitOfMeasure": {"unit": name}}
    text = str if version is Version.V16 else float
    currents = [
        {"measurand": "Current.Import", "value": text(value), "phase": f"L{phase}"} | unit("A")
        for phase, value in ((1, 6.0), (2, 0.0), (3, 10.5))
    ]
    register = {"measurand": "Energy.Active.Import.Register", "value": text(1500.0)} | unit("Wh")
    return {"meterValue": [{"timestamp": "2026-11-23T12:00:00Z", "sampledValue": [*currents, register]}]}


@pytest.mark.parametrize("version", list(Version))
def test_meter_values_in_disorder(version: Version) -> None:
    good = meter_values(version)

    def entries(**faults: bool) -> list[Json]:
        payload = disordered(Faults(**faults), version, "MeterValues", good)
        found: list[Json] = payload["meterValue"][0]["sampledValue"]
        return found

    assert disordered(Faults(slow_s=1), version, "MeterValues", good) is good
    assert [entry.get("phase") for entry in entries(phase_to_neutral=True)] == ["L1-N", "L2-N", "L3-N", None]
    sums = entries(only_sums=True)
    assert [(entry["measurand"][0], float(entry["value"])) for entry in sums] == [("E", 1500), ("C", 16.5)]
    assert float(entries(kilowatt_hours=True)[-1]["value"]) == 1.5
    assert not any("unit" in entry or "unitOfMeasure" in entry for entry in entries(no_unit=True))
    wrong = float if version is Version.V16 else str
    assert {type(entry["value"]) for entry in entries(values_as_text=True)} == {wrong}
    untimed = disordered(Faults(no_timestamp=True), version, "MeterValues", good)
    assert "timestamp" not in untimed["meterValue"][0]
    assert good == meter_values(version)


def test_a_status_without_a_time() -> None:
    payload = {"connectorStatus": "Available", "timestamp": "2026-11-23T12:00:00Z"}
    assert disordered(Faults(no_timestamp=True), Version.V201, "StatusNotification", payload) == {
        "connectorStatus": "Available"
    }
