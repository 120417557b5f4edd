"""The outbox: what is put in goes out once, in its order, and leaves nothing behind but the fact that it did."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.consent import DataClass
from homeapp.model.offer import (
    ReceiptLevel,
)
from homeapp.model.record import Priority
from homeapp.store.database import Database
from homeapp.store.offer_rows import Failure, Undelivered, field_names
from homeapp.store.outbox import KEPT_FOR, Waiting
from kit.clocks import PatientClock
from kit.outbox_store import NOON, SECRET, Store, decided, identity, receipt, record


@pytest.fixture
def with_store(tmp_path: Path) -> Callable[[Callable[[Store], Awaitable[None]]], None]:
    def run(body: Callable[[Store], Awaitable[None]]) -> None:
        async def main() -> None:
            async with Database(tmp_path) as database:
                await body(Store(database, PatientClock(NOON)))

        asyncio.run(main())

    return run


WithStore = Callable[[Callable[[Store], Awaitable[None]]], None]


def test_a_record_comes_out_as_it_was_put_in(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        put = record("m1", pev="0123456789abcdef", soc_pct=None, defects=[{"code": "P0A1F", "confirmed": True}], x=1.5)
        await store.outbox.put(put)
        assert await store.outbox.next_waiting("evc_sp") == put
        assert await store.outbox.next_waiting("pev_sp") is None

    with_store(body)


def test_a_second_put_of_the_same_record_changes_nothing(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        first = record("m1", energy_wh=1.0)
        await store.outbox.put(first, record("m1", energy_wh=2.0))
        await store.outbox.put(record("m1", energy_wh=3.0))
        assert await store.outbox.next_waiting("evc_sp") == first
        assert await store.outbox.waiting() == {"evc_sp": Waiting(decisions=0, records=1)}
        await store.outbox.delivered(first, 700)
        await store.outbox.put(first)
        assert await store.outbox.waiting() == {}

    with_store(body)


@pytest.mark.usecase("W6", "W8")
def test_the_audit_trail_says_what_was_put_in_and_not_what_it_says(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(record("m1", latitude=SECRET))
        assert await store.drain() == ["m1"]
        trail = await store.rows("SELECT kind, subject, detail FROM audit ORDER BY seq")
        assert [(kind, subject, json.loads(detail)) for kind, subject, detail in trail] == [
            ("record", "m1", {"kind": "metering", "data_class": "metering", "sp_id": "evc_sp"}),
            ("relay", "m1", {"outcome": "delivered", "sentence": ""}),
        ]

    with_store(body)


@pytest.mark.usecase("W8")
def test_what_has_left_is_noted_once_with_the_names_of_its_fields(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        defects = [{"code": "P0A1F"}, {"code": "P0A20", "confirmed": True}]
        health = record("h1", Priority.HEALTH, data_class=DataClass.HEALTH, pev="0f", defects=defects)
        await store.outbox.put(health)
        store.clock.at += timedelta(minutes=1)
        for _ in range(2):
            await store.outbox.delivered(health, 812)
        await store.ledger.keep(change := decided("d1"))
        assert change.decision is not None
        await store.ledger.keep_receipt(receipt("d1"))
        await store.outbox.delivered(change.decision, 900)
        rows = await store.rows("SELECT at, sp_id, data_class, kind, record_id, size_bytes, fields FROM disclosures")
        at = store.clock.at.timestamp()
        answer = ["choice", "decided_at", "decided_by", "id", "offer_digest", "offer_id", "offer_revision", "reason"]
        assert [(*row[:-1], json.loads(row[-1])) for row in rows] == [
            (at, "evc_sp", "health", "metering", "h1", 812, ["defects.code", "defects.confirmed", "pev"]),
            (at, "evc_sp", "identity", "decision", "d1", 900, answer),
        ]

    with_store(body)


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("meanwhile", ["void", "late"])
def test_what_left_while_consent_was_taken_back_or_time_ran_out_is_noted_too(
    with_store: WithStore, meanwhile: str
) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(metering := record("m1"))
        await store.ledger.keep(change := decided("d1"))
        assert change.decision is not None
        if meanwhile == "void":
            await store.outbox.void("evc_sp", list(DataClass))
        else:
            store.clock.at += timedelta(days=2)
            await store.tidy()
        await store.ledger.keep_receipt(receipt("d1"))
        for message in (change.decision, metering, metering):
            await store.outbox.delivered(message, 700)
        assert await store.rows("SELECT record_id FROM disclosures ORDER BY number") == [("d1",), ("m1",)]

    with_store(body)


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("end", ["delivered", "delivered and void", "refused", "void", "withheld", "late", "too many"])
def test_nothing_of_a_body_stays_in_the_file_whatever_became_of_it(tmp_path: Path, end: str) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            store = Store(database, PatientClock(NOON), most_waiting=0 if end == "too many" else 1)
            await store.outbox.put(record("l1", Priority.LOCATION, data_class=DataClass.LOCATION, latitude=SECRET))
            match end:
                case "delivered":
                    assert await store.drain() == ["l1"]
                    assert (await store.rows("SELECT message FROM outbox"))[0] != ("",), "it may be needed again"
                    store.clock.at += KEPT_FOR + timedelta(seconds=1)
                    await store.tidy()
                case "delivered and void":
                    assert await store.drain() == ["l1"]
                    assert await store.outbox.void("evc_sp", [DataClass.LOCATION]) == 0
                case "refused":
                    await store.outbox.undeliverable("l1", Failure.REFUSED, "No.")
                case "void":
                    assert await store.outbox.void("evc_sp", [DataClass.LOCATION]) == 1
                case "withheld":
                    await store.outbox.withhold("l1", "No.")
                case "late":
                    store.clock.at += timedelta(days=1)
                    await store.tidy()
            assert await store.outbox.waiting() == {}
            assert await store.rows("SELECT message FROM outbox") == [("",)]

    asyncio.run(main())
    assert SECRET.encode() not in (tmp_path / "ledger.db").read_bytes()
    assert not (tmp_path / "ledger.db-wal").exists()


def test_priority_then_age_and_kinds_that_are_held_are_passed_over(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(
            record("l1", Priority.LOCATION, data_class=DataClass.LOCATION),
            record("m1"),
            record("c1", data_class=DataClass.CHARGING),
            record("m2"),
            record("s1", Priority.SAFETY),
        )
        await store.ledger.keep(decided("d1"))
        held = [DataClass.METERING, DataClass.IDENTITY]
        seen = []
        while (message := await store.outbox.next_waiting("evc_sp", held)) is not None:
            seen.append(identity(message))
            await store.outbox.delivered(message, 700)
        assert seen == ["s1", "d1", "c1", "l1"], "neither an answer nor safety is ever held"
        assert await store.drain() == ["m1", "m2"]

    with_store(body)


@pytest.mark.usecase("W8")
def test_taking_consent_back_voids_what_waits_of_it_and_only_that(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(
            record("m1"),
            record("h1", Priority.HEALTH, data_class=DataClass.HEALTH),
            record("p1", sp_id="pev_sp"),
        )
        await store.ledger.keep(decided("d1"))
        assert await store.outbox.void("evc_sp", [DataClass.METERING, DataClass.LOCATION]) == 1
        assert await store.outbox.untold_failures() == ()
        assert await store.outbox.void("evc_sp", list(DataClass)) == 2
        assert await store.outbox.void("evc_sp", list(DataClass)) == 0
        assert await store.outbox.untold_failures() == (
            Undelivered(
                decision_id="d1",
                failure=Failure.REFUSED,
                sentence="You no longer share anything with this provider, so your answer was not sent.",
            ),
        )
        assert await store.outbox.waiting() == {"pev_sp": Waiting(decisions=0, records=1)}

    with_store(body)


def test_the_oldest_of_the_lowest_priority_makes_room_and_the_owner_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            store = Store(database, PatientClock(NOON), most_waiting=3)
            await store.ledger.keep(decided("d1"))
            await store.outbox.put(
                record("l1", Priority.LOCATION),
                record("l2", Priority.LOCATION),
                record("m1"),
                record("p1", sp_id="pev_sp"),
            )
            assert store.notices == []
            await store.outbox.put(record("h1", Priority.HEALTH), record("m2"))
            assert store.notices == [
                "outbox_full.evc_sp: More than 3 records wait for Provider evc_sp, because it cannot be reached; the "
                "oldest are dropped. Check the internet connection, or stop sharing with this provider."
            ]
            await store.outbox.put(record("m3"))
            (counts,) = await store.rows(
                "SELECT sum(detail ->> '$.count') FROM audit WHERE kind = 'records_dropped' AND subject = 'evc_sp'"
            )
            assert counts == (3,)
            assert await store.drain() == ["d1", "h1", "m2", "m3"]
            assert await store.drain("pev_sp") == ["p1"]

    asyncio.run(main())


def test_what_is_late_goes_even_where_nobody_asks_for_it_and_answers_are_left_to_the_relay_for_an_hour(
    with_store: WithStore,
) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(
            record("m1", life=timedelta(hours=1)), record("m2", life=timedelta(hours=2)), record("p1", sp_id="pev_sp")
        )
        await store.ledger.keep(decided("d1"))
        store.clock.at += timedelta(hours=1)
        await store.tidy()
        assert await store.outbox.waiting() == {
            "evc_sp": Waiting(decisions=1, records=1),
            "pev_sp": Waiting(decisions=0, records=1),
        }
        store.clock.at = NOON + timedelta(days=1, minutes=59)
        await store.tidy()
        assert await store.outbox.waiting() == {"evc_sp": Waiting(decisions=1, records=0)}
        assert await store.outbox.untold_failures() == ()
        store.clock.at += timedelta(minutes=1)
        await store.tidy()
        assert await store.outbox.waiting() == {}
        assert await store.outbox.untold_failures() == (
            Undelivered(
                decision_id="d1",
                failure=Failure.LATE,
                sentence="Your answer could not be handed to EVC provider in time, so it does not count.",
            ),
        )

    with_store(body)


def test_closed_records_are_forgotten_a_week_after_they_became_useless(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        await store.outbox.put(record("m1", life=timedelta(hours=1)), record("m2", life=timedelta(days=30)))
        await store.ledger.keep(decided("d1"))
        assert await store.drain() == ["d1", "m1", "m2"]
        store.clock.at += timedelta(days=7, hours=1)
        await store.tidy()
        assert len(await store.rows("SELECT 1 FROM outbox")) == 3
        store.clock.at += timedelta(seconds=1)
        await store.tidy()
        assert await store.rows("SELECT record_id FROM outbox ORDER BY record_id") == [("d1",), ("m2",)]
        assert len(await store.rows("SELECT 1 FROM disclosures")) == 3

    with_store(body)


def test_news_of_a_record_is_not_urgent_and_of_an_answer_or_safety_is(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        news = store.outbox.news("evc_sp")

        async def told(work: Awaitable[None]) -> tuple[bool, bool]:
            news.anything.clear()
            news.urgent.clear()
            await work
            return news.anything.is_set(), news.urgent.is_set()

        assert await told(store.outbox.put(record("m1"))) == (True, False)
        assert await told(store.outbox.put(record("p1", Priority.SAFETY, sp_id="pev_sp"))) == (False, False)
        assert await told(store.outbox.put(record("s1", Priority.SAFETY))) == (True, True)
        assert await told(store.ledger.keep(decided("d1"))) == (True, True)

    with_store(body)


LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x"])
NAMES = st.sampled_from(["a", "b", "c", "ab"])
BODIES = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)),
    max_size=4,
)


@given(BODIES)
def test_field_names_are_sorted_unique_and_cover_every_field(body: dict[str, Any]) -> None:
    names = field_names(body)
    assert names == sorted(set(names))
    assert {name.partition(".")[0] for name in names} == set(body)


@pytest.mark.usecase("W6")
def test_what_was_sent_while_the_clock_was_ahead_is_sent_anew_once_it_is_right(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        today = store.clock.at
        await store.ledger.keep(decided("in time"))
        await store.outbox.put(record("in time too"))
        await store.drain()
        store.clock.at += timedelta(days=1)
        tomorrow = store.clock.at
        await store.ledger.keep(decided("d", at=tomorrow), decided("known", at=tomorrow))
        await store.outbox.put(record("r", at=tomorrow))
        assert await store.drain() == ["d", "known", "r"]
        await store.ledger.keep_receipt(replace(receipt("known"), level=ReceiptLevel.BUSINESS))
        assert await store.outbox.send_anew() == 0
        for times in (1, 2):
            store.clock.at = today
            assert await store.outbox.send_anew() == 2
            assert await store.outbox.send_anew() == 0
            found = [await store.outbox.next_waiting("evc_sp")]
            store.clock.at = tomorrow
            await store.outbox.delivered(found[0], 700)
            found.append(await store.outbox.next_waiting("evc_sp"))
            await store.outbox.delivered(found[1], 700)
            assert [(identity(message), message.again) for message in found] == [("d", times), ("r", times)]

    with_store(body)


@pytest.mark.usecase("W6")
def test_an_unconfirmed_decision_can_be_delivered_again_as_long_as_it_is_of_use(with_store: WithStore) -> None:
    async def body(store: Store) -> None:
        await store.ledger.keep(decided("d"))
        await store.outbox.put(record("r"))
        await store.drain()
        store.clock.at += timedelta(hours=12)
        await store.outbox._erase_kept()
        assert await store.outbox.deliver_again("evc_sp") == 1
        assert await store.drain() == ["d"]
        store.clock.at += timedelta(hours=13)
        await store.outbox._erase_kept()
        assert await store.outbox.deliver_again("evc_sp") == 0

    with_store(body)
