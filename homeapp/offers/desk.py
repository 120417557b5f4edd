"""The offer desk: takes requests in, the owner's answers, and the providers' receipts, and moves each request on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from homeapp.errors import HomeappError, NotFound, StoreUnavailable, WrongState
from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferKind, OfferState, Receipt
from homeapp.model.standing_rule import StandingRule, StopTerms
from homeapp.offers.arrival import Arrival, receive
from homeapp.offers.changes import (
    Wording,
    answer,
    late,
    not_delivered,
    step,
    taken_back,
    timed,
    with_receipt,
)
from homeapp.offers.checks import why_invalid, without_absurd_money
from homeapp.offers.commitment import committed, why_not_committed
from homeapp.offers.follow_up import with_follow_up
from homeapp.offers.guarantee import outlasts
from homeapp.offers.home import HomeFacts, HomeOutlook, UnknownHome, why_ineligible
from homeapp.offers.overlap import clash, clashes
from homeapp.offers.refusals import is_late, why_not
from homeapp.offers.silence import silence_of
from homeapp.offers.states import COMMITTED, FINAL, entered, outcome_problem, steps_in_time
from homeapp.offers.stopping import stop_terms
from homeapp.ports import Clock
from homeapp.store.ledger import Ledger
from homeapp.store.offer_rows import CaseChange
from homeapp.store.outbox import Outbox

logger = logging.getLogger(__name__)

MOST_ENDED = 100
SAVE_DELIVERED_EVERY_S = 60.0
WITHOUT_CONFIRMATION = frozenset({"grid_sp"})
"""OpenADR 3 has no message with which a provider confirms an acceptance; a profile may add one (``Offer.confirms``)."""

FORESEE_S = 5.0
"""How long a request that arrives waits for the plan with it."""

T = TypeVar("T")


class OfferDesk:
    """Every request and where it stands. One step is done at a time, and is durable before it shows.

    A step that has begun is finished even where its caller is cancelled.

    Attributes (of the constructor):
        on_change: called after every change; must not block.
        without_confirmation: providers of which no business receipt is to be expected, unless a request says so.
        home: what a request may need of the home, and what the plan foresees.
        rules: the owner's standing rules.

    Raises (all operations but ``delivered`` and ``abort``):
        StoreUnavailable: the step could not be kept and has not happened.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        outbox: Outbox,
        clock: Clock,
        on_change: Callable[[], None],
        without_confirmation: Collection[str] = WITHOUT_CONFIRMATION,
        home: HomeOutlook | None = None,
        rules: Callable[[], tuple[StandingRule, ...]] = tuple,
    ) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock
        self._on_change = on_change
        self._without_confirmation = frozenset(without_confirmation)
        self._home = home or UnknownHome()
        self._rules = rules
        self._cases: dict[str, OfferCase] = {}
        self._unsaved: list[CaseChange] = []
        self._saved_at = clock.monotonic()
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def cases(self) -> tuple[OfferCase, ...]:
        """The undecided first, then the newest; all that are under way and the last hundred that ended."""
        facts, now = self._home.facts(), self._clock.now()
        shown = [self._shown(case, facts, now) for case in self._cases.values() if case.offer.intervals]
        newest_first = sorted(shown, key=lambda case: case.updated_at, reverse=True)
        return tuple(sorted(newest_first, key=lambda case: case.state is not OfferState.PENDING))

    def commitments(self, now: datetime) -> tuple[OfferCase, ...]:
        """What control and planner must honour: agreed and mandatory requests for power that are not over.

        A request that awaits its provider's confirmation counts until its start; without confirmation it does not
        begin. Power and energy are those that the owner has committed to.
        """
        capacity_wh = self._home.facts().capacity_wh
        return tuple(committed(case, capacity_wh) for case in self._cases.values() if self._binds(case, now))

    def guaranteed(self, now: datetime) -> tuple[OfferCase, ...]:
        """Requests that are no commitments any more, of which a promise about the car is still to be kept."""
        return tuple(case for case in self._cases.values() if outlasts(case, now) and not self._binds(case, now))

    def jobs(self) -> tuple[OfferCase, ...]:
        """Agreed jobs that are to be carried out now, those that end first at the front."""
        due = (case for case in self._cases.values() if case.offer.kind.is_job and case.state is OfferState.ACTIVE)
        return tuple(sorted(due, key=lambda case: case.offer.end))

    async def load(self) -> None:
        """Take up what the ledger holds; to be called once, before everything else."""
        kept = await self._ledger.cases(MOST_ENDED, self._clock.now())
        self._cases = {case.offer.key: case for case in kept}

    async def receive(self, offer: Offer) -> None:
        """A verified request. A revision not newer than the known one is ignored; a newer one voids an approval.

        The owner's rules may answer it at once.
        """
        foreseen_pct = await self._foreseen_pct(offer)
        await self._alone(lambda: self._receive(offer, foreseen_pct))

    async def decide(
        self,
        key: str,
        digest: str,
        choice: Choice,
        by: str,
        *,
        committed_w: float | None = None,
        committed_wh: float | None = None,
    ) -> OfferCase:
        """Answer the request that was shown with ``digest``; a yes may be to less power or energy than is asked for.

        Raises:
            NotFound: there is no such request.
            WrongState: too late, already answered, changed since, overlapping, nothing that this home can do, or not
                the owner's to decide.
        """
        how = Wording(committed_w=committed_w, committed_wh=committed_wh)
        return await self._alone(lambda: self._decide(key, digest, choice, by, how))

    def stop_price(self, key: str) -> StopTerms:
        """What it costs to withdraw from a request now.

        Raises:
            NotFound: there is no such request.
            WrongState: there is nothing to withdraw.
        """
        case, now = self._case(key), self._clock.now()
        refusal = why_not(case, Choice.WITHDRAW, now)
        if refusal is not None:
            raise WrongState(refusal)
        return stop_terms(case, now, self._home.facts().capacity_wh)

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        """The provider has taken its request back; unknown and ended ones are left alone."""
        await self._alone(lambda: self._withdrawn(f"{sp_id}/{offer_id}"))

    async def receipt(self, receipt: Receipt) -> None:
        """A receipt for one of this hub's decisions, in any order and any number of times."""
        await self._alone(lambda: self._receipt(receipt))

    async def tick(self) -> None:
        """Everything that time has brought about since the last call."""
        await self._alone(self._tick)

    async def delivered(self, key: str, wh: float) -> None:
        """Add energy that has flowed during a request, Wh, fed negative; kept once a minute of hub time."""
        await self._alone(lambda: self._delivered(key, wh))

    async def finished(self, key: str, problem: str | None) -> None:
        """A job was carried out, or has failed for good where ``problem`` says why.

        One that is not under way any more is left alone.
        """
        await self._alone(lambda: self._finished(key, problem))

    async def abort(self, key: str, reason: str) -> None:
        """Local safety ends an agreed request; ``reason`` is for the owner, the provider gets a withdrawal.

        It takes effect even where it cannot be kept; then it is kept as soon as that is possible.

        Raises:
            NotFound: there is no such request.
        """
        await self._alone(lambda: self._abort(key, reason))

    async def _alone(self, work: Callable[[], Awaitable[T]]) -> T:
        async def locked() -> T:
            async with self._lock:
                return await work()

        running = asyncio.ensure_future(locked())
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    async def _foreseen_pct(self, offer: Offer) -> float | None:
        """Outside the lock, and only where a rule asks for it: a plan takes its time."""
        asked = any(rule.least_soc_pct is not None for rule in self._rules())
        if not asked or not offer.kind.takes_power or why_invalid(offer) is not None:
            return None
        try:
            async with asyncio.timeout(FORESEE_S):
                return await self._home.foreseen_pct(offer)
        except (TimeoutError, HomeappError) as error:
            logger.warning(
                "%s: no plan with %s, the owner decides: %s", offer.sp_id, offer.offer_id, str(error) or "late"
            )
            return None

    async def _receive(self, offer: Offer, foreseen_pct: float | None) -> None:
        known = self._cases.get(offer.key) or await self._ledger.case(offer.key)
        if known is not None and known.offer.revision >= offer.revision:
            same = known.digest == without_absurd_money(offer).digest()
            if known.offer.revision == offer.revision and not same:
                logger.warning("%s: changed %s without a new revision; ignored", offer.sp_id, offer.offer_id)
            return
        arrival = Arrival(
            offer=offer,
            known=known,
            others=tuple(case for case in self._cases.values() if case.offer.key != offer.key),
            foreseen_pct=foreseen_pct,
            rules=self._rules(),
            home=self._home.facts(),
        )
        changes = receive(arrival, self._clock.now(), self._due)
        if not changes:
            logger.warning("%s: %s: a revision that makes no sense; the limit stays", offer.sp_id, offer.offer_id)
            return
        await self._keep(*changes)
        state = self._cases[offer.key].state
        logger.info("%s: request %s revision %d is %s", offer.sp_id, offer.offer_id, offer.revision, state)

    async def _decide(self, key: str, digest: str, choice: Choice, by: str, how: Wording) -> OfferCase:
        case, now = self._case(key), self._clock.now()
        if digest != case.digest:
            raise WrongState(f"{case.offer.sp_name} has changed this request since it was shown. Look at it again.")
        refusal = why_not(case, choice, now)
        if is_late(case, choice, now):
            await self._note_late(case, choice, now)
        if refusal is None and choice is Choice.ACCEPT:
            refusal = self._why_not_accept(case, how)
        if refusal is not None:
            raise WrongState(refusal)
        await self._keep(answer(case, choice, by, now, how if choice is Choice.ACCEPT else Wording()))
        logger.info("%s: request %s: %s by %s", case.offer.sp_id, case.offer.offer_id, choice, by)
        return self._shown(self._cases[key], self._home.facts(), now)

    def _why_not_accept(self, case: OfferCase, how: Wording) -> str | None:
        ineligible = why_ineligible(case.offer, self._home.facts())
        if ineligible:
            return " ".join(ineligible)
        overlap = clash(case, self._cases.values())
        return overlap or why_not_committed(case.offer, how.committed_w, how.committed_wh)

    async def _note_late(self, case: OfferCase, choice: Choice, now: datetime) -> None:
        """First what the clock has made of it meanwhile, then that the answer came after that."""
        changes: list[CaseChange] = []
        if case.state is OfferState.PENDING and (change := self._by_time(case, now)) is not None:
            changes.append(change)
            case = change.case
        await self._keep(*changes, late(case, choice, now))

    async def _withdrawn(self, key: str) -> None:
        case = self._cases.get(key)
        if case is None or case.state in FINAL:
            return
        now = self._clock.now()
        await self._keep(step(case, OfferState.CANCELLED, now=now, problem=taken_back(case, now)))
        logger.info("%s: request %s was taken back", case.offer.sp_id, case.offer.offer_id)

    async def _receipt(self, receipt: Receipt) -> None:
        case = self._decided(receipt.decision_id)
        if case is None or case.offer.sp_id != receipt.sp_id:
            if not await self._ledger.keep_receipt(receipt):
                logger.warning("%s: a receipt for a decision that was never made; ignored", receipt.sp_id)
            return
        marked = with_receipt(case, receipt)
        if marked is None:
            return
        case, steps, problem = marked
        now = self._clock.now()
        following = self._due(entered(case, *steps, at=now), now)
        problem = problem or outcome_problem(case, following)
        change = step(case, *steps, *following, now=now, problem=problem)
        await self._keep(replace(change, receipt=receipt))

    async def _tick(self) -> None:
        now = self._clock.now()
        changes: dict[str, CaseChange] = {}
        for failure in await self._outbox.untold_failures():
            case = self._decided(failure.decision_id)
            if case is None:
                await self._outbox.told(failure.decision_id)
            else:
                changes[case.offer.key] = not_delivered(case, failure, now)
        for key, case in self._cases.items():
            if key not in changes and (change := self._by_time(case, now)) is not None:
                changes[key] = change
        if changes or self._unsaved:
            await self._keep(*changes.values())
            self._forget_oldest()

    async def _delivered(self, key: str, wh: float) -> None:
        case = self._cases.get(key)
        if case is None or case.state is not OfferState.ACTIVE or case.offer.kind.is_job:
            return
        self._cases[key] = replace(case, delivered_wh=(case.delivered_wh or 0.0) + wh, updated_at=self._clock.now())
        if self._clock.monotonic() - self._saved_at < SAVE_DELIVERED_EVERY_S:
            return
        self._saved_at = self._clock.monotonic()
        try:
            await self._keep(CaseChange(case=self._cases[key]))
        except StoreUnavailable as error:
            logger.warning("%s: energy delivered is not kept: %s", key, error)

    async def _finished(self, key: str, problem: str | None) -> None:
        case = self._cases.get(key)
        if case is None or case.state is not OfferState.ACTIVE or not case.offer.kind.is_job:
            return
        outcome = OfferState.COMPLETED if problem is None else OfferState.ABORTED
        await self._keep(step(case, outcome, now=self._clock.now(), problem=problem))
        logger.info("%s: job %s is %s", case.offer.sp_id, case.offer.offer_id, outcome)

    async def _abort(self, key: str, reason: str) -> None:
        case = self._case(key)
        if case.state not in COMMITTED:
            return
        how = Wording(word="safety", problem=reason)
        change = answer(case, Choice.WITHDRAW, "rule:safety", self._clock.now(), how)
        logger.warning("%s: request %s is aborted: %s", case.offer.sp_id, case.offer.offer_id, reason)
        try:
            await self._keep(change)
        except StoreUnavailable as error:
            logger.error("%s: the abort is kept later: %s", key, error)
            self._unsaved.append(change)
            self._cases[key] = change.case
            self._on_change()

    async def _keep(self, *changes: CaseChange) -> None:
        now, capacity_wh = self._clock.now(), self._home.facts().capacity_wh
        told = [
            replace(change, case=with_follow_up(change.case, now, capacity_wh, measuring=_measures(change)))
            for change in changes
        ]
        await self._ledger.keep(*self._unsaved, *told)
        self._unsaved.clear()
        for change in told:
            self._cases[change.case.offer.key] = change.case
        self._on_change()

    def _by_time(self, case: OfferCase, now: datetime) -> CaseChange | None:
        """What time alone has brought about, or None where nothing is due."""
        if case.state is OfferState.PENDING and case.offer.binding is Binding.OPT_OUT:
            return silence_of(case, self._cases.values(), self._home.facts(), now)
        steps = self._due(case, now)
        return timed(case, steps, now) if steps else None

    def _due(self, case: OfferCase, now: datetime) -> tuple[OfferState, ...]:
        return steps_in_time(case, now, needs_confirmation=self._awaits_word(case))

    def _awaits_word(self, case: OfferCase) -> bool:
        """Whether the provider sends its own word on an acceptance: all do, or this request says so."""
        return case.offer.confirms or case.offer.sp_id not in self._without_confirmation

    def _binds(self, case: OfferCase, now: datetime) -> bool:
        kind = case.offer.kind
        if case.state not in COMMITTED or now >= case.offer.end or kind.is_job or kind is OfferKind.ALERT:
            return False
        if case.state is OfferState.RELAYED and self._awaits_word(case):
            return now < case.offer.start
        return case.state is not OfferState.ACCEPTED

    def _shown(self, case: OfferCase, facts: HomeFacts, now: datetime) -> OfferCase:
        if case.state is OfferState.ACTIVE:
            return with_follow_up(case, now, facts.capacity_wh, measuring=True)
        if case.state is not OfferState.PENDING:
            return case
        others = self._cases.values()
        return replace(
            case,
            problem=clash(case, others) or case.problem,
            clashes=tuple(other.offer.key for other in clashes(case, others)),
            ineligible=why_ineligible(case.offer, facts),
        )

    def _case(self, key: str) -> OfferCase:
        case = self._cases.get(key)
        if case is None:
            raise NotFound(f"There is no request {key!r}.")
        return case

    def _decided(self, decision_id: str) -> OfferCase | None:
        return next(
            (case for case in self._cases.values() if case.decision and case.decision.decision_id == decision_id), None
        )

    def _forget_oldest(self) -> None:
        """The ledger keeps them all."""
        now = self._clock.now()
        over = (case for case in self._cases.values() if case.state in FINAL and not outlasts(case, now))
        ended = sorted(over, key=lambda case: case.updated_at)
        for case in ended[: max(0, len(ended) - MOST_ENDED)]:
            del self._cases[case.offer.key]


def _measures(change: CaseChange) -> bool:
    return change.case.state is OfferState.ACTIVE or change.ended_at is not None
