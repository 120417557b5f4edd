"""What the simulated station tells of its connectors' statuses, and when."""

from collections.abc import Callable, Sequence
from datetime import datetime

from homeapp.demo.charger.availability import Availability
from homeapp.demo.charger.dialect import About, Call, Dialect, OutletView
from homeapp.demo.charger.outlet import ChargingState, Outlet
from homeapp.demo.charger.transactions import CAR_EVSE, Transactions


class StatusReports:
    """StatusNotification.

    Args:
        send: sends a call, if there is a connection.
    """

    def __init__(
        self,
        dialect: Dialect,
        about: About,
        outlet: Outlet,
        transactions: Transactions,
        availability: Availability,
        *,
        now: Callable[[], datetime],
        send: Callable[[Call], None],
    ) -> None:
        self._dialect = dialect
        self._outlets = dialect.station_outlets(about)
        self._outlet = outlet
        self._transactions = transactions
        self._availability = availability
        self._now = now
        self._send = send
        self._told: dict[int, str] = {}

    def status(self, evse: int) -> str:
        """The status of a connector now, in the version's words."""
        here = evse == CAR_EVSE
        state = self._outlet.state if here else ChargingState.IDLE
        plugged, over = here and self._outlet.plugged, here and self._transactions.over
        operative = self._availability.operative(evse)
        return self._dialect.status(OutletView(evse=evse, plugged=plugged, state=state, over=over, operative=operative))

    def tell(self, outlets: Sequence[int] | None = None) -> None:
        """Tell the status of these connectors, or of all."""
        for evse in self._outlets if outlets is None else outlets:
            self._told[evse] = self.status(evse)
            self._send(self._dialect.status_notification(evse, self._told[evse], self._now()))

    def tell_changes(self) -> None:
        """Tell what has changed since it was told last."""
        self.tell([evse for evse in self._outlets if self._told.get(evse) != self.status(evse)])

    def forget(self) -> None:
        """A new CSMS, or the old one anew, knows nothing of what was told."""
        self._told.clear()
