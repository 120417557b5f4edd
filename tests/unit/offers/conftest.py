"""The desk on this test's own database."""

import asyncio
from pathlib import Path

import pytest

from kit import offer_desk
from kit.clocks import LeapingClock
from kit.offer_desk import NOON, Body, MakeOffer, Run, desk_in


@pytest.fixture
def make_offer() -> MakeOffer:
    """A power feed from 13:00 to 14:00, to be answered until 12:30."""
    return offer_desk.make_offer


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a body with a desk; again for the same database after a restart."""
    clock = LeapingClock(NOON)

    def run_body(body: Body) -> None:
        async def main() -> None:
            async with desk_in(tmp_path, clock) as at:
                await body(at)

        asyncio.run(main())

    return run_body
