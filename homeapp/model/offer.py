"""Requests from service providers, the owner's decisions about them, and what came back."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class OfferKind(StrEnum):
    """What is asked for."""

    POWER_FEED = "power_feed"
    """feed from the car's battery to home or grid (V2G, V2H)"""
    LOAD_SHED = "load_shed"
    """charge less for a while"""
    CAPACITY_LIMIT = "capacity_limit"
    """limit of the grid connection set by the DSO"""
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


_JOBS = frozenset({OfferKind.HEALTH_CHECK, OfferKind.PART_ORDER, OfferKind.CAR_SOFTWARE, OfferKind.CHARGER_SOFTWARE})


class Binding(StrEnum):
    """Whose decision it is; the three classes are never mixed on screen."""

    MANDATORY = "mandatory"
    """inform only"""
    OWNER_DECIDES = "owner_decides"
    """silence is a no"""
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
    """

    start: datetime
    end: datetime
    setpoint_w: float | None = None
    max_w: float | None = None


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
        currency: ISO 4217, or an empty string without reward.
        min_soc_pct: the provider promises not to take the car below this, or None.
        max_feed_wh: most energy it will take, Wh, or None.
        title, description: plain text by the provider; shown as such, never interpreted.
        job: particulars where ``kind.is_job``; then there is one interval, the time within which it may be done.
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
        fields = {name: getattr(self, name) for name in self.__slots__ if name not in ("issued_at", "intervals")}
        fields["intervals"] = [{name: getattr(item, name) for name in item.__slots__} for item in self.intervals]
        # Requests for power keep the digest that they had before there were jobs.
        job = fields.pop("job")
        if job is not None:
            fields["job"] = {name: getattr(job, name) for name in job.__slots__}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=_canonical)
        return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
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
    """

    decision_id: str
    offer_key: str
    offer_revision: int
    offer_digest: str
    choice: Choice
    decided_at: datetime
    decided_by: str
    reason: str = ""


class ReceiptLevel(StrEnum):
    """What a receipt proves."""

    TRANSPORT = "transport"
    """it was handed over (HTTP 201, oneM2M 2001); never shown as the provider's confirmation"""
    BUSINESS = "business"
    """the provider itself confirmed or rejected"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that a decision went somewhere.

    Attributes:
        confirmed: for BUSINESS, whether the provider agrees; always True for TRANSPORT.
        reference: the other side's own id of it.
        size_bytes: for TRANSPORT, how much went out.
    """

    decision_id: str
    sp_id: str
    level: ReceiptLevel
    received_at: datetime
    confirmed: bool = True
    reference: str = ""
    reason: str = ""
    size_bytes: int = 0


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
