"""The companies behind the system operator that have the hub for a customer: charging, the car's service, fleet."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from homeapp.demo.operator.manufacturer import (
    MANUFACTURER_AE_ID,
    ORDERS,
    PEV_SP_AE_ID,
    STATUS_TYPE,
    STATUSES,
    OrderNews,
    order_news,
)
from homeapp.demo.operator.onem2m_application import Access, ContentInstance
from homeapp.demo.operator.package_server import Package
from homeapp.demo.operator.service_provider import HubCorrespondent, rfc3339
from homeapp.demo.operator.signed_message import Expected, verify
from homeapp.demo.operator.street_application import Direction
from homeapp.errors import MessageRejected, ProviderRefused
from homeapp.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """What requests for a job have in common.

    Attributes:
        title: one line for people.
        end: until when it may be done.
        start: from when, or None for now.
        expires_at: when an answer is too late, or None for ``end``.
        description: more for people.
        offer_id: of an earlier request that this revises.
        revision: higher than before then.
    """

    title: str
    end: datetime
    start: datetime | None = None
    expires_at: datetime | None = None
    description: str = ""
    reward: Decimal | None = None
    currency: str = "EUR"
    offer_id: str | None = None
    revision: int = 1


class JobSender(HubCorrespondent):
    """A provider that asks for pieces of work."""

    async def _ask(self, kind: str, job: Mapping[str, object], terms: JobTerms) -> str:
        window = {"start": rfc3339(terms.start or self._clock.now()), "end": rfc3339(terms.end)}
        offer = {
            "kind": kind,
            "title": terms.title,
            "description": terms.description,
            "intervals": [window],
            "job": {name: value for name, value in job.items() if value != ""},
            **_terms(terms.reward, terms.currency, None),
        }
        return await self._offer(offer, terms.expires_at or terms.end, terms.offer_id, terms.revision)


class EvcServiceProvider(JobSender):
    """The EV charging provider: asks the owner to feed power, or to charge less, for money, and keeps the charger's
    software.
    """

    name = "EVC provider"
    sp_id = "evc_sp"
    ae_id = "Cevc-sp"
    code = "Evc"
    data = ("identity", "charging", "metering")

    async def offer_power_feed(
        self,
        start: datetime,
        end: datetime,
        power_w: float,
        reward: Decimal | None,
        min_soc_pct: float | None,
        expires_at: datetime,
        title: str,
        *,
        description: str = "",
        currency: str = "EUR",
        max_feed_wh: float | None = None,
        offer_id: str | None = None,
        revision: int = 1,
    ) -> str:
        """Ask for ``power_w`` (W, > 0) out of the car in [start, end); return the message id when it is delivered.

        Args:
            start: aware.
            end: aware.
            power_w: at the charger.
            reward: for the whole of it.
            min_soc_pct: promise not to take the car below.
            expires_at: when an answer is too late.
            title: one line for people.
            description: more of it.
            currency: ISO 4217.
            max_feed_wh: most energy taken, Wh; by default what the power makes in the time.
            offer_id: of an earlier request that this revises.
            revision: higher than before then.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        hours = (end - start).total_seconds() / 3600
        offer = {
            "kind": "power_feed",
            "title": title,
            "description": description,
            "intervals": [{"start": rfc3339(start), "end": rfc3339(end), "setpoint_w": -power_w}],
            "max_feed_wh": max_feed_wh if max_feed_wh is not None else power_w * hours,
            **_terms(reward, currency, min_soc_pct),
        }
        return await self._offer(offer, expires_at, offer_id, revision)

    async def offer_charger_software(
        self, terms: JobTerms, package: Package, *, signing_certificate: str = "", signature: str = ""
    ) -> str:
        """Ask to have the charger install ``package``; return the message id when it is delivered.

        Args:
            terms: of the request.
            package: where it is and what it is.
            signing_certificate: PEM, of the charger's maker.
            signature: Base64, by the charger's maker over the package.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        job = {**_software(package), "signing_certificate": signing_certificate, "signature": signature}
        return await self._ask("charger_software", job, terms)


class PevServiceProvider(JobSender):
    """The car's service provider: has it examined, tells of defects, orders parts and passes on software.

    Attributes:
        orders: what the manufacturer has said last of each order, by order id.
    """

    name = "PEV provider"
    sp_id = "pev_sp"
    ae_id = PEV_SP_AE_ID
    code = "Pev"
    data = ("identity", "charging", "health")

    def __init__(self, access: Access, clock: Clock, hub_ae_id: str) -> None:
        super().__init__(access, clock, hub_ae_id)
        self.orders: dict[str, OrderNews] = {}
        self._ordered: dict[str, tuple[str, str]] = {}
        self._manufacturer_jwk: dict[str, str] = {}
        self._news_for_hub: asyncio.Queue[OrderNews] = asyncio.Queue()

    def trust_manufacturer(self, jwk: Mapping[str, str]) -> None:
        """Accept what is signed with the manufacturer's public key."""
        self._manufacturer_jwk = dict(jwk)

    async def ask_health_check(self, terms: JobTerms, *, alert_id: str = "") -> str:
        """Ask to have the car examined; return the message id when it is delivered.

        Args:
            terms: of the request.
            alert_id: the defect that it is about.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        return await self._ask("health_check", {"alert_id": alert_id}, terms)

    async def ask_part_order(self, terms: JobTerms, part: str, *, alert_id: str = "") -> str:
        """Ask whether ``part`` may be ordered for the car; otherwise as ``ask_health_check``."""
        return await self._ask("part_order", {"part": part, "alert_id": alert_id}, terms)

    async def offer_car_software(self, terms: JobTerms, package: Package) -> str:
        """Ask to have the car install what its manufacturer has released; otherwise as ``ask_health_check``."""
        return await self._ask("car_software", {**_software(package), "manifest": package.manifest}, terms)

    async def report_defect(
        self,
        code: str,
        severity: str,
        title: str,
        advice: str,
        *,
        defect_id: str | None = None,
        found_at: datetime | None = None,
        cleared_at: datetime | None = None,
    ) -> str:
        """Tell the owner of a defect, or with ``cleared_at`` of its repair; return the message id when delivered.

        Args:
            code: diagnostic trouble code, for example ``P0A1F``.
            severity: ``info``, ``warning`` or ``critical``.
            title: one line for people.
            advice: what it means and what to do.
            defect_id: of a defect told before; by default the code.
            found_at: by default now.
            cleared_at: when it was mended.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        defect: dict[str, object] = {
            "id": defect_id or f"defect-{code}",
            "code": code,
            "severity": severity,
            "title": title,
            "advice": advice,
            "found_at": rfc3339(found_at or self._clock.now()),
        }
        if cleared_at is not None:
            defect["cleared_at"] = rfc3339(cleared_at)
        return await self._send("defect+jws", {"defect": defect})

    async def order_part(self, part: str, reason: str, quantity: int = 1, *, alert_id: str = "") -> str:
        """Order a part from the manufacturer; return the order id when the order is delivered.

        What the manufacturer says of it is passed on to the hub.

        Args:
            part: its name.
            reason: for the manufacturer, for example a trouble code.
            quantity: how many.
            alert_id: the defect that it is for, for the hub.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        order_id = f"order-{uuid.uuid4().hex[:12]}"
        claims = {
            **self.envelope().claims(),
            "aud": MANUFACTURER_AE_ID,
            "jti": order_id,
            "order": {"id": order_id, "part": part, "quantity": quantity, "reason": reason},
        }
        self._ordered[order_id] = part, alert_id
        await self._put(ORDERS, order_id, self._key.sign("order+jws", claims))
        self._note(Direction.SENT, "order+jws", order_id, part)
        return order_id

    async def tell_order_status(
        self, order_id: str, part: str, status: str, *, alert_id: str = "", note: str = ""
    ) -> str:
        """Tell the owner how an order stands; return the message id when it is delivered.

        Args:
            order_id: of the order.
            part: what was ordered.
            status: ``ordered``, ``shipped``, ``delivered`` or ``cancelled``.
            alert_id: the defect that it is for.
            note: a few words for people.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        order = {
            "id": order_id,
            "alert_id": alert_id,
            "part": part,
            "status": status,
            "updated_at": rfc3339(self._clock.now()),
            "note": note,
        }
        return await self._send("order-status+jws", {"order": order})

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [*super()._duties(), self._pass_on_order_news()]

    async def _set_up(self) -> bool:
        hub_is_watched = await super()._set_up()
        return await self._watch(STATUSES) and hub_is_watched

    def _arrived(self, instance: ContentInstance) -> None:
        # The manufacturer has nothing to hide from the system operator; the hub seals all that it says.
        if instance.content.count(".") != 2:
            super()._arrived(instance)
            return
        expected = Expected(
            typ=STATUS_TYPE, issuer=MANUFACTURER_AE_ID, audience=self.ae_id, public_jwk=self._manufacturer_jwk
        )
        try:
            news = order_news(verify(instance.content, expected, self._clock.now()).get("order"))
            if news.order_id not in self._ordered:
                raise MessageRejected("value", "The order is not this provider's.")
        except MessageRejected as error:
            self._note(Direction.REJECTED, STATUS_TYPE, instance.name, f"{error.code}: {error}")
            return
        self.orders[news.order_id] = news
        self._note(Direction.RECEIVED, STATUS_TYPE, news.order_id, news.status)
        self._news_for_hub.put_nowait(news)

    async def _pass_on_order_news(self) -> None:
        while True:
            news = await self._news_for_hub.get()
            part, alert_id = self._ordered[news.order_id]
            try:
                await self.tell_order_status(news.order_id, part, news.status, alert_id=alert_id, note=news.note)
            except ProviderRefused as error:
                self._note(Direction.REJECTED, STATUS_TYPE, news.order_id, str(error))


class FleetControlCentre(HubCorrespondent):
    """Collects where the cars of its fleet are; asks the owner for nothing."""

    name = "Fleet control centre"
    sp_id = "fleet"
    ae_id = "Cfleet"
    code = "Fleet"
    data = ("identity", "location")


def _software(package: Package) -> dict[str, object]:
    return {
        "version": package.version,
        "location": package.location,
        "sha256": package.sha256,
        "size_bytes": package.size_bytes,
    }


def _terms(reward: Decimal | None, currency: str, min_soc_pct: float | None) -> dict[str, object]:
    terms: dict[str, object] = {}
    if reward is not None:
        terms |= {"reward": format(reward, "f"), "currency": currency}
    if min_soc_pct is not None:
        terms["min_soc_pct"] = min_soc_pct
    return terms
