"""What the books of the demo CSMS say about order, gaps, power feed and the file behind them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homeapp.demo.csms.books import Event, Phase, Received, StationBook, TransactionBook
from homeapp.demo.csms.intake import Policy
from homeapp.demo.csms.journal import Entry, Journal, entries
from homeapp.demo.csms.power_feed import feed_cycles
from homeapp.demo.ocpp.schemas import Json, Version

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def received(payload: Json | None = None, message_id: str = "1") -> Received:
    return Received(message_id=message_id, action="TransactionEvent", payload=payload or {}, arrived_at=NOON)


def transaction(*numbers: int | None, phases: str = "") -> TransactionBook:
    kinds = {"S": Phase.STARTED, "U": Phase.UPDATED, "E": Phase.ENDED}
    events = [
        Event(phase=kinds[kind], at="", seq_no=number, received=received())
        for kind, number in zip(phases or "U" * len(numbers), numbers, strict=True)
    ]
    return TransactionBook(transaction_id="tx", events=events)


@pytest.mark.parametrize(
    ("numbers", "phases", "in_order", "missing"),
    [
        ((0, 1, 2), "SUE", True, []),
        ((0, 2), "SE", True, [1]),
        ((1, 0), "US", False, []),
        ((0, 0), "SU", False, []),
        ((0, 1, 2), "SEU", False, []),
        ((None, None, None), "SUE", True, []),
        ((None, None), "US", False, []),
        ((3,), "E", True, [0, 1, 2]),
        ((), "", True, []),
    ],
)
def test_order_and_gaps(numbers: tuple[int | None, ...], phases: str, in_order: bool, missing: list[int]) -> None:
    book = transaction(*numbers, phases=phases)
    assert (book.in_order, book.missing) == (in_order, missing)


def sample(at: str, watts: float | str, watt_hours: float, **more: Any) -> Json:
    power = {"measurand": "Power.Active.Export", "value": watts} | more
    energy = {"measurand": "Energy.Active.Export.Register", "value": watt_hours}
    return {"timestamp": at, "sampledValue": [power, energy]}


def test_feeding_without_a_break_is_one_cycle() -> None:
    samples = [
        sample("t0", 0, 0),
        sample("t1", 3000, 10),
        sample("t2", 6000, 40),
        sample("t3", 0, 50),
        sample("t4", "5", 50, unit="kW"),
    ]
    events = [
        Event(phase=Phase.UPDATED, at="", seq_no=number, received=received({"meterValue": [value]}))
        for number, value in enumerate(samples)
    ]
    first, second = feed_cycles(TransactionBook(transaction_id="tx", events=events))
    assert (first.begin, first.end, first.energy_wh, first.peak_w) == ("t1", "t2", 30, 6000)
    assert (second.begin, second.end, second.energy_wh, second.peak_w) == ("t4", "t4", 0, 5000)


def test_a_sum_is_not_counted_beside_its_phases() -> None:
    phases = [{"measurand": "Power.Active.Export", "value": 1000, "phase": f"L{number}"} for number in (1, 2, 3)]
    for entries_, watts in ((phases, 3000), ([*phases, {"measurand": "Power.Active.Export", "value": 3001}], 3001)):
        payload = {"meterValue": [{"timestamp": "t", "sampledValue": entries_}]}
        event = Event(phase=Phase.UPDATED, at="", seq_no=0, received=received(payload))
        (cycle,) = feed_cycles(TransactionBook(transaction_id="tx", events=[event]))
        assert (cycle.peak_w, cycle.energy_wh) == (watts, 0)


def test_answers_are_remembered_up_to_a_limit() -> None:
    book = StationBook(station_id="EVCE-1")
    for number in range(6000):
        book.remember(str(number), "Heartbeat", {}, {"number": number})
    assert book.answered("0") is None
    assert book.answered("5999") == ("Heartbeat", {}, {"number": 5999})


def test_tokens_are_the_same_in_capitals() -> None:
    policy = Policy(tokens={"abc": "Blocked"})
    policy.accept("Owner")
    assert [policy.standing(token) for token in ("ABC", "OWNER", "other")] == ["Blocked", "Accepted", "Invalid"]


def test_the_journal_keeps_whole_lines_and_goes_on_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert list(entries(path)) == []
    first = Journal(path)
    first.append("EVCE-1", Version.V21, received({"a": 1}))
    first.forgot()
    with path.open("ab") as file:
        file.write(b'{"station":"EVCE-1","vers')
    assert len(list(entries(path))) == 2
    second = Journal(path)
    second.append("EVCE-1", Version.V16, received({"b": 2}, "2"))
    assert list(entries(path)) == [
        Entry(station_id="EVCE-1", version=Version.V21, received=received({"a": 1})),
        Entry(),
        Entry(station_id="EVCE-1", version=Version.V16, received=received({"b": 2}, "2")),
    ]
    assert path.stat().st_mode & 0o777 == 0o600
