"""The charger and the meter as appliance resources of TS-0023, for a provider that wants to see how they are.

They are plain text that the system operator can read, so they exist only with the owner's consent to just that. Values
are coarse and are told only when they change: for billing there are the signed records.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import ALREADY_THERE, Operation, ResourceType, Status
from homeapp.providers.onem2m.exchange import Exchange
from homeapp.providers.onem2m.resources import Mailbox, Node, policy_node, reading

STATUS_EVERY_S = 10.0
"""s of hub time between two updates at least."""
EVCE = "evce"
METER = "meter"
STATUS_PURPOSE = "status"

_GRAIN = 100.0
"""W and Wh: finer changes are not told."""
_SOURCE = "home"

Values = Mapping[str, bool | int | float | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplianceStatus:
    """How the appliances are; None is unknown.

    Attributes:
        charging: whether the car charges or feeds; None where no car is plugged in.
        power_w: of the charger, feed < 0; only its direction is told, TS-0023 has no place for it.
        soc_pct: of the car's battery.
        fault: whether the charger has one.
        meter_import_wh, meter_export_wh: the meter's registers.
        meter_power_w: at the meter, export < 0.
    """

    charging: bool | None
    power_w: float | None
    soc_pct: float | None
    fault: bool
    meter_import_wh: float | None = None
    meter_export_wh: float | None = None
    meter_power_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module class of TS-0023 as a child of an appliance.

    Attributes:
        device: resource name of the appliance.
        name: its own resource name.
        tag, definition: short name and container definition of the flexContainer.
        mandatory: the attribute that it cannot be without.
    """

    device: str
    name: str
    tag: str
    definition: str
    mandatory: str

    @property
    def path(self) -> str:
        """Its address below the hub's AE."""
        return f"{self.device}/{self.name}"


_MODULE = "org.onem2m.common.moduleclass"
CONNECTOR = Module(
    device=EVCE,
    name="connector",
    tag="cod:elVCr",
    definition=f"{_MODULE}.electricVehicleConnector",
    mandatory="sus",
)
BATTERY = Module(device=EVCE, name="battery", tag="cod:bat", definition=f"{_MODULE}.battery", mandatory="lvl")
FAULT = Module(device=EVCE, name="fault", tag="cod:fauDn", definition=f"{_MODULE}.faultDetection", mandatory="sus")
IMPORT = Module(
    device=METER, name="import", tag="cod:eneCn", definition=f"{_MODULE}.energyConsumption", mandatory="abECn"
)
EXPORT = Module(
    device=METER, name="export", tag="cod:eneGn", definition=f"{_MODULE}.energyGeneration", mandatory="genSe"
)


def appliance_nodes(base: str, ae_id: str, mailbox: Mailbox) -> tuple[tuple[Node, ...], ...]:
    """The appliances below the hub's AE at ``base``, before them their policy; the modules come with their values."""
    policy = mailbox.policy(STATUS_PURPOSE)
    return (
        (policy_node(base, policy, ae_id, reading(mailbox)),),
        (
            _flex_container(
                base,
                EVCE,
                "ved:dEVCr",
                f"{base}/{policy}",
                "org.onem2m.vehicular.device.deviceElectricVehicleCharger",
                {},
            ),
            _flex_container(
                base, METER, "cid:dSEMr", f"{base}/{policy}", "org.onem2m.city.device.deviceSmartElectricMeter", {}
            ),
        ),
    )


def modules(status: ApplianceStatus) -> dict[Module, Values]:
    """The attributes of each module; multiples of W and Wh as TS-0023 wants them."""
    direction = status.power_w if status.charging and status.power_w is not None else None
    power = _coarse(status.meter_power_w)
    exported = _coarse(status.meter_export_wh)
    return {
        CONNECTOR: {"sus": status.charging is not None},
        BATTERY: {
            "lvl": None if status.soc_pct is None else round(status.soc_pct),
            "charg": None if status.charging is None else direction is not None and direction > 0,
            "discg": None if status.charging is None else direction is not None and direction < 0,
        },
        FAULT: {"sus": status.fault},
        IMPORT: {"abECn": _coarse(status.meter_import_wh), "power": None if power is None else max(power, 0.0)},
        EXPORT: {
            "genSe": _SOURCE,
            "roEGn": None if exported is None else round(exported),
            "mulFs": 1,
            "poGDa": None if power is None else max(-power, 0.0),
        },
    }


class StatusPublisher:
    """Tells one provider's appliance resources what has changed, the newest status only."""

    def __init__(self, base: str, exchange: Exchange) -> None:
        self._base = base
        self._exchange = exchange
        self._wanted: dict[Module, Values] = {}
        self._told: dict[Module, dict[str, Any]] = {}
        self._news = asyncio.Event()

    def publish(self, status: ApplianceStatus) -> None:
        """Tell this one next, unless a newer one comes before that."""
        self._wanted = modules(status)
        if any(self._changes(module) for module in self._wanted):
            self._news.set()

    def forget(self) -> None:
        """What was told may be lost: tell it again."""
        self._told = {}
        if self._wanted:
            self._news.set()

    async def news(self) -> None:
        """Wait until there is something to tell."""
        await self._news.wait()

    async def tell(self, mailbox: Mailbox) -> None:
        """Tell all that has changed.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
        """
        self._news.clear()
        for module in tuple(self._wanted):
            if changes := self._changes(module):
                await self._tell(mailbox, module, changes)

    def _changes(self, module: Module) -> dict[str, Any]:
        """Empty where there is nothing to tell; a mandatory attribute that is no longer known keeps its last value."""
        told, wanted = self._told.get(module), self._wanted.get(module)
        if wanted is None:
            # Dropped meanwhile.
            return {}
        if told is None:
            return _settable(module, wanted) if wanted[module.mandatory] is not None else {}
        return {name: value for name, value in _settable(module, wanted).items() if told.get(name) != value}

    async def _tell(self, mailbox: Mailbox, module: Module, changes: dict[str, Any]) -> None:
        answer = Status.CONFLICT.value
        if module not in self._told:
            policy = f"{self._base}/{mailbox.policy(STATUS_PURPOSE)}"
            parent = f"{self._base}/{module.device}"
            known = {name: value for name, value in changes.items() if value is not None}
            node = _flex_container(parent, module.name, module.tag, policy, module.definition, known)
            made = await self._exchange.request(
                Operation.CREATE, parent, kind=ResourceType.FLEX_CONTAINER, content=node.creation()
            )
            answer = made.rsc
        if answer in ALREADY_THERE:
            # Null takes back what an earlier run of the hub has left there.
            address = f"{self._base}/{module.path}"
            answer = (await self._exchange.request(Operation.UPDATE, address, content={module.tag: changes})).rsc
        if answer not in (Status.CREATED, Status.UPDATED):
            raise ProviderUnreachable(f"The system operator does not take the state of {module.path} (code {answer}).")
        if module in self._wanted:
            self._told.setdefault(module, {}).update(changes)


def _settable(module: Module, wanted: Values) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None or name != module.mandatory}


def _flex_container(
    parent: str, name: str, tag: str, policy: str, definition: str, attributes: Mapping[str, Any]
) -> Node:
    # Each one names its policy itself: a child without one is its creator's alone.
    return Node(
        parent=parent,
        name=name,
        kind=ResourceType.FLEX_CONTAINER,
        attributes={"cnd": definition, "acpi": [policy], **attributes},
        changeable=(),
        tag=tag,
    )


def _coarse(value: float | None) -> float | None:
    return None if value is None else round(value / _GRAIN) * _GRAIN
