"""The resources that the hub wants under its own AE, as data: policies, containers, subscriptions (TS-0001 clause 9.6).

One mailbox per service provider: ``in<X>`` takes what it writes to the hub, ``out<X>`` holds the hub's answers, and
there is one container for each kind of data that the owner lets it have. The access control of a CSE guards against
mistakes only; what a message may do is decided by its signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from homeapp.model.consent import DataClass
from homeapp.providers.onem2m.codec import ResourceType

MAX_INSTANCES = 200
MAX_RECORDS = 1000
"""The platform drops the oldest of more: so much may be laid down while a provider is not looking."""
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
    """A service provider's containers. That there is one at all needs the owner's consent to IDENTITY.

    Attributes:
        sp_id: as configured in this hub.
        ae_id: the provider's AE-ID.
        label: end of the containers' names, for instance ``Evc``.
        data: the kinds of data that the owner lets it have; those of two mailboxes under one AE must differ.
        open_status: whether the owner lets it have appliance resources, which the system operator can read too.
    """

    sp_id: str
    ae_id: str
    label: str
    data: tuple[DataClass, ...] = ()
    open_status: bool = False

    @property
    def inbox(self) -> str:
        """Name of the container that the provider writes to."""
        return f"in{self.label}"

    @property
    def outbox(self) -> str:
        """Name of the container with the hub's answers."""
        return f"out{self.label}"

    def container(self, data_class: DataClass) -> str:
        """Name of the container with what the hub tells of this kind; of IDENTITY, the outbox."""
        return self.outbox if data_class is DataClass.IDENTITY else data_class.value

    def policy(self, purpose: str) -> str:
        """Name of the access control policy for ``in``, ``out``, a kind of data or ``status``."""
        return f"acp-{purpose}-{self.sp_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A resource that has to exist.

    Attributes:
        parent: its structured address.
        attributes: to create it with, besides its name.
        changeable: those to bring up to date where it exists already.
        tag: its name in primitive content, where ``kind`` does not tell.
    """

    parent: str
    name: str
    kind: ResourceType
    attributes: dict[str, Any]
    changeable: tuple[str, ...]
    tag: str = ""

    @property
    def address(self) -> str:
        """Its structured address."""
        return f"{self.parent}/{self.name}"

    def creation(self) -> dict[str, Any]:
        """Primitive content that creates it."""
        return {self.tag or _TAGS[self.kind]: {"rn": self.name, **self.attributes}}

    def update(self) -> dict[str, Any]:
        """Primitive content that brings it up to date."""
        return {self.tag or _TAGS[self.kind]: {name: self.attributes[name] for name in self.changeable}}


_TAGS = {
    ResourceType.ACCESS_CONTROL_POLICY: "m2m:acp",
    ResourceType.AE: "m2m:ae",
    ResourceType.CONTAINER: "m2m:cnt",
    ResourceType.CONTENT_INSTANCE: "m2m:cin",
    ResourceType.SUBSCRIPTION: "m2m:sub",
}


def application_entity(cse_name: str, ae_id: str, broker: str | None) -> Node:
    """The hub's own AE.

    Its point of access repeats the CSE's own address of the broker to the letter and names the AE after two slashes:
    an address that the CSE does not recognise as its own broker is never notified, and one without the AE sends the
    CSE's notifications to itself.

    Args:
        cse_name: resource name of the CSE's base.
        ae_id: the hub's AE-ID-Stem.
        broker: the broker's address as the CSE writes it, or None where the CSE cannot reach the hub.
    """
    attributes: dict[str, Any] = {"api": "Norg.homeapp.hub", "rr": broker is not None, "srv": ["3", "4", "5"]}
    if broker is not None:
        attributes["poa"] = [f"{broker.rstrip('/')}//{ae_id}"]
    changeable = tuple(name for name in ("rr", "poa") if name in attributes)
    return Node(
        parent=cse_name, name=ae_name(ae_id), kind=ResourceType.AE, attributes=attributes, changeable=changeable
    )


def broker_address(cse_addresses: Iterable[str], fallback: str) -> str:
    """The first of the CSE's own points of access that is MQTT, or ``fallback``."""
    return next((address for address in cse_addresses if address.startswith(NOTIFICATION_URI)), fallback)


def ae_name(ae_id: str) -> str:
    """The AE's resource name: its AE-ID-Stem without the leading C."""
    return ae_id.removeprefix("C")


def mailbox_nodes(base: str, ae_id: str, mailbox: Mailbox, *, notified: bool = True) -> tuple[tuple[Node, ...], ...]:
    """The inbox and outbox of one provider below the hub's AE at ``base``: each step needs the ones before it.

    Args:
        base: structured address of the hub's AE.
        ae_id: the hub's AE-ID-Stem.
        mailbox: the provider's.
        notified: whether the hub wants to be notified of what comes into the inbox.
    """
    policies = [mailbox.policy(direction) for direction in ("in", "out")]
    rights_in = [rule(mailbox.ae_id, _CREATE, ResourceType.CONTENT_INSTANCE)]
    return (
        (policy_node(base, policies[0], ae_id, rights_in), policy_node(base, policies[1], ae_id, reading(mailbox))),
        (
            _container(base, mailbox.inbox, policies[0], MAX_INSTANCES),
            _container(base, mailbox.outbox, policies[1], MAX_INSTANCES),
        ),
        (_subscription(base, ae_id, mailbox),) if notified else (),
    )


def data_nodes(base: str, ae_id: str, mailbox: Mailbox, data_class: DataClass) -> tuple[tuple[Node, ...], ...]:
    """The container of one kind of data and before it its policy: nobody but this provider may read it."""
    policy = mailbox.policy(data_class)
    return (
        (policy_node(base, policy, ae_id, reading(mailbox)),),
        (_container(base, mailbox.container(data_class), policy, MAX_RECORDS),),
    )


def content_instance(
    name: str, content: str, content_format: str, expires_at: datetime | None = None
) -> dict[str, Any]:
    """Primitive content that creates a ``contentInstance``; the CSE deletes it at ``expires_at``, by its own clock."""
    attributes = {"rn": name, "cnf": content_format, "con": content}
    if expires_at is not None:
        attributes["et"] = f"{expires_at.astimezone(UTC):%Y%m%dT%H%M%S}"
    return {_TAGS[ResourceType.CONTENT_INSTANCE]: attributes}


def reading(mailbox: Mailbox) -> list[dict[str, Any]]:
    """Rules that let its provider retrieve, discover and subscribe."""
    return [
        rule(mailbox.ae_id, _RETRIEVE_AND_DISCOVER),
        rule(mailbox.ae_id, _CREATE, ResourceType.SUBSCRIPTION),
    ]


def rule(originator: str, operations: int, child: ResourceType | None = None) -> dict[str, Any]:
    """An access control rule, for one type of child where given."""
    found: dict[str, Any] = {"acor": [originator], "acop": operations}
    return found if child is None else found | {"acod": [{"chty": [child]}]}


def policy_node(base: str, name: str, ae_id: str, rules: list[dict[str, Any]]) -> Node:
    """An access control policy with these rules; the hub itself may do everything."""
    own = rule(ae_id, _ALL)
    return Node(
        parent=base,
        name=name,
        kind=ResourceType.ACCESS_CONTROL_POLICY,
        attributes={"pv": {"acr": [own, *rules]}, "pvs": {"acr": [own]}},
        changeable=("pv",),
    )


def _container(base: str, name: str, policy: str, most: int) -> Node:
    return Node(
        parent=base,
        name=name,
        kind=ResourceType.CONTAINER,
        # acpi is not changeable: an update of it must stand alone, and the policy keeps its name.
        attributes={"acpi": [f"{base}/{policy}"], "mni": most, "mbs": MAX_BYTES},
        changeable=("mni", "mbs"),
    )


def _subscription(base: str, ae_id: str, mailbox: Mailbox) -> Node:
    attributes = {
        "nu": [ae_id],
        # Told there when somebody deletes it.
        "su": ae_id,
        "nct": _ALL_ATTRIBUTES,
        # Without this a CSE tells of changes of the container itself only.
        "enc": {"net": [_EVENT_CHILD_CREATED]},
    }
    return Node(
        parent=f"{base}/{mailbox.inbox}",
        name=SUBSCRIPTION_NAME,
        kind=ResourceType.SUBSCRIPTION,
        attributes=attributes,
        changeable=("nu", "enc"),
    )
