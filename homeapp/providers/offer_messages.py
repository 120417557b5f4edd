"""Requests in ``offer+jws``: power over some time, or a job within some time, and their mapping to the model."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from homeapp.errors import MessageRejected
from homeapp.model.offer import Binding, Job, Offer, OfferInterval, OfferKind
from homeapp.providers.fields import (
    Currency,
    Energy,
    Id,
    Instant,
    Money,
    OptionalId,
    Percent,
    Power,
    PowerLimit,
    Text,
    Title,
    check_texts,
    content,
    finite,
    instant,
    wrong,
)
from homeapp.providers.jose import VerifiedMessage
from homeapp.providers.offer_term_messages import (
    BatteryMessage,
    CancellationTerms,
    DataShared,
    PenaltyTerms,
    Priority,
    RandomSeconds,
    Region,
    Rewards,
    TermsUrl,
    battery,
    cancellation,
    data_shared,
    penalty,
    random_shift,
    rewards,
    unknown_members,
)

MAX_INTERVALS = 500
MAX_SOFTWARE_BYTES = 512 * 1024 * 1024

_Version = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._+-]{1,64}\Z")]
_Location = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*\Z")]
"""No user, no password, nothing that is not printed."""
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Size = Annotated[int, msgspec.Meta(ge=1, le=MAX_SOFTWARE_BYTES)]
_CompactJws = Annotated[
    str, msgspec.Meta(max_length=8192, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
]
_CertificatePem = Annotated[
    str,
    msgspec.Meta(
        max_length=5500,
        pattern=r"^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----[\r\n]*)?\Z",
    ),
]
_Signature = Annotated[str, msgspec.Meta(max_length=800, pattern=r"^([A-Za-z0-9+/]+={0,2})?\Z")]
"""This length and the certificate's are OCPP's own (FirmwareType)."""


class _Interval(msgspec.Struct, frozen=True):
    start: Instant
    end: Instant
    setpoint_w: Power | None = None
    max_w: PowerLimit | None = None
    energy_wh: Energy | None = None


class _Offer(msgspec.Struct, frozen=True):
    id: Id
    revision: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    kind: Literal[
        "power_feed",
        "load_shed",
        "load_shift",
        "charge_boost",
        "health_check",
        "part_order",
        "car_software",
        "charger_software",
    ]
    binding: Literal["owner_decides", "opt_out"]
    title: Title
    intervals: Annotated[tuple[_Interval, ...], msgspec.Meta(min_length=1, max_length=MAX_INTERVALS)]
    expires_at: Instant
    description: Text = ""
    reward: Money | None = None
    currency: Currency | None = None
    min_soc_pct: Percent | None = None
    max_feed_wh: Energy | None = None
    job: dict[str, Any] | None = None
    rewards: Rewards = ()
    penalty: PenaltyTerms | None = None
    battery: BatteryMessage | None = None
    cancellation: CancellationTerms | None = None
    data_shared: DataShared = ()
    terms_url: TermsUrl = ""
    priority: Priority | None = None
    randomize_start_s: RandomSeconds = 0
    region: Region = ""


class _OfferClaims(msgspec.Struct, frozen=True):
    offer: _Offer


class _HealthCheck(msgspec.Struct, frozen=True):
    alert_id: OptionalId = ""


class _PartOrder(msgspec.Struct, frozen=True):
    part: Title
    alert_id: OptionalId = ""


class _CarSoftware(msgspec.Struct, frozen=True):
    version: _Version
    location: _Location
    sha256: _Sha256
    size_bytes: _Size
    manifest: _CompactJws


class _ChargerSoftware(msgspec.Struct, frozen=True):
    version: _Version
    location: _Location
    sha256: _Sha256
    size_bytes: _Size
    signing_certificate: _CertificatePem = ""
    signature: _Signature = ""


_JOBS: dict[OfferKind, type[msgspec.Struct]] = {
    OfferKind.HEALTH_CHECK: _HealthCheck,
    OfferKind.PART_ORDER: _PartOrder,
    OfferKind.CAR_SOFTWARE: _CarSoftware,
    OfferKind.CHARGER_SOFTWARE: _ChargerSoftware,
}


def offer(message: VerifiedMessage, *, sp_id: str, sp_name: str, now: datetime) -> Offer:
    """The request in an ``offer+jws``.

    Raises:
        MessageRejected: ``schema``, ``value``, or ``expired`` where it can no longer be answered.
    """
    told = content(message.claims, _OfferClaims).offer
    check_texts(told.title, told.description)
    kind = OfferKind(told.kind)
    intervals, expires_at = _times(told, kind, message)
    if expires_at <= now:
        raise MessageRejected("expired", "A request came in too late to be answered. Nothing was done with it.")
    bare = Offer(
        offer_id=told.id,
        revision=told.revision,
        sp_id=sp_id,
        sp_name=sp_name,
        kind=kind,
        binding=Binding(told.binding),
        issued_at=message.issued_at,
        expires_at=expires_at,
        intervals=intervals,
        title=told.title,
        description=told.description,
        reward=None if told.reward is None else Decimal(told.reward),
        currency=(told.currency or "") if _names_money(told) else "",
        min_soc_pct=finite(told.min_soc_pct),
        max_feed_wh=finite(told.max_feed_wh),
        job=_job(told.job, kind),
    )
    return _with_terms(bare, told, unknown_members(message.claims["offer"], _Offer.__struct_fields__))


def _times(told: _Offer, kind: OfferKind, message: VerifiedMessage) -> tuple[tuple[OfferInterval, ...], datetime]:
    """This home's own intervals, and when an answer is too late."""
    intervals = tuple(_interval(item, kind) for item in told.intervals)
    _check_terms(told, kind, intervals)
    expires_at = instant(told.expires_at)
    if expires_at > intervals[-1].end:
        raise wrong("it could be answered after its own end")
    intervals = _shifted(intervals, random_shift(message.claims, told.id, told.randomize_start_s))
    return intervals, min(expires_at, intervals[-1].end)


def _with_terms(bare: Offer, told: _Offer, unsupported: tuple[str, ...]) -> Offer:
    return replace(
        bare,
        rewards=rewards(told.rewards),
        penalty=penalty(told.penalty),
        battery=battery(told.battery),
        cancellation=cancellation(told.cancellation),
        data_shared=data_shared(told.data_shared),
        terms_url=told.terms_url,
        priority=told.priority,
        randomize_start=timedelta(seconds=told.randomize_start_s),
        region=told.region,
        unsupported=unsupported,
    )


def _check_terms(told: _Offer, kind: OfferKind, intervals: tuple[OfferInterval, ...]) -> None:
    if any(later.start < earlier.end for earlier, later in pairwise(intervals)):
        raise wrong("its times overlap")
    if _names_money(told) and told.currency is None:
        raise wrong("it names a reward without a currency")
    of_power = (told.min_soc_pct, told.max_feed_wh, told.penalty, told.battery)
    if kind.is_job and (len(intervals) > 1 or told.rewards or any(term is not None for term in of_power)):
        raise wrong("it asks for a job and for power at once")
    if not kind.is_job and told.job is not None:
        raise wrong("it asks for power and for a job at once")


def _names_money(told: _Offer) -> bool:
    fee = told.cancellation is not None and told.cancellation.owner_fee is not None
    wear = told.battery is not None and told.battery.wear_compensation is not None
    return told.reward is not None or bool(told.rewards) or told.penalty is not None or fee or wear


def _shifted(intervals: tuple[OfferInterval, ...], shift: timedelta) -> tuple[OfferInterval, ...]:
    return tuple(replace(item, start=item.start + shift, end=item.end + shift) for item in intervals)


def _interval(told: _Interval, kind: OfferKind) -> OfferInterval:
    start, end = instant(told.start), instant(told.end)
    setpoint_w, max_w, energy_wh = finite(told.setpoint_w), finite(told.max_w), finite(told.energy_wh)
    if end <= start:
        raise wrong("one of its times ends before it begins")
    # What the owner is told it is (a feed, less charging, a job) has to be what it does.
    if kind.is_job and (setpoint_w, max_w, energy_wh) != (None, None, None):
        raise wrong("it asks for a job and for power at once")
    if kind is OfferKind.POWER_FEED and (setpoint_w is None or setpoint_w > 0):
        raise wrong("it calls itself a power feed but does not ask for one")
    if kind.takes_power and setpoint_w is None and max_w is None:
        raise wrong("it does not say how much power may be used")
    if kind is not OfferKind.POWER_FEED and setpoint_w is not None and setpoint_w < 0:
        raise wrong("it asks for a power feed without saying so")
    if kind is OfferKind.CHARGE_BOOST and (setpoint_w is None or setpoint_w == 0):
        raise wrong("it calls itself a request to charge but does not say how much")
    return OfferInterval(start=start, end=end, setpoint_w=setpoint_w, max_w=max_w, energy_wh=energy_wh)


def _job(told: dict[str, Any] | None, kind: OfferKind) -> Job | None:
    """Only what the kind needs; a health check needs nothing."""
    wanted = _JOBS.get(kind)
    if wanted is None:
        return None
    job = Job(**msgspec.structs.asdict(content(told or {}, wanted)))
    check_texts(job.part)
    if bool(job.signing_certificate) != bool(job.signature):
        raise wrong("it brings a signature without its certificate, or the other way round")
    return job
