"""A VEN of another project, ``python-oa3-client``, in a process of its own: it is told steps and tells what happens.

Standard input, one JSON object a line: first {url, client_id, client_secret}, then {do, ...}; standard output: one
answer a line. It knows nothing of this project.
"""

import json
import sys
from typing import Any

from openadr3.api import success
from openadr3_client.discovery import discover_vtns
from openadr3_client.ven import VenClient

WAIT_S = 1.0
BROWSE_S = 2.0


class ForeignVen:
    def __init__(self, told: dict[str, str]) -> None:
        self._ven = VenClient(**told)
        self._channel: Any = None

    def register(self, name: str) -> Any:
        self._ven.start()
        return self._ven.register(name).ven_id

    def programs(self) -> Any:
        return [[program.id, program.program_name] for program in self._ven.programs()]

    def prices(self, program: str) -> Any:
        """Every price that the program announces, as the client understands it."""
        events = self._ven.poll_events(program)
        intervals = [interval for event in events for interval in event.intervals or ()]
        payloads = [payload for interval in intervals for payload in interval.payloads if payload.type == "PRICE"]
        return {"events": [event.id for event in events], "prices": [str(item.values[0]) for item in payloads]}

    def resource(self, name: str) -> Any:
        body = {"objectType": "VEN_RESOURCE_REQUEST", "resourceName": name, "venID": self._ven.ven_id}
        made = self._ven.create_resource(body)
        return {"status": made.status_code, "listed": [item.resource_name for item in self._ven.resources()]}

    def report(self, event_id: str) -> Any:
        interval = {"id": 0, "payloads": [{"type": "USAGE", "values": [0.25]}]}
        period = {"start": "2027-01-15T12:00:00Z", "duration": "PT15M"}
        resource = {"resourceName": "meter", "intervalPeriod": period, "intervals": [interval]}
        body = {"eventID": event_id, "clientName": "foreign", "reportName": "usage", "resources": [resource]}
        made = self._ven.create_report(body)
        return {"status": made.status_code, "listed": [item.event_id for item in self._ven.reports()]}

    def topics(self, program_id: str) -> Any:
        """Statuses of every topic endpoint that a VEN may use."""
        asked = (
            self._ven.get_mqtt_topics_programs(),
            self._ven.get_mqtt_topics_program(program_id),
            self._ven.get_mqtt_topics_program_events(program_id),
            self._ven.get_mqtt_topics_ven(),
            self._ven.get_mqtt_topics_ven_events(),
            self._ven.get_mqtt_topics_ven_programs(),
            self._ven.get_mqtt_topics_ven_resources(),
        )
        return {"allowed": [success(item) for item in asked], "events": self._ven.get_mqtt_topics_events().status_code}

    def subscribe(self, program: str) -> Any:
        if not self._ven.vtn_supports_mqtt():
            return []
        (uri,) = self._ven.get_mqtt_broker_uris()
        self._channel = self._ven.add_mqtt(uri)
        self._channel.start()
        return self._ven.subscribe([program], ["EVENT"], ["CREATE", "UPDATE", "DELETE"], self._channel)

    def heard(self, count: int) -> Any:
        found = self._channel.await_messages(count, timeout=WAIT_S)
        return [[item.payload.operation, item.payload.object.id] for item in found]

    def discover(self) -> Any:
        return [[found.name, found.url, found.version, found.requires_auth] for found in discover_vtns(BROWSE_S)]

    def stop(self) -> Any:
        self._ven.stop()
        return None


def main() -> None:
    lines = map(json.loads, sys.stdin)
    ven = ForeignVen(next(lines))
    for step in lines:
        answer = getattr(ven, step.pop("do"))(**step)
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()


main()
