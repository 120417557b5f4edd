"""No secret of a home that is lived in lies in its files, its log or the arguments of a process, in whatever form."""

import asyncio
import base64
import os
import resource
import signal
import subprocess
import sys
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
from kit.hub_process import new_data_dir, until

WAIT_S = 40.0
PIN = "918273645546"
VTN_SECRET = "canary/of the+VTN&4711"


@pytest.mark.street
@pytest.mark.timeout(240)
@pytest.mark.usecase("W9")
def test_no_secret_leaves_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street_module, "VTN_CLIENT_SECRET", VTN_SECRET)
    passwords = _overheard(monkeypatch)

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
            assert len(passwords) == len(street.providers.customers)
            _look(street, tmp_path, {**dict(_secrets(street, tmp_path)), **passwords})

    asyncio.run(main())


def _overheard(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Fills with the passwords that are told to the installer, each good for one enrolment."""
    told: dict[str, str] = {}
    tell = EstServer.one_time_password

    def overhear(server: EstServer, ae_id: str) -> str:
        told[f"enrolment password of {ae_id}"] = password = tell(server, ae_id)
        return password

    monkeypatch.setattr(EstServer, "one_time_password", overhear)
    return told


CRASHES = """
import asyncio, sys, threading
from homeapp import __main__, hub, identity

async def crash(self):
    secret = self._out.secrets.get(identity.HUB_KEY)
    failing = threading.Thread(target=exec, args=(f"raise RuntimeError({secret!r})",), name="failing")
    failing.start()
    failing.join()
    asyncio.get_running_loop().call_soon(exec, f"raise LookupError({secret!r})")
    await asyncio.sleep(0.1)
    raise ArithmeticError(secret)

setattr(hub.Hub, sys.argv.pop(1), crash)
sys.exit(__main__.main())
"""


@pytest.mark.usecase("W9")
@pytest.mark.parametrize("part", ["_tend_offers", "_load"])
def test_a_part_that_fails_with_a_secret_in_its_hands_does_not_print_it(tmp_path: Path, part: str) -> None:
    data_dir, log = new_data_dir(tmp_path), tmp_path / "hub.log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", CRASHES, part, "hub", "--data-dir", str(data_dir), "--verbose"]
        hub = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            # One part is started again; without the other there is no hub.
            until(lambda: b"ArithmeticError" in log.read_bytes() and (part == "_tend_offers" or hub.poll() is not None))
            assert (hub.poll() is None) == (part == "_tend_offers")
        finally:
            hub.kill()
            hub.wait(timeout=20)
    said = log.read_bytes()
    assert all(kind in said for kind in (b"RuntimeError", b"LookupError", b"ArithmeticError", b"[secret]"))
    key = open_secret_store(data_dir, SecretPlace.MACHINE_FILE).get(identity.HUB_KEY)
    assert key
    assert _found([("key", form) for form in _forms(key)], said) == set()


@pytest.mark.usecase("W9")
def test_a_crash_leaves_no_memory_on_the_disk(tmp_path: Path) -> None:
    data_dir, log = new_data_dir(tmp_path), tmp_path / "hub.log"
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most == 0:
        pytest.skip("no process on this machine may write a core file")

    def crash(*program: str) -> set[Path]:
        with log.open("wb") as output:
            hub = subprocess.Popen(
                [*program, "hub", "--data-dir", str(data_dir)],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=output,
                stderr=output,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),  # noqa: PLW1509 - no threads
            )
            until(lambda: b"hub is ready" in log.read_bytes())
            hub.send_signal(signal.SIGABRT)
            assert hub.wait(timeout=20) == -signal.SIGABRT
        return set(tmp_path.iterdir()) - {data_dir, log}

    assert crash(sys.executable, "-m", "homeapp") == set()
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core":
        # The test would see it.
        careless = "from homeapp import __main__ as m; m._leave_no_core = lambda: None; m.main()"
        assert crash(sys.executable, "-c", careless) != set()


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


_OWN_KEYS = (identity.HUB_KEY, identity.ENCRYPTION_KEY, identity.CA_KEY, identity.SERVER_KEY, identity.RSA_SERVER_KEY)


def _secrets(street: Street, directory: Path) -> Iterator[tuple[str, str]]:
    store = open_secret_store(street.home.data_dir, SecretPlace.CREDENTIAL)
    devices = (f"device.{street.meter_id}", f"device.{street.charger_id}")
    yield "PIN", PIN
    for name in (secret_name(Role.OWNER), PSEUDONYM_KEY, GRID_SP_SECRET, *_OWN_KEYS, *devices):
        value = store.get(name)
        assert value, name
        yield name, value
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
