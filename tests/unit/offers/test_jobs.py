"""Jobs at the desk: agreed to like everything else, carried out once, never taken for power."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from homeapp.model.offer import (
    Binding,
    Choice,
    Job,
    Offer,
    OfferInterval,
    OfferKind,
    OfferState,
    ReceiptLevel,
)
from homeapp.offers.checks import why_invalid
from kit.offer_desk import Desk, MakeOffer, Run

HOUR = timedelta(hours=1)
SOFTWARE = Job(version="2.1", location="https://m.example/2.1.bin", sha256="ab" * 32, size_bytes=1000, manifest="a.b.c")
JOBS = {
    OfferKind.HEALTH_CHECK: Job(),
    OfferKind.PART_ORDER: Job(part="Coolant pump", alert_id="a1"),
    OfferKind.CAR_SOFTWARE: SOFTWARE,
    OfferKind.CHARGER_SOFTWARE: Job(version="1.4", location="https://c.example/1.4.bin"),
}


@pytest.fixture
def job_offer(make_offer: MakeOffer) -> MakeOffer:
    """A job of any kind, from 13:00 to 14:00."""

    def make(kind: OfferKind = OfferKind.HEALTH_CHECK, **wanted: Any) -> Offer:
        feed = make_offer(sp_id="pev_sp", sp_name="PEV provider", title="Job", reward=None, currency="")
        span = OfferInterval(start=feed.start, end=feed.end)
        return replace(feed, kind=kind, intervals=(span,), **{"job": JOBS[kind], **wanted})

    return make


async def _under_way(at: Desk, offer: Offer) -> None:
    await at.desk.receive(offer)
    await at.decide(offer, Choice.ACCEPT)
    await at.answer(offer, ReceiptLevel.TRANSPORT)
    assert at.desk.jobs() == (), "not before the provider's own word"
    await at.answer(offer, ReceiptLevel.BUSINESS)
    at.clock.at = offer.start
    await at.desk.tick()


@pytest.mark.usecase("F6", "S2")
@pytest.mark.parametrize("kind", list(JOBS))
def test_a_job_from_its_arrival_to_its_end(run: Run, job_offer: MakeOffer, kind: OfferKind) -> None:
    offer = job_offer(kind)

    async def body(at: Desk) -> None:
        await _under_way(at, offer)
        assert [case.offer.key for case in at.desk.jobs()] == [offer.key]
        assert at.desk.commitments(at.clock.at) == ()
        await at.desk.delivered(offer.key, -500.0)
        assert at.case(offer).delivered_wh is None
        await at.desk.finished(offer.key, None)
        assert (at.case(offer).state, at.case(offer).problem) == (OfferState.COMPLETED, None)
        assert at.desk.jobs() == ()
        await at.desk.finished(offer.key, "Too late to fail.")
        assert at.case(offer).state is OfferState.COMPLETED
        assert (await at.trail())[-2:] == ["active", "completed"]

    run(body)


@pytest.mark.usecase("F6", "S2")
def test_no_contract_lets_a_job_begin_before_the_provider_has_the_yes(run: Run, job_offer: MakeOffer) -> None:
    offer = job_offer(binding=Binding.OPT_OUT)
    offer = replace(offer, expires_at=offer.end)

    async def body(at: Desk) -> None:
        at.clock.at = offer.start
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        assert at.case(offer).state is OfferState.ACCEPTED
        assert at.desk.jobs() == ()

    run(body)


def test_a_job_that_fails_says_why(run: Run, job_offer: MakeOffer) -> None:
    offer = job_offer(OfferKind.CAR_SOFTWARE)

    async def body(at: Desk) -> None:
        await _under_way(at, offer)
        await at.desk.finished(offer.key, "The car refuses the software.")
        case = at.case(offer)
        assert (case.state, case.problem) == (OfferState.ABORTED, "The car refuses the software.")
        assert case.decision.choice is Choice.ACCEPT, "nobody has withdrawn anything"

    run(body)


def test_a_job_that_was_not_carried_out_in_time(run: Run, job_offer: MakeOffer) -> None:
    offer = job_offer()

    async def body(at: Desk) -> None:
        await _under_way(at, offer)
        at.clock.at = offer.end
        await at.desk.tick()
        case = at.case(offer)
        assert (case.state, case.problem) == (OfferState.PARTIAL, "It was not carried out in time.")
        await at.desk.finished(offer.key, None)
        assert at.case(offer).state is OfferState.PARTIAL

    run(body)


def test_jobs_and_power_never_stand_in_each_others_way(run: Run, make_offer: MakeOffer, job_offer: MakeOffer) -> None:
    feed, check = make_offer(), job_offer(offer_id="check")
    install = job_offer(OfferKind.CAR_SOFTWARE, offer_id="install")

    async def body(at: Desk) -> None:
        for offer in (feed, check, install):
            await at.desk.receive(offer)
            await at.decide(offer, Choice.ACCEPT)
            assert at.case(offer).state is OfferState.ACCEPTED
        assert all(case.problem is None for case in at.desk.cases)

    run(body)


def test_the_one_that_ends_first_comes_first(run: Run, job_offer: MakeOffer) -> None:
    late = job_offer(offer_id="late")
    late = replace(late, intervals=(replace(late.intervals[0], end=late.end + HOUR),))

    async def body(at: Desk) -> None:
        for offer in (late, job_offer(offer_id="soon")):
            at.clock.at = min(at.clock.at, offer.start - HOUR)
            await at.desk.receive(offer)
            await at.decide(offer, Choice.ACCEPT)
            await at.answer(offer, ReceiptLevel.TRANSPORT)
            await at.answer(offer, ReceiptLevel.BUSINESS)
        at.clock.at = late.start
        await at.desk.tick()
        assert [case.offer.offer_id for case in at.desk.jobs()] == ["soon", "late"]

    run(body)


@pytest.mark.parametrize("kind", list(JOBS))
def test_a_job_in_order(job_offer: MakeOffer, kind: OfferKind) -> None:
    assert why_invalid(job_offer(kind)) is None


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (OfferKind.HEALTH_CHECK, {"job": None}),
        (OfferKind.HEALTH_CHECK, {"binding": Binding.MANDATORY}),
        (OfferKind.PART_ORDER, {"job": Job()}),
        (OfferKind.CAR_SOFTWARE, {"job": replace(SOFTWARE, location="http://m.example/2.1.bin")}),
        (OfferKind.CAR_SOFTWARE, {"job": replace(SOFTWARE, sha256="AB" * 32)}),
        (OfferKind.CAR_SOFTWARE, {"job": replace(SOFTWARE, size_bytes=0)}),
        (OfferKind.CAR_SOFTWARE, {"job": replace(SOFTWARE, manifest="")}),
        (OfferKind.CAR_SOFTWARE, {"job": replace(SOFTWARE, version="")}),
        (OfferKind.CHARGER_SOFTWARE, {"job": Job(version="1.4")}),
    ],
)
def test_a_job_that_makes_no_sense(job_offer: MakeOffer, kind: OfferKind, wrong: dict[str, Any]) -> None:
    assert why_invalid(job_offer(kind, **wrong))


def test_a_job_mixed_with_power_makes_no_sense(job_offer: MakeOffer, make_offer: MakeOffer) -> None:
    check = job_offer()
    (span,) = check.intervals
    for mixed in (
        replace(check, intervals=(replace(span, setpoint_w=-1000.0),)),
        replace(check, intervals=(replace(span, max_w=0.0),)),
        replace(check, intervals=(span, OfferInterval(start=span.end, end=span.end + HOUR))),
        make_offer(job=Job()),
    ):
        assert why_invalid(mixed) == "The request mixes a job with power."
