"""A hub whose clock is a day wrong decides nothing by that and says so; all has its effect once the clock is right."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fault_street import (
    SPEED,
    WAIT_S,
    LeapingClock,
    Requests,
    at_the_screen,
    audit_verdict,
    each_has_one_decision,
    nothing_waits,
    on_the_street,
    say,
    stock,
    told,
)

from homeapp import api
from homeapp.client import connect
from homeapp.demo.street import Street
from homeapp.model.consent import DataClass
from homeapp.model.offer import OfferState

RECORDS = 50
DAY = timedelta(days=1)


@pytest.mark.street
@pytest.mark.timeout(240)
@pytest.mark.usecase("W6", "W1", "W3", "A5", "A6")
@pytest.mark.parametrize(
    ("wrong", "code", "names_the_clock"),
    [(-DAY, "clock", "check the hub's clock"), (DAY, "expired", "unless the hub's clock is ahead")],
    ids=["a day behind", "a day ahead"],
)
def test_a_clock_that_is_a_day_wrong(tmp_path: Path, wrong: timedelta, code: str, names_the_clock: str) -> None:
    clock = LeapingClock.made()

    async def body(street: Street) -> None:
        evc = street.providers.evc_sp
        known, refused = Requests(street), Requests(street, ahead=timedelta(hours=6))
        async with at_the_screen(street) as owner:
            await owner.receives(await known.make("known-before"))
        await street.home.stop_hub()
        wrong_clock = LeapingClock(clock.origin, clock.epoch, SPEED)
        wrong_clock.leap(wrong)
        # Made while the clock was right, handed over while it is wrong.
        stocked = await stock(street, RECORDS, "clock")
        street.home._clock = wrong_clock
        await street.home.start_hub()
        async with at_the_screen(street) as owner:
            case = await owner.receives("evc_sp/known-before")
            await owner.approves(case)
            await owner.sees(case.offer.key, OfferState.RELAYED)
            await refused.make("came-meanwhile")
            notice = await owner.wait(
                lambda: next((n for n in owner.snapshot.notices if n.code == f"message_rejected.evc_sp.{code}"), None),
                WAIT_S,
            )
            assert names_the_clock in notice.sentence
            assert owner.case("evc_sp/came-meanwhile") is None
            await nothing_waits(street)
            doubt = await clock_check(street)
            assert (doubt.level, "EVC provider" in doubt.finding) == (api.CheckLevel.WARNING, True)
        await street.home.stop_hub()
        at_home = len(evc.records)
        assert [record for record in evc.records if record.record_id not in stocked] == []

        street.home._clock = clock
        await street.home.start_hub()
        async with at_the_screen(street) as owner:
            await owner.approves(await owner.receives("evc_sp/came-meanwhile"))
            await each_has_one_decision(street, owner, [*known.ids, *refused.ids])
            await evc.wait_for(lambda: len(evc.records) >= RECORDS, WAIT_S)
            await nothing_waits(street)
            assert (await clock_check(street)).level is api.CheckLevel.OK
        await street.home.stop_hub()
        counts = told(street, evc)
        assert {record.record_id: datetime.fromisoformat(record.at) for record in evc.records} == stocked
        say(
            f"clock wrong by {wrong}: refused with '{notice.code}', the doctor: '{doubt.finding}'; the provider "
            f"had {at_home} records by then; set right: decisions {len(evc.decisions)} of 2; {counts}; "
            f"audit: {audit_verdict(street)}"
        )

    on_the_street(tmp_path, body, consents={"evc_sp": (DataClass.IDENTITY, DataClass.METERING)}, clock=clock)


async def clock_check(street: Street) -> api.Check:
    async with connect(street.home.socket) as client:
        return next(check for check in await client.call(api.AskDoctor()) if check.name == "Clock")
