"""Calls about chargers: who controls them, and which cards they take."""

from dataclasses import dataclass, field

from homeapp.api.base import Call, Role
from homeapp.model.charger import ControlSpan, OwnerControl, TokenView


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeControl(Call[OwnerControl]):
    """Put the charging provider's commands to a charger out of force for a time; a later call replaces the span.

    The fuse, the grid operator's limits and what was agreed to hold as before.

    Raises:
        NotFound: no such charger is adopted.
    """

    device_id: str
    span: ControlSpan = ControlSpan.HOUR

    method = "charger.take_control"
    role = Role.HOUSEHOLD
    answer = OwnerControl


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveControlBack(Call[None]):
    """Let the charging provider's commands count again.

    Raises:
        NotFound: no such charger is adopted.
    """

    device_id: str

    method = "charger.give_control_back"
    role = Role.HOUSEHOLD
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTokens(Call[tuple[TokenView, ...]]):
    """Names of the household's cards."""

    method = "tokens.list"
    role = Role.HOUSEHOLD
    answer = tuple[TokenView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToken(Call[TokenView]):
    """Let a card, key fob or app charge.

    Attributes:
        name: what to call it; empty for the next free number.
        token: its number as the charger reads it; empty for the unknown card that was shown at a charger last.

    Raises:
        WrongState: no unknown card was shown lately, or name or card are in the list already; says what to do.
    """

    name: str = ""
    token: str = field(default="", repr=False)

    method = "tokens.add"
    role = Role.OWNER
    answer = TokenView


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveToken(Call[None]):
    """A card of this name charges no more.

    Raises:
        NotFound: there is none.
    """

    name: str

    method = "tokens.remove"
    role = Role.OWNER
    answer = None
