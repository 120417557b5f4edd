"""The offer desk: takes requests in, the owner's answers, and the providers' receipts, and moves each request on."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, assert_never

from homeapp.errors import NotFound, StoreUnavailable, WrongState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferCase, OfferState, Receipt, ReceiptLevel
from homeapp.offers.checks import clash, why_invalid, without_absurd_reward
from homeapp.offers.refusals import why_not
from homeapp.offers.states import COMMITTED, FINAL, entered, is_accepted, outcome_problem, steps_in_time
from homeapp.ports import Clock, DecisionMessage
from homeapp.store.ledger import Ledger
from homeapp.store.offer_rows import CaseChange, Failure, Undelivered

logger = logging.getLogger(__name__)

MOST_ENDED = 100
SAVE_DELIVERED_EVERY_S = 60.0
ANSWER_GRACE = timedelta(hours=1)
"""How long after the end of a request an answer other than a yes is still worth handing over."""
WITHOUT_CONFIRMATION = frozenset({"grid_sp"})
"""OpenADR 3 has no message with which a provider confirms an acceptance."""

T = TypeVar("T")


class OfferDesk:
    """Every request and where it stands. One step is done at a time, and is durable before it shows.

    A step that has begun is finished even where its caller is cancelled.

    Attributes (of the constructor):
        on_change: called after every change; must not block.
        without_confirmation: providers of which no business receipt is to be expected.

    Raises (all operations but ``delivered`` and ``abort``):
        StoreUnavailable: the step could not be kept and has not happened.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        on_change: Callable[[], None],
        without_confirmation: Collection[str] = WITHOUT_CONFIRMATION,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._on_change = on_change
        self._without_confirmation = frozenset(without_confirmation)
        self._cases: dict[str, OfferCase] = {}
        self._unsaved: list[CaseChange] = []
        self._saved_at = clock.monotonic()
        self._lock = asyncio.Lock()
        self._steps: set[asyncio.Future[Any]] = set()

    @property
    def cases(self) -> tuple[OfferCase, ...]:
        """The undecided first, then the newest; all that are under way and the last hundred that ended."""
        shown = [self._shown(case) for case in self._cases.values() if case.offer.intervals]
        newest_first = sorted(shown, key=lambda case: case.updated_at, reverse=True)
        return tuple(sorted(newest_first, key=lambda case: case.state is not OfferState.PENDING))

    def commitments(self, now: datetime) -> tuple[OfferCase, ...]:
        """What control and planner must honour: agreed and mandatory requests that are not over.

        A request that awaits its provider's confirmation counts until its start; without confirmation it does not
        begin.
        """
        return tuple(case for case in self._cases.values() if self._binds(case, now))

    async def load(self) -> None:
        """Take up what the ledger holds; to be called once, before everything else."""
        self._cases = {case.offer.key: case for case in await self._ledger.cases(MOST_ENDED)}

    async def receive(self, offer: Offer) -> None:
        """A verified request. A revision not newer than the known one is ignored; a newer one voids an approval."""
        await self._alone(lambda: self._receive(offer))

    async def decide(self, key: str, digest: str, choice: Choice, by: str) -> OfferCase:
        """Answer the request that was shown with ``digest``.

        Raises:
            NotFound: there is no such request.
            WrongState: too late, already answered, changed since, overlapping, or not the owner's to decide.
        """
        return await self._alone(lambda: self._decide(key, digest, choice, by))

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

    async def abort(self, key: str, reason: str) -> None:
        """Local safety ends an agreed request; ``reason`` is for the owner, the provider gets a withdrawal.

        It takes effect even where it cannot be kept; then it is kept as soon as that is possible.

        Raises:
            NotFound: there is no such request.
        """
        await self._alone(lambda: self._abort(key, reason))

    async def _alone(self, step: Callable[[], Awaitable[T]]) -> T:
        async def locked() -> T:
            async with self._lock:
                return await step()

        running = asyncio.ensure_future(locked())
        self._steps.add(running)
        running.add_done_callback(self._steps.discard)
        return await asyncio.shield(running)

    async def _receive(self, offer: Offer) -> None:
        known = self._cases.get(offer.key) or await self._ledger.case(offer.key)
        if known is not None and known.offer.revision >= offer.revision:
            same = known.digest == without_absurd_reward(offer).digest()
            if known.offer.revision == offer.revision and not same:
                logger.warning("%s: changed %s without a new revision; ignored", offer.sp_id, offer.offer_id)
            return
        now = self._clock.now()
        invalid = why_invalid(offer)
        if known is not None and known.state not in FINAL:
            if invalid is not None and known.offer.binding is Binding.MANDATORY:
                logger.warning("%s: %s: a revision that makes no sense; the limit stays", offer.sp_id, offer.offer_id)
                return
            changes = [self._change(known, OfferState.SUPERSEDED, now=now, void_unsent=True)]
        else:
            changes = []
        await self._keep(*changes, self._arrival(offer, known, invalid, now))
        case = self._cases[offer.key]
        logger.info("%s: request %s revision %d is %s", offer.sp_id, offer.offer_id, offer.revision, case.state)

    def _arrival(self, offer: Offer, known: OfferCase | None, invalid: str | None, now: datetime) -> CaseChange:
        offer = without_absurd_reward(offer)
        case = OfferCase(offer=offer, digest=offer.digest(), state=OfferState.RECEIVED, updated_at=now)
        if invalid is not None:
            return self._change(case, OfferState.INVALID, now=now, problem=invalid)
        steps = self._due(case, now)
        if known is not None and known.state in COMMITTED and steps == (OfferState.PENDING,):
            notice = f"{offer.sp_name} has changed this request; your earlier answer no longer holds."
            return self._change(case, *steps, now=now, problem=notice)
        return self._change(case, *steps, now=now)

    async def _decide(self, key: str, digest: str, choice: Choice, by: str) -> OfferCase:
        case, now = self._case(key), self._clock.now()
        if digest != case.digest:
            raise WrongState(f"{case.offer.sp_name} has changed this request since it was shown. Look at it again.")
        refusal = why_not(case, choice, now)
        if refusal is None and choice is Choice.ACCEPT:
            refusal = clash(case, self._cases.values())
        if refusal is not None:
            raise WrongState(refusal)
        await self._keep(self._answer(case, choice, by, now))
        logger.info("%s: request %s: %s by %s", case.offer.sp_id, case.offer.offer_id, choice, by)
        return self._shown(self._cases[key])

    async def _withdrawn(self, key: str) -> None:
        case = self._cases.get(key)
        if case is None or case.state in FINAL:
            return
        problem = f"{case.offer.sp_name} has taken this request back." if case.state in COMMITTED else None
        await self._keep(
            self._change(case, OfferState.CANCELLED, now=self._clock.now(), problem=problem, void_unsent=True)
        )
        logger.info("%s: request %s was taken back", case.offer.sp_id, case.offer.offer_id)

    async def _receipt(self, receipt: Receipt) -> None:
        case = self._decided(receipt.decision_id)
        if case is None or case.offer.sp_id != receipt.sp_id:
            if not await self._ledger.keep_receipt(receipt):
                logger.warning("%s: a receipt for a decision that was never made; ignored", receipt.sp_id)
            return
        now = self._clock.now()
        match receipt.level:
            case ReceiptLevel.TRANSPORT:
                if case.transport is not None:
                    return
                marked = replace(case, transport=receipt)
                steps: tuple[OfferState, ...] = (OfferState.RELAYED,) if case.state is OfferState.ACCEPTED else ()
                problem = None
            case ReceiptLevel.BUSINESS:
                if case.business is not None and case.business.confirmed == receipt.confirmed:
                    return
                marked = replace(case, business=receipt)
                steps, problem = _on_business(case, receipt)
            case _:
                assert_never(receipt.level)
        moved = entered(marked, *steps, at=now)
        steps += self._due(moved, now)
        await self._keep(self._change(marked, *steps, now=now, problem=problem, receipt=receipt))

    async def _tick(self) -> None:
        now = self._clock.now()
        changes: dict[str, CaseChange] = {}
        for failure in await self._ledger.untold_failures():
            case = self._decided(failure.decision_id)
            if case is None:
                await self._ledger.told(failure.decision_id)
            else:
                changes[case.offer.key] = self._not_delivered(case, failure, now)
        for key, case in self._cases.items():
            if key not in changes and (steps := self._due(case, now)):
                changes[key] = self._timed(case, steps, now)
        if changes or self._unsaved:
            await self._keep(*changes.values())
            self._forget_oldest()

    def _timed(self, case: OfferCase, steps: tuple[OfferState, ...], now: datetime) -> CaseChange:
        """What time alone has brought about; silence is an answer of its own."""
        if steps == (OfferState.EXPIRED,):
            return self._answer(case, Choice.NO_RESPONSE, "clock", now)
        problem = outcome_problem(case, steps)
        return self._change(case, *steps, now=now, problem=problem, void_unsent=steps[-1] in FINAL)

    async def _delivered(self, key: str, wh: float) -> None:
        case = self._cases.get(key)
        if case is None or case.state is not OfferState.ACTIVE:
            return
        self._cases[key] = replace(case, delivered_wh=(case.delivered_wh or 0.0) + wh, updated_at=self._clock.now())
        if self._clock.monotonic() - self._saved_at < SAVE_DELIVERED_EVERY_S:
            return
        self._saved_at = self._clock.monotonic()
        try:
            await self._keep(CaseChange(case=self._cases[key]))
        except StoreUnavailable as error:
            logger.warning("%s: energy delivered is not kept: %s", key, error)

    async def _abort(self, key: str, reason: str) -> None:
        case = self._case(key)
        if case.state not in COMMITTED:
            return
        change = self._answer(case, Choice.WITHDRAW, "rule:safety", self._clock.now(), word="safety", problem=reason)
        logger.warning("%s: request %s is aborted: %s", case.offer.sp_id, case.offer.offer_id, reason)
        try:
            await self._keep(change)
        except StoreUnavailable as error:
            logger.error("%s: the abort is kept later: %s", key, error)
            self._unsaved.append(change)
            self._cases[key] = change.case
            self._on_change()

    async def _keep(self, *changes: CaseChange) -> None:
        await self._ledger.keep(*self._unsaved, *changes)
        self._unsaved.clear()
        for change in changes:
            self._cases[change.case.offer.key] = change.case
        self._on_change()

    def _not_delivered(self, case: OfferCase, failure: Undelivered, now: datetime) -> CaseChange:
        """A yes that never arrives binds nobody; the provider is told in case only the receipt was lost."""
        if case.state is OfferState.ACCEPTED:
            match failure.failure:
                case Failure.REFUSED:
                    change = self._change(case, OfferState.REJECTED, now=now, problem=failure.sentence)
                case Failure.LATE:
                    change = self._answer(case, Choice.WITHDRAW, "clock", now, word="late", problem=failure.sentence)
                case _:
                    assert_never(failure.failure)
            return replace(change, told=failure.decision_id)
        return CaseChange(case=replace(case, problem=failure.sentence, updated_at=now), told=failure.decision_id)

    def _answer(
        self, case: OfferCase, choice: Choice, by: str, now: datetime, *, word: str = "", problem: str | None = None
    ) -> CaseChange:
        """A decision, the state that it leads to and its place in the outbox."""
        offer = case.offer
        decision = Decision(
            decision_id=str(uuid.uuid4()),
            offer_key=offer.key,
            offer_revision=offer.revision,
            offer_digest=case.digest,
            choice=choice,
            decided_at=now,
            decided_by=by,
            reason=word,
        )
        not_after = offer.expires_at if choice is Choice.ACCEPT else _later(offer.end, ANSWER_GRACE)
        # Receipts belong to the decision before.
        decided = replace(case, decision=decision, transport=None, business=None, problem=None)
        change = self._change(decided, *_after(choice), now=now, problem=problem)
        return replace(change, decision=DecisionMessage(decision=decision, offer=offer, not_after=not_after))

    def _change(
        self,
        case: OfferCase,
        *steps: OfferState,
        now: datetime,
        problem: str | None = None,
        receipt: Receipt | None = None,
        void_unsent: bool = False,
    ) -> CaseChange:
        changed = entered(case, *steps, at=now, problem=problem)
        return CaseChange(
            case=changed,
            steps=steps,
            receipt=receipt,
            ended_at=now if steps and changed.state in FINAL else None,
            void_unsent=void_unsent,
        )

    def _due(self, case: OfferCase, now: datetime) -> tuple[OfferState, ...]:
        needs_confirmation = case.offer.sp_id not in self._without_confirmation
        return steps_in_time(case, now, needs_confirmation=needs_confirmation)

    def _binds(self, case: OfferCase, now: datetime) -> bool:
        if case.state not in COMMITTED or now >= case.offer.end:
            return False
        if case.state is OfferState.RELAYED and case.offer.sp_id not in self._without_confirmation:
            return now < case.offer.start
        return case.state is not OfferState.ACCEPTED

    def _shown(self, case: OfferCase) -> OfferCase:
        if case.state is not OfferState.PENDING:
            return case
        return replace(case, problem=clash(case, self._cases.values()) or case.problem)

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
        ended = sorted((case for case in self._cases.values() if case.state in FINAL), key=lambda case: case.updated_at)
        for case in ended[: max(0, len(ended) - MOST_ENDED)]:
            del self._cases[case.offer.key]


def _after(choice: Choice) -> tuple[OfferState, ...]:
    match choice:
        case Choice.ACCEPT:
            return (OfferState.ACCEPTED,)
        case Choice.DECLINE:
            return (OfferState.DECLINED,)
        case Choice.NO_RESPONSE:
            return (OfferState.EXPIRED,)
        case Choice.WITHDRAW:
            return (OfferState.ABORTED,)
        case Choice.ACKNOWLEDGE:
            return ()
        case _:
            assert_never(choice)


def _on_business(case: OfferCase, receipt: Receipt) -> tuple[tuple[OfferState, ...], str | None]:
    """The provider's own word; it may overtake the receipt of the transport."""
    if not is_accepted(case) or case.state in FINAL:
        return (), None
    waiting = {OfferState.ACCEPTED: (OfferState.RELAYED,), OfferState.RELAYED: ()}.get(case.state)
    if receipt.confirmed:
        return ((*waiting, OfferState.CONFIRMED), None) if waiting is not None else ((), None)
    reason = f": {receipt.reason}" if receipt.reason else "."
    if waiting is None:
        return (OfferState.CANCELLED,), f"{case.offer.sp_name} has taken its confirmation back{reason}"
    return (*waiting, OfferState.REJECTED), f"{case.offer.sp_name} has not agreed{reason}"


def _later(instant: datetime, span: timedelta) -> datetime:
    """Requests "for ever" end where the calendar does."""
    return instant + span if instant < datetime.max.replace(tzinfo=UTC) - span else instant
