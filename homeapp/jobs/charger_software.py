"""Carries out what the owner has agreed to: new software for the charger, while nothing charges or feeds."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from homeapp.errors import DeviceRefused, DeviceUnreachable, HomeappError, NotConsented
from homeapp.model.consent import DataClass
from homeapp.model.offer import OfferCase, OfferKind
from homeapp.model.readings import EvceState, EvceStatus, SoftwareStage, SoftwareUpdate
from homeapp.model.record import DataRecord, RecordKind, Value
from homeapp.ports import Clock, Evce
from homeapp.reporting.records import RecordMaker, data_class_of

logger = logging.getLogger(__name__)

CYCLE_S = 2.0
LONGEST_S = 3600.0
"""An update that has begun gets this long, also past the end of its time span."""

_BUSY = (EvceStatus.CHARGING, EvceStatus.FEEDING)
_AWAY = (EvceStatus.OFFLINE, EvceStatus.STARTING)


def holds_charging(update: SoftwareUpdate | None, now: datetime) -> bool:
    """Whether the charger is busy with new software; one that no longer tells how it goes holds nothing up for ever."""
    return update is not None and update.stage.is_under_way and now - update.at < timedelta(seconds=LONGEST_S)


def is_agreed(jobs: Iterable[OfferCase], *, location: str, signature: str) -> bool:
    """Whether one of the agreed ``jobs`` is charger software at this address with this signature."""
    return any(
        case.offer.kind is OfferKind.CHARGER_SOFTWARE
        and case.offer.job is not None
        and (case.offer.job.location, case.offer.job.signature) == (location, signature)
        for case in jobs
    )


@dataclass(slots=True)
class _Work:
    """One job.

    Attributes:
        begun_s: when the charger was asked, monotonic; None while the hub waits for a good moment.
        update: as the charger told it before it was asked: not the one that is waited for.
        why: what the hub waits for, as a sentence.
        done: the outcome is known: ``problem`` is None where it went well.
    """

    begun_s: float | None = None
    update: SoftwareUpdate | None = None
    why: str = ""
    done: bool = False
    problem: str | None = None


class ChargerSoftwareDesk:
    """Has the charger install agreed software within the time span of the request.

    Args:
        clock: hub time.
        evce: the adopted charger, or None.
        jobs: agreed requests that are to be carried out; those of other kinds are left alone.
        finished: told a request's key and, where it failed, why; after that ``jobs`` names it no more.
        records: makes the result for the provider.
        put: takes a record on its way; one with a known id has no second effect.
        allows: the owner's consent.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        evce: Callable[[], Evce | None],
        jobs: Callable[[], tuple[OfferCase, ...]],
        finished: Callable[[str, str | None], Awaitable[None]],
        records: RecordMaker,
        put: Callable[[DataRecord], Awaitable[None]],
        allows: Callable[[str, DataClass], bool],
    ) -> None:
        self._clock = clock
        self._evce = evce
        self._jobs = jobs
        self._finished = finished
        self._records = records
        self._put = put
        self._allows = allows
        self._work: dict[tuple[str, int], _Work] = {}

    async def run(self) -> NoReturn:
        """Carry out jobs until cancelled.

        Raises:
            StoreUnavailable: an outcome could not be kept; call again, nothing is done twice.
        """
        while True:
            await self.look()
            await self._clock.sleep(CYCLE_S)

    async def look(self) -> None:
        """One step of the job that is due; the others wait, because a charger takes one at a time."""
        now = self._clock.now()
        due = [case for case in self._jobs() if case.offer.kind is OfferKind.CHARGER_SOFTWARE]
        due = [case for case in due if case.offer.start <= now]
        keys = {(case.offer.key, case.offer.revision) for case in due}
        self._work = {key: work for key, work in self._work.items() if key in keys}
        for case in sorted(due, key=lambda case: case.offer.start)[:1]:
            work = self._work.setdefault((case.offer.key, case.offer.revision), _Work())
            if not work.done:
                await self._step(case, work)
            if work.done:
                await self._finish(case, work)

    async def _step(self, case: OfferCase, work: _Work) -> None:
        evce = self._evce()
        if work.begun_s is None:
            await self._begin(case, work, evce)
        elif evce is not None:
            _judge(evce.state, work)
        if work.begun_s is not None and not work.done and self._clock.monotonic() - work.begun_s > LONGEST_S:
            work.done, work.problem = True, "The charger did not say within an hour whether its software is installed."

    async def _begin(self, case: OfferCase, work: _Work, evce: Evce | None) -> None:
        if self._clock.now() >= case.offer.end:
            work.done, work.problem = True, work.why or "The time for it was over before it could begin."
            return
        if evce is None or case.offer.job is None:
            work.why = "There was no charger to install the software in."
            return
        state = evce.state
        if state.status in _BUSY:
            work.why = "The charger was in use for all of the time in which its software could be renewed."
            return
        try:
            work.update = state.software
            await evce.update_software(case.offer.job)
        except DeviceUnreachable as error:
            work.why = str(error)
        except DeviceRefused as error:
            # A car may have begun to charge just now; that is no refusal for good.
            if evce.state.status not in _BUSY:
                work.done, work.problem = True, str(error)
        except HomeappError as error:
            work.done, work.problem = True, str(error)
        else:
            work.begun_s = self._clock.monotonic()
            logger.info("%s: asked to install software %s", evce.device_id, case.offer.job.version)

    async def _finish(self, case: OfferCase, work: _Work) -> None:
        offer, kind = case.offer, RecordKind.JOB_RESULT
        if self._allows(offer.sp_id, data_class_of(kind)):
            evce = self._evce()
            firmware = evce.state.firmware if evce is not None else None
            body: dict[str, Value] = {
                "offer_id": offer.offer_id,
                "outcome": "done" if work.problem is None else "failed",
                "detail": work.problem or "",
                "version": firmware or (offer.job.version if offer.job and work.problem is None else None),
            }
            try:
                await self._put(self._records.make(offer.sp_id, kind, f"{offer.offer_id} {offer.revision}", body))
            except NotConsented as error:
                logger.warning("%s: the result of a job was held back: %s", offer.sp_id, error)
        await self._finished(offer.key, work.problem)


def _judge(state: EvceState, work: _Work) -> None:
    """What the charger has told since it was asked."""
    update = state.software
    if update is None or update == work.update:
        return
    if update.stage is SoftwareStage.FAILED:
        work.done, work.problem = True, update.problem or "The charger could not install the software."
    elif update.stage is SoftwareStage.INSTALLED and state.connected and state.status not in _AWAY:
        work.done = True
