"""The resources that the hub wants under its own AE, as data: policies, containers, subscriptions (TS-0001 clause 9.6).

One mailbox per service provider: ``in<X>`` takes what it writes to the hub, ``out<X>`` holds the hub's answers, and
each kind of data that the provider may get has a container of its own. The
access control of a CSE guards against mistakes only; what a message may do is decided by its signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from homeapp.model.consent import DataClass
from homeapp.providers.onem2m.codec import ResourceType

MAX_INSTANCES = 200
MAX_BYTES = 1_000_000
"""Of all instances of a container together; smaller than the largest primitive that the codec reads."""
SUBSCRIPTION_NAME = "hub"
NOTIFICATION_URI = ("mqtt://", "mqtts://")

_ALL = 63
_CREATE = 1
_RETRIEVE_AND_DISCOVER = 2 + 32
_EVENT_CHILD_CREATED = 3
_ALL_ATTRIBUTES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A service provider's containers.

    Attributes:
        sp_id: as configured in this hub.
        ae_id: the provider's AE-ID.
        label: end of the containers' names, for instance ``Evc``.
        data: what the provider may get besides answers.
    """

    sp_id: str
    ae_id: str
    label: str
    data: tuple[DataClass, ...] = ()

    @property
    def inbox(self) -> str:
        """Name of the container that the provider writes to."""
        return f"in{self.label}"

    @property
    def outbox(self) -> str:
        """Name of the container with the hub's answers."""
        return f"out{self.label}"

    @property
    def readable(self) -> tuple[str, ...]:
        """Names of all containers that the provider may read."""
        return tuple(dict.fromkeys((self.outbox, *map(self.container, self.data))))

    def container(self, data_class: DataClass) -> str:
        """Name of the container for this kind of data; the hub's answers are IDENTITY."""
        return self.outbox if data_class is DataClass.IDENTITY else str(data_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A resource that has to exist.

    Attributes:
        parent: its structured address.
        attributes: to create it with, besides its name.
        changeable: those to bring up to date where it exists already.
    """

    parent: str
    name: str
    kind: ResourceType
    attributes: dict[str, Any]
    changeable: tuple[str, ...]

    @property
    def address(self) -> str:
        """Its structured address."""
        return f"{self.parent}/{self.name}"

    def creation(self) -> dict[str, Any]:
        """Primitive content that creates it."""
        return {_TAGS[self.kind]: {"rn": self.name, **self.attributes}}

    def update(self) -> dict[str, Any]:
        """Primitive content that brings it up to date."""
        return {_TAGS[self.kind]: {name: self.attributes[name] for name in self.changeable}}


_TAGS = {
    ResourceType.ACCESS_CONTROL_POLICY: "m2m:acp",
    ResourceType.AE: "m2m:ae",
    ResourceType.CONTAINER: "m2m:cnt",
    ResourceType.CONTENT_INSTANCE: "m2m:cin",
    ResourceType.SUBSCRIPTION: "m2m:sub",
}


def application_entity(cse_name: str, ae_id: str, cse_addresses: Iterable[str], fallback: str) -> Node:
    """The hub's own AE.

    Its point of access repeats the CSE's own address of the broker to the letter and names the AE after two slashes:
    an address that the CSE does not recognise as its own broker is never notified.

    Args:
        cse_name: resource name of the CSE's base.
        ae_id: the hub's AE-ID-Stem.
        cse_addresses: the CSE's own points of access.
        fallback: ``mqtt://host:port`` where none of them is MQTT.
    """
    broker = next((address for address in cse_addresses if address.startswith(NOTIFICATION_URI)), fallback)
    attributes = {
        "api": "Norg.homeapp.hub",
        "rr": True,
        "srv": ["3", "4", "5"],
        "poa": [f"{broker.rstrip('/')}//{ae_id}"],
    }
    return Node(
        parent=cse_name, name=ae_name(ae_id), kind=ResourceType.AE, attributes=attributes, changeable=("rr", "poa")
    )


def ae_name(ae_id: str) -> str:
    """The AE's resource name: its AE-ID-Stem without the leading C."""
    return ae_id.removeprefix("C")


def mailbox_nodes(base: str, ae_id: str, mailbox: Mailbox) -> tuple[tuple[Node, ...], ...]:
    """What one provider needs below the hub's AE at ``base``: each step needs the ones before it."""
    policies = [f"acp-{direction}-{mailbox.sp_id}" for direction in ("in", "out")]
    rights_in = [_rule(mailbox.ae_id, _CREATE, ResourceType.CONTENT_INSTANCE)]
    rights_out = [
        _rule(mailbox.ae_id, _RETRIEVE_AND_DISCOVER),
        _rule(mailbox.ae_id, _CREATE, ResourceType.SUBSCRIPTION),
    ]
    subscription = {
        "nu": [ae_id],
        # Told there when somebody deletes it.
        "su": ae_id,
        "nct": _ALL_ATTRIBUTES,
        "enc": {"net": [_EVENT_CHILD_CREATED]},
    }
    return (
        (_policy(base, policies[0], ae_id, rights_in), _policy(base, policies[1], ae_id, rights_out)),
        (
            _container(base, mailbox.inbox, policies[0]),
            *(_container(base, name, policies[1]) for name in mailbox.readable),
        ),
        (
            Node(
                parent=f"{base}/{mailbox.inbox}",
                name=SUBSCRIPTION_NAME,
                kind=ResourceType.SUBSCRIPTION,
                attributes=subscription,
                changeable=("nu", "enc"),
            ),
        ),
    )


def content_instance(name: str, content: str, content_format: str) -> dict[str, Any]:
    """Primitive content that creates a ``contentInstance``."""
    return {_TAGS[ResourceType.CONTENT_INSTANCE]: {"rn": name, "cnf": content_format, "con": content}}


def _rule(originator: str, operations: int, child: ResourceType | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"acor": [originator], "acop": operations}
    return rule if child is None else rule | {"acod": [{"chty": [child]}]}


def _policy(base: str, name: str, ae_id: str, rules: list[dict[str, Any]]) -> Node:
    own = _rule(ae_id, _ALL)
    return Node(
        parent=base,
        name=name,
        kind=ResourceType.ACCESS_CONTROL_POLICY,
        attributes={"pv": {"acr": [own, *rules]}, "pvs": {"acr": [own]}},
        changeable=("pv",),
    )


def _container(base: str, name: str, policy: str) -> Node:
    return Node(
        parent=base,
        name=name,
        kind=ResourceType.CONTAINER,
        # acpi is not changeable: an update of it must stand alone, and the policy keeps its name.
        attributes={"acpi": [f"{base}/{policy}"], "mni": MAX_INSTANCES, "mbs": MAX_BYTES},
        changeable=("mni", "mbs"),
    )
