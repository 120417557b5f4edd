"""How much of the power that is asked for the owner agrees to."""

from homeapp.model.offer import OfferCase, OfferKind
from ui import formats
from ui.tr import tr

_STEP_W = 500.0
_LEAST_W = 1500.0


class OfferShare:
    """All of it, or less in steps of half a kilowatt; kept while the same request is shown."""

    def __init__(self) -> None:
        self._digest = ""
        self._asked_w = 0.0
        self._wanted_w = 0.0

    def about(self, case: OfferCase) -> None:
        """Which request it is about; another one begins with all of it."""
        if case.digest == self._digest:
            return
        self._digest = case.digest
        feeds = case.offer.kind is OfferKind.POWER_FEED
        setpoints = [-item.setpoint_w for item in case.offer.intervals if item.setpoint_w is not None]
        self._asked_w = self._wanted_w = max(setpoints, default=0.0) if feeds else 0.0

    @property
    def possible(self) -> bool:
        """There is something to agree to in part."""
        return self._asked_w >= _LEAST_W + _STEP_W

    @property
    def committed_w(self) -> float | None:
        """What is agreed to, W; None for all of it."""
        return self._wanted_w if self.possible and self._wanted_w < self._asked_w else None

    @property
    def words(self) -> str:
        """The same for people."""
        asked = formats.kilowatts(self._asked_w)
        if self.committed_w is None:
            return tr("All {power}", power=asked)
        return tr("{part} of {power}", part=formats.kilowatts(self._wanted_w), power=asked)

    @property
    def less(self) -> bool:
        """It can be less."""
        return self._wanted_w - _STEP_W >= _LEAST_W

    @property
    def more(self) -> bool:
        """It can be more."""
        return self._wanted_w < self._asked_w

    def step(self, steps: int) -> None:
        """Some half kilowatts more or less."""
        self._wanted_w = min(self._asked_w, max(_LEAST_W, self._wanted_w + steps * _STEP_W))
