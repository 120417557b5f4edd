"""Agreed software of the charger is installed while it is idle, and its outcome is told."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homeapp.errors import DeviceRefused, DeviceUnreachable, HomeappError, StoreUnavailable
from homeapp.jobs.charger_software import LONGEST_S, ChargerSoftwareDesk, holds_charging
from homeapp.model.consent import DataClass
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus, SoftwareStage, SoftwareUpdate
from homeapp.model.record import DataRecord, RecordKind
from homeapp.reporting.records import RecordMaker
from kit.clocks import LeapingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
WINDOW = timedelta(hours=2)
JOB = Job(version="2.0.0", location="https://maker.example/2.0.0", sha256="0" * 64, size_bytes=10)
STATE = EvceState(device_id="ocpp:a", received_at=NOON, status=EvceStatus.AVAILABLE, connected=True, firmware="1.0.0")
BUSY = replace(STATE, status=EvceStatus.CHARGING)


def case(offer_id: str = "job-1", kind: OfferKind = OfferKind.CHARGER_SOFTWARE, start: datetime = NOON) -> OfferCase:
    offer = Offer(
        offer_id=offer_id,
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=kind,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=start,
        intervals=(OfferInterval(start=start, end=start + WINDOW),),
        title="New software",
        job=JOB,
    )
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACTIVE, updated_at=NOON)


class Charger:
    device_id = "ocpp:a"

    def __init__(self) -> None:
        self.state = STATE
        self.asked: list[Job] = []
        self.answer: HomeappError | None = None

    async def apply(self, command: EvceCommand) -> None:
        raise AssertionError(command)

    async def update_software(self, job: Job) -> None:
        self.asked.append(job)
        if self.answer is not None:
            raise self.answer

    def is_at(self, stage: SoftwareStage, problem: str | None = None, **change: object) -> None:
        update = SoftwareUpdate(version=JOB.version, stage=stage, at=NOON, problem=problem)
        self.state = replace(self.state, software=update, **change)  # type: ignore[arg-type]


class Bench:
    """A desk with all that it talks to."""

    def __init__(self, *cases: OfferCase, allowed: bool = True) -> None:
        self.clock = LeapingClock(NOON)
        self.charger: Charger | None = Charger()
        self.cases = list(cases)
        self.outcomes: list[tuple[str, str | None]] = []
        self.sent: list[DataRecord] = []
        self.full_disk = False
        self.desk = ChargerSoftwareDesk(
            clock=self.clock,
            evce=lambda: self.charger,
            jobs=lambda: tuple(self.cases),
            finished=self._finished,
            records=RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=self.clock.now),
            put=self._put,
            allows=lambda sp_id, data_class: allowed and (sp_id, data_class) == ("evc_sp", DataClass.CHARGING),
        )

    async def _finished(self, key: str, problem: str | None) -> None:
        if self.full_disk:
            raise StoreUnavailable("The disk is full.")
        self.outcomes.append((key, problem))
        self.cases = [item for item in self.cases if item.offer.key != key]

    async def _put(self, record: DataRecord) -> None:
        if record.record_id not in {known.record_id for known in self.sent}:
            self.sent.append(record)

    def look(self, until: Callable[[], bool] = lambda: True) -> None:
        async def main() -> None:
            for _ in range(10_000):
                await self.desk.look()
                if until():
                    return
                await self.clock.sleep(2)
            raise AssertionError(self.outcomes)

        asyncio.run(main())


@pytest.mark.usecase("S5", "W2", "W9")
def test_it_is_done_when_the_charger_is_back_with_it() -> None:
    bench = Bench(case())
    assert bench.charger is not None
    bench.look()
    bench.look()
    assert bench.charger.asked == [JOB]
    for stage in (SoftwareStage.DOWNLOADING, SoftwareStage.DOWNLOADED, SoftwareStage.INSTALLING):
        bench.charger.is_at(stage)
        bench.look()
    bench.charger.is_at(SoftwareStage.INSTALLED, status=EvceStatus.STARTING, firmware="2.0.0")
    bench.look()
    assert bench.outcomes == []
    bench.charger.is_at(SoftwareStage.INSTALLED, status=EvceStatus.AVAILABLE)
    bench.look()
    assert bench.outcomes == [("evc_sp/job-1", None)]
    (record,) = bench.sent
    assert (record.sp_id, record.kind, record.data_class) == ("evc_sp", RecordKind.JOB_RESULT, DataClass.CHARGING)
    assert record.body == {"offer_id": "job-1", "outcome": "done", "detail": "", "version": "2.0.0"}
    bench.look()
    assert len(bench.charger.asked) == 1


@pytest.mark.usecase("S5")
def test_it_waits_until_nothing_charges() -> None:
    bench = Bench(case())
    assert bench.charger is not None
    bench.charger.state = BUSY
    bench.look()
    bench.clock.at += timedelta(hours=1)
    bench.look()
    assert bench.charger.asked == []
    bench.charger.state = STATE
    bench.look()
    assert bench.charger.asked == [JOB]


def test_a_charge_that_begins_just_then_is_no_refusal_for_good() -> None:
    bench = Bench(case())
    charger = bench.charger
    assert charger is not None
    charger.answer = DeviceRefused("The charger is in use.")

    async def begins(job: Job) -> None:
        charger.state = BUSY
        raise DeviceRefused("The charger is in use.")

    charger.update_software = begins  # type: ignore[method-assign]
    bench.look()
    assert bench.outcomes == []


@pytest.mark.parametrize("state", [BUSY, None])
def test_without_a_good_moment_it_fails_at_the_end_of_its_time(state: EvceState | None) -> None:
    bench = Bench(case())
    if state is None:
        bench.charger = None
    else:
        assert bench.charger is not None
        bench.charger.state = state
    bench.look(lambda: bool(bench.outcomes))
    assert bench.clock.at == NOON + WINDOW
    (outcome,) = bench.outcomes
    assert outcome[1] is not None
    assert ("in use" if state else "no charger") in outcome[1]
    assert bench.sent[0].body["outcome"] == "failed"
    assert bench.sent[0].body["detail"] == outcome[1]


def test_nothing_happens_before_its_time_or_for_other_requests() -> None:
    bench = Bench(case(start=NOON + timedelta(hours=1)), case("job-2", OfferKind.CAR_SOFTWARE))
    assert bench.charger is not None
    bench.look()
    assert bench.charger.asked == []
    bench.look(lambda: bool(bench.charger and bench.charger.asked))
    assert bench.clock.at == NOON + timedelta(hours=1)


def test_a_charger_that_is_away_is_asked_again() -> None:
    bench = Bench(case())
    assert bench.charger is not None
    bench.charger.answer = DeviceUnreachable("The charger is offline.")
    bench.look()
    bench.look()
    bench.charger.answer = None
    bench.look()
    bench.charger.answer = DeviceUnreachable("Not asked any more.")
    bench.look()
    assert len(bench.charger.asked) == 3


@pytest.mark.usecase("S5")
@pytest.mark.parametrize("refused", [True, False])
def test_a_refusal_and_a_failure_are_told_with_their_sentence(*, refused: bool) -> None:
    bench = Bench(case())
    assert bench.charger is not None
    sentence = "The charger refused the software because its signature is wrong."
    bench.charger.answer = DeviceRefused(sentence) if refused else None
    bench.look()
    if not refused:
        bench.charger.is_at(SoftwareStage.FAILED, sentence)
        bench.look()
    assert bench.outcomes == [("evc_sp/job-1", sentence)]
    assert bench.sent[0].body["version"] == "1.0.0"


def test_the_outcome_of_the_update_before_is_not_taken_for_this_one() -> None:
    bench = Bench(case())
    assert bench.charger is not None
    bench.charger.is_at(SoftwareStage.FAILED, "The charger could not load the software.")
    bench.look()
    bench.look()
    assert bench.outcomes == []


def test_a_charger_that_never_says_how_it_went_has_failed_after_an_hour() -> None:
    bench = Bench(case())
    bench.look(lambda: bool(bench.outcomes))
    assert bench.clock.at - NOON == timedelta(seconds=LONGEST_S + 2)
    assert bench.outcomes[0][1] is not None


def test_one_at_a_time() -> None:
    bench = Bench(case("job-1"), case("job-2"))
    assert bench.charger is not None
    bench.look()
    bench.look()
    assert len(bench.charger.asked) == 1
    bench.charger.is_at(SoftwareStage.INSTALLED)
    bench.look()
    bench.look()
    assert len(bench.charger.asked) == 2
    assert [key for key, _ in bench.outcomes] == ["evc_sp/job-1"]


def test_what_could_not_be_kept_is_kept_later_and_nothing_is_installed_twice() -> None:
    bench = Bench(case())
    assert bench.charger is not None
    bench.look()
    bench.charger.is_at(SoftwareStage.INSTALLED)
    bench.full_disk = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            bench.look()
    bench.full_disk = False
    bench.look()
    assert bench.outcomes == [("evc_sp/job-1", None)]
    assert len(bench.sent) == len(bench.charger.asked) == 1


@pytest.mark.usecase("W8")
def test_without_consent_the_provider_learns_nothing() -> None:
    bench = Bench(case(), allowed=False)
    assert bench.charger is not None
    bench.look()
    bench.charger.is_at(SoftwareStage.INSTALLED)
    bench.look()
    assert bench.outcomes == [("evc_sp/job-1", None)]
    assert bench.sent == []


@pytest.mark.parametrize("stage", list(SoftwareStage))
def test_charging_is_held_while_software_goes_in_and_never_for_ever(stage: SoftwareStage) -> None:
    update = SoftwareUpdate(version=JOB.version, stage=stage, at=NOON)
    assert holds_charging(update, NOON) == stage.is_under_way
    assert not holds_charging(update, NOON + timedelta(seconds=LONGEST_S))
    assert not holds_charging(None, NOON)
