"""A peer in a process of its own: it does what comes in as a line of JSON and says what came of it in another."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from homeapp.errors import EnvironmentProblem, HomeappError, ProtocolError

ANSWER_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 5.0
_LONGEST_LINE = 1 << 24
Job = Callable[..., Awaitable[Any]]


async def serve_jobs(jobs: Mapping[str, Job]) -> None:
    """Do what standard input says until it ends."""
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        job, options = msgspec.json.decode(line, type=tuple[str, dict[str, Any]])
        try:
            answer = {"result": await jobs[job](**options)}
        except (HomeappError, TimeoutError, OSError) as error:
            answer = {"problem": f"{job}: {str(error) or 'no answer in time'}"}
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


class Part:
    """The other end: ``async with Part("stations") as stations``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self._input: asyncio.StreamWriter
        self._output: asyncio.StreamReader

    async def __aenter__(self) -> Self:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "homeapp", "bench", "part", self._name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        if process.stdin is None or process.stdout is None:
            raise EnvironmentProblem(f"The process of the {self._name} cannot be talked to.")
        self._input, self._output = process.stdin, process.stdout
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        self._input.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def do(self, job: str, **options: Any) -> Any:
        """Have a job done and return what came of it.

        Raises:
            ProtocolError: it could not be done.
            EnvironmentProblem: the process has ended.
        """
        self._input.write(msgspec.json.encode([job, options]) + b"\n")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            line = await self._output.readline()
        if not line:
            raise EnvironmentProblem(f"The process of the {self._name} has ended; it says above why.")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if "problem" in answer:
            raise ProtocolError(f"A measurement failed at the {self._name}: {answer['problem']}")
        return answer["result"]
