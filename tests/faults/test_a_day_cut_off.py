"""A day without a network: what was decided and measured meanwhile arrives when it is back, the answers first.

``HOMEAPP_RECORDS=5000`` is the long run.
"""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fault_street import (
    WAIT_S,
    LeapingClock,
    Requests,
    at_the_screen,
    audit_verdict,
    each_has_one_decision,
    ledger,
    nothing_waits,
    on_the_street,
    say,
    stock,
    told,
)

from homeapp.demo.street import Street
from homeapp.model.consent import DataClass
from homeapp.model.offer import OfferState

RECORDS = int(os.environ.get("HOMEAPP_RECORDS", "400"))
DECISIONS = 3
DAY = timedelta(days=1)


@pytest.mark.street
@pytest.mark.timeout(180 + RECORDS // 10)
@pytest.mark.usecase("A5", "L3", "W1", "W3", "W6", "S3")
def test_after_a_day_without_a_network_all_arrives_once_and_the_answers_first(tmp_path: Path) -> None:
    clock = LeapingClock.made()

    async def body(street: Street) -> None:
        evc, requests = street.providers.evc_sp, Requests(street)
        async with at_the_screen(street) as owner:
            cases = [await owner.receives(await requests.make(f"cut-{number}")) for number in range(DECISIONS)]
            await street.uplink.cut("evc")
            for case in cases:
                await owner.approves(case)
                await owner.sees(case.offer.key, OfferState.ACCEPTED)
        await street.home.stop_hub()
        clock.leap(DAY)
        stocked = await stock(street, RECORDS, "day", over=DAY)
        await street.home.start_hub()
        await until_refused(street)
        assert (evc.records, evc.decisions) == ([], {})
        assert ledger(street, "SELECT count(*) FROM outbox WHERE state = 'waiting'") == [(RECORDS + DECISIONS,)]

        await street.uplink.restore("evc")
        async with at_the_screen(street) as owner:
            await each_has_one_decision(street, owner, requests.ids)
        await evc.wait_for(lambda: len(evc.records) >= RECORDS, WAIT_S + RECORDS / 20)
        await nothing_waits(street)
        await street.home.stop_hub()
        counts = told(street, evc)
        assert {record.record_id: datetime.fromisoformat(record.at) for record in evc.records} == stocked
        assert decided_first(street)
        say(
            f"cut off for {DAY}; decisions {len(evc.decisions)} of {DECISIONS}, before all records; {counts}; "
            f"audit: {audit_verdict(street)}"
        )

    on_the_street(tmp_path, body, consents={"evc_sp": (DataClass.IDENTITY, DataClass.METERING)}, clock=clock)


async def until_refused(street: Street) -> None:
    """Wait until the hub has tried, and was not let through."""
    before = (await street.uplink.count())["evc"].refused
    async with asyncio.timeout(WAIT_S):
        while (await street.uplink.count())["evc"].refused == before:
            await asyncio.sleep(0.05)


def decided_first(street: Street) -> bool:
    """Whether the last decision was handed over before the first record."""
    ((decided, recorded),) = ledger(
        street,
        "SELECT max(closed_at) FILTER (WHERE kind = 'decision'), min(closed_at) FILTER (WHERE kind != 'decision') "
        "FROM outbox",
    )
    return bool(decided <= recorded)
