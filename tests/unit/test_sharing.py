"""What follows from a change of consent: what waits is void, what the provider has is deleted, the owner is told."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp import api
from homeapp.errors import (
    HomeappError,
    NotFound,
    NotSupported,
    ProviderRefused,
    ProviderUnreachable,
    SettingsInvalid,
    WrongState,
)
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.sharing import operations as sharing
from homeapp.sharing.consent_book import ConsentBook
from homeapp.sharing.consent_texts import data_classes
from homeapp.sharing.operations import SharingOperations
from homeapp.store.consents import Consents
from homeapp.store.database import Database
from kit.clocks import StandingClock

pytestmark = pytest.mark.usecase("W8")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IDENTITY, CHARGING, METERING = DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING


class QuickClock(StandingClock):
    """Sleeps as long as it takes to let others run."""

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0.001)


@dataclass
class Home:
    """The operations over a real ledger, with a provider's side that does what the test says.

    Attributes:
        problems: raised by the next attempts to erase, one each; then it works.
    """

    database: Database
    problems: list[Exception] = field(default_factory=list)
    voided: list[tuple[str, frozenset[DataClass]]] = field(default_factory=list)
    erased: list[tuple[str, frozenset[DataClass]]] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        clock = QuickClock(NOW)
        self.store = Consents(self.database, clock)
        self.book = ConsentBook(self.store, clock, lambda _sp_id, _revoked: self.moved.set())
        self.operations = SharingOperations(
            book=self.book, erasures=self.store, clock=clock, void=self._void, erase=self._erase, notice=self._notice
        )

    async def load(self) -> None:
        await self.book.load()
        for sp_id in ("grid_sp", "evc_sp"):
            self.book.register(sp_id, f"The {sp_id}", data_classes(sp_id))
        await self.operations.load()

    async def change(self, sp_id: str, data_class: DataClass, *, granted: bool) -> ProviderSharing:
        call = api.SetConsent(sp_id=sp_id, data_class=data_class, granted=granted, text_version=1)
        answer = await self.operations.handlers()[api.SetConsent](call, api.Role.OWNER)
        assert isinstance(answer, ProviderSharing)
        return answer

    async def until_nothing_is_due(self) -> None:
        self.moved.clear()
        while await self.store.due_erasures():
            await self.moved.wait()
            self.moved.clear()

    async def _void(self, sp_id: str, classes: Collection[DataClass]) -> int:
        assert not any(self.book.allows(sp_id, data_class) for data_class in classes)
        self.voided.append((sp_id, frozenset(classes)))
        return 3

    async def _erase(self, sp_id: str, classes: Collection[DataClass]) -> None:
        assert (sp_id, frozenset(classes)) in self.voided or not self.voided
        if self.problems:
            raise self.problems.pop(0)
        self.erased.append((sp_id, frozenset(classes)))

    def _notice(self, code: str, sentence: str) -> None:
        self.notices[code] = sentence
        self.told.set()


def in_home(directory: Path, body: Callable[[Home], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            home = Home(database)
            await home.load()
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(home.operations.run())
                await body(home)
                running.cancel()

    asyncio.run(main())


def test_the_calls_answer_what_is_shared(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        answer = await home.change("evc_sp", IDENTITY, granted=True)
        assert [entry.granted for entry in answer.entries] == [True, False, False]
        seen = await home.operations.handlers()[api.GetSharing](api.GetSharing(), api.Role.GUEST)
        assert seen == home.operations.current()
        assert answer in home.operations.current()
        assert [consent.by for consent in await home.store.all()] == ["owner"]
        with pytest.raises(NotFound):
            await home.change("stranger", IDENTITY, granted=False)
        with pytest.raises(WrongState):
            await home.change("grid_sp", METERING, granted=True)

    in_home(tmp_path, body)


def test_taking_back_voids_what_waits_and_has_the_rest_deleted(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        for data_class in (IDENTITY, CHARGING, METERING):
            await home.change("evc_sp", data_class, granted=True)
        await home.change("evc_sp", CHARGING, granted=False)
        await home.told.wait()
        assert home.voided == home.erased == [("evc_sp", frozenset({CHARGING}))]
        assert home.notices["erased.evc_sp"].startswith("What the hub had laid down for The evc_sp is deleted")
        await home.change("evc_sp", IDENTITY, granted=False)
        await home.until_nothing_is_due()
        assert home.erased[1:] == [("evc_sp", frozenset({IDENTITY, METERING}))]
        assert not await home.store.due_erasures()

    in_home(tmp_path, body)


def test_to_allow_nothing_is_a_decision_that_outlives_a_restart_and_asks_nobody_to_delete(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        before = home.book.view("evc_sp").entries
        assert all(entry.changed_at is None for entry in before)
        home.moved.clear()
        answer = await home.change("evc_sp", IDENTITY, granted=False)
        decided = {entry.data_class: entry for entry in answer.entries}
        assert decided[IDENTITY].changed_at == NOW
        assert not any(entry.granted or entry.outdated for entry in answer.entries)
        assert home.moved.is_set(), "the screen hears of it"
        assert not home.voided
        assert not await home.store.due_erasures()
        assert [(kept.data_class, kept.granted, kept.by) for kept in await home.store.all()] == [
            (IDENTITY, False, api.Role.OWNER)
        ]
        await home.change("evc_sp", IDENTITY, granted=False)
        assert len(await home.store.all()) == 1
        again = Home(home.database)
        await again.load()
        assert again.book.view("evc_sp").entries[0].changed_at == NOW
        await home.change("evc_sp", IDENTITY, granted=True)
        assert home.book.allows("evc_sp", IDENTITY)
        with pytest.raises(NotFound):
            await home.change("stranger", IDENTITY, granted=False)

    in_home(tmp_path, body)


def test_a_provider_that_is_away_is_asked_again_and_the_owner_told_once(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.problems = [ProviderUnreachable("No link."), SettingsInvalid("No certificate."), TimeoutError()]
        await home.change("evc_sp", IDENTITY, granted=True)
        await home.change("evc_sp", IDENTITY, granted=False)
        await home.told.wait()
        assert list(home.notices) == ["erase_waits.evc_sp"]
        await home.until_nothing_is_due()
        assert list(home.notices) == ["erase_waits.evc_sp", "erased.evc_sp"]
        assert not home.problems

    in_home(tmp_path, body)


def test_a_provider_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "ERASE_TIMEOUT_S", 0.01)

    async def body(home: Home) -> None:
        answers = asyncio.Event()

        async def silent(_sp_id: str, _classes: Collection[DataClass]) -> None:
            await answers.wait()

        home.operations._erase = silent
        await home.change("evc_sp", IDENTITY, granted=True)
        await home.change("evc_sp", IDENTITY, granted=False)
        await home.told.wait()
        assert "erase_waits.evc_sp" in home.notices
        answers.set()
        await home.until_nothing_is_due()

    in_home(tmp_path, body)


def test_an_erasure_that_is_due_outlives_a_restart(tmp_path: Path) -> None:
    async def away(home: Home) -> None:
        home.problems = [ProviderUnreachable("No link.")] * 10_000
        await home.change("evc_sp", IDENTITY, granted=True)
        await home.change("evc_sp", IDENTITY, granted=False)
        await home.told.wait()

    async def back(home: Home) -> None:
        await home.until_nothing_is_due()
        assert home.erased == [("evc_sp", frozenset({IDENTITY}))]

    in_home(tmp_path, away)
    in_home(tmp_path, back)
    in_home(tmp_path, _nothing_is_due)


async def _nothing_is_due(home: Home) -> None:
    assert not await home.store.due_erasures()


@pytest.mark.parametrize("problem", [NotSupported("OpenADR cannot."), ProviderRefused("No."), NotFound("Not paired.")])
def test_what_only_the_provider_can_delete_is_said(tmp_path: Path, problem: HomeappError) -> None:
    async def body(home: Home) -> None:
        home.problems = [problem]
        await home.change("grid_sp", IDENTITY, granted=True)
        await home.change("grid_sp", IDENTITY, granted=False)
        await home.told.wait()
        assert "only The grid_sp itself can delete" in home.notices["erase_by_provider.grid_sp"]
        assert not await home.store.due_erasures()

    in_home(tmp_path, body)


def test_where_nothing_has_left_nobody_is_told_to_ask_the_provider(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.problems = [NotSupported("OpenADR cannot.")]
        await home.change("grid_sp", IDENTITY, granted=True)
        await home.change("grid_sp", METERING, granted=True)
        await home.change("grid_sp", METERING, granted=False)
        await home.until_nothing_is_due()
        assert not home.notices

    in_home(tmp_path, body)


def test_agreeing_again_calls_the_deletion_off(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.problems = [ProviderUnreachable("No link.")] * 10_000
        await home.change("evc_sp", IDENTITY, granted=True)
        await home.change("evc_sp", CHARGING, granted=True)
        await home.change("evc_sp", CHARGING, granted=False)
        await home.told.wait()
        await home.change("evc_sp", CHARGING, granted=True)
        assert not await home.store.due_erasures()
        await home.operations.load()
        home.problems.clear()
        await home.change("evc_sp", METERING, granted=True)
        await home.change("evc_sp", METERING, granted=False)
        await home.until_nothing_is_due()
        assert home.erased == [("evc_sp", frozenset({METERING}))]

    in_home(tmp_path, body)


def test_unpairing_takes_all_back_and_asks_once(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.change("evc_sp", IDENTITY, granted=True)
        home.problems = [ProviderUnreachable("No link.")] * 10_000
        await home.operations.forget("evc_sp", api.Role.INSTALLER)
        assert "only The evc_sp itself" in home.notices["erase_by_provider.evc_sp"]
        assert [view.sp_id for view in home.operations.current()] == ["grid_sp"]
        assert not await home.store.due_erasures()
        assert not await home.store.all()
        await home.operations.forget("stranger", api.Role.INSTALLER)

    in_home(tmp_path, body)
