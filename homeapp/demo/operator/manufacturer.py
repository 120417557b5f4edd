"""The car's manufacturer: takes orders for parts, says how they stand, and releases software."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from homeapp.demo.operator.onem2m_application import Access, ContentInstance, ResourceType
from homeapp.demo.operator.package_server import Package, PackageServer
from homeapp.demo.operator.signed_message import Envelope, Expected, verify
from homeapp.demo.operator.street_application import Direction, StreetApplication
from homeapp.errors import MessageRejected, ProviderRefused
from homeapp.ports import Clock

MANUFACTURER_AE_ID = "Cmanufacturer"
PEV_SP_AE_ID = "Cpev-sp"
STATUS_TYPE = "order-status+jws"
_OWN = "cse-in/manufacturer"
ORDERS = f"{_OWN}/orders"
STATUSES = f"{_OWN}/order-status"
_LARGEST_QUANTITY = 100
_STATUS_HOLDS = timedelta(days=7)
_STATUSES = frozenset({"ordered", "shipped", "delivered", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder:
    """A verified order of the PEV provider."""

    order_id: str
    part: str
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNews:
    """What the manufacturer says of an order."""

    order_id: str
    status: str
    note: str


class Manufacturer(StreetApplication):
    """Takes signed orders from the PEV provider, who may write them, and read how they stand, and nothing else.

    Attributes:
        orders: by order id.
        packages: where its software is fetched.
    """

    name = "Car manufacturer"
    ae_id = MANUFACTURER_AE_ID

    def __init__(
        self, access: Access, clock: Clock, customer_jwk: Callable[[], Mapping[str, str]], packages: PackageServer
    ) -> None:
        """Connect nothing yet.

        Args:
            access: its way to the system operator.
            clock: the street's.
            customer_jwk: the PEV provider's public key as it is now.
            packages: see above.
        """
        super().__init__(access, clock)
        self.orders: dict[str, PartOrder] = {}
        self.packages = packages
        self._customer_jwk = customer_jwk
        self._order_news: asyncio.Queue[OrderNews] = asyncio.Queue()

    def release(self, version: str, package: bytes) -> Package:
        """Sign ``package`` as software for the car and let it be fetched."""
        return replace(self.packages.publish("car", version, package), manifest=self.manifest(version, package))

    def manifest(self, version: str, package: bytes) -> str:
        """The compact JWS of typ ``package+jws`` over version, size and hash of ``package``."""
        claims = {
            "iss": self.ae_id,
            "aud": PEV_SP_AE_ID,
            "iat": int(self._clock.now().timestamp()),
            "version": version,
            "sha256": sha256(package).hexdigest(),
            "size_bytes": len(package),
        }
        return self._key.sign("package+jws", claims)

    def update_order(self, order_id: str, status: str, note: str = "") -> None:
        """Say how an order stands; the PEV provider is told soon.

        Args:
            order_id: of an order that has come in.
            status: ``shipped``, ``delivered`` or ``cancelled``.
            note: a few words for people.

        Raises:
            KeyError: there is no such order.
        """
        self._order_news.put_nowait(OrderNews(order_id=self.orders[order_id].order_id, status=status, note=note))

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [*super()._duties(), self._tell_order_news()]

    async def _set_up(self) -> bool:
        await super()._set_up()
        own = {"acor": [self.ae_id], "acop": 63}
        writes = {"acor": [PEV_SP_AE_ID], "acop": 1, "acod": [{"chty": [ResourceType.CONTENT_INSTANCE]}]}
        reads = {"acor": [PEV_SP_AE_ID], "acop": 2 + 32}
        subscribes = {"acor": [PEV_SP_AE_ID], "acop": 1, "acod": [{"chty": [ResourceType.SUBSCRIPTION]}]}
        await self._furnish(ORDERS, [own, writes])
        await self._furnish(STATUSES, [own, reads, subscribes])
        return await self._watch(ORDERS)

    async def _furnish(self, container: str, rules: list[dict[str, object]]) -> None:
        name = container.rpartition("/")[2]
        policy = {"rn": f"acp-{name}", "pv": {"acr": rules}, "pvs": {"acr": rules[:1]}}
        await self._application.ensure(_OWN, ResourceType.ACP, {"m2m:acp": policy})
        content = {"rn": name, "acpi": [f"{_OWN}/acp-{name}"], "mni": 200}
        await self._application.ensure(_OWN, ResourceType.CONTAINER, {"m2m:cnt": content})

    def _arrived(self, instance: ContentInstance) -> None:
        expected = Expected(typ="order+jws", issuer=PEV_SP_AE_ID, audience=self.ae_id, public_jwk=self._customer_jwk())
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
        self._order_news.put_nowait(OrderNews(order_id=order.order_id, status="ordered", note="Order received."))

    async def _tell_order_news(self) -> None:
        while True:
            news = await self._order_news.get()
            name = f"{news.order_id}-{news.status}"
            now = self._clock.now()
            envelope = Envelope(
                issuer=self.ae_id,
                audience=PEV_SP_AE_ID,
                issued_at=now,
                expires_at=now + _STATUS_HOLDS,
                message_id=name,
            )
            body = {"order": {"id": news.order_id, "status": news.status, "note": news.note}}
            try:
                await self._put(STATUSES, name, self._key.sign(STATUS_TYPE, {**envelope.claims(), **body}))
            except ProviderRefused as error:
                self._note(Direction.REJECTED, STATUS_TYPE, name, str(error))
            else:
                self._note(Direction.SENT, STATUS_TYPE, name, news.status)


def order_news(body: object) -> OrderNews:
    """What a verified message of the manufacturer says.

    Raises:
        MessageRejected: ``schema``.
    """
    fields = body if isinstance(body, dict) else {}
    order_id, status, note = (fields.get(name) for name in ("id", "status", "note"))
    if not isinstance(order_id, str) or status not in _STATUSES or not isinstance(note, str):
        raise MessageRejected("schema", "The message has no order with an id, a status and a note.")
    return OrderNews(order_id=order_id, status=status, note=note)


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
