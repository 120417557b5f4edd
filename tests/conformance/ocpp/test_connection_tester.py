"""The connection tester of another project passes the security profiles 1, 2 and 3 at the hub's endpoint."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from devices.evce.schemas import Version
from kit.evce_street import NAME, PASSWORD, Street, run
from kit.station_keys import Vouching, private_pem, request

check_connection: Any = pytest.importorskip("test_ocpp").check_connection
VERSIONS = {Version.V16: "1.6", Version.V201: "2.0.1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_three_security_profiles(tmp_path: Path, version: Version) -> None:
    hub, key = Vouching(tmp_path), ec.generate_private_key(ec.SECP256R1())
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(hub.issued.sign(f"ocpp:{NAME}", [NAME], request(key)))
    private.write_text(private_pem(key))
    trust = {"ca": str(hub.authority.ca_file)}

    async def body(street: Street) -> None:
        street.adopt()
        plain = f"ws://127.0.0.1:{street.endpoint.unencrypted_port}/ocpp"
        secure = f"wss://127.0.0.1:{street.endpoint.port}/ocpp"

        async def checked(url: str, **options: Any) -> Any:
            result = await check_connection(url, NAME, ocpp=VERSIONS[version], timeout=10, **options)
            assert result.subprotocol == version.value
            assert result.boot_notification["status"] == "Accepted"
            assert "currentTime" in result.heartbeat
            return result

        assert (await checked(plain, password=PASSWORD)).tls_version is None
        assert (await checked(secure, password=PASSWORD, **trust)).tls_version == "TLSv1.3"
        await checked(secure, cert=str(chain), key=str(private), **trust)
        for url, options in ((plain, {}), (secure, trust)):
            with pytest.raises(InvalidStatus):
                await checked(url, password=PASSWORD, **options)
        with pytest.raises(InvalidStatus):
            await checked(secure, password="wrong", **trust)

    run((hub.server, hub.client()), body, certificates=hub.issued, unencrypted_port=0)


def test_it_tells_a_wrong_password_and_an_untrusted_hub(tmp_path: Path) -> None:
    hub = Vouching(tmp_path)

    async def body(street: Street) -> None:
        street.adopt()
        secure = f"wss://127.0.0.1:{street.endpoint.port}/ocpp"
        with pytest.raises(InvalidStatus):
            await check_connection(secure, NAME, password="wrong", ca=str(hub.authority.ca_file))
        with pytest.raises(OSError, match="certificate verify failed"):
            await check_connection(secure, NAME, password=PASSWORD)

    run((hub.server, hub.client()), body)
