"""The desk with the owner's rules and contracts, with partial and late answers, and what follows the end."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp.errors import NotFound, StoreUnavailable, WrongState
from homeapp.model.offer import Binding, Choice, Offer, OfferInterval, OfferKind, OfferState, Receipt, ReceiptLevel
from homeapp.model.offer_terms import Cancellation, Penalty, PenaltyBasis
from homeapp.model.standing_rule import RuleAction, StandingRule
from homeapp.offers.home import HomeFacts
from homeapp.offers.rule_book import RuleBook
from homeapp.store.standing_rules import StandingRules
from kit.clocks import LeapingClock
from kit.offer_desk import NOON, Desk, MakeOffer, Run

MINUTE = timedelta(minutes=1)
HOME = HomeFacts(soc_pct=80.0, floor_pct=30.0, capacity_wh=50_000.0)
YES = StandingRule(rule_id="yes", action=RuleAction.ACCEPT)
CONTRACT = StandingRule(rule_id="contract", action=RuleAction.TAKE_PART, sp_id="evc_sp")


@pytest.mark.usecase("T2")
def test_a_rule_answers_at_arrival_and_is_named(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(YES)
        await at.desk.receive(offer)
        case = at.case(offer)
        assert (case.state, case.rule, case.binding) == (OfferState.ACCEPTED, "yes", Binding.MY_RULE)
        assert (case.decision.choice, case.decision.decided_by) == (Choice.ACCEPT, "rule:yes")
        assert await at.trail() == ["pending", "accepted"]
        assert await at.outbox() == [("accept", "waiting")]
        assert at.desk.commitments(at.clock.at) == (), "the provider does not have it yet"
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert at.case(offer).state is OfferState.SCHEDULED
        assert (await at.decide(offer, Choice.WITHDRAW)).state is OfferState.ABORTED, "the owner has the last word"

    run(body)


def test_a_rule_says_no_and_why(run: Run, make_offer: MakeOffer) -> None:
    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(
            StandingRule(rule_id="no", action=RuleAction.DECLINE, least_per_event=Decimal(3), currency="EUR")
        )
        await at.desk.receive(make_offer())
        case = at.case(make_offer())
        assert (case.state, case.rule) == (OfferState.DECLINED, "no")
        assert case.problem == "It pays 2.40 EUR per request."
        assert await at.outbox() == [("decline", "waiting")]

    run(body)


def test_what_a_rule_may_not_decide_is_left_to_the_owner(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(unsupported=("COLOUR",))

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(YES)
        await at.desk.receive(offer)
        case = at.case(offer)
        assert (case.state, case.rule, case.decision) == (OfferState.PENDING, "", None)
        assert "Your rule leaves it to you: It has terms that this hub does not understand: COLOUR" in case.problem
        assert (await at.decide(offer, Choice.ACCEPT)).state is OfferState.ACCEPTED, "the owner may"

    run(body)


@pytest.mark.parametrize(("foreseen", "state"), [(75.0, OfferState.ACCEPTED), (60.0, OfferState.PENDING)])
def test_a_rule_that_looks_ahead_asks_the_plan(
    run: Run, make_offer: MakeOffer, foreseen: float, state: OfferState
) -> None:
    async def body(at: Desk) -> None:
        at.home.now, at.home.foreseen = HOME, foreseen
        at.rules.append(replace(YES, least_soc_pct=70.0))
        await at.desk.receive(make_offer())
        assert (at.case(make_offer()).state, at.case(make_offer()).foreseen_pct) == (state, foreseen)

    run(body)


@pytest.mark.parametrize("first", [Choice.ACCEPT, Choice.DECLINE])
def test_whoever_has_answered_himself_is_asked_about_every_change(
    run: Run, make_offer: MakeOffer, first: Choice
) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        at.home.now = HOME
        await at.desk.receive(offer)
        await at.decide(offer, first)
        at.rules.append(YES)
        await at.desk.receive(make_offer(revision=2, reward=Decimal(9)))
        case = at.case(offer)
        assert (case.offer.revision, case.state, case.rule) == (2, OfferState.PENDING, "")

    run(body)


def test_a_new_revision_of_what_a_rule_has_answered_is_for_the_rule_again(run: Run, make_offer: MakeOffer) -> None:
    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(replace(YES, least_per_event=Decimal(2), currency="EUR"))
        await at.desk.receive(make_offer())
        assert at.case(make_offer()).state is OfferState.ACCEPTED
        await at.desk.receive(make_offer(revision=2, reward=Decimal(1)))
        case = at.case(make_offer())
        assert (case.state, case.rule) == (OfferState.PENDING, ""), "the approval is void"
        assert await at.outbox() == [("accept", "void")]

    run(body)


def contracted(make_offer: MakeOffer, **wanted: Any) -> Offer:
    return make_offer(binding=Binding.OPT_OUT, **wanted)


@pytest.mark.usecase("T2")
def test_by_contract_silence_is_a_yes_at_the_deadline(run: Run, make_offer: MakeOffer) -> None:
    offer = contracted(make_offer)

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(CONTRACT)
        await at.desk.receive(offer)
        case = at.case(offer)
        assert (case.state, case.rule, case.binding) == (OfferState.PENDING, "contract", Binding.OPT_OUT)
        await at.at(offer.expires_at - MINUTE)
        assert at.case(offer).state is OfferState.PENDING
        assert at.desk.commitments(at.clock.at) == (), "nothing before the decision"
        await at.at(offer.expires_at)
        case = at.case(offer)
        assert (case.state, case.decision.choice, case.decision.decided_by) == (
            OfferState.SCHEDULED,
            Choice.ACCEPT,
            "clock",
        )
        assert await at.trail() == ["pending", "accepted", "scheduled"]
        await at.at(offer.start)
        assert [case.offer.key for case in at.desk.commitments(at.clock.at)] == [offer.key], "nobody has to confirm it"

    run(body)


def test_the_owner_opts_out_and_that_is_final(run: Run, make_offer: MakeOffer) -> None:
    offer = contracted(make_offer)

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(CONTRACT)
        await at.desk.receive(offer)
        assert (await at.decide(offer, Choice.DECLINE)).state is OfferState.DECLINED
        await at.desk.receive(contracted(make_offer, revision=2))
        assert at.case(offer).rule == "", "a change of it does not turn the no into a yes"
        await at.at(offer.expires_at)
        assert at.case(offer).state is OfferState.DECLINED

    run(body)


@pytest.mark.parametrize("rules", [[], [YES], [replace(CONTRACT, sp_id="grid_sp")]])
def test_no_provider_makes_a_contract_by_itself(run: Run, make_offer: MakeOffer, rules: list[StandingRule]) -> None:
    offer = contracted(make_offer, unsupported=("X",))

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.extend(rules)
        await at.desk.receive(offer)
        assert (at.case(offer).state, at.case(offer).rule) == (OfferState.PENDING, "")
        await at.at(offer.expires_at - 3 * MINUTE)
        assert at.case(offer).state is OfferState.PENDING
        await at.at(offer.expires_at - 2 * MINUTE)
        case = at.case(offer)
        assert (case.state, case.decision.choice, case.decision.decided_by) == (
            OfferState.DECLINED,
            Choice.DECLINE,
            "clock",
        )
        assert await at.outbox() == [("decline", "waiting")], "the provider would take silence for a yes"

    run(body)


def test_a_contract_is_not_kept_at_the_cost_of_another_promise(run: Run, make_offer: MakeOffer) -> None:
    offer, other = contracted(make_offer), make_offer(offer_id="o2", sp_id="grid_sp")

    async def body(at: Desk) -> None:
        at.home.now = HOME
        at.rules.append(CONTRACT)
        await at.desk.receive(offer)
        await at.agreed(other)
        await at.at(offer.expires_at - 2 * MINUTE)
        case = at.case(offer)
        assert case.state is OfferState.DECLINED
        assert "overlaps with" in case.problem

    run(body)


@pytest.mark.usecase("T2")
def test_less_than_what_is_asked_for_can_be_promised(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(max_feed_wh=4000.0)

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        for wrong in ({"committed_w": 5001.0}, {"committed_w": 0.0}, {"committed_w": -1.0}, {"committed_wh": 0.0}):
            with pytest.raises(WrongState, match="promise"):
                await at.decide(offer, Choice.ACCEPT, **wrong)
        case = await at.decide(offer, Choice.ACCEPT, committed_w=2000.0, committed_wh=1500.0)
        assert (case.decision.committed_w, case.decision.committed_wh) == (2000.0, 1500.0)
        assert case.offer == offer, "what was asked for stays as it is"
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        await at.answer(offer, ReceiptLevel.BUSINESS)
        await at.at(offer.start)
        (bound,) = at.desk.commitments(at.clock.at)
        assert (bound.offer.intervals[0].setpoint_w, bound.offer.max_feed_wh) == (-2000.0, 1500.0)
        assert bound.digest == offer.digest()
        await at.desk.delivered(offer.key, -1400.0)
        await at.at(offer.end)
        assert at.case(offer).state is OfferState.COMPLETED, "measured against what was promised"

    run(body)


def test_a_limit_can_be_kept_in_part(run: Run, make_offer: MakeOffer) -> None:
    begins = NOON + timedelta(hours=1)
    intervals = (OfferInterval(start=begins, end=begins + timedelta(hours=1), max_w=1400.0),)
    offer = make_offer(kind=OfferKind.LOAD_SHED, intervals=intervals)

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        with pytest.raises(WrongState, match="less than what is asked"):
            await at.decide(offer, Choice.ACCEPT, committed_w=1000.0)
        await at.decide(offer, Choice.ACCEPT, committed_w=4200.0)
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        (bound,) = at.desk.commitments(at.clock.at)
        assert bound.offer.intervals[0].max_w == 4200.0

    run(body)


@pytest.mark.usecase("T2")
@pytest.mark.parametrize("choice", [Choice.ACCEPT, Choice.DECLINE])
def test_a_late_answer_is_refused_and_shown(run: Run, make_offer: MakeOffer, choice: Choice) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        at.clock.at = offer.expires_at
        for _ in range(2):
            with pytest.raises(WrongState, match="too late"):
                await at.decide(offer, choice)
            case = at.case(offer)
            assert (case.state, case.decision.choice) == (OfferState.EXPIRED, Choice.NO_RESPONSE)
            assert f"Your answer ({choice}) came too late" in case.problem
        assert await at.outbox() == [("no_response", "waiting")]
        tries = await at.database.ledger.read(
            lambda connection: connection.execute("SELECT count(*) FROM audit WHERE kind = 'late_answer'").fetchone()[0]
        )
        assert tries == 2

    run(body)


@pytest.mark.usecase("T4")
def test_what_came_of_it_is_the_hubs_estimate_until_the_provider_accounts(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.agreed(offer)
        assert at.case(offer).follow_up is None
        await at.at(offer.start)
        await at.desk.delivered(offer.key, -2000.0)
        follow_up = at.case(offer).follow_up
        assert (follow_up.promised_wh, follow_up.measured_wh) == (5000.0, 2000.0)
        assert (follow_up.promised_money, follow_up.earned_money) == (Decimal("2.40"), Decimal("0.96"))
        await at.desk.delivered(offer.key, -2900.0)
        await at.at(offer.end)
        follow_up = at.case(offer).follow_up
        assert (follow_up.earned_money, follow_up.settled) == (Decimal("2.40"), False)
        assert "not yet what was delivered" in follow_up.receipt
        assert await at.ledger.earned(offer.start) == Decimal("2.40")
        decision = at.case(offer).decision
        account = Receipt(
            decision_id=decision.decision_id,
            sp_id=offer.sp_id,
            level=ReceiptLevel.SETTLEMENT,
            received_at=at.clock.at,
            reference="s1",
            energy_wh=4700.0,
            amount=Decimal("2.25"),
            currency="EUR",
        )
        for _ in range(2):
            await at.desk.receipt(account)
        case = at.case(offer)
        assert (case.state, case.follow_up.earned_money, case.follow_up.settled) == (
            OfferState.COMPLETED,
            Decimal("2.25"),
            True,
        )
        assert case.follow_up.measured_wh == 4900.0, "what was measured here stays"
        assert case.follow_up.receipt == "EVC provider accounts for 4.70 kWh and 2.25 EUR."
        assert await at.ledger.earned(offer.start) == Decimal("2.25")

    run(body)


@pytest.mark.usecase("T4")
def test_stopping_has_a_price_that_is_told_before(run: Run, make_offer: MakeOffer) -> None:
    terms = Penalty(basis=PenaltyBasis.FIXED, amount=Decimal("0.75"))
    offer, waiting = make_offer(penalty=terms), make_offer(offer_id="o2", begins=NOON + timedelta(hours=3))

    async def body(at: Desk) -> None:
        await at.desk.receive(waiting)
        for key in (waiting.key, "evc_sp/other"):
            with pytest.raises((WrongState, NotFound)):
                at.desk.stop_price(key)
        await at.agreed(offer)
        assert at.desk.stop_price(offer.key).fee == Decimal("0.75")
        await at.at(offer.start + 30 * MINUTE)
        await at.desk.delivered(offer.key, -1250.0)
        price = at.desk.stop_price(offer.key)
        assert (price.reward_lost, price.fee) == (Decimal("1.80"), Decimal("0.75"))
        case = await at.decide(offer, Choice.WITHDRAW)
        assert case.state is OfferState.ABORTED
        assert case.follow_up.earned_money == Decimal("-0.15")
        at.clock.at = offer.end
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        assert at.case(offer).follow_up.earned_money == Decimal("-0.15"), "the clock does not earn it back"

    run(body)


@pytest.mark.parametrize(
    ("late", "says"), [(True, "later than its own terms allow"), (False, "taken this request back.")]
)
def test_a_provider_that_takes_back_too_late_is_named(run: Run, make_offer: MakeOffer, late: bool, says: str) -> None:
    offer = make_offer(cancellation=Cancellation(provider_until=NOON + 10 * MINUTE))

    async def body(at: Desk) -> None:
        await at.agreed(offer)
        at.clock.at = NOON + (11 if late else 9) * MINUTE
        await at.desk.withdrawn(offer.sp_id, offer.offer_id)
        assert at.case(offer).state is OfferState.CANCELLED
        assert says in (at.case(offer).problem or "")

    run(body)


def test_an_alert_is_shown_acknowledged_and_takes_no_power(run: Run, make_offer: MakeOffer) -> None:
    begins = NOON + timedelta(hours=1)
    alert = make_offer(
        kind=OfferKind.ALERT,
        binding=Binding.MANDATORY,
        intervals=(OfferInterval(start=begins, end=begins + timedelta(hours=1)),),
        reward=None,
        currency="",
    )

    async def body(at: Desk) -> None:
        await at.desk.receive(alert)
        await at.decide(alert, Choice.ACKNOWLEDGE)
        await at.at(alert.start)
        assert at.case(alert).state is OfferState.ACTIVE
        assert at.desk.commitments(at.clock.at) == ()
        await at.at(alert.end)
        assert (at.case(alert).state, at.case(alert).follow_up) == (OfferState.COMPLETED, None)

    run(body)


def test_without_a_plan_in_time_the_owner_decides(run: Run, make_offer: MakeOffer) -> None:
    async def body(at: Desk) -> None:
        at.home.now, at.home.failure = HOME, StoreUnavailable("The disk is full.")
        at.rules.append(replace(YES, least_soc_pct=70.0))
        await at.desk.receive(make_offer())
        assert (at.case(make_offer()).state, at.case(make_offer()).foreseen_pct) == (OfferState.PENDING, None)

    run(body)


def test_only_a_limit_can_be_imposed(run: Run, make_offer: MakeOffer) -> None:
    async def body(at: Desk) -> None:
        await at.desk.receive(make_offer(binding=Binding.MANDATORY))
        assert at.case(make_offer()).state is OfferState.INVALID

    run(body)


def test_rules_are_kept_shown_and_removed(tmp_path: Path, run: Run, make_offer: MakeOffer) -> None:
    changed: list[int] = []

    def book(at: Desk) -> RuleBook:
        return RuleBook(
            StandingRules(at.database, LeapingClock(NOON)),
            at.clock,
            name_of=lambda sp_id: {"evc_sp": "Example Charging"}[sp_id],
            past=at.ledger.past_cases,
            facts=lambda: HOME,
            changed=lambda: changed.append(1),
        )

    async def before(at: Desk) -> None:
        rules = book(at)
        await rules.load()
        assert rules.views() == ()
        shown = await rules.keep(StandingRule(action=RuleAction.ACCEPT, sp_id="evc_sp", kind=OfferKind.POWER_FEED))
        assert shown.sentence == "Accept power feeds of Example Charging."
        assert shown.rule.since == NOON
        second = await rules.keep(StandingRule(action=RuleAction.ASK))
        changed_rule = await rules.keep(replace(shown.rule, least_soc_pct=60.0))
        assert [view.rule for view in rules.views()] == [changed_rule.rule, second.rule]
        await rules.remove(second.rule.rule_id)
        with pytest.raises(NotFound):
            await rules.remove(second.rule.rule_id)
        with pytest.raises(NotFound):
            await rules.keep(second.rule)
        with pytest.raises(WrongState, match="between 0 and 100"):
            await rules.keep(replace(shown.rule, least_soc_pct=101.0))
        with pytest.raises(WrongState, match="whose contract"):
            await rules.try_out(StandingRule(action=RuleAction.TAKE_PART))
        await at.desk.receive(make_offer(min_soc_pct=40.0))
        (line,) = await rules.try_out(StandingRule(action=RuleAction.ACCEPT))
        assert (line.key, line.would) == ("evc_sp/o1", "accepted")
        assert len(changed) == 4
        kinds = await at.database.ledger.read(
            lambda connection: [
                row[0] for row in connection.execute("SELECT kind FROM audit WHERE kind LIKE 'rule%' ORDER BY seq")
            ]
        )
        assert kinds == ["rule_kept", "rule_kept", "rule_kept", "rule_removed"]

    async def after(at: Desk) -> None:
        rules = book(at)
        await rules.load()
        assert [rule.least_soc_pct for rule in rules.rules()] == [60.0]

    run(before)
    run(after)
