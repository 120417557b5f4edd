"""Who may do what at the demo VTN: clients, roles and the scopes of OpenADR 3.1 (securitySchemes)."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token allows."""

    READ_ALL = "read_all"
    READ_TARGETS = "read_targets"
    READ_VEN_OBJECTS = "read_ven_objects"
    WRITE_PROGRAMS = "write_programs"
    WRITE_EVENTS = "write_events"
    WRITE_REPORTS = "write_reports"
    WRITE_SUBSCRIPTIONS = "write_subscriptions"
    WRITE_VENS = "write_vens"


class Role(StrEnum):
    """What a client is."""

    VEN = "ven"
    BUSINESS = "business"
    """business logic: an application of the operator's"""
    READER = "reader"
    """may read programs and events that are for everybody, and nothing else"""


_SCOPES = {
    Role.VEN: (
        Scope.READ_TARGETS,
        Scope.READ_VEN_OBJECTS,
        Scope.WRITE_REPORTS,
        Scope.WRITE_SUBSCRIPTIONS,
        Scope.WRITE_VENS,
    ),
    Role.BUSINESS: (
        Scope.READ_ALL,
        Scope.WRITE_PROGRAMS,
        Scope.WRITE_EVENTS,
        Scope.WRITE_SUBSCRIPTIONS,
        Scope.WRITE_VENS,
    ),
    Role.READER: (Scope.READ_TARGETS,),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A client that is known."""

    client_id: str
    secret: str
    role: Role = Role.VEN

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What its tokens allow."""
        return _SCOPES[self.role]

    @property
    def sees_all(self) -> bool:
        """Whether it may read every object, with all of its targets."""
        return Scope.READ_ALL in self.scopes

    def may(self, *scopes: Scope) -> bool:
        """Whether one of these scopes is among its own."""
        return any(scope in self.scopes for scope in scopes)


ANYBODY = Account("", "", Role.READER)
"""Who asks without a token where the VTN is open to all ("Non-Authenticating VTNs")."""
