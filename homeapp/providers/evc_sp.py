"""The EV charging service provider: offers to charge less or to feed power, and its word about the answers."""

from homeapp.providers.service_provider import ServiceProvider


class EvcSp(ServiceProvider):
    """The provider ``evc_sp``."""

    SP_ID = "evc_sp"
    LABEL = "Evc"
