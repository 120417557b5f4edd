"""The connections of a demo server: each is served in a task of its own, and none outlives the server."""

import asyncio
from collections.abc import Callable, Coroutine

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Connections:
    """Serves what ``asyncio.start_server`` accepts, until it is closed.

    Args:
        tasks: where each connection is served.
        serve: one of them.
    """

    def __init__(self, tasks: asyncio.TaskGroup, serve: Serve) -> None:
        self._tasks = tasks
        self._serve = serve
        self._closed = False

    def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One has come; the loop may tell of it only after the server was closed, and then it is dropped."""
        if self._closed:
            writer.transport.abort()
        else:
            self._tasks.create_task(self._serve(reader, writer))

    def close(self) -> None:
        """Nobody is served any more who comes from now on."""
        self._closed = True
