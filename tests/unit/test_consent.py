"""Nothing leaves before consent; consents are per provider and kind, need IDENTITY, and hold at once."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.api import Role
from homeapp.errors import NotConsented, NotFound, StoreUnavailable, WrongState
from homeapp.model.consent import Consent, DataClass, Disclosed
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.sharing import consent_texts
from homeapp.sharing.consent_book import ConsentBook
from homeapp.sharing.consent_texts import CSMS_WORDS, ConsentText, data_classes, terms
from kit.clocks import LeapingClock

pytestmark = pytest.mark.usecase("W8")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROVIDERS = ("grid_sp", "evc_sp", "pev_sp", "fleet")
Key = tuple[str, DataClass]


class MemoryStore:
    def __init__(self) -> None:
        self.kept: dict[Key, Consent] = {}
        self.left: list[dict[Key, Disclosed]] = []
        self.failing = False

    async def all(self) -> tuple[Consent, ...]:
        return tuple(self.kept.values())

    async def keep(self, *consents: Consent) -> None:
        await asyncio.sleep(0)
        if self.failing:
            raise StoreUnavailable("The disk is full.")
        self.kept.update({(consent.sp_id, consent.data_class): consent for consent in consents})

    async def refuse(self, consent: Consent) -> None:
        await self.keep(consent)

    async def forget(self, sp_id: str) -> None:
        self.kept = {key: consent for key, consent in self.kept.items() if key[0] != sp_id}

    async def disclosed(self, after: int | None = None) -> tuple[int, Mapping[Key, Disclosed]]:
        news = self.left[after or 0 :]
        return len(self.left), news[0] if news else {}


class Changes:
    def __init__(self) -> None:
        self.told: list[tuple[str, frozenset[DataClass]]] = []

    def __call__(self, sp_id: str, revoked: Collection[DataClass]) -> None:
        self.told.append((sp_id, frozenset(revoked)))


def book(store: MemoryStore | None = None, changes: Changes | None = None) -> ConsentBook:
    made = ConsentBook(store or MemoryStore(), LeapingClock(NOW), changes or Changes())
    for sp_id in PROVIDERS:
        made.register(sp_id, f"The {sp_id}", data_classes(sp_id))
    return made


def record(sp_id: str, data_class: DataClass, kind: RecordKind) -> DataRecord:
    return DataRecord(
        record_id="r1",
        sp_id=sp_id,
        data_class=data_class,
        kind=kind,
        priority=Priority.METERING,
        created_at=NOW,
        not_after=NOW + timedelta(hours=1),
        body={"at": NOW.isoformat()},
    )


async def grant(made: ConsentBook, sp_id: str, *kinds: DataClass) -> None:
    for data_class in kinds:
        await made.set(sp_id, data_class, granted=True, text_version=1, by=Role.OWNER)


async def revoke(made: ConsentBook, sp_id: str, data_class: DataClass) -> frozenset[DataClass]:
    return await made.set(sp_id, data_class, granted=False, text_version=1, by=Role.OWNER)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from((*PROVIDERS, "stranger")), st.sampled_from(list(DataClass)), st.booleans(), st.booleans()
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(_STEPS)
def test_any_sequence_agrees_with_a_simple_model(steps: list[tuple[str, DataClass, bool, bool]]) -> None:
    asked = {(sp_id, data_class) for sp_id in PROVIDERS for data_class in data_classes(sp_id)}

    async def main() -> None:
        store = MemoryStore()
        made, granted = book(store), set()
        for sp_id, data_class, grants, right_words in steps:
            key, identity = (sp_id, data_class), (sp_id, DataClass.IDENTITY)
            try:
                await made.set(sp_id, data_class, granted=grants, text_version=1 if right_words else 2, by=Role.OWNER)
            except NotFound:
                assert key not in asked
            except WrongState:
                assert grants
                assert not right_words or (data_class is not DataClass.IDENTITY and identity not in granted)
            else:
                assert key in asked
                if grants:
                    granted.add(key)
                elif data_class is DataClass.IDENTITY:
                    granted = {other for other in granted if other[0] != sp_id}
                else:
                    granted.discard(key)
            _agrees(made, granted)
        again = book(store)
        await again.load()
        _agrees(again, granted)

    asyncio.run(main())


def _agrees(made: ConsentBook, granted: set[Key]) -> None:
    for sp_id in (*PROVIDERS, "stranger"):
        for data_class in DataClass:
            allowed = (sp_id, data_class) in granted
            assert not allowed or (sp_id, DataClass.IDENTITY) in granted
            assert made.allows(sp_id, data_class) is allowed
            for kind in RecordKind:
                found = terms(sp_id, data_class)
                may = allowed and found is not None and kind in found.records
                assert _passes(made, record(sp_id, data_class, kind)) is may
    for view in made.views():
        for entry in view.entries:
            assert entry.granted is ((view.sp_id, entry.data_class) in granted)


def _passes(made: ConsentBook, what: DataRecord) -> bool:
    try:
        made.check(what)
    except NotConsented:
        return False
    return True


@pytest.mark.usecase("A7", "S7")
def test_nothing_is_agreed_to_from_the_start_least_of_all_the_location() -> None:
    made = book()
    assert not any(entry.granted for view in made.views() for entry in view.entries)
    (place,) = [entry for view in made.views() for entry in view.entries if entry.data_class is DataClass.LOCATION]
    assert "off unless you switch it on" in place.text
    with pytest.raises(NotConsented, match="You have not agreed that The fleet gets location data"):
        made.check(record("fleet", DataClass.LOCATION, RecordKind.LOCATION))

    async def main() -> None:
        with pytest.raises(WrongState, match="First allow that The fleet knows this home"):
            await grant(made, "fleet", DataClass.LOCATION)
        await grant(made, "fleet", DataClass.IDENTITY, DataClass.LOCATION)
        coarse = replace(record("fleet", DataClass.LOCATION, RecordKind.LOCATION), body={"latitude": 52.1})
        made.check(coarse)
        with pytest.raises(NotConsented, match="is not rounded"):
            made.check(replace(coarse, body={"latitude": 52.09}))

    asyncio.run(main())


def test_a_record_is_stopped_by_its_kind_and_by_one_unlisted_nested_field() -> None:
    async def main() -> None:
        made = book()
        await grant(made, "pev_sp", DataClass.IDENTITY, DataClass.HEALTH, DataClass.CHARGING)
        report = record("pev_sp", DataClass.HEALTH, RecordKind.HEALTH_REPORT)
        made.check(replace(report, body={"defects": [{"code": "P0A1F", "confirmed": True}]}))
        with pytest.raises(NotConsented, match=r"'defects\.garage' is not on its list"):
            made.check(replace(report, body={"defects": [{"code": "P0A1F", "garage": "Anna's"}]}))
        with pytest.raises(NotConsented, match="it is no charging data"):
            made.check(replace(report, data_class=DataClass.CHARGING))
        with pytest.raises(NotConsented, match="it is no identity data"):
            made.check(replace(report, data_class=DataClass.IDENTITY))

    asyncio.run(main())


def test_taking_identity_back_takes_all_back_and_is_told_once() -> None:
    async def main() -> None:
        store, changes = MemoryStore(), Changes()
        made = book(store, changes)
        await grant(made, "evc_sp", DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)
        changes.told.clear()
        everything = frozenset({DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING})
        assert await revoke(made, "evc_sp", DataClass.IDENTITY) == everything
        assert changes.told == [("evc_sp", everything)]
        assert all(not consent.granted for consent in store.kept.values())
        await grant(made, "evc_sp", DataClass.IDENTITY)
        assert not made.allows("evc_sp", DataClass.CHARGING)
        assert await revoke(made, "evc_sp", DataClass.CHARGING) == frozenset()

    asyncio.run(main())


def test_taking_back_holds_at_once_and_even_where_the_disk_is_full() -> None:
    async def main() -> None:
        store, changes = MemoryStore(), Changes()
        made = book(store, changes)
        await grant(made, "evc_sp", DataClass.IDENTITY, DataClass.CHARGING)
        store.failing = True
        with pytest.raises(StoreUnavailable):
            await revoke(made, "evc_sp", DataClass.CHARGING)
        assert not made.allows("evc_sp", DataClass.CHARGING)
        assert changes.told[-1] == ("evc_sp", frozenset({DataClass.CHARGING}))
        store.failing = False
        assert await revoke(made, "evc_sp", DataClass.CHARGING) == {DataClass.CHARGING}
        assert not store.kept["evc_sp", DataClass.CHARGING].granted
        store.failing = True
        with pytest.raises(StoreUnavailable):
            await grant(made, "evc_sp", DataClass.CHARGING)
        assert not made.allows("evc_sp", DataClass.CHARGING)

    asyncio.run(main())


def test_a_grant_and_taking_identity_back_at_the_same_time_leave_nothing_granted() -> None:
    async def main() -> None:
        store = MemoryStore()
        made = book(store)
        await grant(made, "evc_sp", DataClass.IDENTITY)
        await asyncio.gather(grant(made, "evc_sp", DataClass.CHARGING), revoke(made, "evc_sp", DataClass.IDENTITY))
        assert not any(consent.granted for consent in store.kept.values())

    asyncio.run(main())


def test_consents_to_words_that_mean_more_now_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    key = ("evc_sp", DataClass.CHARGING)
    old = terms(*key)
    texts = [old.newest]

    def release(version: int, valid_from: int) -> None:
        texts.append(ConsentText(version=version, valid_from_version=valid_from, text="New.\nWords."))
        changed = {**consent_texts._TERMS, key: replace(old, texts=tuple(texts))}
        monkeypatch.setattr(consent_texts, "_TERMS", changed)

    async def main() -> None:
        store = MemoryStore()
        made = book(store)
        await grant(made, "evc_sp", DataClass.IDENTITY, DataClass.CHARGING)
        release(2, valid_from=1)
        assert made.allows(*key)
        with pytest.raises(WrongState, match="have changed since you saw them"):
            await grant(made, "evc_sp", DataClass.CHARGING)
        release(3, valid_from=3)
        assert not made.allows(*key)
        assert terms(*key).version(store.kept[key].text_version) == old.newest
        entries = {entry.data_class: entry for entry in made.view("evc_sp").entries}
        assert (entries[key[1]].granted, entries[key[1]].outdated) == (False, True)
        assert not entries[DataClass.IDENTITY].outdated
        assert await revoke(made, *key) == {DataClass.CHARGING}
        assert not any(entry.outdated for entry in made.view("evc_sp").entries), "it was taken back"
        await made.set(*key, granted=True, text_version=3, by=Role.OWNER)
        assert made.allows(*key)
        assert store.kept[key].text_version == 3

    asyncio.run(main())


def test_who_runs_the_charger_too_needs_a_new_word_of_the_owner() -> None:
    async def main() -> None:
        made = book(MemoryStore())
        await grant(made, "evc_sp", DataClass.IDENTITY, DataClass.CHARGING)
        made.register("evc_sp", "EVC provider", tuple(DataClass), CSMS_WORDS)
        assert not made.allows("evc_sp", DataClass.CHARGING)
        assert all(entry.outdated for entry in made.view("evc_sp").entries[:2])
        for data_class in (DataClass.IDENTITY, DataClass.CHARGING):
            await made.set("evc_sp", data_class, granted=True, text_version=2, by=Role.OWNER)
        assert made.allows("evc_sp", DataClass.CHARGING)
        # Less than was agreed to needs no new word.
        made.register("evc_sp", "EVC provider", tuple(DataClass))
        assert made.allows("evc_sp", DataClass.CHARGING)

    asyncio.run(main())


def test_a_provider_gets_only_what_it_asks_for_and_may_have() -> None:
    async def main() -> None:
        made = ConsentBook(MemoryStore(), LeapingClock(NOW), Changes())
        made.register("evc_sp", "EVC provider", (DataClass.CHARGING, DataClass.LOCATION))
        asked = [entry.data_class for entry in made.view("evc_sp").entries]
        assert asked == [DataClass.IDENTITY, DataClass.CHARGING]
        for data_class in (DataClass.LOCATION, DataClass.METERING):
            with pytest.raises(NotFound, match="EVC provider does not ask for"):
                await grant(made, "evc_sp", data_class)
        with pytest.raises(NotFound, match="not paired"):
            made.view("pev_sp")

    asyncio.run(main())


def test_a_provider_that_is_unpaired_and_paired_again_begins_with_nothing() -> None:
    async def main() -> None:
        store, changes = MemoryStore(), Changes()
        made = book(store, changes)
        await grant(made, "evc_sp", DataClass.IDENTITY, DataClass.CHARGING)
        await made.unregister("evc_sp")
        await made.unregister("stranger")
        assert ("evc_sp", frozenset({DataClass.IDENTITY, DataClass.CHARGING})) in changes.told
        assert not made.allows("evc_sp", DataClass.IDENTITY)
        assert not store.kept
        made.register("evc_sp", "EVC provider", data_classes("evc_sp"))
        assert not made.allows("evc_sp", DataClass.IDENTITY)

    asyncio.run(main())


def test_what_has_left_is_added_up_and_announced() -> None:
    key = ("evc_sp", DataClass.CHARGING)
    first = Disclosed(count=2, size_bytes=900, fields=("at", "pev"), last_at=NOW)
    later = Disclosed(count=1, size_bytes=450, fields=("soc_pct",), last_at=NOW + timedelta(hours=1))

    async def main() -> None:
        store, changes = MemoryStore(), Changes()
        made = book(store, changes)
        store.left.append({key: first})
        await made.load()
        changes.told.clear()
        await made.refresh()
        assert not changes.told
        store.left.append({key: later})
        await made.refresh()
        assert changes.told == [("evc_sp", frozenset())]
        (entry,) = [entry for entry in made.view("evc_sp").entries if entry.data_class is DataClass.CHARGING]
        assert entry.disclosed == Disclosed(
            count=3, size_bytes=1350, fields=("at", "pev", "soc_pct"), last_at=later.last_at
        )
        assert entry.fields == tuple(sorted(entry.fields))

    asyncio.run(main())
