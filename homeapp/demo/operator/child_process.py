"""Programs that the demo street runs beside itself and that end with it."""

import asyncio
import atexit
import contextlib
import logging
import os
import random
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from homeapp.errors import EnvironmentProblem

logger = logging.getLogger(__name__)

_GRACE_S = 5.0
_LAST_LINES = 12


def free_loopback_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody uses just now.

    They lie below the range from which the kernel takes the ports of outgoing connections: while a server restarts,
    a client that knocks at its port in that range may be connected to itself.

    Raises:
        EnvironmentProblem: none could be found.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(range(20_000, 30_000), 200):
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return tuple(found)
    raise EnvironmentProblem("No free network ports were found on this machine. Close other programs and try again.")


class ChildProcess:
    """One program in its own process group, its output in ``<directory>/<name>.log``.

    It is ended by ``stop``, at the latest when this process exits, and on Linux by the kernel when this process is
    killed.

    Attributes:
        log: path of the log file.
    """

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self._name = name
        self._command = tuple(command)
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.log = directory / f"{name}.log"

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended yet."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; that it does its work has to be tried by other means.

        Raises:
            EnvironmentProblem: it cannot be started.
        """
        try:
            with self.log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *_bound_to_this_process(self._command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=self._directory,
                    start_new_session=True,
                )
        except OSError as error:
            raise EnvironmentProblem(f"{self._name} cannot be started: {error.strerror or error}.") from error
        atexit.register(self._end_at_exit)
        logger.debug("%s started as process %d", self._name, self._process.pid)

    async def stop(self) -> None:
        """Ask it to end (SIGTERM), insist after 5 s; without effect where it does not run."""
        self._end(at_once=False)
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._ended()
        except TimeoutError:
            logger.warning("%s did not end when asked to; it is killed", self._name)
            await self.kill()

    async def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self._end(at_once=True)
        await self._ended()

    def hang_up(self) -> None:
        """Have it read its configuration anew (SIGHUP); without effect where it does not run."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    async def start_until(self, ready: Callable[[], Coroutine[object, object, None]], within_s: float) -> None:
        """Start it and return when ``ready`` does; where that fails it is killed again.

        Args:
            ready: tries whether it does its work; retries by itself.
            within_s: s of the machine's time.

        Raises:
            EnvironmentProblem: it cannot be started, has ended or is not ready in time.
        """
        await self.start()
        waiting = [asyncio.ensure_future(task) for task in (ready(), self._raise_when_dead())]
        try:
            async with asyncio.timeout(within_s):
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except BaseException as error:
            await self.kill()
            if isinstance(error, TimeoutError):
                raise EnvironmentProblem(f"{self._name} does not answer; see {self.log}.") from error
            raise
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _raise_when_dead(self) -> None:
        if self._process is not None:
            await self._process.wait()
        words = await asyncio.to_thread(self._last_words)
        raise EnvironmentProblem(f"{self._name} has stopped unexpectedly. It wrote last:\n{words}")

    async def _ended(self) -> None:
        if self._process is not None:
            await self._process.wait()
            atexit.unregister(self._end_at_exit)

    def _end(self, *, at_once: bool) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill() if at_once else self._process.terminate()

    def _end_at_exit(self) -> None:
        self._end(at_once=True)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque(lines, maxlen=_LAST_LINES)).strip()
        return ""


def _bound_to_this_process(command: tuple[str, ...]) -> tuple[str, ...]:
    if sys.platform != "linux":
        return command
    launcher = Path(__file__).with_name("die_with_parent.py")
    return (sys.executable, "-I", "-S", str(launcher), str(os.getpid()), *command)
