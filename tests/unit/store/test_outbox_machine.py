"""The outbox through any sequence of what can happen to it, with kills in between."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homeapp.model.consent import DataClass
from homeapp.model.record import Priority
from homeapp.ports import DecisionMessage
from homeapp.store.database import Database
from homeapp.store.offer_rows import Failure
from homeapp.store.outbox import KEPT_FOR, Waiting
from kit.clocks import PatientClock
from kit.outbox_store import NOON, SECRET, Store, T, decided, identity, receipt, record


class OutboxMachine(RuleBasedStateMachine):
    """The home, two providers, the owner's consent and power cuts in any order, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="outbox"))
        self.clock = PatientClock(NOON)
        self.made = 0
        self.expected: dict[str, list[tuple[int, int, str, DataClass]]] = {"evc_sp": [], "pev_sp": []}
        self.handed_over: list[str] = []
        self.kept: list[tuple[str, datetime, tuple[int, int, str, DataClass]]] = []

    @initialize()
    def start(self) -> None:
        self.database = Database(self.directory)
        self.run(self.database.__aenter__())
        self.store = Store(self.database, self.clock, most_waiting=1000)

    def teardown(self) -> None:
        self.run(self.database.__aexit__(None, None, None))
        self.loop.close()
        shutil.rmtree(self.directory)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(
        sp_id=st.sampled_from(["evc_sp", "pev_sp"]),
        priorities=st.lists(
            st.sampled_from([p for p in Priority if p is not Priority.DECISION]), min_size=1, max_size=4
        ),
        data_class=st.sampled_from([DataClass.METERING, DataClass.HEALTH, DataClass.LOCATION]),
        twice=st.booleans(),
    )
    def put(self, sp_id: str, priorities: list[Priority], data_class: DataClass, *, twice: bool) -> None:
        records = []
        for priority in priorities:
            self.made += 1
            records.append(
                record(f"r{self.made}", priority, sp_id=sp_id, data_class=data_class, at=self.clock.at, what=SECRET)
            )
            self.expected[sp_id].append((priority, self.made, f"r{self.made}", data_class))
        self.run(self.store.outbox.put(*records))
        if twice:
            self.run(self.store.outbox.put(*reversed(records)))

    @rule(sp_id=st.sampled_from(["evc_sp", "pev_sp"]))
    def decide(self, sp_id: str) -> None:
        self.made += 1
        self.run(self.store.ledger.keep(decided(f"d{self.made}", sp_id=sp_id, at=self.clock.at)))
        self.expected[sp_id].append((Priority.DECISION, self.made, f"d{self.made}", DataClass.IDENTITY))

    @rule(
        sp_id=st.sampled_from(["evc_sp", "pev_sp"]), count=st.integers(1, 4), how=st.sampled_from(["relay", "receipt"])
    )
    def deliver(self, sp_id: str, count: int, how: str) -> None:
        for _ in range(count):
            first = self.run(self.store.outbox.next_waiting(sp_id))
            wanted = min(self.expected[sp_id], default=None)
            assert (None if first is None else identity(first)) == (None if wanted is None else wanted[2])
            if first is None or wanted is None:
                return
            if how == "receipt" and isinstance(first, DecisionMessage):
                self.run(self.store.ledger.keep_receipt(receipt(wanted[2], sp_id=sp_id)))
            self.run(self.store.outbox.delivered(first, 700))
            kept_until = first.not_after if isinstance(first, DecisionMessage) else self.clock.at + KEPT_FOR
            self.kept.append((sp_id, kept_until, wanted))
            self.handed_over.append(wanted[2])
            self.expected[sp_id].remove(wanted)

    @rule(sp_id=st.sampled_from(["evc_sp", "pev_sp"]))
    def lose_at_the_provider(self, sp_id: str) -> None:
        again = [kept for kept in self.kept if kept[0] == sp_id and self.clock.at <= kept[1]]
        assert self.run(self.store.outbox.deliver_again(sp_id)) == len(again)
        self.kept = [kept for kept in self.kept if kept not in again]
        self.expected[sp_id] += [row for _, _, row in again]

    @rule(sp_id=st.sampled_from(["evc_sp", "pev_sp"]), failure=st.sampled_from(Failure))
    def fail(self, sp_id: str, failure: Failure) -> None:
        wanted = min(self.expected[sp_id], default=None)
        if wanted is not None:
            self.run(self.store.outbox.undeliverable(wanted[2], failure, "No way."))
            self.expected[sp_id].remove(wanted)

    @rule(
        sp_id=st.sampled_from(["evc_sp", "pev_sp"]),
        data_classes=st.sets(st.sampled_from(DataClass), min_size=1, max_size=2),
    )
    def void(self, sp_id: str, data_classes: set[DataClass]) -> None:
        gone = [row for row in self.expected[sp_id] if row[3] in data_classes]
        assert self.run(self.store.outbox.void(sp_id, data_classes)) == len(gone)
        self.expected[sp_id] = [row for row in self.expected[sp_id] if row not in gone]
        self.kept = [kept for kept in self.kept if kept[0] != sp_id or kept[2][3] not in data_classes]

    @rule()
    def restart(self) -> None:
        self.run(self.database.__aexit__(None, None, None))
        assert (SECRET.encode() in (self.directory / "ledger.db").read_bytes()) == any(
            row[2].startswith("r")
            for row in (*(row for rows in self.expected.values() for row in rows), *(kept[2] for kept in self.kept))
        )
        self.start()

    @rule(hours=st.sampled_from([1, 200]))
    def time_passes(self, hours: int) -> None:
        self.clock.at += timedelta(hours=hours)
        if hours > 24:
            for rows in self.expected.values():
                rows.clear()
            self.kept.clear()
            self.run(self.store.tidy())

    @invariant()
    def all_that_waits_is_there_and_what_has_left_is_noted_once(self) -> None:
        if not hasattr(self, "store"):
            return
        waiting = self.run(self.store.outbox.waiting())
        for sp_id, rows in self.expected.items():
            decisions = sum(row[0] == Priority.DECISION for row in rows)
            expected = Waiting(decisions=decisions, records=len(rows) - decisions)
            assert waiting.get(sp_id, Waiting(decisions=0, records=0)) == expected
        noted = self.run(self.store.rows("SELECT record_id FROM disclosures ORDER BY number"))
        assert [row[0] for row in noted] == self.handed_over
        empty = "SELECT 1 FROM outbox WHERE state = 'waiting' AND message = ''"
        left = "SELECT 1 FROM outbox WHERE state NOT IN ('waiting', 'delivered') AND message != ''"
        assert self.run(self.store.rows(empty)) == self.run(self.store.rows(left)) == []


TestOutbox = pytest.mark.timeout(120)(OutboxMachine.TestCase)
TestOutbox.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
