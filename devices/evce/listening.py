"""Opening the ports of the OCPP endpoint."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Collection

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from devices.evce.entrance import Entrance, Entry
from devices.evce.frames import LARGEST_FRAME
from devices.evce.short_way import StationSocket
from homeapp.errors import EnvironmentProblem


async def listen(
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    *,
    entrance: Entrance,
    visitors: Collection[str],
    receive: Callable[[ServerConnection, Entry], Awaitable[None]],
    compression: bool,
) -> Server:
    """Serve stations on one port.

    Args:
        host: address to listen at.
        port: 0 for any.
        tls: None for security profile 1.
        entrance: judges each handshake.
        visitors: the devices that knock at the moment.
        receive: serves one connection until it ends, and sees to it that its peer is alive.
        compression: for stations that offer it.

    Raises:
        EnvironmentProblem: the port cannot be opened.
    """

    async def judge(connection: ServerConnection, request: Request) -> Response | None:
        return entrance.judge(connection, request, visitors)

    async def enter(connection: ServerConnection) -> None:
        await receive(connection, entrance.enter(connection))

    try:
        return await serve(
            enter,
            host,
            port,
            ssl=tls,
            process_request=judge,
            select_subprotocol=entrance.select,
            max_size=LARGEST_FRAME,
            ping_interval=None,
            # RFC 7692: a station that offers it gets it; a connection then takes 52 kB instead of 13.
            compression="deflate" if compression else None,
            server_header=None,
            create_connection=StationSocket,
            logger=_quiet_logger(),
        )
    except OSError as error:
        raise EnvironmentProblem(
            f"The port {port} for chargers cannot be opened: {error.strerror}. "
            "Another program uses it, or the hub may not; choose another port in the settings."
        ) from error


def port_of(server: Server) -> int:
    """Where a server really listens."""
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


def address_of(connection: ServerConnection) -> str:
    """Where a station calls from, ``host:port``."""
    remote = connection.remote_address
    host, port = (remote[0], remote[1]) if remote else ("", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _quiet_logger() -> logging.Logger:
    """A logger for the websocket library: at debug level it writes whole frames, and for each port scan a traceback."""
    quiet = logging.getLogger(f"{__name__}.websocket")
    quiet.setLevel(logging.WARNING)
    quiet.addFilter(_no_handshake_noise)
    return quiet


def _no_handshake_noise(record: logging.LogRecord) -> bool:
    return record.msg != "opening handshake failed"
