"""The PEV service provider: defects of the car and their repair, besides what every provider may send."""

from collections.abc import Mapping

from homeapp.ports import ProviderInbox
from homeapp.providers import messages
from homeapp.providers.jose import VerifiedMessage
from homeapp.providers.messages import MessageType
from homeapp.providers.service_provider import Act, ServiceProvider


class PevSp(ServiceProvider):
    """The provider ``pev_sp``."""

    SP_ID = "pev_sp"
    LABEL = "Pev"

    @property
    def actions(self) -> Mapping[str, Act]:
        return {**super().actions, MessageType.DEFECT: self._defect}

    async def _defect(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.health(messages.health_alert(message, sp_id=self.sp_id))
