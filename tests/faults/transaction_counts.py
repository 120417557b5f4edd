"""What stations have made against what their provider has in its books: lost, doubled, out of order, misfiled."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from charging_life import Told

from homeapp.demo.csms.books import StationBook, TransactionBook
from homeapp.demo.ocpp.schemas import Version

_OF_TRANSACTIONS = ("TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The comparison.

    Attributes:
        transactions, events: that the stations have made.
        lost: events that are not in the books.
        doubled: events that have taken effect more than once.
        disordered: transactions whose events are in the books in another order than they were made.
        misfiled: events of 1.6 that are in the books under the id of another transaction.
        asked: meter values that somebody has asked for by TriggerMessage, beside the events.
        foreign: events in the books that no station has made.
        repeats: messages that arrived again under their id, without an effect.
        duplicates: events that arrived again under another id, without an effect.
    """

    transactions: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    misfiled: int = 0
    asked: int = 0
    foreign: int = 0
    repeats: int = 0
    duplicates: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name)}" for name in self.__dataclass_fields__)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, out of order, misfiled or invented."""
        return (self.lost, self.doubled, self.disordered, self.misfiled, self.foreign) == (0, 0, 0, 0, 0)


def compare(version: Version, made: Mapping[str, Sequence[Told]], asked: Collection[Told], book: StationBook) -> Counts:
    """Compare what one station has made, by its own keys of the transactions, with its page in the books.

    ``asked`` need not be there: a station that is cut off before it has answered a trigger does not answer it later.
    """
    pages = {key: _page(version, key, events, book) for key, events in made.items()}
    everything = Counter(told for page in book.transactions.values() for told in _entries(version, page))
    total = Counts(
        transactions=len(made),
        events=sum(len(events) for events in made.values()),
        asked=sum(1 for told in everything if told in asked),
        foreign=(everything - Counter(told for events in made.values() for told in events) - Counter(asked)).total(),
        repeats=repeats_in(book),
        duplicates=book.duplicates,
    )
    return sum((_one(version, made[key], page, everything) for key, page in pages.items()), total)


def missing(version: Version, made: Mapping[str, Sequence[Told]], book: StationBook) -> int:
    """How many events are not in the books yet."""
    everything = {told for page in book.transactions.values() for told in _entries(version, page)}
    return len({told for events in made.values() for told in events} - everything)


def _one(version: Version, made: Sequence[Told], page: TransactionBook | None, everything: Counter[Told]) -> Counts:
    entries = [] if page is None else _entries(version, page)
    here = Counter(entries)
    return Counts(
        lost=sum(1 for told in made if everything[told] == 0),
        doubled=sum(here[told] - 1 for told in made if here[told] > 1),
        disordered=int([told for told in entries if told in made] != [told for told in made if told in entries]),
        misfiled=sum(1 for told in made if here[told] == 0 and everything[told] > 0),
    )


def _page(version: Version, key: str, made: Sequence[Told], book: StationBook) -> TransactionBook | None:
    if version is not Version.V16:
        return book.transactions.get(key)
    # In 1.6 the CSMS gives the id, and the beginning is what both ends have in common.
    return next((page for page in book.transactions.values() if made[0] in _entries(version, page)), None)


def _entries(version: Version, page: TransactionBook) -> list[Told]:
    return [Told(event.phase.value, event.at, event.seq_no) for event in page.events]


def repeats_in(book: StationBook) -> int:
    """Messages of transactions that have come again under their id."""
    return sum(book.repeats[action] for action in _OF_TRANSACTIONS)


def on_the_wire(version: Version, made: Mapping[str, Sequence[Told]]) -> dict[str, list[Told]]:
    """What was made, as far as it goes over the wire: 1.6 does not number events."""
    if version is not Version.V16:
        return {key: list(events) for key, events in made.items()}
    return {key: [Told(told.phase, told.at, None) for told in events] for key, events in made.items()}
