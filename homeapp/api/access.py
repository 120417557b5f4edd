"""Calls about roles and PINs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from homeapp.api.base import Call, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """What this connection may do, and how that can be changed.

    Attributes:
        role: in force now.
        until: when it falls back to ``open_role`` unless something is called before, or None.
        open_role: what needs no PIN: GUEST, or HOUSEHOLD where the owner has said so; INSTALLER in a home that has no
            PIN yet.
        pins: roles that have a PIN.
        locked: by role, until when none of its PINs is looked at because too many were wrong.
    """

    role: Role
    until: datetime | None
    open_role: Role
    pins: tuple[Role, ...]
    locked: Mapping[Role, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn(Call[AccessView]):
    """Raise the role of this connection.

    Raises:
        WrongPin: and how many tries are left or how long to wait.
        NotFound: this role has no PIN.
    """

    as_role: Role
    pin: str = field(repr=False)

    method = "access.log_in"
    role = Role.GUEST
    answer = AccessView


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut(Call[AccessView]):
    """Fall back to what needs no PIN."""

    method = "access.log_out"
    role = Role.GUEST
    answer = AccessView


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPin(Call[AccessView]):
    """Set the PIN of a role, or with an empty one remove that of HOUSEHOLD.

    The owner sets all but the installer's, the installer all; where the installer has none yet, the owner sets that
    too. The first one of a home is the owner's or the installer's.

    Raises:
        NotAllowed: not for this role.
        WrongState: too short, too easy to guess, another role's, or set too often; says what is wanted.
    """

    for_role: Role
    pin: str = field(repr=False)

    method = "access.set_pin"
    role = Role.OWNER
    answer = AccessView


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOpenRole(Call[AccessView]):
    """What needs no PIN at the wall: GUEST (only look) or HOUSEHOLD.

    Raises:
        WrongState: any other role, or the home has no PIN yet.
    """

    open_role: Role

    method = "access.set_open_role"
    role = Role.OWNER
    answer = AccessView
