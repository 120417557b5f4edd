"""SetVariables of which some items are the hub's: those are refused, the others go to the station, in one answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from devices.evce.fields import Payload, items
from devices.evce.upstream.own_leg import is_of_the_leg
from devices.evce.upstream.port import Refused
from devices.evce.upstream.refusals import status_info


class Split:
    """One SetVariables (B05).

    Attributes:
        relayed: what the station is asked, or None where nothing is left for it.
    """

    def __init__(self, payload: Payload, refused: Refused) -> None:
        self._items = items(payload, "setVariableData")
        self._refused = refused
        rest = [item for item in self._items if not is_of_the_leg(item)]
        self.relayed: Payload | None = {**payload, "setVariableData": rest} if rest else None

    def merged(self, results: Sequence[Any]) -> Payload:
        """The answer, with the station's ``results`` and the hub's in the order of what was asked."""
        of_station = iter(results)
        return {
            "setVariableResult": [
                self._refusal(item) if is_of_the_leg(item) else next(of_station, None) or self._refusal(item)
                for item in self._items
            ]
        }

    def _refusal(self, item: Mapping[str, Any]) -> Payload:
        answer: Payload = {
            "attributeStatus": "Rejected",
            "component": item.get("component"),
            "variable": item.get("variable"),
            "attributeStatusInfo": status_info(self._refused),
        }
        return answer | ({"attributeType": item["attributeType"]} if "attributeType" in item else {})
