"""``homeapp providers``: what each command asks the hub for, what it asks a person for, and what it prints."""

import argparse
import asyncio
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeapp import api
from homeapp.commands import provider_commands
from homeapp.errors import HomeappError, SettingsInvalid, WrongState
from homeapp.model.consent import DataClass
from homeapp.model.local_vtn import FoundVtn
from homeapp.model.pairing import DescriptorView, Enrolment, PairedProvider

FINGERPRINT = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH"
VIEW = DescriptorView(
    sp_id="evc_sp",
    name="EVC provider",
    ae_id="Cevc-sp",
    fingerprint=FINGERPRINT,
    data=(DataClass.IDENTITY, DataClass.METERING),
    operator="m2m.example:8883",
)
PROVIDER = PairedProvider(
    sp_id="evc_sp",
    name="EVC provider",
    ae_id="Cevc-sp",
    hub_ae_id="Chub-0001-evc",
    fingerprint=FINGERPRINT,
    paired_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    enrolment=Enrolment.VALID,
    not_after=datetime(2027, 2, 23, 12, tzinfo=UTC),
    key_ids=("k1",),
)
PEM = "-----BEGIN X-----\nAA\n-----END X-----\n"
ANSWERS: dict[type[api.Call[Any]], object] = {
    api.ListProviders: (PROVIDER,),
    api.ReadDescriptor: VIEW,
    api.PairProvider: PROVIDER,
    api.UnpairProvider: None,
    api.EnrolProvider: PROVIDER,
    api.GetCertificateRequest: PEM,
    api.ImportCertificate: PROVIDER,
    api.GetHubCard: '{"keys":[]}',
    api.FindVtns: (
        FoundVtn(
            name="Grid",
            url="https://192.168.1.9:8080/openadr3",
            address="192.168.1.9:8080",
            version="3.1.1",
            programs=("HomeTariff", "HomeFlex"),
            needs_login=True,
        ),
        FoundVtn(name="Odd", url="", address="192.168.1.10:80"),
    ),
}


class CannedClient:
    """Answers every call, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[api.Call[Any]] = []

    async def call(self, call: api.Call[Any]) -> object:
        self.asked.append(call)
        return ANSWERS[type(call)]


def run(*words: str) -> tuple[list[api.Call[Any]], list[str]]:
    """What the hub was asked, and the lines that are printed."""
    parser = argparse.ArgumentParser()
    common = argparse.ArgumentParser(add_help=False)
    provider_commands.add_commands(parser.add_subparsers(), common)
    arguments = parser.parse_args(["providers", *words])
    client = CannedClient()
    result = asyncio.run(arguments.command(client, arguments))
    lines: Callable[[Any, ZoneInfo], list[str]] | None = getattr(arguments, "lines", None)
    return client.asked, [] if lines is None else lines(result, ZoneInfo("Europe/Amsterdam"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("".join(line + "\n" for line in lines)))


@pytest.fixture
def descriptor(tmp_path: Path) -> str:
    path = tmp_path / "descriptor.json"
    path.write_text("{}", encoding="utf-8")
    return str(path)


def test_list_tells_each_provider_and_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, lines = run("list")
    assert asked == [api.ListProviders()]
    assert lines[0].startswith("evc_sp  EVC provider")
    assert "valid, until 2027-02-23 13:00" in lines[1]
    assert FINGERPRINT in lines[2]
    monkeypatch.setitem(ANSWERS, api.ListProviders, ())
    assert run("list")[1] == ["The home is paired with no provider."]


def test_read_changes_nothing(descriptor: str) -> None:
    asked, lines = run("read", descriptor)
    assert asked == [api.ReadDescriptor(text="{}")]
    assert lines[-1] == f"fingerprint {FINGERPRINT}"
    assert "identity, metering" in lines[-2]


def test_pair_with_the_fingerprint_that_was_given(descriptor: str) -> None:
    asked, lines = run("pair", descriptor, "--fingerprint", FINGERPRINT)
    assert asked == [api.PairProvider(text="{}", fingerprint=FINGERPRINT)]
    assert lines[0].startswith("evc_sp")


@pytest.mark.usecase("W4")
def test_pair_shows_half_of_the_fingerprint_and_asks_for_the_other(
    descriptor: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "eeee ffff gggg hhhh")
    asked, _ = run("pair", descriptor)
    assert asked[1] == api.PairProvider(text="{}", fingerprint="AAAA-BBBB-CCCC-DDDD-eeee ffff gggg hhhh")
    shown = "".join(capsys.readouterr())
    assert "AAAA-BBBB-CCCC-DDDD" in shown
    assert "EEEE" not in shown
    assert "EVC provider" in shown


def test_without_a_person_pair_needs_the_fingerprint(descriptor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"yes\n")
    with pytest.raises(WrongState, match="--fingerprint"):
        run("pair", descriptor)
    typed(monkeypatch)
    with pytest.raises(WrongState, match="not confirmed"):
        run("pair", descriptor)


def test_files_may_come_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, PEM.encode())
    assert run("import", "evc_sp", "-")[0] == [api.ImportCertificate(sp_id="evc_sp", pem=PEM)]


@pytest.mark.usecase("W9")
def test_enrol_asks_for_what_no_argument_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"Chub-0001-evc\ns3cret word\n")
    expected = api.EnrolProvider(sp_id="evc_sp", user="Chub-0001-evc", password="s3cret word")
    assert run("enrol", "evc_sp")[0] == [expected]
    typed(monkeypatch, "Chub-0001-evc")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "s3cret word")
    assert run("enrol", "evc_sp")[0] == [expected]
    with pytest.raises(SystemExit):
        run("enrol", "evc_sp", "--password", "s3cret word")


def test_what_is_for_other_programs_is_printed_as_it_is() -> None:
    assert run("request", "pev_sp") == ([api.GetCertificateRequest(sp_id="pev_sp")], PEM.splitlines())
    assert run("card") == ([api.GetHubCard()], ['{"keys":[]}'])


def test_find_tells_what_is_announced_and_that_nothing_is_used_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, lines = run("find")
    assert asked == [api.FindVtns()]
    told = "\n".join(lines)
    assert "https://192.168.1.9:8080/openadr3" in told
    assert "HomeTariff, HomeFlex" in told
    assert "needs client id and secret" in told
    assert "offers no encrypted connection" in told
    assert lines[-1].startswith("None of them is used by itself.")
    monkeypatch.setitem(ANSWERS, api.FindVtns, ())
    assert run("find")[1] == ["No grid operator's server announces itself in this home."]


def test_unpair_names_the_provider() -> None:
    assert run("unpair", "fleet")[0] == [api.UnpairProvider(sp_id="fleet")]
    with pytest.raises(SystemExit):
        run("unpair", "grid_sp")


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"\xff\xfe", "no text"), (b"x" * 70_000, "64 kB")]
)
def test_files_that_are_not_what_is_asked_for_are_said(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=words) as caught:
        run("read", str(path))
    assert isinstance(caught.value, HomeappError)
