"""What the endpoint keeps of an adopted station over all its connections."""

from dataclasses import dataclass

from devices.evce.certification import Certification
from devices.evce.charger import OcppEvce
from devices.evce.kept_needs import KeptNeeds
from devices.evce.station import Station


@dataclass(frozen=True, slots=True)
class Adopted:
    """One adopted station.

    Attributes:
        certification: None where the hub is no authority.
    """

    station: Station
    evce: OcppEvce
    certification: Certification | None
    needs: KeptNeeds
