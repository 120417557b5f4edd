"""When a meter is asked, and when it counts as silent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import TypeVar

from devices.pace import pause
from homeapp.errors import DeviceUnreachable
from homeapp.model.readings import MeterReading
from homeapp.ports import Clock

POLL_S = 1.0
"""Hub seconds between two polls; the meters measure once a second."""
SILENCE_S = 10.0
"""Hub seconds without a measurement after which a meter counts as gone."""

# Real seconds. A clock that runs sixty times as fast must not take the network's own delays for silence.
_SHORTEST_PAUSE_S = 0.1
_SHORTEST_SILENCE_S = 2.0

_T = TypeVar("_T")


async def before_silence(clock: Clock, work: Coroutine[object, object, _T]) -> _T:
    """The result of ``work``.

    Raises:
        DeviceUnreachable: it did not come within ``SILENCE_S``.
    """
    answer = asyncio.ensure_future(work)
    silence = asyncio.ensure_future(pause(clock, SILENCE_S, at_least_s=_SHORTEST_SILENCE_S))
    try:
        await asyncio.wait((answer, silence), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise DeviceUnreachable("The meter has fallen silent. Check its power and its Wi-Fi.")
        return answer.result()
    finally:
        answer.cancel()
        silence.cancel()
        await asyncio.gather(answer, silence, return_exceptions=True)


async def poll(clock: Clock, fetch: Callable[[], Awaitable[MeterReading]]) -> AsyncGenerator[MeterReading, None]:
    """Fetch once a second; single lost polls are passed over once there was a first reading.

    Raises:
        DeviceUnreachable: the first poll failed, or none succeeded for ``SILENCE_S``.
        DeviceError: any other error of ``fetch``.
    """
    heard: float | None = None
    while True:
        try:
            reading = await fetch()
        except DeviceUnreachable:
            if heard is None or clock.monotonic() - heard > SILENCE_S:
                raise
        else:
            heard = clock.monotonic()
            yield reading
        await pause(clock, POLL_S, at_least_s=_SHORTEST_PAUSE_S)
