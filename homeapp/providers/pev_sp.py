"""The PEV service provider: health checks, parts and software for the car, its defects and how part orders stand."""

from collections.abc import Mapping

from homeapp.model.offer import OfferKind
from homeapp.ports import ProviderInbox
from homeapp.providers import inbound
from homeapp.providers.inbound import MessageType
from homeapp.providers.jose import VerifiedMessage
from homeapp.providers.service_provider import Act, ServiceProvider


class PevSp(ServiceProvider):
    """The provider ``pev_sp``."""

    SP_ID = "pev_sp"
    LABEL = "Pev"
    OFFERS = frozenset({OfferKind.HEALTH_CHECK, OfferKind.PART_ORDER, OfferKind.CAR_SOFTWARE})

    @property
    def actions(self) -> Mapping[MessageType, Act]:
        return {
            **super().actions,
            MessageType.DEFECT: self._defect,
            MessageType.ORDER_STATUS: self._order_status,
        }

    async def _defect(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.health(inbound.health_alert(message, sp_id=self.sp_id))

    async def _order_status(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.part_order(inbound.part_order(message, sp_id=self.sp_id))
