"""The fleet management control centre: gets the car's location where the owner agrees, and asks for nothing."""

from collections.abc import Mapping

from homeapp.providers.inbound import MessageType
from homeapp.providers.service_provider import Act, ServiceProvider


class Fleet(ServiceProvider):
    """The provider ``fleet``."""

    SP_ID = "fleet"
    LABEL = "Fleet"

    @property
    def actions(self) -> Mapping[MessageType, Act]:
        return {kind: act for kind, act in super().actions.items() if kind in (MessageType.RECEIPT, MessageType.KEYS)}
