"""The EV charging service provider: offers about charging and power feed, and software for the charger."""

from homeapp.model.offer import OfferKind
from homeapp.providers.service_provider import ServiceProvider


class EvcSp(ServiceProvider):
    """The provider ``evc_sp``."""

    SP_ID = "evc_sp"
    LABEL = "Evc"
    OFFERS = frozenset(
        {
            OfferKind.POWER_FEED,
            OfferKind.LOAD_SHED,
            OfferKind.LOAD_SHIFT,
            OfferKind.CHARGE_BOOST,
            OfferKind.CHARGER_SOFTWARE,
        }
    )
