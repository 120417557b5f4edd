"""Which of the simulated station's EVSEs are operative (1.6 5.2, 2.x G03 and G04)."""

from collections.abc import Callable, Sequence


class Availability:
    """ChangeAvailability; 0 is the station as a whole. It outlives a restart.

    Args:
        kept: EVSEs that were inoperative in the station's last life.
        busy: a transaction runs there.
    """

    def __init__(self, kept: Sequence[int], busy: Callable[[int], bool]) -> None:
        self._closed = set(kept)
        self._waiting: dict[int, bool] = {}
        self._busy = busy
        self.unsaved = False

    def operative(self, evse: int) -> bool:
        """Whether it serves."""
        return not self._closed & {0, evse}

    def change(self, evse: int, *, operative: bool) -> str:
        """Returns the status to answer with."""
        self._waiting.pop(evse, None)
        if not operative and self._busy(evse):
            self._waiting[evse] = operative
            return "Scheduled"
        self._set(evse, operative=operative)
        return "Accepted"

    def look_again(self) -> None:
        """Do what has waited for the end of a transaction."""
        for evse, operative in [*self._waiting.items()]:
            if not self._busy(evse):
                del self._waiting[evse]
                self._set(evse, operative=operative)

    def to_json(self) -> tuple[int, ...]:
        """What outlives a power cut."""
        return tuple(sorted(self._closed))

    def _set(self, evse: int, *, operative: bool) -> None:
        (self._closed.discard if operative else self._closed.add)(evse)
        self.unsaved = True
