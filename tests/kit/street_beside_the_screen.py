"""A demo street in a thread of its own, for a screen that has the main one; what is done in it is done from outside."""

import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Self

from homeapp.demo.by_hand import StreetByHand
from homeapp.demo.papers import Papers
from homeapp.demo.street import Street, StreetPlan
from kit.own_loop import OwnLoop


class StreetBesideTheScreen:
    """A home that is not commissioned, with the charger switched on; a context manager.

    Attributes:
        street: belongs to its thread.
        by_hand: what somebody does there; for ``run``.
        papers: of the companies, by provider.
    """

    street: Street
    by_hand: StreetByHand
    papers: dict[str, Papers]

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = OwnLoop(self._opened)

    def __enter__(self) -> Self:
        self._loop.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.__exit__(*raised)

    def run(self, deed: Coroutine[Any, Any, None]) -> None:
        """Have it done in the street, and wait for it."""
        self._loop.run(deed)

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        async with Street(StreetPlan(directory=self._directory, commissioned=False)) as street:
            await street.home.start_hub()
            await street.power_charger()
            self.street, self.by_hand = street, StreetByHand(street)
            self.papers = await self.by_hand.hand_out()
            yield
