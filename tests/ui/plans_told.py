"""Prices, plans, rules and decisions, as the hub would tell them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from offers_told import (
    NOW,
)

from homeapp.model.live import Doing
from homeapp.model.offer import OfferCase, OfferKind, OfferState
from homeapp.model.plan import (
    ChargingMode,
    Departure,
    HomeForecast,
    OfferPreview,
    Plan,
    PlanSlot,
    Schedule,
    SlotReason,
    WeeklyDeparture,
)
from homeapp.model.standing_rule import (
    Clause,
    ClauseCode,
    DryRun,
    Outcome,
    RuleAction,
    RuleView,
    StandingRule,
)
from homeapp.model.tariff import ComponentKind, GhgSlot, PriceComponent, PriceSlot, Tariff
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic

HOURLY = (16, 16, 14, 13, 15, 16, 17, 21, 24, 21, 16, 14, 12, 10, 11, 15, 21, 26, 31, 32, 28, 21, 19, 18)


def tariff(start: datetime = datetime(2026, 11, 22, 23, tzinfo=UTC), hours: int = 48, minutes: int = 60) -> Tariff:
    step = timedelta(minutes=minutes)
    count = hours * 60 // minutes
    slots = tuple(
        PriceSlot(
            start=start + index * step,
            end=start + (index + 1) * step,
            import_price=Decimal(HOURLY[(index * minutes // 60) % 24] * 10 + (index * 7) % 9) / 1000,
            export_price=Decimal("0.0800"),
        )
        for index in range(count)
    )
    return Tariff(source="Day ahead", currency="EUR", received_at=start, slots=slots)


def taken_apart(prices: Tariff) -> Tariff:
    """The same in quarter hours with components, a sunny noon below zero, emissions, and hours that are a forecast."""
    slots = []
    for number, slot in enumerate(prices.slots):
        noon = 10 <= slot.start.hour < 14
        market = Decimal("-0.210") if noon else slot.import_price * Decimal("0.4") - Decimal("0.02")
        net = {
            ComponentKind.MARKET: market,
            ComponentKind.SUPPLIER: Decimal("0.018"),
            ComponentKind.GRID_FEE: Decimal("0.031"),
            ComponentKind.TAX: Decimal("0.102"),
        }
        net[ComponentKind.VAT] = (sum(net.values()) * Decimal("0.21")).quantize(Decimal("0.0001"))
        slots.append(
            replace(
                slot,
                import_price=sum(net.values()),
                components=tuple(PriceComponent(kind=kind, amount=amount) for kind, amount in net.items()),
                market_price=market,
                forecast=number >= 140,
            )
        )
    ghg = tuple(GhgSlot(start=slot.start, end=slot.end, g_per_kwh=90 + 4 * slot.start.hour) for slot in slots)
    return replace(prices, slots=tuple(slots), ghg=ghg)


def plan(prices: Tariff) -> Plan:
    charge = [datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in (0, 1, 2, 3)]
    feed = [datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (17, 18)]
    slots = []
    for slot in prices.slots:
        hour = slot.start.replace(minute=0)
        power, reason = 0.0, SlotReason.IDLE
        if hour in charge:
            power, reason = 7200.0, SlotReason.CHEAP
        elif hour in feed:
            power, reason = -3000.0, SlotReason.FEED_OFFER
        slots.append(PlanSlot(start=slot.start, end=slot.end, power_w=power, reason=reason, price=slot.import_price))
    return Plan(made_at=NOW, slots=tuple(slots), reaches_pct=80, shortfall_wh=0, cost=Decimal("3.42"))


def full_plan(prices: Tariff) -> Plan:
    """One with reasons of every colour, a state of charge, costs and a gain."""
    reasons = {
        **dict.fromkeys((16, 17), (7200.0, SlotReason.FLOOR)),
        **dict.fromkeys((18, 19), (-5000.0, SlotReason.FEED_PLAN)),
        **dict.fromkeys((1, 2, 3), (11000.0, SlotReason.CHEAP)),
        5: (4100.0, SlotReason.NEEDED),
    }
    slots, soc_pct = [], 52.0
    for slot in prices.slots:
        if not NOW < slot.end < NOW + timedelta(hours=30):
            continue
        local = slot.start.hour + 1
        power, reason = reasons.get(local % 24, (0.0, SlotReason.WAIT_CHEAPER))
        hours = (slot.end - slot.start).total_seconds() / 3600
        soc_pct = min(90.0, max(30.0, soc_pct + power * hours / 600))
        slots.append(
            PlanSlot(
                start=slot.start,
                end=slot.end,
                power_w=power,
                reason=reason,
                price=slot.import_price,
                soc_pct=soc_pct,
            )
        )
    forecast = HomeForecast(steps=(), days=21, sentence="Your home's use is expected as on the last 3 Mondays.")
    return Plan(
        made_at=NOW,
        slots=tuple(slots),
        reaches_pct=80,
        shortfall_wh=0,
        cost=Decimal("3.42"),
        cost_uncontrolled=Decimal("4.87"),
        feed_gain=Decimal("0.64"),
        switches=3,
        cycles=0.16,
        forecast=forecast,
    )


def _saw(**seen: object) -> Circumstances:
    known = {"fuse_a": 25.0, "grid_w": 8400.0, "phase_a": 14.2, "soc_pct": 52.0, "price": Decimal("0.263")}
    return Circumstances(**(known | {"currency": "EUR"} | seen))


TOLD_STATES = tuple(set(OfferState) - {OfferState.RECEIVED, OfferState.INVALID, OfferState.ACCEPTED})


WHY = (
    WhyEntry(
        at=NOW - timedelta(minutes=3),
        topic=WhyTopic.CHARGER,
        seen=_saw(slot=SlotReason.FLOOR),
        subject="ocpp:SN1005",
        name="Driveway",
        doing=Doing.CHARGING_RESERVE,
        power_w=7200,
        until=NOW + timedelta(hours=2),
    ),
    WhyEntry(at=NOW - timedelta(minutes=4), topic=WhyTopic.MODE, seen=_saw(), mode=ChargingMode.POWER_FEED),
    WhyEntry(
        at=NOW - timedelta(hours=2),
        topic=WhyTopic.CHARGER,
        seen=_saw(phase_a=24.6, grid_w=16_900.0),
        subject="ocpp:SN1005",
        name="Driveway",
        doing=Doing.REDUCED_BY_FUSE,
        power_w=3900,
    ),
    WhyEntry(
        at=NOW - timedelta(hours=14),
        topic=WhyTopic.REQUEST,
        seen=_saw(grid_w=-3000.0),
        subject="evc_sp/1",
        name="Sell power from your car on Monday evening between six and eight",
        state=OfferState.RELAYED,
        decided_by="rule:evening",
    ),
    WhyEntry(
        at=NOW - timedelta(hours=18),
        topic=WhyTopic.CHARGER,
        seen=Circumstances(fuse_a=25.0),
        subject="ocpp:SN1005",
        doing=Doing.CHARGING_FLOOR,
        power_w=4100,
    ),
)


SCHEDULE = Schedule(
    weekly=(WeeklyDeparture(weekdays=(6, 7), time="09:30", target_pct=60),),
    once=(Departure(at=datetime(2026, 11, 27, 4, 15, tzinfo=UTC), target_pct=100),),
)


RULES = (
    RuleView(
        rule=StandingRule(
            rule_id="evening",
            action=RuleAction.ACCEPT,
            kind=OfferKind.POWER_FEED,
            weekdays=(0, 1, 2, 3, 4),
            not_before="17:00",
            not_after="22:00",
            least_per_kwh=Decimal("0.30"),
            currency="EUR",
            least_soc_pct=60,
        ),
        clauses=(
            Clause(code=ClauseCode.ACCEPT),
            Clause(code=ClauseCode.KIND, values={"kind": "power_feed"}),
            Clause(code=ClauseCode.ANY_PROVIDER),
            Clause(code=ClauseCode.WEEKDAYS, values={"days": "0,1,2,3,4"}),
            Clause(code=ClauseCode.HOURS, values={"from": "17:00", "to": "22:00"}),
            Clause(code=ClauseCode.PAYS_AT_LEAST, values={"amount": "0.30", "currency": "EUR", "per": "kwh"}),
            Clause(code=ClauseCode.SOC_AT_LEAST, values={"soc_pct": "60"}),
        ),
        sentence="",
    ),
    RuleView(
        rule=StandingRule(rule_id="night", action=RuleAction.DECLINE, sp_id="grid_sp", most_cycles_per_week=2),
        clauses=(
            Clause(code=ClauseCode.DECLINE),
            Clause(code=ClauseCode.ANY_KIND),
            Clause(code=ClauseCode.PROVIDER, values={"provider": "Grid operator"}),
            Clause(code=ClauseCode.CYCLES_MORE, values={"cycles": "2"}),
        ),
        sentence="",
    ),
)


DRY_RUN = (
    DryRun(
        key="evc_sp/feed-1",
        title="Sell 5 kWh on Sunday evening",
        when=NOW - timedelta(hours=21),
        would=Outcome.ACCEPTED,
        why="It pays 0.38 EUR per kWh.",
    ),
    DryRun(
        key="evc_sp/feed-2",
        title="Sell 3 kWh at noon",
        when=NOW - timedelta(hours=27),
        would=Outcome.LEFT_TO_YOU,
        why="It does not lie between 17:00 and 22:00.",
    ),
)


def preview(case: OfferCase) -> OfferPreview:
    """A power feed that costs a little charge and earns."""
    without = replace(full_plan(taken_apart(tariff(hours=48, minutes=15))), feed_gain=None)
    fed = [
        slot if slot.soc_pct is None or slot.start < NOW else replace(slot, soc_pct=max(50.0, slot.soc_pct - 9))
        for slot in without.slots
    ]
    return OfferPreview(
        key=case.offer.key,
        digest=case.digest,
        plan_with=replace(without, slots=tuple(fed), reaches_pct=76, cost=Decimal("2.91")),
        plan_without=without,
        cost_with=Decimal("2.91"),
        cost_without=Decimal("3.42"),
        reaches_with_pct=76,
        reaches_without_pct=80,
        cycles_with=0.3,
        cycles_without=0.1,
        reward=Decimal("1.92"),
        currency="EUR",
        sentence="With it the car has 76 % instead of 80 % at 07:00, charging costs 2.91 EUR instead of 3.42 EUR, and "
        "you earn 1.92 EUR.",
    )
