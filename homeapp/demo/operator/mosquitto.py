"""What brokers of the street need of mosquitto: where it is, how it keeps passwords, whether it lets a client in."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import shutil
import ssl

_RETRY_S = 0.02
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


def mosquitto_path() -> str | None:
    """Where mosquitto is installed, or None."""
    # Debian puts it where users' PATH does not reach.
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def mosquitto_hash(password: str) -> str:
    """PBKDF2-SHA512 as mosquitto 2 keeps it: ``$7$iterations$salt$hash``."""
    salt, iterations = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def connect_packet(client_id: str, user: str | None = None, password: str | None = None) -> bytes:
    """MQTT 3.1.1 CONNECT with a clean session (section 3.1)."""
    flags = 0x02 if user is None else 0xC2
    fields = [client_id] if user is None else [client_id, user, password or ""]
    payload = b"".join(len(field.encode()).to_bytes(2, "big") + field.encode() for field in fields)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x0a" + payload
    return b"\x10" + _remaining_length(len(body)) + body


async def until_let_in(host: str, port: int, tls: ssl.SSLContext, connect: bytes) -> None:
    """Return when the broker there accepts this CONNECT; it is tried until then."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
            try:
                writer.write(connect)
                if await reader.readexactly(4) == _CONNACK_ACCEPTED:
                    writer.write(_DISCONNECT)
                    return
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        await asyncio.sleep(_RETRY_S)


def _remaining_length(size: int) -> bytes:
    """Section 2.2.3: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)
