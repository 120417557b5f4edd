"""How the simulated station restarts, by order or after a power cut, and what becomes of its transaction."""

from collections.abc import Callable

from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.network import Network
from homeapp.demo.charger.outlet import Outlet
from homeapp.demo.charger.registration import Registration
from homeapp.demo.charger.software_reports import SoftwareReports
from homeapp.demo.charger.starts import Starts
from homeapp.demo.charger.transaction import Transaction
from homeapp.demo.charger.transactions import Transactions


class Restarts:
    """A restart is ordered, the connection closes, and the station starts anew.

    Args:
        interrupted: the transaction that a power cut has interrupted, or None.
        resumes: it goes on with such a one.
        leave: closes the connection once all is said; False where there is none.
        anew: called when the station has started anew.

    Attributes:
        interrupted: as above, until the station has come back.
    """

    def __init__(
        self,
        transactions: Transactions,
        limits: ChargingLimits,
        network: Network,
        registration: Registration,
        starts: Starts,
        software: SoftwareReports,
        outlet: Outlet,
        *,
        interrupted: Transaction | None,
        resumes: bool,
        leave: Callable[[], bool],
        anew: Callable[[], None],
    ) -> None:
        self.interrupted = interrupted
        self._transactions = transactions
        self._limits = limits
        self._network = network
        self._registration = registration
        self._starts = starts
        self._software = software
        self._outlet = outlet
        self._resumes = resumes
        self._leave = leave
        self._anew = anew
        self._boot_reason: str | None = None
        self._resuming = False
        self._when_idle = False

    def come_back(self) -> None:
        """After a power cut: resume what ran, or end it."""
        transaction, self.interrupted = self.interrupted, None
        if transaction is None:
            return
        if self._resumes and self._outlet.plugged:
            self._transactions.resume(transaction)
        else:
            self._transactions.running = transaction
            self._transactions.end("AbnormalCondition", "PowerLoss")

    def order(self, stopped: str, boot_reason: str = "RemoteReset", *, resume: bool = False) -> None:
        """Restart as soon as all is said.

        Args:
            stopped: why the transaction ends.
            boot_reason: BootReason of 2.x.
            resume: go on with the transaction afterwards instead of ending it.
        """
        self._resuming = resume and self._transactions.running is not None
        if self._resuming:
            self._transactions.suspend()
        else:
            self._transactions.end("ResetCommand", stopped)
        self._boot_reason = boot_reason
        if not self._leave():
            self.disconnected()

    def order_when_idle(self) -> bool:
        """Restart when no transaction runs; returns whether that is now."""
        self._when_idle = True
        return self.look_again()

    def look_again(self) -> bool:
        """Restart where that has waited for the end of the transaction."""
        if not self._when_idle or self._transactions.running is not None:
            return False
        self._when_idle = False
        self.order("ImmediateReset")
        return True

    def disconnected(self) -> None:
        """There is no connection any more: the instant at which a restart that was ordered takes place."""
        boot_reason, self._boot_reason = self._boot_reason, None
        if boot_reason is None:
            return
        self._limits.restart()
        self._network.restarted()
        self._registration.restarted(boot_reason)
        self._starts.forget()
        running = self._transactions.running
        if self._resuming and running is not None:
            self._transactions.resume(running)
        self._resuming = False
        self._transactions.follow()
        self._anew()
        self._software.started()
