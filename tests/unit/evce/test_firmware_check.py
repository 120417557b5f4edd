"""Which firmware of a provider a station gets, and when."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from devices.evce import schemas
from devices.evce.firmware_check import FirmwareRules, ProviderFirmware, Window, is_vouched_for
from devices.evce.frames import Frame, MessageType
from devices.evce.schemas import Version
from homeapp.errors import SettingsInvalid
from homeapp.identity import vendor_roots
from homeapp.jobs.charger_software import is_agreed
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.readings import EvceState, EvceStatus, SoftwareStage, SoftwareUpdate
from kit.clocks import StandingClock

NIGHT = dt.datetime(2026, 11, 26, 1, 30, tzinfo=dt.UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
WINDOW = Window(dt.time(1), dt.time(5), ZONE)
ACME, STATION = "Acme", "ocpp:box"
LOCATION, SIGNATURE = "https://firmware.acme.example/9.bin", "MEQCIA=="
IDLE = EvceState(device_id=STATION, received_at=NIGHT, status=EvceStatus.AVAILABLE, connected=True)
Json = dict[str, Any]


class Signer:
    """A certificate with its key; of ``issuer``, or its own root."""

    def __init__(
        self, name: str, issuer: "Signer | None" = None, *, ca: bool = False, days: tuple[int, int] = (-10, 10)
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.issuer = issuer or self
        builder = x509.CertificateBuilder().subject_name(self.name).issuer_name(self.issuer.name)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NIGHT + dt.timedelta(days[0])).not_valid_after(NIGHT + dt.timedelta(days[1]))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        self.certificate = builder.sign(self.issuer.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


ROOT = Signer("Acme root", ca=True)
BETWEEN = Signer("Acme firmware", ROOT, ca=True)
SIGNING = Signer("Acme signing", ROOT)
DEEP = Signer("Acme signing 2", BETWEEN)
FOREIGN = Signer("Somebody", Signer("Somebody's root", ca=True))
OLD = Signer("Acme signing, old", ROOT, days=(-10, -1))
EARLY = Signer("Acme signing, early", ROOT, days=(1, 10))
BY_A_SIGNER = Signer("Signed by a signer", SIGNING)


class Register:
    """Knows one vendor, and one agreed address."""

    def __init__(self, vendor: str = "ACME", agreed: tuple[str, str] | None = None) -> None:
        self.vendor, self._agreed = vendor, agreed

    def agrees(self, location: str, signature: str) -> bool:
        return (location, signature) == self._agreed


def call(action: str, payload: Json) -> Frame:
    return Frame(MessageType.CALL, "1", action=action, payload=payload, raw=json.dumps(payload).encode())


def signed(version: Version, *, location: str = LOCATION, certificate: str = SIGNING.pem, **more: Any) -> Frame:
    """The signed request of each version."""
    firmware = {"location": location, "retrieveDateTime": "2026-11-26T01:30:00Z", "signature": SIGNATURE}
    payload = {"requestId": 1, "firmware": firmware | {"signingCertificate": certificate} | more}
    action = "SignedUpdateFirmware" if version is Version.V16 else "UpdateFirmware"
    assert schemas.request_problem(version, action, payload) is None
    return call(action, payload)


def unsigned(version: Version, **more: Any) -> Frame:
    firmware = {"location": LOCATION, "retrieveDateTime": "2026-11-26T01:30:00Z"}
    payload: Json = {"requestId": 1, "firmware": firmware}
    if version is Version.V16:
        payload = {"location": LOCATION, "retrieveDate": "2026-11-26T01:30:00Z"}
    return call("UpdateFirmware", payload | more)


def reason(
    frame: Frame,
    *,
    state: EvceState | None = IDLE,
    register: Register | None = None,
    roots: Sequence[Signer] = (ROOT,),
    window: Window | None = WINDOW,
    now: dt.datetime = NIGHT,
) -> str | None:
    """Why it is refused, or None."""
    pinned = {"acme": [root.certificate for root in roots]}
    rules = FirmwareRules(roots=pinned, window=window, clock=StandingClock(now))
    known = register or Register()
    check = ProviderFirmware(STATION, rules, state=lambda: state, vendor=lambda: known.vendor, agreed=known.agrees)
    refused = asyncio.run(check.refusal(frame))
    if refused is not None:
        assert len(refused.reason) <= 20
        assert len(refused.sentence) <= 255
    return refused.reason if refused else None


@pytest.mark.parametrize("version", Version)
def test_signed_firmware_of_the_vendor_passes_at_night(version: Version) -> None:
    assert reason(signed(version)) is None
    assert reason(signed(version, certificate=DEEP.pem + BETWEEN.pem)) is None
    assert reason(signed(version, location="FTPS://firmware.acme.example/9.bin")) is None


@pytest.mark.parametrize("version", Version)
def test_unsigned_firmware_needs_the_owners_word(version: Version) -> None:
    assert reason(unsigned(version)) == "MissingParam"
    assert reason(unsigned(version), register=Register(agreed=(LOCATION, ""))) is None
    assert reason(unsigned(version), register=Register(agreed=("https://elsewhere.example/", ""))) == "MissingParam"
    assert reason(signed(version, certificate="")) == "MissingParam"


def test_a_signed_part_beside_the_plain_one_of_1_6_does_not_help() -> None:
    frame = unsigned(Version.V16, firmware=signed(Version.V16).payload["firmware"])
    assert reason(frame) == "MissingParam"
    assert reason(unsigned(Version.V16, location="http://firmware.example/")) == "InvalidURL"


@pytest.mark.parametrize(
    "signer", [FOREIGN, OLD, EARLY, BY_A_SIGNER, DEEP], ids=lambda signer: signer.name.rfc4514_string()
)
def test_a_signer_whom_the_vendor_does_not_vouch_for_is_refused(signer: Signer) -> None:
    assert reason(signed(Version.V21, certificate=signer.pem)) == "InvalidCertificate"


def test_a_signer_who_is_no_authority_vouches_for_nobody() -> None:
    assert reason(signed(Version.V21, certificate=BY_A_SIGNER.pem + SIGNING.pem)) == "InvalidCertificate"
    assert reason(signed(Version.V21, certificate=FOREIGN.pem + ROOT.pem)) == "InvalidCertificate"
    long = DEEP.pem + BETWEEN.pem * 6
    assert len(long) < 5500
    assert reason(signed(Version.V21, certificate=long)) == "InvalidCertificate"


def test_without_a_pinned_root_the_owner_decides() -> None:
    assert reason(signed(Version.V201), roots=()) == "NotEnabled"
    assert reason(signed(Version.V201), register=Register(vendor="Other")) == "NotEnabled"
    assert reason(signed(Version.V201), register=Register(vendor="")) == "NotEnabled"
    assert reason(signed(Version.V201), roots=(), register=Register(agreed=(LOCATION, SIGNATURE))) is None


@pytest.mark.parametrize(
    "location",
    [
        "http://firmware.acme.example/9",
        "ftp://firmware.acme.example/9",
        "//x",
        "",
        "https://",
        "https://a b",
        "httpsx://a",
    ],
)
def test_other_addresses_are_refused_whoever_agrees(location: str) -> None:
    agreed = Register(agreed=(location, SIGNATURE))
    assert reason(signed(Version.V21, location=location), register=agreed) == "InvalidURL"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, "InternalError"),
        (replace(IDLE, connected=False, status=EvceStatus.OFFLINE), "InternalError"),
        (replace(IDLE, status=EvceStatus.CHARGING), "TxInProgress"),
        (replace(IDLE, status=EvceStatus.FEEDING), "TxInProgress"),
        (
            replace(IDLE, software=SoftwareUpdate(version="9", stage=SoftwareStage.DOWNLOADING, at=NIGHT)),
            "FwUpdateInProgress",
        ),
        (replace(IDLE, software=SoftwareUpdate(version="9", stage=SoftwareStage.FAILED, at=NIGHT)), None),
        (replace(IDLE, status=EvceStatus.PLUGGED), None),
    ],
)
def test_never_while_the_station_is_busy_not_even_with_the_owners_word(
    state: EvceState | None, why: str | None
) -> None:
    assert reason(signed(Version.V201), state=state) == why
    assert reason(unsigned(Version.V16), state=state, register=Register(agreed=(LOCATION, ""))) == why


def test_only_in_the_owners_hours() -> None:
    noon = NIGHT.replace(hour=12)
    assert reason(signed(Version.V21), now=noon) == "NotEnabled"
    assert reason(signed(Version.V21), now=noon, window=None) is None
    # What the owner has agreed to has a time of its own.
    assert reason(signed(Version.V21), now=noon, register=Register(agreed=(LOCATION, SIGNATURE))) is None
    # Asked at noon, to be installed at night, and the other way round.
    assert reason(signed(Version.V21, installDateTime="2026-11-27T02:00:00Z"), now=noon) is None
    assert reason(signed(Version.V21, installDateTime="2026-11-26T12:00:00Z")) == "NotEnabled"
    # A moment that is over means now.
    assert reason(signed(Version.V21, installDateTime="2026-11-26T02:00:00Z"), now=noon) == "NotEnabled"


@pytest.mark.parametrize(
    ("hours", "local", "holds"),
    [
        ((1, 5), 0, False), ((1, 5), 1, True), ((1, 5), 4, True), ((1, 5), 5, False),
        ((22, 5), 21, False), ((22, 5), 22, True), ((22, 5), 0, True), ((22, 5), 4, True), ((22, 5), 5, False),
    ],
)  # fmt: skip
def test_a_window_is_local_time_and_may_span_midnight(hours: tuple[int, int], local: int, holds: bool) -> None:
    window = Window(dt.time(hours[0]), dt.time(hours[1]), ZONE)
    assert window.holds(dt.datetime(2026, 7, 1, local, 0, tzinfo=ZONE).astimezone(dt.UTC)) is holds
    assert Window.of(f"{hours[0]:02}:00-05:00", ZONE) == window
    assert Window.of("", ZONE) is None
    assert str(window) == f"{hours[0]:02}:00-05:00 Europe/Amsterdam"


@given(
    payload=st.dictionaries(
        st.sampled_from(["location", "firmware", "retrieveDate", "requestId"]),
        st.recursive(
            st.none() | st.text(max_size=40) | st.integers(),
            lambda inner: st.dictionaries(
                st.sampled_from(["location", "signingCertificate", "signature", "installDateTime"]), inner
            ),
            max_leaves=5,
        ),
    )
)
def test_whatever_is_asked_is_refused_in_words_at_most(payload: Json) -> None:
    assert reason(call("UpdateFirmware", payload)) in (
        "InvalidURL", "MissingParam", "InvalidCertificate",
    )  # fmt: skip


def test_nothing_vouches_for_no_certificate() -> None:
    assert not is_vouched_for("", [ROOT.certificate], NIGHT)
    assert not is_vouched_for(SIGNING.pem, [], NIGHT)
    assert not is_vouched_for(SIGNING.pem, [Signer("Acme root", ca=True).certificate], NIGHT)


def test_roots_are_read_per_vendor(tmp_path: Path) -> None:
    (tmp_path / "acme.pem").write_text(ROOT.pem + BETWEEN.pem)
    assert vendor_roots({ACME: "acme.pem"}, tmp_path) == {"acme": (ROOT.certificate, BETWEEN.certificate)}
    for content in (None, "nothing"):
        if content:
            (tmp_path / "other.pem").write_text(content)
        with pytest.raises(SettingsInvalid, match="Other"):
            vendor_roots({"Other": "other.pem"}, tmp_path)


def test_agreed_is_what_a_running_job_names() -> None:
    offer = Offer(
        offer_id="o",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.CHARGER_SOFTWARE,
        binding=Binding.OWNER_DECIDES,
        issued_at=NIGHT,
        expires_at=NIGHT,
        intervals=(OfferInterval(start=NIGHT, end=NIGHT + dt.timedelta(hours=1), setpoint_w=None),),
        title="Software",
        job=Job(version="9", location=LOCATION, signature=SIGNATURE, signing_certificate=SIGNING.pem),
    )
    case = OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACTIVE, updated_at=NIGHT)
    assert is_agreed([case], location=LOCATION, signature=SIGNATURE)
    assert not is_agreed([case], location=LOCATION, signature="")
    assert not is_agreed([case], location="https://elsewhere.example/", signature=SIGNATURE)
    assert not is_agreed(
        [replace(case, offer=replace(offer, kind=OfferKind.CAR_SOFTWARE))], location=LOCATION, signature=SIGNATURE
    )
    assert not is_agreed([], location=LOCATION, signature=SIGNATURE)
