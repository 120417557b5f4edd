"""The three companies behind the system operator: EV charging, the car's service, and its manufacturer."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from homeapp.demo.operator.onem2m_application import STANDS, Access, ContentInstance, ResourceType
from homeapp.demo.operator.service_provider import Direction, HubCorrespondent, StreetApplication
from homeapp.demo.operator.signed_message import Expected, verify
from homeapp.errors import MessageRejected
from homeapp.ports import Clock

MANUFACTURER_AE_ID = "Cmanufacturer"
PEV_SP_AE_ID = "Cpev-sp"
_ORDERS = "cse-in/manufacturer/orders"
_LARGEST_QUANTITY = 100


class EvcServiceProvider(HubCorrespondent):
    """The EV charging provider: asks the owner to feed power, or to charge less, for money."""

    name = "EVC provider"
    ae_id = "Cevc-sp"
    code = "Evc"

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
            "intervals": [{"start": _rfc3339(start), "end": _rfc3339(end), "setpoint_w": -power_w}],
            "max_feed_wh": max_feed_wh if max_feed_wh is not None else power_w * hours,
            **_terms(reward, currency, min_soc_pct),
        }
        return await self._offer(offer, expires_at, offer_id, revision)

    async def offer_load_shed(
        self,
        start: datetime,
        end: datetime,
        max_w: float,
        reward: Decimal | None,
        expires_at: datetime,
        title: str,
        *,
        offer_id: str | None = None,
        revision: int = 1,
    ) -> str:
        """Ask to charge with at most ``max_w`` (W, >= 0) in [start, end); otherwise as ``offer_power_feed``."""
        offer = {
            "kind": "load_shed",
            "title": title,
            "description": "",
            "intervals": [{"start": _rfc3339(start), "end": _rfc3339(end), "max_w": max_w}],
            **_terms(reward, "EUR", None),
        }
        return await self._offer(offer, expires_at, offer_id, revision)

    async def cancel_offer(self, offer_id: str) -> str:
        """Take a request back; return the message id when it is delivered.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        return await self._send("offer-cancel+jws", {"offer_id": offer_id})

    async def _offer(self, offer: dict[str, object], expires_at: datetime, offer_id: str | None, revision: int) -> str:
        identifier = offer_id or f"offer-{uuid.uuid4().hex[:12]}"
        # Known before it is delivered: the answer may be faster than the acknowledgement.
        self._offers.add(identifier)
        terms = {
            "id": identifier,
            "revision": revision,
            "binding": "owner_decides",
            "expires_at": _rfc3339(expires_at),
        }
        return await self._send("offer+jws", {"offer": {**offer, **terms}}, expires_at)


class PevServiceProvider(HubCorrespondent):
    """The car's service provider: tells of defects, and orders parts from the manufacturer."""

    name = "PEV provider"
    ae_id = PEV_SP_AE_ID
    code = "Pev"

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
            "found_at": _rfc3339(found_at or self._clock.now()),
        }
        if cleared_at is not None:
            defect["cleared_at"] = _rfc3339(cleared_at)
        return await self._send("defect+jws", {"defect": defect})

    async def order_part(self, part: str, reason: str, quantity: int = 1) -> str:
        """Order a part from the manufacturer; return the order id when the order is delivered.

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
        await self._put(_ORDERS, order_id, self._key.sign("order+jws", claims))
        self._note(Direction.SENT, "order+jws", order_id, part)
        return order_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder:
    """A verified order of the PEV provider."""

    order_id: str
    part: str
    quantity: int
    reason: str


class Manufacturer(StreetApplication):
    """The car's manufacturer: takes signed orders from the PEV provider, who may write them and read nothing.

    Attributes:
        orders: by order id.
    """

    name = "Car manufacturer"
    ae_id = MANUFACTURER_AE_ID

    def __init__(self, access: Access, clock: Clock, customer_jwk: Mapping[str, str]) -> None:
        super().__init__(access, clock)
        self.orders: dict[str, PartOrder] = {}
        self._customer_jwk = customer_jwk

    async def _set_up(self) -> bool:
        await super()._set_up()
        own = "cse-in/manufacturer"
        rules = [
            {"acor": [self.ae_id], "acop": 63},
            {"acor": [PEV_SP_AE_ID], "acop": 1, "acod": [{"chty": [ResourceType.CONTENT_INSTANCE]}]},
        ]
        policy = {"rn": "acp-orders", "pv": {"acr": rules}, "pvs": {"acr": rules[:1]}}
        await self._application.ensure(own, ResourceType.ACP, {"m2m:acp": policy})
        container = {"rn": "orders", "acpi": [f"{own}/acp-orders"], "mni": 200}
        await self._application.ensure(own, ResourceType.CONTAINER, {"m2m:cnt": container})
        if (await self._application.subscribe(_ORDERS)).status not in STANDS:
            return False
        await self._catch_up(_ORDERS)
        return True

    def _arrived(self, instance: ContentInstance) -> None:
        expected = Expected(typ="order+jws", issuer=PEV_SP_AE_ID, audience=self.ae_id, public_jwk=self._customer_jwk)
        try:
            order = _order(verify(instance.content, expected, self._clock.now()).get("order"))
        except MessageRejected as error:
            self._note(Direction.REJECTED, "order+jws", instance.name, f"{error.code}: {error}")
            return
        if order.order_id in self.orders:
            self._note(Direction.REPEATED, "order+jws", order.order_id)
            return
        self.orders[order.order_id] = order
        self._note(Direction.RECEIVED, "order+jws", order.order_id, order.part)


def _order(body: object) -> PartOrder:
    fields = body if isinstance(body, dict) else {}
    texts = [fields.get(name) for name in ("id", "part", "reason")]
    order_id, part, reason = (text if isinstance(text, str) else None for text in texts)
    quantity = fields.get("quantity")
    if order_id is None or part is None or reason is None or not isinstance(quantity, int):
        raise MessageRejected("schema", "The message has no order with an id, a part, a quantity and a reason.")
    if not 1 <= quantity <= _LARGEST_QUANTITY:
        raise MessageRejected("value", "The quantity that was ordered is not sensible.")
    return PartOrder(order_id=order_id, part=part, quantity=quantity, reason=reason)


def _terms(reward: Decimal | None, currency: str, min_soc_pct: float | None) -> dict[str, object]:
    terms: dict[str, object] = {}
    if reward is not None:
        terms |= {"reward": format(reward, "f"), "currency": currency}
    if min_soc_pct is not None:
        terms["min_soc_pct"] = min_soc_pct
    return terms


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
