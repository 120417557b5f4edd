"""Transactions between stations and provider survive whatever befalls the links: none lost, none doubled, in order.

``HOMEAPP_OCPP_FAULTS=1000 python -m pytest tests/faults/test_ocpp_cuts.py -s`` is the long run.
"""

import asyncio
import os
from pathlib import Path

import pytest
from fault_street import say, seeded
from ocpp_cuts import MakeWay, fault_run, straight, through_hubs

FAULTS = int(os.environ.get("HOMEAPP_OCPP_FAULTS", "12"))


@pytest.mark.timeout(180 + 10 * FAULTS)
@pytest.mark.usecase("A2", "S3", "L3", "W1", "W6")
@pytest.mark.parametrize("way", [straight, through_hubs])
def test_nothing_is_lost_and_nothing_doubled(way: MakeWay, tmp_path: Path) -> None:
    async def main() -> None:
        async with fault_run(tmp_path, seeded(), way) as run:
            counts = await run.live_through(FAULTS)
            for line in run.told():
                say(line)
            assert counts.clean
            assert run.breaches == []

    asyncio.run(main())
