"""The use case "plug-in electric vehicle charging and power feed in the home" (ETSI TR 102 935, oneM2M TR-0001 clause
9.3), item by item: what the check of the street shows and what tests are marked with.
"""

from collections.abc import Mapping
from types import MappingProxyType

ITEMS: Mapping[str, str] = MappingProxyType(
    {
        "A1": "electricity network provider: meters, bills, announces prices and control",
        "A2": "EV charging provider: demand response, charging and power feed at the least cost, control of the EVCE",
        "A3": "PEV provider: health check, corrective measures, software of the car",
        "A4": "PEV manufacturer: replaces parts on order, issues software",
        "A5": "communication operator: carries the traffic of A2 and A3",
        "A6": "system operator: subscriptions, notifications, forwarding",
        "A7": "fleet control centre: collects the car's location",
        "D1": "smart meter of the home",
        "D2": "EVCE with a meter of its own and a data link in its plug",
        "D3": "PEV: a load, and a storage that can feed back",
        "L1": "PEV to EVCE by wire in the plug, with a parallel data link",
        "L2": "PEV to hub by short-range radio where there is no wire",
        "L3": "two parallel, separate flows over the public network: EVCE to A2, PEV data to A3",
        "L4": "EVCE metering to A1",
        "T1": "A1 announces control or prices to balance the network",
        "T2": "control or price starts charging or a power-feed cycle",
        "T3": "A3 starts a health check; a defect starts a corrective measure",
        "T4": "A2 controls the EVCE over its control link",
        "F1": "A3 and A2 subscribe to information about the PEV",
        "F2a": "the PEV is plugged into the EVCE",
        "F2b": "PEV information goes out through A5",
        "F2c": "charging information goes out and reaches A6",
        "F3": "A6 notifies the subscribed applications",
        "F4": "PEV charging parameters reach A2",
        "F5": "A3 sends A6 a message that starts a health check",
        "F6": "A6 forwards it through A5 to the PEV; the check starts",
        "F8-9": "a defect is found; a message goes to A6",
        "F10": "A6 notifies A3 of the defect",
        "F11": "A3 orders the part at A6",
        "F12": "A6 sends the order to A4",
        "S1": "PEV software upgrade by A4",
        "S2": "PEV status for the health check leads to a command to another provider",
        "S3": "charging metering from the EVCE to A2: power-feed cycles, charging periods",
        "S4": "metering from the EVCE to A1 for billing",
        "S5": "control of the EVCE: software upgrade",
        "S6": "prices from A1 to A2 and to the home",
        "S7": "PEV location to A7",
        "W1": "data collection, reporting and delivery to several applications",
        "W2": "remote control of devices",
        "W3": "data are stored and shared",
        "W4": "the M2M system authenticates devices and collectors",
        "W5": "devices authenticate applications",
        "W6": "integrity of data",
        "W7": "abuse of the network connection is prevented",
        "W8": "privacy",
        "W9": "security credentials and software upgrade at application level",
    }
)

LATER = frozenset({"L2"})
"""The radio link to the car: not built yet."""
