"""Which transaction runs at which EVSE of a station, told by reports that come in any order, late or not at all."""

import logging
import secrets
from collections import OrderedDict

import msgspec

from devices.evce.dialect import ChargingNeeds, TransactionReport
from devices.evce.outlet import Outlet, Outlets, Transaction

logger = logging.getLogger(__name__)

_REMEMBERED = 32


class Transactions:
    """Those of one station; each runs at one of its ``outlets``, and some that have ended are remembered."""

    def __init__(self, device_id: str, outlets: Outlets) -> None:
        self._device_id = device_id
        self._outlets = outlets
        self._over: OrderedDict[str, None] = OrderedDict()
        self._kept_needs: tuple[str, ChargingNeeds] | None = None

    def begin(self, report: TransactionReport, fingerprint: str) -> str:
        """1.6: take up one that begins; its id, the same one for the same fingerprint."""
        outlet = self._outlets.at(report.evse)
        running = outlet.transaction
        if running is None or running.fingerprint != fingerprint:
            # 1.6 lets the hub choose; by chance, so that ids stay unique when the hub starts anew.
            number = str(secrets.randbelow(2**31 - 1) + 1)
            self._switch(outlet, Transaction(id=number, evse=report.evse, fingerprint=fingerprint))
            outlet.measured.session_began(report.start_wh)
            running = outlet.transaction
        return running.id if running else ""

    def rename(self, old: str, new: str) -> bool:
        """1.6: ``old`` goes by ``new`` from now on; False where it does not run."""
        outlet = self._outlets.of(old)
        if outlet is None or outlet.transaction is None:
            return False
        outlet.transaction = msgspec.structs.replace(outlet.transaction, id=new)
        return True

    def follow(self, report: TransactionReport) -> Outlet | None:
        """Take a report up; the outlet that it is about, or None where it tells of something that is over."""
        outlet = self._outlets.of(report.transaction_id) or self._outlets.at(report.evse)
        if not self._belongs(outlet, report):
            return None
        outlet.doubtful = False
        running = outlet.transaction
        if running is None or running.id != report.transaction_id:
            if not report.began:
                logger.info("%s: adopted a transaction that the hub did not see begin", self._device_id)
            self._switch(outlet, Transaction(id=report.transaction_id, evse=report.evse, sequence=report.sequence))
            running = outlet.transaction
        if report.began:
            outlet.measured.session_began(report.start_wh)
        if running is not None:
            outlet.transaction = _told(running, report)
        return outlet

    def remember_over(self, transaction_id: str) -> None:
        """This one has ended; what is reported of it from now on is late."""
        self._over[transaction_id] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

    def is_over(self, transaction_id: str, *, vacant: bool) -> bool:
        """It has certainly ended; ``vacant``: no car is at the leading EVSE, by what the station reports."""
        if self._outlets.of(transaction_id) is not None:
            return False
        if self._outlets.running:
            return self._outlets.count == 1 or transaction_id in self._over
        return transaction_id in self._over or vacant

    def needs_kept(self, transaction_id: str, needs: ChargingNeeds) -> None:
        """An earlier life of the hub has heard this in a transaction; it counts again where that goes on."""
        self._kept_needs = transaction_id, needs
        for outlet in self._outlets.running:
            self._take_kept_needs(outlet)

    def _belongs(self, outlet: Outlet, report: TransactionReport) -> bool:
        running = outlet.transaction
        if report.transaction_id in self._over:
            return False
        if running is None or running.id == report.transaction_id:
            return True
        return not report.late and (report.began or report.evse in (0, running.evse))

    def _switch(self, outlet: Outlet, transaction: Transaction) -> None:
        if outlet.transaction is not None:
            self.remember_over(outlet.transaction.id)
            outlet.over()
        outlet.measured.session_unknown()
        outlet.transaction = transaction
        self._take_kept_needs(outlet)

    def _take_kept_needs(self, outlet: Outlet) -> None:
        if self._kept_needs is None or outlet.transaction is None or self._kept_needs[0] != outlet.transaction.id:
            return
        # What the car has told since is newer.
        outlet.needed, self._kept_needs = outlet.needed or self._kept_needs[1], None


def _told(running: Transaction, report: TransactionReport) -> Transaction:
    newer = running.sequence is None or report.sequence is None or report.sequence >= running.sequence
    return msgspec.structs.replace(
        running,
        evse=report.evse or running.evse,
        sequence=report.sequence if newer else running.sequence,
        reported=(report.reported or running.reported) if newer else running.reported or report.reported,
    )
