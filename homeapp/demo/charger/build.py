"""How a simulated station is built and set up at the factory."""

from dataclasses import dataclass, field

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.firmware import Trusted
from homeapp.demo.charger.network import NetworkProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How the station was built and set up.

    Attributes:
        trusted: whose software it takes.
        network: the factory's way to its CSMS.
        certificate: chain and key that it came with, PEM, or None.
    """

    abilities: Abilities = field(default_factory=Abilities)
    trusted: Trusted = field(default_factory=Trusted)
    network: NetworkProfile = field(default_factory=lambda: NetworkProfile(url="", security_profile=1))
    certificate: tuple[bytes, bytes] | None = None
