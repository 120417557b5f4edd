"""The comparison of the fault run finds what is lost, doubled, out of order, misfiled or invented."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from charging_life import Told
from transaction_counts import Counts, compare, missing, on_the_wire

from homeapp.demo.csms.books import Event, Phase, Received, StationBook
from homeapp.demo.ocpp.schemas import Version

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MADE = {
    key: [Told("Started", f"{key}0", 0), Told("Updated", f"{key}1", 1), Told("Ended", f"{key}2", 2)] for key in "ab"
}
Spoil = Callable[[list[Event], list[Event]], object]


def event(told: Told) -> Event:
    received = Received(message_id="", action="TransactionEvent", payload={}, arrived_at=NOON)
    return Event(phase=Phase(told.phase), at=told.at, seq_no=told.seq_no, received=received)


def book(version: Version) -> StationBook:
    """Everything is in it, once and in order; in 1.6 under ids of the CSMS."""
    found = StationBook(station_id="EVCE-1")
    for number, (key, events) in enumerate(on_the_wire(version, MADE).items()):
        page = found.transaction(str(number) if version is Version.V16 else key)
        page.events.extend(event(told) for told in events)
    return found


@pytest.mark.parametrize("version", list(Version))
def test_a_true_book_is_clean(version: Version) -> None:
    counts = compare(version, on_the_wire(version, MADE), set(), book(version))
    assert counts == Counts(transactions=2, events=6)
    assert counts.clean
    assert missing(version, on_the_wire(version, MADE), book(version)) == 0


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda a, _: a.pop(), {"lost": 1}),
        (lambda a, _: a.append(a[1]), {"doubled": 1, "disordered": 1, "foreign": 1}),
        (lambda a, _: a.reverse(), {"disordered": 1}),
        (lambda a, _: a.append(event(Told("Updated", "never", None))), {"foreign": 1}),
    ],
)
def test_a_spoilt_book_is_not(version: Version, spoil: Spoil, found: dict[str, int]) -> None:
    spoilt = book(version)
    spoil(*(page.events for page in spoilt.transactions.values()))
    counts = compare(version, on_the_wire(version, MADE), set(), spoilt)
    assert counts == Counts(transactions=2, events=6, **found)
    assert not counts.clean


def test_an_event_under_the_id_of_another_transaction_is_misfiled() -> None:
    spoilt = book(Version.V16)
    a, b = (page.events for page in spoilt.transactions.values())
    b.append(a.pop())
    counts = compare(Version.V16, on_the_wire(Version.V16, MADE), set(), spoilt)
    assert (counts.misfiled, counts.lost, counts.clean) == (1, 0, False)


def test_a_transaction_that_is_nowhere_is_lost_as_a_whole() -> None:
    spoilt = book(Version.V21)
    del spoilt.transactions["b"]
    assert compare(Version.V21, MADE, set(), spoilt).lost == 3
    assert missing(Version.V21, MADE, spoilt) == 3


def test_what_was_asked_for_is_not_invented() -> None:
    asked = book(Version.V16)
    told = Told("Updated", "asked for", None)
    next(iter(asked.transactions.values())).events.insert(1, event(told))
    counts = compare(Version.V16, on_the_wire(Version.V16, MADE), {told}, asked)
    assert (counts.asked, counts.foreign, counts.clean) == (1, 0, True)
