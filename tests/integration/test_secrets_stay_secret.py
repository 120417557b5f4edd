"""No secret of a home that is lived in lies in its files, its log or the arguments of a process, in whatever form."""

import asyncio
import base64
import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp import identity
from homeapp.access.access_control import secret_name
from homeapp.api import Role
from homeapp.client import connect
from homeapp.demo import street as street_module
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.model.offer import OfferState
from homeapp.reporting.pseudonym import KEY_NAME as PSEUDONYM_KEY
from homeapp.secrets import CREDENTIAL_NAME, open_secret_store
from homeapp.settings import GRID_SP_SECRET, SecretPlace

WAIT_S = 40.0
PIN = "918273645546"
VTN_SECRET = "canary/of the+VTN&4711"


@pytest.mark.street
@pytest.mark.timeout(240)
@pytest.mark.usecase("W9")
def test_no_secret_leaves_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street_module, "VTN_CLIENT_SECRET", VTN_SECRET)
    passwords: list[str] = []
    make_password = EstServer.one_time_password

    def noted(server: EstServer, ae_id: str) -> str:
        passwords.append(make_password(server, ae_id))
        return passwords[-1]

    monkeypatch.setattr(EstServer, "one_time_password", noted)

    async def main() -> None:
        async with Street(StreetPlan(directory=tmp_path)) as street:
            await street.home.start_hub(verbose=True)
            await street.power_charger()
            await street.settle()
            await _live_in(street)
            # After the restart there are a backup and a write-ahead log with all of it in them.
            await street.home.kill_hub()
            for backup in street.home.data_dir.glob("ledger.*.backup.db"):
                backup.unlink()
            await street.home.start_hub(verbose=True)
            async with connect(street.home.socket) as client:
                owner = Owner(client)
                await owner.look()
                await owner.online(street.meter_id)
                await owner.online(street.charger_id)
                await owner.sets_pin(PIN)
                await owner.logs_in(PIN)
            _look(street, tmp_path, dict(_secrets(street, tmp_path, passwords)))

    asyncio.run(main())


async def _live_in(street: Street) -> None:
    """Adopt both devices, charge, and have an approved request confirmed."""
    evc = street.providers.evc_sp
    async with connect(street.home.socket) as client:
        owner = Owner(client)
        await owner.look()
        await owner.finds(street.meter_id)
        await owner.adopts_meter(street.meter, street.meter_id)
        await owner.finds(street.charger_id)
        await owner.adopts(street.charger_id, "Charger")
        street.plug_in()
        await street.station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)
        start = street.in_minutes(60)
        end = start + timedelta(minutes=5)
        await evc.offer_power_feed(start, end, 6000.0, Decimal("1.92"), 50.0, start, "Sell", offer_id="one")
        await owner.approves(await owner.receives("evc_sp/one"))
        await owner.sees("evc_sp/one", OfferState.CONFIRMED, OfferState.SCHEDULED)


_OWN_KEYS = (identity.HUB_KEY, identity.ENCRYPTION_KEY, identity.CA_KEY, identity.SERVER_KEY)


def _secrets(street: Street, directory: Path, passwords: list[str]) -> Iterator[tuple[str, str]]:
    store = open_secret_store(street.home.data_dir, SecretPlace.CREDENTIAL)
    devices = (f"device.{street.meter_id}", f"device.{street.charger_id}")
    yield "PIN", PIN
    for name in (secret_name(Role.OWNER), PSEUDONYM_KEY, GRID_SP_SECRET, *_OWN_KEYS, *devices):
        value = store.get(name)
        assert value, name
        yield name, value
    assert len(passwords) == len(street.providers.customers)
    yield from ((f"password of enrolment {number}", password) for number, password in enumerate(passwords))
    yield "master key", (directory / "credentials" / CREDENTIAL_NAME).read_text()
    tokens = list(street.vtn._tokens)
    assert tokens
    yield from ((f"VTN token {number}", token) for number, token in enumerate(tokens))


def _look(street: Street, directory: Path, secrets: dict[str, str]) -> None:
    assert secrets[GRID_SP_SECRET] == VTN_SECRET
    forms = [(name, form) for name, secret in secrets.items() for form in _forms(secret)]
    # The search finds what is there: the charger keeps its password in a memory of its own.
    assert _found(forms, (directory / "station.json").read_bytes()) == {f"device.{street.charger_id}"}

    files = [path for path in street.home.data_dir.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"ledger.db", "ledger.db-wal", "telemetry.db", "settings.toml", "secrets.sealed", "ocpp-ca.pem"} <= names
    assert any(name.endswith(".backup.db") for name in names)
    log = street.home.log_path
    assert b"DEBUG" in log.read_bytes()
    arguments = {f"/proc/{pid}/cmdline": content for pid, content in _arguments_of_children()}
    assert sum(b"homeapp\0hub" in content for content in arguments.values()) == 1
    places = {**{str(path): path.read_bytes() for path in (*files, log)}, **arguments}
    assert {place: found for place, content in places.items() if (found := _found(forms, content))} == {}


def _found(forms: list[tuple[str, bytes]], content: bytes) -> set[str]:
    return {name for name, form in forms if form in content}


def _arguments_of_children() -> Iterator[tuple[int, bytes]]:
    """The whole street's processes, those that its processes have started included."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    ours, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours, grown = ours | more, bool(more)
    for pid in ours - {os.getpid()}:
        try:
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue


def _forms(secret: str) -> Iterator[bytes]:
    if not secret.startswith("-----BEGIN"):
        for text in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
            yield text.encode()
        yield from _of_bytes(secret.encode())
        return
    key = serialization.load_pem_private_key(secret.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    scalar = key.private_numbers().private_value
    der = base64.b64decode("".join(secret.splitlines()[1:-1]))
    yield from (line.encode() for line in secret.splitlines()[1:-1])
    yield str(scalar).encode()
    yield from _of_bytes(scalar.to_bytes(32, "big"))
    # Its last part is the public half.
    yield from _of_bytes(der[: der.index(scalar.to_bytes(32, "big")) + 32])


def _of_bytes(secret: bytes) -> Iterator[bytes]:
    yield from (secret, secret.hex().encode(), secret.hex().upper().encode())
    for shift in range(3):
        # Characters at either edge depend on the neighbouring bytes too.
        encoded = base64.b64encode(b"\0" * shift + secret + b"\0" * (-(shift + len(secret)) % 3))
        core = encoded[4 if shift else 0 : -4 if (shift + len(secret)) % 3 else None]
        yield from (core, core.replace(b"+", b"-").replace(b"/", b"_"))
