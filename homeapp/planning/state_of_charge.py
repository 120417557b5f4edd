"""The car's state of charge where it does not tell it: from the last it told, or the floor, and the energy since."""

from dataclasses import dataclass

from homeapp.model.readings import EvceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """A state of charge.

    Attributes:
        soc_pct: None where no car is there.
        told: the car has told it since it came; else it was taken to come with the floor.
        measured: told lately.
    """

    soc_pct: float | None
    told: bool = False
    measured: bool = False


class StateOfCharge:
    """Follows the car at one charger.

    Args:
        efficiency: of charging, grid to battery.
        feed_efficiency: battery to grid.
    """

    def __init__(self, efficiency: float, feed_efficiency: float) -> None:
        self._efficiency = efficiency
        self._feed_efficiency = feed_efficiency
        self._soc_pct: float | None = None
        self._told = False
        self._energy_wh = 0.0
        self._transaction_id: str | None = None

    def of(self, state: EvceState | None, fresh_pct: float | None, floor_pct: float, capacity_wh: float) -> Reckoned:
        """As of now; to be asked whenever the charger has told something.

        Args:
            state: of the charger, or None.
            fresh_pct: what the car has told, where that is not too old.
            floor_pct: what a car that tells nothing is taken to come with.
            capacity_wh: of its battery.
        """
        if state is None or not state.status.car_present:
            self._soc_pct, self._told, self._energy_wh, self._transaction_id = None, False, 0.0, None
            return Reckoned(soc_pct=None)
        since_wh = self._since(state)
        if fresh_pct is not None:
            self._soc_pct, self._told = fresh_pct, True
        else:
            gain = self._efficiency if since_wh > 0 else 1 / self._feed_efficiency
            before = floor_pct if self._soc_pct is None else self._soc_pct
            self._soc_pct = min(100.0, max(0.0, before + 100 * since_wh * gain / capacity_wh))
        return Reckoned(soc_pct=self._soc_pct, told=self._told, measured=fresh_pct is not None)

    def _since(self, state: EvceState) -> float:
        """Energy charged (fed: < 0) since this was asked last, Wh."""
        energy_wh = state.session_wh
        if energy_wh is None:
            return 0.0
        if state.transaction_id not in (None, self._transaction_id):
            # The energy of a new transaction begins at nothing.
            self._transaction_id, self._energy_wh = state.transaction_id, 0.0
        since_wh, self._energy_wh = energy_wh - self._energy_wh, energy_wh
        return since_wh
