"""The signed report: as JSON and as PDF, and any changed byte of either shows."""

import json
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning.report import JSON_NAME, PDF_NAME, VerifiedReport, verify
from homeapp.errors import FileRefused
from homeapp.identity.hub_key import public_jwk
from homeapp.model.commissioning import CHECKS_OF
from homeapp.providers.jose import verification_key
from kit.commissioning_home import GRID, KEY_PEM, PLACE, HandMadeHome
from kit.in_loop import in_loop

KEYS = (verification_key(public_jwk(KEY_PEM)),)


@in_loop
async def finish(data_dir: Path) -> None:
    async with HandMadeHome(data_dir).running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        await hub.ask(api.AnswerStep(step_answer=GRID))
        for checks in CHECKS_OF.values():
            for check in checks:
                await hub.ask(api.SkipCheck(check=check, reason="Not today: \N{SNOWMAN} & <b>more</b>"))
        view = await hub.ask(api.FinishCommissioning(installer="Zoë"))
        assert view.report_digest == checked(data_dir / JSON_NAME).digest


def checked(path: Path) -> VerifiedReport:
    return verify(path.read_bytes(), KEYS)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    finish(path)
    return path


def test_both_say_the_same_and_are_the_owners_alone(data_dir: Path) -> None:
    report, printed = checked(data_dir / JSON_NAME), checked(data_dir / PDF_NAME)
    assert report == printed
    assert (report.content["installer"], report.content["site"]["fuse_a"]) == ("Zoë", 25.0)
    assert len(report.content["gaps"]) == sum(map(len, CHECKS_OF.values()))
    for name in (JSON_NAME, PDF_NAME):
        assert (data_dir / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [JSON_NAME, PDF_NAME])
@pytest.mark.usecase("W6")
def test_a_changed_byte_shows(data_dir: Path, name: str) -> None:
    body = (data_dir / name).read_bytes()
    # Every 37th byte, and all of the end, where signatures and marks are.
    places = {*range(0, len(body), 37), *range(len(body) - 220, len(body))}
    for place in places:
        changed = bytearray(body)
        changed[place] ^= 1
        with pytest.raises(FileRefused):
            verify(bytes(changed), KEYS)


@pytest.mark.parametrize("name", [JSON_NAME, PDF_NAME])
def test_what_is_missing_or_added_shows(data_dir: Path, name: str) -> None:
    body = (data_dir / name).read_bytes()
    for changed in (body[:-1], body + b"\n", body[1:], b"", b"%PDF-", body + body, body.replace(b"a", b"", 1)):
        with pytest.raises(FileRefused):
            verify(changed, KEYS)


def test_the_last_letter_of_a_signature_cannot_be_another_one(data_dir: Path) -> None:
    body = (data_dir / JSON_NAME).read_bytes()
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet:
        changed = body[:-1] + bytes([letter])
        if changed != body:
            with pytest.raises(FileRefused):
                verify(changed, KEYS)


def test_a_report_of_one_home_does_not_pass_for_another(data_dir: Path, tmp_path: Path) -> None:
    stranger = verification_key({**public_jwk(KEY_PEM), **_other_point()})
    for name in (JSON_NAME, PDF_NAME):
        with pytest.raises(FileRefused, match="no commissioning report of this hub"):
            verify((data_dir / name).read_bytes(), (stranger,))


def test_the_pdf_is_one_for_readers(data_dir: Path) -> None:
    body = (data_dir / PDF_NAME).read_bytes()
    start = int(body.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert body[start : start + 4] == b"xref"
    assert body.endswith(b"%%EOF\n")
    assert json.dumps(checked(data_dir / PDF_NAME).content)


def _other_point() -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return public_jwk(other.decode())
