"""Requests from service providers, the owner's decisions about them, and what came back."""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from homeapp.model.offer_terms import BatteryTerms, Cancellation, Penalty, Reward


class OfferKind(StrEnum):
    """What is asked for."""

    POWER_FEED = "power_feed"
    """feed from the car's battery to home or grid (V2G, V2H)"""
    LOAD_SHED = "load_shed"
    """charge less for a while"""
    LOAD_SHIFT = "load_shift"
    """charge less at one time and more at another"""
    CHARGE_BOOST = "charge_boost"
    """charge now, because there is power to spare"""
    CAPACITY_LIMIT = "capacity_limit"
    """limit of the grid connection set by the DSO"""
    ALERT = "alert"
    """something to know about the grid; no power and no job hangs on it"""
    HEALTH_CHECK = "health_check"
    """look into the car for defects"""
    PART_ORDER = "part_order"
    """order a part for the car"""
    CAR_SOFTWARE = "car_software"
    """install software of the manufacturer in the car"""
    CHARGER_SOFTWARE = "charger_software"
    """have the charger install software"""

    @property
    def is_job(self) -> bool:
        """It asks for a piece of work within its time span, not for power over it."""
        return self in _JOBS

    @property
    def takes_power(self) -> bool:
        """It asks for the car's power: two of these at the same time would sell the same thing twice."""
        return self in _OF_POWER


_JOBS = frozenset({OfferKind.HEALTH_CHECK, OfferKind.PART_ORDER, OfferKind.CAR_SOFTWARE, OfferKind.CHARGER_SOFTWARE})
_OF_POWER = frozenset({OfferKind.POWER_FEED, OfferKind.LOAD_SHED, OfferKind.LOAD_SHIFT, OfferKind.CHARGE_BOOST})


class Binding(StrEnum):
    """Whose decision it is; the classes are never mixed on screen."""

    MANDATORY = "mandatory"
    """inform only"""
    OWNER_DECIDES = "owner_decides"
    """silence is a no"""
    OPT_OUT = "opt_out"
    """contracted: the provider takes silence for a yes; it is one only where the owner has said so by a rule"""
    MY_RULE = "my_rule"
    """covered by the owner's own standing rule"""


class OfferState(StrEnum):
    """Where a request stands; see docs/adr for the machine."""

    RECEIVED = "received"
    INVALID = "invalid"
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    RELAYED = "relayed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    COMPLETED = "completed"
    PARTIAL = "partial"
    ABORTED = "aborted"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferInterval:
    """What is asked for in [start, end).

    Attributes:
        setpoint_w: power wanted at the charger, W; feed negative; None where only a limit is asked.
        max_w: most charging power, W >= 0, or None.
        energy_wh: energy wanted in it, Wh >= 0, where that is less than the power over its whole length; or None.
        max_feed_w: most power that may go from the home into the grid, W >= 0, or None.
    """

    start: datetime
    end: datetime
    setpoint_w: float | None = None
    max_w: float | None = None
    energy_wh: float | None = None
    max_feed_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Particulars of a request for a piece of work; those that its kind does not need are empty.

    Attributes:
        part: what is to be ordered.
        alert_id: the alert about the car that it is for.
        version: of the software to be installed.
        location: https URL of the package.
        sha256: of the package, hexadecimal, lower case.
        size_bytes: of the package.
        manifest: compact JWS by the manufacturer over version, sha256 and size of car software.
        signing_certificate, signature: of charger software, PEM and Base64, as OCPP passes them on.
    """

    part: str = ""
    alert_id: str = ""
    version: str = ""
    location: str = ""
    sha256: str = ""
    size_bytes: int = 0
    manifest: str = ""
    signing_certificate: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A request as its provider made it; immutable, a change is a new revision.

    Attributes:
        offer_id: unique per provider.
        revision: counts up; a higher one supersedes and voids an approval.
        sp_id: the provider, as configured in this hub (``grid_sp``, ``evc_sp``).
        expires_at: after this a decision is too late.
        reward: what the owner gets for the whole of it, or None where none is stated.
        currency: ISO 4217, of all its money; an empty string without any.
        min_soc_pct: the provider promises not to take the car below this, or None.
        max_feed_wh: most energy it will take, Wh, or None.
        title, description: plain text by the provider; shown as such, never interpreted.
        job: particulars where ``kind.is_job``; then there is one interval, the time within which it may be done.
        rewards: what the owner gets besides ``reward``.
        penalty: what delivering less costs, or None.
        battery: further promises about the car, or None.
        cancellation: until when who may back out, or None.
        data_shared: what the provider gets to know by it, in its own words.
        terms_url: where its terms are; shown as text, never opened.
        priority: among the provider's own requests, 0 first; None where it says nothing.
        randomize_start: homes spread their begin by up to this in both directions; the intervals are this home's own.
        region: ISO 3166-1 or -2, where its programme holds; empty for everywhere.
        unsupported: terms that this hub does not understand; nobody but the owner can agree to them.
        confirms: the provider has undertaken to send its own word on an acceptance; before that nothing begins.
    """

    offer_id: str
    revision: int
    sp_id: str
    sp_name: str
    kind: OfferKind
    binding: Binding
    issued_at: datetime
    expires_at: datetime
    intervals: tuple[OfferInterval, ...]
    title: str
    description: str = ""
    reward: Decimal | None = None
    currency: str = ""
    min_soc_pct: float | None = None
    max_feed_wh: float | None = None
    job: Job | None = None
    rewards: tuple[Reward, ...] = ()
    penalty: Penalty | None = None
    battery: BatteryTerms | None = None
    cancellation: Cancellation | None = None
    data_shared: tuple[str, ...] = ()
    terms_url: str = ""
    priority: int | None = None
    randomize_start: timedelta = timedelta()
    region: str = ""
    unsupported: tuple[str, ...] = ()
    confirms: bool = False

    @property
    def key(self) -> str:
        """``<sp_id>/<offer_id>``: unique in this hub, over all revisions."""
        return f"{self.sp_id}/{self.offer_id}"

    @property
    def start(self) -> datetime:
        """Start of the first interval."""
        return self.intervals[0].start

    @property
    def end(self) -> datetime:
        """End of the last interval."""
        return self.intervals[-1].end

    def digest(self) -> str:
        """SHA-256, hex, of the canonical JSON of everything the owner is shown; an approval names it."""
        told = _told(self)
        del told["issued_at"]
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=_canonical)
        return hashlib.sha256(text.encode()).hexdigest()


_ALWAYS_TOLD = frozenset({"setpoint_w", "max_w", "description", "reward", "currency", "min_soc_pct", "max_feed_wh"})
"""Optional terms that are part of the digest even where they are not used."""


def _told(item: Any) -> dict[str, object]:
    """The members of a request; terms that came later are left out unused, so that older approvals stay valid.

    A job has had all of its members from the beginning.
    """
    members = {field.name: (getattr(item, field.name), field.default) for field in fields(item)}
    return {
        name: value
        for name, (value, default) in members.items()
        if isinstance(item, Job) or name in _ALWAYS_TOLD or value != default
    }


def _canonical(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if is_dataclass(value):
        return _told(value)
    raise TypeError(type(value).__name__)


class Choice(StrEnum):
    """The owner's answer."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    """after an accept"""
    ACKNOWLEDGE = "acknowledge"
    """of a mandatory request: seen"""
    NO_RESPONSE = "no_response"
    """made by the clock"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer; ``decision_id`` is the idempotency key all the way to the provider's application.

    Attributes:
        decided_by: the role that answered (``homeapp.api.Role``), ``rule:<id>`` or ``clock``.
        reason: one word, or empty.
        committed_w: of a yes, the power that the home takes upon itself, W >= 0, where that is less than asked: what
            it feeds or charges, or to what it limits itself; None for what was asked.
        committed_wh: likewise the energy that it feeds at most, Wh >= 0.
    """

    decision_id: str
    offer_key: str
    offer_revision: int
    offer_digest: str
    choice: Choice
    decided_at: datetime
    decided_by: str
    reason: str = ""
    committed_w: float | None = None
    committed_wh: float | None = None


class ReceiptLevel(StrEnum):
    """What a receipt proves."""

    TRANSPORT = "transport"
    """it was handed over (HTTP 201, oneM2M 2001); never shown as the provider's confirmation"""
    BUSINESS = "business"
    """the provider itself confirmed or rejected"""
    SETTLEMENT = "settlement"
    """the provider's own account of it, after its end"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that a decision went somewhere.

    Attributes:
        confirmed: for BUSINESS, whether the provider agrees; always True for TRANSPORT.
        reference: the other side's own id of it.
        size_bytes: for TRANSPORT, how much went out.
        energy_wh, amount, currency: for SETTLEMENT, what was delivered, Wh >= 0, and what is paid for it; None and
            empty where it does not say.
    """

    decision_id: str
    sp_id: str
    level: ReceiptLevel
    received_at: datetime
    confirmed: bool = True
    reference: str = ""
    reason: str = ""
    size_bytes: int = 0
    energy_wh: float | None = None
    amount: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What came of an agreed request for power, against what was promised.

    Attributes:
        promised_wh: energy agreed to, Wh >= 0; None where none was.
        measured_wh: energy measured here, Wh >= 0; None where none was.
        promised_money, earned_money: for the whole and for what was measured, by the terms; None where they name none.
        currency: ISO 4217, or empty.
        settled: the provider's own account is in.
        receipt: what the provider says about it, a sentence.
    """

    promised_wh: float | None
    measured_wh: float | None
    promised_money: Decimal | None
    earned_money: Decimal | None
    currency: str
    settled: bool
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferCase:
    """A request with all that has happened to it; what the inbox shows.

    Attributes:
        offer: the newest revision.
        digest: ``offer.digest()``; to be sent back with a decision.
        state: where it stands.
        decision: the owner's answer, or None.
        transport, business: receipts, or None while they have not come.
        delivered_wh: energy fed (negative) or charged during it so far, or None.
        problem: a sentence, or None.
        revised: an earlier revision of it was shown before.
        updated_at: when any of this changed last.
        settlement: the provider's own account of it, or None while it has not come.
        foreseen_pct: state of charge at departure that the plan foresaw with it when it came, or None.
        clashes: keys of the requests that want the same power at the same time, those accepted first.
        ineligible: sentences saying what this home lacks for it.
        follow_up: what came of it, once it has been under way.
        rule: id of the owner's rule that has answered it, or by which silence will be a yes; or empty.
    """

    offer: Offer
    digest: str
    state: OfferState
    updated_at: datetime
    decision: Decision | None = None
    transport: Receipt | None = None
    business: Receipt | None = None
    delivered_wh: float | None = None
    problem: str | None = None
    revised: bool = False
    settlement: Receipt | None = None
    foreseen_pct: float | None = None
    clashes: tuple[str, ...] = ()
    ineligible: tuple[str, ...] = ()
    follow_up: FollowUp | None = None
    rule: str = ""

    @property
    def binding(self) -> Binding:
        """Whose decision it is, or was: that of the owner's own rule where one has answered it."""
        ruled = self.decision is not None and self.rule and self.decision.decided_by == f"rule:{self.rule}"
        return Binding.MY_RULE if ruled else self.offer.binding
