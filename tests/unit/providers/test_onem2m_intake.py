"""The queue in front of a mailbox: bounded, and nothing is forgotten."""

import asyncio

from homeapp.providers.onem2m.codec import Notification, NotificationKind
from homeapp.providers.onem2m.intake import CAPACITY, Intake
from homeapp.providers.onem2m.transport import Delivery, Inbound


def delivery(number: int, qos: int = 1) -> Delivery:
    return Delivery(Notification(request_id=str(number), kind=NotificationKind.CONTENT), Inbound("t", b"", number, qos))


def test_it_begins_with_a_catch_up_and_keeps_the_order() -> None:
    async def main() -> None:
        intake = Intake()
        first, second = delivery(1), delivery(2)
        intake.put(first)
        intake.put(second)
        assert await intake.next() is None
        assert await intake.next() is first
        assert await intake.next() is second

    asyncio.run(main())


def test_it_waits_until_there_is_something() -> None:
    async def main() -> None:
        intake = Intake()
        assert await intake.next() is None
        waiting = asyncio.create_task(intake.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        intake.catch_up()
        async with asyncio.timeout(5):
            assert await waiting is None

    asyncio.run(main())


def test_what_does_not_fit_is_withheld_and_looked_up() -> None:
    async def main() -> None:
        intake = Intake()
        assert await intake.next() is None
        for number in range(CAPACITY + 2):
            intake.put(delivery(number, qos=number % 2))
        assert await intake.next() is None
        first = await intake.next()
        assert first is not None
        assert first.message.mid == 0
        assert [message.mid for message in intake.withheld] == [CAPACITY + 1]

    asyncio.run(main())
