"""What is being entered in a step: begins as what the hub knows, and what was changed here stays."""

from typing import Generic, TypeVar

A = TypeVar("A")


class Draft(Generic[A]):
    """One answer on its way."""

    def __init__(self) -> None:
        self._value: A | None = None
        self._known: A | None = None

    @property
    def value(self) -> A | None:
        """What is entered now; None before anything is known."""
        return self._value

    @property
    def known(self) -> A | None:
        """What the hub keeps or proposes."""
        return self._known

    def follow(self, known: A) -> None:
        """The hub keeps this now, or proposes it; it does not take the place of what was changed here."""
        if self._value is None or self._value == self._known:
            self._value = known
        self._known = known

    def change(self, value: A) -> None:
        """Somebody has entered this."""
        self._value = value


def emptied(words: str, known: str | None) -> str | None:
    """Words that somebody has typed; none where there were none is no wish to take something away."""
    return words if words or known else known
