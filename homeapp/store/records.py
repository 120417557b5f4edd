"""Model objects as JSON columns."""

from typing import TypeVar

import msgspec

from homeapp.errors import StoreUnavailable

T = TypeVar("T")


def encode(value: object) -> str:
    """``value`` as JSON text."""
    return msgspec.json.encode(value).decode()


def decode(text: str, kind: type[T]) -> T:
    """``text`` as ``kind``.

    Raises:
        StoreUnavailable: it does not fit.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StoreUnavailable(
            f"The ledger holds a {kind.__name__} that this version cannot read ({error}). Restore a backup."
        ) from error
