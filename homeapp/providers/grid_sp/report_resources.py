"""Names of the resources that the hub's reports are about, and what the owner must have agreed to for each."""

from collections.abc import Mapping

from homeapp.model.consent import DataClass

USAGE_RESOURCES = {
    "import_wh": "grid-import",
    "export_wh": "grid-export",
    "evce_charged_wh": "evce-charge",
    "evce_fed_wh": "evce-feed",
}
"""By field of a quarter hour; a resource for each direction, because USAGE is never negative."""
CAR = "ev"
RESOURCES_OF: Mapping[DataClass, tuple[str, ...]] = {
    DataClass.METERING: tuple(USAGE_RESOURCES.values()),
    DataClass.CHARGING: (CAR,),
}
