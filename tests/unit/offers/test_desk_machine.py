"""Whatever comes in, in whatever order: each step is in the table, what is final stays final, answers go out once.

The rules below are a second, independent statement of the table in ``homeapp.offers.states``.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homeapp.errors import NotFound, WrongState
from homeapp.model.offer import (
    Binding,
    Choice,
    Job,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.standing_rule import RuleAction, StandingRule
from homeapp.offers.desk import OfferDesk
from homeapp.offers.home import HomeFacts
from homeapp.offers.states import FINAL, NEXT, entered
from homeapp.ports import DecisionMessage
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.offer_rows import Failure
from homeapp.store.outbox import Outbox
from kit.clocks import LeapingClock
from kit.offer_desk import KnownHome

T = TypeVar("T")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
AFTER = {
    "": "invalid pending expired scheduled",
    "pending": "accepted declined expired cancelled superseded",
    "accepted": "relayed scheduled rejected aborted cancelled superseded",
    "relayed": "confirmed rejected active aborted cancelled superseded",
    "confirmed": "scheduled",
    "scheduled": "active aborted cancelled superseded",
    "active": "completed partial aborted cancelled superseded",
}
ENDED = {
    "invalid",
    "declined",
    "expired",
    "rejected",
    "completed",
    "partial",
    "aborted",
    "cancelled",
    "superseded",
}


def _offer(
    number: int,
    revision: int,
    sp_id: str,
    binding: Binding,
    start: datetime,
    spans: int,
    *,
    until_end: bool = False,
    job: bool = False,
) -> Offer:
    kind = OfferKind.CAPACITY_LIMIT if binding is Binding.MANDATORY else OfferKind.POWER_FEED
    interval = OfferInterval(start=start, end=start + spans * HALF_HOUR, setpoint_w=-4000.0, max_w=0.0)
    if job:
        kind, interval = OfferKind.HEALTH_CHECK, replace(interval, setpoint_w=None, max_w=None)
    return Offer(
        offer_id=f"o{number}",
        revision=revision,
        sp_id=sp_id,
        sp_name="Provider",
        kind=kind,
        binding=binding,
        issued_at=NOON,
        expires_at=interval.end if until_end else start,
        intervals=(interval,),
        title="Request",
        reward=Decimal(1),
        currency="EUR",
        job=Job() if job else None,
    )


class DeskMachine(RuleBasedStateMachine):
    """Providers, owner, clock, local safety and power cuts, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="desk"))
        self.clock = LeapingClock(NOON)
        self.revisions: dict[tuple[str, int], int] = {}
        self.ended: dict[tuple[str, int], OfferState] = {}
        self.rules: list[StandingRule] = []
        self.home = KnownHome(now=HomeFacts(soc_pct=90.0, floor_pct=20.0, capacity_wh=50_000.0))

    @initialize()
    def start(self) -> None:
        self.database = Database(self.directory)
        self.run(self.database.__aenter__())
        self.ledger = Ledger(self.database, self.clock)
        self.outbox = Outbox(self.database, self.clock)
        self.desk = OfferDesk(
            ledger=self.ledger,
            outbox=self.outbox,
            clock=self.clock,
            on_change=lambda: None,
            home=self.home,
            rules=lambda: tuple(self.rules),
        )
        self.run(self.desk.load())

    def teardown(self) -> None:
        self.run(self.database.__aexit__(None, None, None))
        self.loop.close()
        shutil.rmtree(self.directory)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def pick(self, data: st.DataObject) -> OfferCase:
        return data.draw(st.sampled_from(self.desk.cases))

    @rule(
        number=st.integers(1, 4),
        newer=st.sampled_from([1, 1, 0, -1]),
        sp_id=st.sampled_from(["grid_sp", "evc_sp"]),
        binding=st.sampled_from([Binding.OWNER_DECIDES, Binding.OWNER_DECIDES, Binding.OPT_OUT, Binding.MANDATORY]),
        begins=st.integers(-1, 3),
        spans=st.sampled_from([1, 2, 3, 0]),
        until_end=st.booleans(),
        job=st.sampled_from([False, False, True]),
    )
    def receive(
        self,
        number: int,
        newer: int,
        sp_id: str,
        binding: Binding,
        begins: int,
        spans: int,
        *,
        until_end: bool,
        job: bool = False,
    ) -> None:
        revision = max(0, self.revisions.get((sp_id, number), 0) + newer)
        self.revisions[(sp_id, number)] = max(revision, self.revisions.get((sp_id, number), 0))
        since_noon = (self.clock.at - NOON) // HALF_HOUR
        start = NOON + (since_noon + begins) * HALF_HOUR
        offer = _offer(number, revision, sp_id, binding, start, spans, until_end=until_end, job=job)
        self.run(self.desk.receive(offer))

    @precondition(lambda self: self.desk.cases)
    @rule(data=st.data(), choice=st.sampled_from(Choice), part_w=st.sampled_from([None, None, 2000.0, 9000.0]))
    def decide(self, data: st.DataObject, choice: Choice, part_w: float | None) -> None:
        case = self.pick(data)
        with suppress(WrongState):
            self.run(self.desk.decide(case.offer.key, case.digest, choice, "owner", committed_w=part_w))

    @rule(
        actions=st.lists(st.sampled_from(RuleAction), max_size=2, unique=True),
        charger=st.sampled_from([True, True, True, False]),
    )
    def the_home_changes(self, actions: list[RuleAction], *, charger: bool) -> None:
        self.rules = [StandingRule(rule_id=action.value, action=action, sp_id="evc_sp") for action in actions]
        self.home.now = replace(self.home.now, charger=charger)

    @rule(
        number=st.integers(5, 8),
        begins=st.integers(0, 2),
        sp_id=st.sampled_from(["grid_sp", "evc_sp"]),
        word=st.sampled_from([None, True, True, False]),
        job=st.booleans(),
    )
    def agree(self, number: int, begins: int, sp_id: str, word: bool | None, *, job: bool) -> None:
        """A request in order that the owner accepts and the provider gets, and perhaps has its word on."""
        self.receive(
            number=number,
            newer=1,
            sp_id=sp_id,
            binding=Binding.OWNER_DECIDES,
            begins=begins,
            spans=2,
            until_end=True,
            job=job,
        )
        key = f"{sp_id}/o{number}"
        case = next(case for case in self.desk.cases if case.offer.key == key)
        with suppress(WrongState):
            case = self.run(self.desk.decide(key, case.digest, Choice.ACCEPT, "owner"))
            self.answer(case, ReceiptLevel.TRANSPORT, confirmed=True)
            if word is not None:
                self.answer(case, ReceiptLevel.BUSINESS, confirmed=word)

    @precondition(lambda self: any(case.decision for case in self.desk.cases))
    @rule(data=st.data(), level=st.sampled_from(ReceiptLevel), confirmed=st.booleans())
    def receipt(self, data: st.DataObject, level: ReceiptLevel, *, confirmed: bool) -> None:
        case = data.draw(st.sampled_from([case for case in self.desk.cases if case.decision]))
        self.answer(case, level, confirmed=confirmed or level is ReceiptLevel.TRANSPORT)

    def answer(self, case: OfferCase, level: ReceiptLevel, *, confirmed: bool) -> None:
        assert case.decision is not None
        self.run(
            self.desk.receipt(
                Receipt(
                    decision_id=case.decision.decision_id,
                    sp_id=case.offer.sp_id,
                    level=level,
                    received_at=self.clock.at,
                    confirmed=confirmed,
                )
            )
        )

    @rule(steps=st.integers(1, 3))
    def time_passes(self, steps: int) -> None:
        self.clock.at += steps * HALF_HOUR / 2
        self.run(self.desk.tick())

    @precondition(lambda self: self.desk.cases)
    @rule(data=st.data(), what=st.sampled_from(["flow", "flow", "withdrawn", "abort"]))
    def happens_to(self, data: st.DataObject, what: str) -> None:
        offer = self.pick(data).offer
        match what:
            case "flow":
                self.run(self.desk.delivered(offer.key, -2000.0))
            case "withdrawn":
                self.run(self.desk.withdrawn(offer.sp_id, offer.offer_id))
            case "abort":
                self.run(self.desk.abort(offer.key, "The car was unplugged."))

    @precondition(lambda self: self.desk.cases)
    @rule(data=st.data(), problem=st.sampled_from([None, "The car refuses it."]))
    def job_ends(self, data: st.DataObject, problem: str | None) -> None:
        case = data.draw(st.sampled_from(self.desk.jobs() or self.desk.cases))
        self.run(self.desk.finished(case.offer.key, problem))
        after = next(other for other in self.desk.cases if other.offer.key == case.offer.key)
        if case.offer.kind.is_job and case.state is OfferState.ACTIVE:
            assert after.state is (OfferState.COMPLETED if problem is None else OfferState.ABORTED)
            assert after.problem == problem
        else:
            assert after == case

    @rule(failure=st.sampled_from(Failure), sp_id=st.sampled_from(["grid_sp", "evc_sp"]))
    def relay_gives_up(self, failure: Failure, sp_id: str) -> None:
        message = self.run(self.outbox.next_waiting(sp_id))
        if isinstance(message, DecisionMessage):
            self.run(self.outbox.undeliverable(message.decision.decision_id, failure, "No way."))
        self.restart()

    def restart(self) -> None:
        before = {case.offer.key: (case.state, case.decision) for case in self.desk.cases}
        self.run(self.database.__aexit__(None, None, None))
        self.start()
        assert {case.offer.key: (case.state, case.decision) for case in self.desk.cases} == before

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        if not hasattr(self, "desk"):
            return
        state: dict[tuple[str, int], str] = {}
        for subject, detail in self._rows("SELECT subject, detail FROM audit WHERE kind = 'offer' ORDER BY seq"):
            step = json.loads(detail)
            which = (subject, step["revision"])
            before = state.get(which, "")
            assert step["state"] in AFTER[before].split(), f"{which}: {before} -> {step['state']}"
            state[which] = step["state"]
        kept = {(key, revision): kept for key, revision, kept in self._rows("SELECT key, revision, state FROM offers")}
        assert kept == state, "the audit trail ends where each request stands"

    @invariant()
    def what_is_final_stays_final(self) -> None:
        if not hasattr(self, "desk"):
            return
        for key, revision, state, ended_at in self._rows("SELECT key, revision, state, ended_at FROM offers"):
            assert (state in ENDED) == (ended_at is not None)
            assert self.ended.setdefault((key, revision), state) == state or state not in ENDED
            if state not in ENDED:
                del self.ended[(key, revision)]

    @invariant()
    def every_decision_has_one_place_in_the_outbox(self) -> None:
        if not hasattr(self, "desk"):
            return
        rows = self._rows(
            "SELECT decisions.decision_id, count(outbox.number) FROM decisions "
            "LEFT JOIN outbox ON record_id = decision_id GROUP BY decisions.decision_id"
        )
        assert all(count == 1 for _, count in rows)
        shown = {case.decision.decision_id for case in self.desk.cases if case.decision}
        assert shown <= {decision_id for decision_id, _ in rows}

    @invariant()
    def power_flows_only_with_a_yes_that_the_provider_has(self) -> None:
        if not hasattr(self, "desk"):
            return
        bound = self.desk.commitments(self.clock.at)
        assert not any(case.offer.kind.is_job for case in bound), "a job is no power"
        for case in bound:
            if case.offer.binding is not Binding.MANDATORY:
                assert case.decision is not None
                assert case.decision.choice is Choice.ACCEPT
                by_contract = case.offer.binding is Binding.OPT_OUT
                assert by_contract or case.transport is not None or case.business is not None
                assert case.decision.offer_digest == case.digest
                if case.decision.decided_by == "clock":
                    assert (by_contract, case.rule) == (True, "take_part"), "no contract, no yes by silence"
                asked_w = case.decision.committed_w or 4000.0
                if case.offer.kind is OfferKind.POWER_FEED:
                    assert case.offer.intervals[0].setpoint_w == -asked_w
        owned = [case.offer for case in bound if case.offer.binding is not Binding.MANDATORY]
        for place, one in enumerate(owned):
            for two in owned[place + 1 :]:
                assert one.end <= two.start or two.end <= one.start, "never two at once"

    @invariant()
    def a_job_is_carried_out_only_with_a_yes_that_the_provider_has(self) -> None:
        if not hasattr(self, "desk"):
            return
        for case in self.desk.jobs():
            assert case.offer.kind.is_job
            assert case.decision is not None
            assert case.decision.choice is Choice.ACCEPT
            assert case.decision.offer_digest == case.digest
            assert case.transport is not None or case.business is not None
            assert case.offer.start <= self.clock.at
            assert case.delivered_wh is None

    def _rows(self, query: str) -> list[Any]:
        return self.run(self.database.ledger.read(lambda connection: connection.execute(query).fetchall()))


TestDesk = pytest.mark.timeout(120)(DeskMachine.TestCase)
TestDesk.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_the_table_knows_every_state_and_refuses_what_it_does_not_list() -> None:
    assert set(NEXT) == set(OfferState)
    assert {str(state) for state in FINAL} == ENDED
    offer = _offer(1, 1, "evc_sp", Binding.OWNER_DECIDES, NOON, 1)
    for state in OfferState:
        case = OfferCase(offer=offer, digest=offer.digest(), state=state, updated_at=NOON)
        for following in OfferState:
            if following in NEXT[state]:
                assert entered(case, following, at=NOON).state is following
            else:
                with pytest.raises(ValueError, match="cannot follow"):
                    entered(case, following, at=NOON)


def test_unknown_requests_cannot_be_decided(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            clock = LeapingClock(NOON)
            ledger, outbox = Ledger(database, clock), Outbox(database, clock)
            desk = OfferDesk(ledger=ledger, outbox=outbox, clock=clock, on_change=lambda: None)
            with pytest.raises(NotFound):
                await desk.decide("evc_sp/none", "", Choice.ACCEPT, "owner")

    asyncio.run(main())
