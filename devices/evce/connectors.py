"""What a station says of its connectors."""

from collections.abc import Collection
from datetime import datetime, timedelta

from devices.evce.dialect import Reported

_BUSY = (Reported.OCCUPIED, Reported.CHARGING, Reported.SUSPENDED_EV, Reported.SUSPENDED_EVSE, Reported.FINISHING)
_OUT_OF_ORDER = (Reported.FAULTED, Reported.UNAVAILABLE)
_TAKING = (Reported.CHARGING, Reported.SUSPENDED_EV, Reported.SUSPENDED_EVSE)
_CLOCK_WENT_BACK = timedelta(seconds=30)


class Connectors:
    """The newest report of each, by EVSE (1.6: connector); 0 is the whole station."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Reported, datetime | None, datetime]] = {}

    @property
    def likely_evse(self) -> int:
        """Where something goes on, or most likely will."""
        busy = [evse for evse, (reported, _, _) in self._known.items() if evse and reported in _BUSY]
        return min(busy or [evse for evse in self._known if evse] or [1])

    def waiting(self, busy: Collection[int]) -> int | None:
        """An EVSE besides these where a car waits, or None."""
        return min(
            (
                evse
                for evse, (reported, _, _) in self._known.items()
                if evse not in busy and reported is Reported.OCCUPIED and evse
            ),
            default=None,
        )

    def told(self, evse: int, reported: Reported, stamp: datetime | None, now: datetime) -> None:
        """A report that came ``now``; one that is older than the newest changes nothing."""
        known, stamped, received = self._known.get(evse, (None, None, now))
        # A clock that was set back must not freeze the status.
        set_back = now - received > _CLOCK_WENT_BACK
        if known is None or stamp is None or stamped is None or stamp >= stamped or set_back:
            self._known[evse] = (reported, stamp, now)

    def clear(self) -> None:
        """Nothing of it is true any more."""
        self._known.clear()

    def takes(self, evse: int) -> bool:
        """It is in a transaction by its own report."""
        return self._known.get(evse, (None,))[0] in _TAKING

    def reported(self, evse: int, of_transaction: Reported | None) -> Reported | None:
        """What holds for an EVSE; what a transaction there tells of itself is newer, unless something is broken."""
        of_connector = self._known.get(evse, (None,))[0]
        whole_station = self._known.get(0, (None,))[0]
        for reported in (of_connector, whole_station):
            if reported in _OUT_OF_ORDER:
                return reported
        return of_transaction or of_connector
