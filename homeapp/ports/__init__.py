"""What the hub needs from outside, as Protocols: drivers and providers implement them, ``__main__`` joins them."""

from homeapp.ports.car import Pev
from homeapp.ports.charger_keepers import (
    ProfileKeeper,
    ProviderRights,
    SignedReadingKeeper,
    TokenBook,
    TokenGroup,
    TokenVerdict,
)
from homeapp.ports.chargers import Admission, Evce, EvceEndpoint, StationCertificates, StationRegister
from homeapp.ports.clock import Clock
from homeapp.ports.csms_ways import CsmsWay, StationMessage, StationOutbox, StationUpstreams
from homeapp.ports.meters import Discoverer, Meter, MeterDriver
from homeapp.ports.providers import DecisionMessage, Provider, ProviderInbox, Signer

__all__ = [
    "Admission",
    "Clock",
    "CsmsWay",
    "DecisionMessage",
    "Discoverer",
    "Evce",
    "EvceEndpoint",
    "Meter",
    "MeterDriver",
    "Pev",
    "ProfileKeeper",
    "Provider",
    "ProviderInbox",
    "ProviderRights",
    "SignedReadingKeeper",
    "Signer",
    "StationCertificates",
    "StationMessage",
    "StationOutbox",
    "StationRegister",
    "StationUpstreams",
    "TokenBook",
    "TokenGroup",
    "TokenVerdict",
]
