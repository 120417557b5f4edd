"""Contents of verified messages of providers, and how the hub reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.errors import MessageRejected
from homeapp.model.offer import Offer
from homeapp.providers import offer_messages
from homeapp.providers.jose import VerifiedMessage

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
OFFER: dict[str, Any] = {
    "id": "o-1",
    "revision": 2,
    "kind": "power_feed",
    "binding": "owner_decides",
    "title": "Evening peak",
    "description": "Feed for two hours.",
    "intervals": [
        {"start": "2026-01-15T18:00:00Z", "end": "2026-01-15T19:00:00+00:00", "setpoint_w": -3000},
        {"start": "2026-01-15T20:00:00+01:00", "end": "2026-01-15T20:00:00Z", "setpoint_w": -1500.5, "max_w": 0},
    ],
    "expires_at": "2026-01-15T17:30:00Z",
    "reward": "1.92",
    "currency": "EUR",
    "min_soc_pct": 40,
    "max_feed_wh": 4500,
    "colour": "what is not known is named",
}
INTERVAL = OFFER["intervals"][0]
SOFTWARE: dict[str, Any] = {
    "version": "2.1.0",
    "location": "https://packages.example:8443/car/2.1.0.bin",
    "sha256": "0" * 64,
    "size_bytes": 512 * 1024 * 1024,
}
JOBS: dict[str, dict[str, Any]] = {
    "health_check": {},
    "part_order": {"part": "Coolant pump"},
    "car_software": {**SOFTWARE, "manifest": "a.b.c"},
    "charger_software": SOFTWARE,
}


def message(**claims: Any) -> VerifiedMessage:
    return VerifiedMessage(typ="x", claims=claims, jti="m-1", issued_at=NOW, expires_at=NOW + timedelta(hours=1))


def offer(**change: Any) -> Offer:
    body = {name: value for name, value in {**OFFER, **change}.items() if value is not None}
    return offer_messages.offer(message(offer=body), sp_id="evc_sp", sp_name="EVC provider", now=NOW)


def refused(change: dict[str, Any]) -> str:
    with pytest.raises(MessageRejected) as caught:
        offer(**change)
    return caught.value.code


def job_offer(kind: str, job: Any, **change: Any) -> Offer:
    asked = {
        "kind": kind,
        "job": job,
        "intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"]}],
        "min_soc_pct": None,
        "max_feed_wh": None,
    }
    return offer(**{**asked, **change})
