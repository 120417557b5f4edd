"""What is handed over once is known to have been, whatever happens to the connection meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from devices.evce.frames import Frame, MessageType
from devices.evce.upstream.replay import Replay
from homeapp.ports import StationMessage

ROW = StationMessage(message_id="m-1", action="StartTransaction", payload=b"{}", transaction=70, number=1)
STOP = b'{"transactionId": 70}'
Send = Callable[[str, bytes, str], Awaitable[Frame]]


class SlowOutbox:
    """Its disk is slow: it writes, and who asked is told only later."""

    def __init__(self) -> None:
        self.written: list[int | None] = []

    async def delivered(self, _device_id: str, _message: StationMessage, csms_transaction: int | None = None) -> None:
        self.written.append(csms_transaction)
        await asyncio.Event().wait()


async def ignore(_row: StationMessage, _answer: Any) -> None:
    pass


async def answered(_action: str, _payload: bytes, message_id: str) -> Frame:
    payload: dict[str, Any] = {"transactionId": 1001, "idTagInfo": {"status": "Accepted"}}
    return Frame(type=MessageType.CALLRESULT, id=message_id, payload=payload, raw=msgspec.json.encode(payload))


def test_a_cut_while_the_delivery_is_written_does_not_lose_the_csms_id_of_a_transaction() -> None:
    async def main() -> None:
        outbox: Any = SlowOutbox()
        unused: Any = None
        replay = Replay(
            "ocpp:garage-1",
            way=unused,
            outbox=outbox,
            clock=unused,
            answered=ignore,
            silent=lambda: None,
        )
        handing = asyncio.create_task(replay.hand_over(ROW, answered))
        while not outbox.written:
            await asyncio.sleep(0)
        handing.cancel()
        await asyncio.wait([handing])
        assert outbox.written == [1001]
        assert replay.outward("StopTransaction", STOP) == b'{"transactionId": 1001}'

    asyncio.run(main())
