"""What every call of the contract has: a method, the role that it needs, the type of its answer."""

from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

PROTOCOL_VERSION = 1
MAX_LINE = 4 * 1024 * 1024

R = TypeVar("R")


class Role(StrEnum):
    """Who is calling; each may do what the ones before it may. The hub decides it, never the caller."""

    GUEST = "guest"
    HOUSEHOLD = "household"
    OWNER = "owner"
    INSTALLER = "installer"

    def covers(self, needed: "Role") -> bool:
        """True where this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Call(Generic[R]):
    """Base of all calls; ``R`` is the answer's type.

    Attributes:
        role: the lowest one that may make such a call.
    """

    method: ClassVar[str]
    role: ClassVar[Role]
    answer: ClassVar[Any]

    def needs(self) -> Role:
        """The role that this very call needs; some do more than others of their kind."""
        return self.role
