"""What the pages draw: everything known from the hub at one instant, and how old it is by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homeapp.api import AccessView, Role
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.device import DeviceView
from homeapp.model.live import Figure, ProviderLink, Snapshot
from homeapp.model.offer import Binding, OfferCase, OfferState
from homeapp.model.plan import Plan, Schedule
from homeapp.model.site import Site
from homeapp.model.standing_rule import RuleView
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import UplinkView

RUNNING = (
    OfferState.RECEIVED,
    OfferState.ACCEPTED,
    OfferState.RELAYED,
    OfferState.CONFIRMED,
    OfferState.SCHEDULED,
    OfferState.ACTIVE,
)
"""States of a request that is neither waiting for the owner nor over."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A figure as it may be shown now.

    Attributes:
        value: None for a dash.
        age_s: hub seconds since it was measured, or None with no value.
        stale: to be shown grey with its age.
    """

    value: float | None
    age_s: float | None
    stale: bool


@dataclass(frozen=True, slots=True)
class ActionState:
    """How a call that the person at the screen started stands.

    Attributes:
        busy: no answer yet.
        wish: what was asked for, for instance the choice; lets the control show it while busy.
        instruction: what to do at the device before trying again, or None.
        problem: a sentence, or None.
    """

    busy: bool = False
    wish: str = ""
    instruction: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """The newest of everything.

    Attributes:
        now: hub time, UTC.
        alive: the hub answers; False turns every figure stale.
        snapshot: None until the first has come, as are ``tariff``, ``plan``, ``schedule`` and ``rules``.
        devices, offers, sharing: None until heard of; tells an empty home from one not yet known.
        devices_at: when the hub told of the devices.
        uplink: how the way out stands; None until heard of, and ``uplink_at`` when.
        access: what this screen may do; None until heard of.
        commissioning: how it stands; None until heard of since the hub has come.
        actions: by key, see ``ui.actions``.
    """

    now: datetime
    alive: bool
    site: Site = field(default_factory=Site)
    snapshot: Snapshot | None = None
    devices: tuple[DeviceView, ...] | None = None
    devices_at: datetime | None = None
    offers: tuple[OfferCase, ...] | None = None
    sharing: tuple[ProviderSharing, ...] | None = None
    uplink: UplinkView | None = None
    uplink_at: datetime | None = None
    tariff: Tariff | None = None
    plan: Plan | None = None
    schedule: Schedule | None = None
    rules: tuple[RuleView, ...] | None = None
    access: AccessView | None = None
    commissioning: CommissioningView | None = None
    actions: Mapping[str, ActionState] = field(default_factory=dict)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of the home; UTC where the name is not known on this machine."""
        try:
            return ZoneInfo(self.site.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    @property
    def since_snapshot_s(self) -> float:
        """Hub seconds since the snapshot was taken."""
        return max(0.0, (self.now - self.snapshot.at).total_seconds()) if self.snapshot else 0.0

    @property
    def since_devices_s(self) -> float:
        """Hub seconds since the hub told of the devices."""
        return max(0.0, (self.now - self.devices_at).total_seconds()) if self.devices_at else 0.0

    @property
    def since_uplink_s(self) -> float:
        """Hub seconds since the hub told of the way out."""
        return max(0.0, (self.now - self.uplink_at).total_seconds()) if self.uplink_at else 0.0

    @property
    def without_pin(self) -> bool:
        """Whoever stands at the screen may do everything."""
        return self.access is not None and not self.access.pins

    @property
    def links(self) -> tuple[ProviderLink, ...]:
        """The ways to the providers that may know this home; the way to any other is closed, and rightly so."""
        found = self.snapshot.providers if self.snapshot else ()
        if self.sharing is None:
            return found
        may_know = {provider.sp_id for provider in self.sharing if may_know_home(provider)}
        return tuple(link for link in found if link.sp_id in may_know)

    def seen(self, figure: Figure) -> Seen:
        """The figure with its age by now."""
        if figure.value is None:
            return Seen(None, None, stale=True)
        age_s = (figure.age_s or 0.0) + self.since_snapshot_s
        return Seen(figure.value, age_s, stale=figure.stale or not self.alive)

    def action(self, key: str) -> ActionState:
        """How the action with this key stands."""
        return self.actions.get(key, ActionState())

    def needs_pin(self, needed: Role) -> bool:
        """True where a control that needs this role leads to the PIN first."""
        return self.access is not None and not self.access.role.covers(needed)

    @property
    def undecided(self) -> tuple[OfferCase, ...]:
        """Requests that wait for the owner, the most urgent first."""
        waiting = [case for case in self.offers or () if waits_for_owner(case)]
        return tuple(sorted(waiting, key=lambda case: case.offer.expires_at))

    @property
    def running(self) -> tuple[OfferCase, ...]:
        """Requests that hold now or will."""
        return tuple(case for case in self.offers or () if is_running(case))

    @property
    def history(self) -> tuple[OfferCase, ...]:
        """Requests that are over, the newest first."""
        over = [case for case in self.offers or () if not waits_for_owner(case) and not is_running(case)]
        return tuple(sorted(over, key=lambda case: case.updated_at, reverse=True))


def may_know_home(provider: ProviderSharing) -> bool:
    """The owner has allowed that there is a link to it."""
    return any(entry.granted for entry in provider.entries if entry.data_class is DataClass.IDENTITY)


def waits_for_owner(case: OfferCase) -> bool:
    """True where only the owner's answer brings it further."""
    return case.state is OfferState.PENDING and case.offer.binding in (Binding.OWNER_DECIDES, Binding.OPT_OUT)


def is_running(case: OfferCase) -> bool:
    """True where it holds now or will."""
    return not waits_for_owner(case) and (case.state in RUNNING or case.state is OfferState.PENDING)
