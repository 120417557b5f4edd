"""Offers to the owner at every step of their life, as the hub would tell them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from homeapp.model.offer import (
    Binding,
    Choice,
    Decision,
    FollowUp,
    Job,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.offer_terms import (
    BatteryTerms,
    Cancellation,
    Penalty,
    PenaltyBasis,
    Reward,
    RewardBasis,
    WearCompensation,
    WearUnit,
)

NOW = datetime(2026, 11, 23, 15, 24, tzinfo=UTC)


def offer(kind: OfferKind = OfferKind.POWER_FEED, binding: Binding = Binding.OWNER_DECIDES, **changes: object) -> Offer:
    start = datetime(2026, 11, 23, 17, tzinfo=UTC)
    base = Offer(
        offer_id="feed-17",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=kind,
        binding=binding,
        issued_at=NOW - timedelta(minutes=45),
        expires_at=NOW + timedelta(minutes=12, seconds=20),
        intervals=(OfferInterval(start=start, end=start + timedelta(hours=2), setpoint_w=-3000),),
        title="Sell 6 kWh tonight",
        description="The grid is short of power tonight. Your car is charged again by your usual time.",
        reward=Decimal("1.92"),
        currency="EUR",
        min_soc_pct=50,
        max_feed_wh=6000,
    )
    return replace(base, **changes)


def case(request: Offer, state: OfferState, **changes: object) -> OfferCase:
    return replace(OfferCase(offer=request, digest=request.digest(), state=state, updated_at=NOW), **changes)


def decision(request: Offer, choice: Choice, by: str = "owner") -> Decision:
    return Decision(
        decision_id=f"d-{request.offer_id}",
        offer_key=request.key,
        offer_revision=request.revision,
        offer_digest=request.digest(),
        choice=choice,
        decided_at=NOW - timedelta(minutes=40),
        decided_by=by,
    )


def receipt(request: Offer, level: ReceiptLevel, *, confirmed: bool = True, reason: str = "") -> Receipt:
    return Receipt(
        decision_id=f"d-{request.offer_id}",
        sp_id=request.sp_id,
        level=level,
        received_at=NOW - timedelta(minutes=39),
        confirmed=confirmed,
        reason=reason,
    )


PENDING = case(offer(), OfferState.PENDING)
_all_terms = offer(
    offer_id="feed-18",
    title="Sell power on Tuesday evening",
    rewards=(
        Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.31"), cap=Decimal(5)),
        Reward(basis=RewardBasis.PER_HOUR, amount=Decimal("0.10")),
    ),
    penalty=Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.12"), tolerance_pct=10),
    battery=BatteryTerms(
        guaranteed_soc_pct=80,
        ready_by=NOW + timedelta(hours=14),
        max_feed_cycles=0.3,
        wear_compensation=WearCompensation(amount=Decimal("0.04"), per=WearUnit.KWH),
    ),
    cancellation=Cancellation(owner_until=NOW + timedelta(hours=1), owner_fee=Decimal("0.50")),
    data_shared=("energy per quarter hour", "state of charge"),
    terms_url="https://evc.example/terms/7",
    randomize_start=timedelta(minutes=10),
    intervals=(
        OfferInterval(
            start=datetime(2026, 11, 23, 17, tzinfo=UTC),
            end=datetime(2026, 11, 23, 19, tzinfo=UTC),
            setpoint_w=-5000,
        ),
    ),
)
PENDING_TERMS = case(_all_terms, OfferState.PENDING, clashes=("grid_sp/shed-3",))
_beyond = offer(offer_id="feed-19", title="Sell power to the north", unsupported=("CURVE",), binding=Binding.OPT_OUT)
PENDING_BEYOND = case(
    _beyond, OfferState.PENDING, ineligible=("It holds for homes in NL-GR only; this home is in another region.",)
)
_shed = offer(
    OfferKind.LOAD_SHED,
    offer_id="shed-3",
    title="Charge less after dinner",
    description="",
    reward=Decimal("0.60"),
    min_soc_pct=None,
    max_feed_wh=None,
    sp_id="grid_sp",
    sp_name="Grid operator",
    expires_at=NOW + timedelta(hours=2),
    intervals=(
        OfferInterval(
            start=datetime(2026, 11, 23, 19, tzinfo=UTC), end=datetime(2026, 11, 23, 20, tzinfo=UTC), max_w=1400
        ),
    ),
)
PENDING_SHED = case(_shed, OfferState.PENDING)
_limit = offer(
    OfferKind.CAPACITY_LIMIT,
    Binding.MANDATORY,
    offer_id="limit-9",
    title="Grid connection limited",
    description="High load on your street.",
    reward=None,
    currency="",
    min_soc_pct=None,
    max_feed_wh=None,
    sp_id="grid_sp",
    sp_name="Grid operator",
    intervals=(
        OfferInterval(start=NOW - timedelta(minutes=20), end=datetime(2026, 11, 23, 17, 30, tzinfo=UTC), max_w=4200),
    ),
)
LIMIT = case(_limit, OfferState.ACTIVE)
_relayed = replace(offer(), offer_id="feed-16", title="Sell 4 kWh on Wednesday")
RELAYED = case(
    _relayed,
    OfferState.RELAYED,
    decision=decision(_relayed, Choice.ACCEPT),
    transport=receipt(_relayed, ReceiptLevel.TRANSPORT),
)
_running = replace(
    offer(),
    offer_id="feed-15",
    title="Feed your home and the grid",
    intervals=(
        OfferInterval(start=NOW - timedelta(minutes=24), end=datetime(2026, 11, 23, 17, tzinfo=UTC), setpoint_w=-6000),
    ),
)
ACTIVE = case(
    _running,
    OfferState.ACTIVE,
    decision=decision(_running, Choice.ACCEPT),
    transport=receipt(_running, ReceiptLevel.TRANSPORT),
    business=receipt(_running, ReceiptLevel.BUSINESS),
    delivered_wh=-2400.0,
)
_done = replace(offer(), offer_id="feed-1", title="Sell 5 kWh on Sunday evening")
DONE = case(
    _done,
    OfferState.COMPLETED,
    follow_up=FollowUp(
        promised_wh=6000,
        measured_wh=5000,
        promised_money=Decimal("1.92"),
        earned_money=Decimal("1.60"),
        currency="EUR",
        settled=True,
        receipt="EVC provider pays 1.60 EUR for 5.0 kWh.",
    ),
    decision=decision(_done, Choice.ACCEPT, "rule:evening"),
    transport=receipt(_done, ReceiptLevel.TRANSPORT),
    business=receipt(_done, ReceiptLevel.BUSINESS),
    delivered_wh=-5000.0,
    updated_at=NOW - timedelta(hours=20),
)
_no = replace(offer(), offer_id="feed-2", title="Sell 3 kWh at noon")
REJECTED = case(
    _no,
    OfferState.REJECTED,
    decision=decision(_no, Choice.ACCEPT),
    transport=receipt(_no, ReceiptLevel.TRANSPORT),
    business=receipt(_no, ReceiptLevel.BUSINESS, confirmed=False, reason="enough power was found"),
    updated_at=NOW - timedelta(hours=22),
)
_late = replace(offer(), offer_id="feed-0", title="Sell 2 kWh this morning")
EXPIRED = case(
    _late, OfferState.EXPIRED, decision=decision(_late, Choice.NO_RESPONSE, "clock"), updated_at=NOW - timedelta(days=1)
)


def job(kind: OfferKind, particulars: Job, **changes: object) -> Offer:
    start = NOW - timedelta(minutes=24)
    span = OfferInterval(start=start, end=start + timedelta(hours=20))
    base = offer(
        kind,
        offer_id=f"job-{kind}",
        sp_id="pev_sp",
        sp_name="PEV provider",
        description="",
        reward=None,
        currency="",
        min_soc_pct=None,
        max_feed_wh=None,
        intervals=(span,),
        expires_at=NOW + timedelta(hours=3),
        job=particulars,
    )
    return replace(base, **changes)


_software = Job(
    version="2.1",
    location="https://software.maker.example/2.1.bin",
    sha256="ab" * 32,
    size_bytes=12_400_000,
    manifest="a.b.c",
)
CHECK = case(
    job(
        OfferKind.HEALTH_CHECK,
        Job(),
        title="Check your car tonight",
        description="Your car has not been looked at for half a year.",
    ),
    OfferState.PENDING,
)
SOFTWARE = case(job(OfferKind.CAR_SOFTWARE, _software, title="Software 2.1 for your car"), OfferState.PENDING)
_part = job(OfferKind.PART_ORDER, Job(part="Coolant pump", alert_id="a1"), title="Order a new coolant pump")
PART = case(
    _part,
    OfferState.ACTIVE,
    decision=decision(_part, Choice.ACCEPT),
    transport=receipt(_part, ReceiptLevel.TRANSPORT),
    business=receipt(_part, ReceiptLevel.BUSINESS),
)
_charger = job(
    OfferKind.CHARGER_SOFTWARE,
    Job(version="1.4", location="https://charger.maker.example/1.4.bin"),
    sp_id="evc_sp",
    sp_name="EVC provider",
    title="Charger software 1.4",
)
FAILED = case(
    _charger,
    OfferState.ABORTED,
    decision=decision(_charger, Choice.ACCEPT),
    transport=receipt(_charger, ReceiptLevel.TRANSPORT),
    business=receipt(_charger, ReceiptLevel.BUSINESS),
    problem="The charger refuses the software.",
    updated_at=NOW - timedelta(hours=1),
)
_checked = job(OfferKind.HEALTH_CHECK, Job(), offer_id="check-0", title="Check your car")
CHECKED = case(
    _checked,
    OfferState.COMPLETED,
    decision=decision(_checked, Choice.ACCEPT),
    transport=receipt(_checked, ReceiptLevel.TRANSPORT),
    business=receipt(_checked, ReceiptLevel.BUSINESS),
    updated_at=NOW - timedelta(hours=2),
)
