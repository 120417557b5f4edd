"""What a station's meter has signed, on its way from a message of the station to where it is kept."""

from collections.abc import Sequence
from itertools import groupby

from devices.evce.metering import Sample
from homeapp.model.signed_reading import SignedReading
from homeapp.ports import SignedReadingKeeper

MOST_WAITING = 64
"""A single message may bring more: then the first ones count, and the last."""


class SignedReadings:
    """The readings of one station that wait to be kept, each with the id of its transaction."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, SignedReading]] = []

    @property
    def waiting(self) -> Sequence[tuple[str, SignedReading]]:
        """Oldest first."""
        return tuple(self._waiting)

    def came(self, transaction_id: str, samples: Sequence[Sample]) -> None:
        """A message about this transaction had these samples."""
        for sample in samples:
            for reading in sample.signed:
                if len(self._waiting) == MOST_WAITING:
                    self._waiting.pop()
                self._waiting.append((transaction_id, reading))

    async def keep(self, device_id: str, keeper: SignedReadingKeeper) -> None:
        """Hand over what waits.

        Raises:
            StoreUnavailable: they cannot be kept now; they go on waiting.
        """
        for transaction_id, group in groupby(self.waiting, key=lambda item: item[0]):
            batch = tuple(group)
            await keeper.keep(device_id, transaction_id, [reading for _, reading in batch])
            kept = {id(item) for item in batch}
            self._waiting = [item for item in self._waiting if id(item) not in kept]
