"""Fifty mixed requests against a whole home: none changes power before it is decided, each ends once."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from homeapp.offers.states import FINAL
from kit.offer_replay import Line, replayed, table
from kit.offer_replay_script import Act

pytestmark = [pytest.mark.street, pytest.mark.timeout(500)]


@pytest.mark.usecase("T2", "T4", "W6")
def test_fifty_mixed_requests_end_once_and_none_acts_before_its_decision(tmp_path: Path) -> None:
    seed = int(os.environ.get("HOMEAPP_SEED") or 1)

    async def main() -> tuple[list[Line], list[str]]:
        async with replayed(tmp_path, random.Random(seed)) as replay:
            return await replay.run(), replay.unexplained()

    lines, unexplained = asyncio.run(main())
    sys.stdout.write("".join(f"{line}\n" for line in (f"HOMEAPP_SEED={seed}", *table(lines))))
    assert len(lines) == 50
    assert {line.part.act for line in lines} == set(Act)
    assert [line for line in lines if line.faults] == []
    assert unexplained == [], "the station was told of power that nobody had agreed to"
    assert {line.state for line in lines if line.part.act is not Act.FORGED} <= FINAL
