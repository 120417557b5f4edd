"""The household's say about its chargers, joined: control, cards, what the screen tells, and the calls about them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from homeapp import api
from homeapp.chargers.owner_control import OwnerControls
from homeapp.chargers.provider_rights import HomeRights
from homeapp.chargers.tokens import TokenLedger, Tokens
from homeapp.errors import NotFound
from homeapp.model.charger import ChargerView, InControl, OwnerControl, TokenView
from homeapp.model.device import DeviceKind, DeviceView
from homeapp.model.offer import OfferCase
from homeapp.model.readings import EvceState, LimitControl
from homeapp.ports import Clock
from homeapp.server import Handler


class AdoptedChargers(Protocol):
    """The chargers of the home."""

    def name_of(self, device_id: str) -> str | None:
        """What people call an adopted charger; None for anything else."""

    def state_of(self, device_id: str) -> EvceState | None:
        """Its newest state; None while it has not connected since the hub started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What the household's say depends on.

    Attributes:
        key: the home's own, under which cards are hashed.
        auto_start: a car that is plugged in charges without a card.
        departure: when the car is to be ready next.
        agreed: requests that are agreed and not over.
        notice: takes a code and a sentence for the owner.
        changed: what the views of chargers say has changed.
    """

    ledger: TokenLedger
    clock: Clock
    key: bytes
    auto_start: bool
    rights: HomeRights
    chargers: AdoptedChargers
    departure: Callable[[], datetime]
    agreed: Callable[[], Iterable[OfferCase]]
    notice: Callable[[str, str], None]
    changed: Callable[[], None]


class Chargers:
    """See the module; ``controls`` and ``tokens`` are its parts."""

    def __init__(self, household: Household) -> None:
        self._of = household
        self.controls = OwnerControls(household.ledger, household.clock, household.changed)
        self.tokens = Tokens(
            household.ledger,
            household.clock,
            household.key,
            auto_start=household.auto_start,
            unknown=self._unknown_card,
            changed=household.changed,
        )
        household.rights.join(self._owner_holds, household.agreed, self.tokens)

    async def load(self) -> None:
        """Take up what was kept.

        Raises:
            StoreUnavailable: the ledger cannot be read.
        """
        await self.controls.load()
        await self.tokens.load()

    def bodies(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Long tasks, by name."""
        return {"control of the charger": self.controls.watch, "cards": self.tokens.watch}

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call."""
        return {
            api.TakeControl: self._take,
            api.GiveControlBack: self._give_back,
            api.ListTokens: self._list,
            api.AddToken: self._add,
            api.RemoveToken: self._remove,
        }

    def views(self, devices: tuple[DeviceView, ...]) -> tuple[DeviceView, ...]:
        """The devices, adopted chargers with what is told of them."""
        return tuple(self._with_charger(device) for device in devices)

    def _owner_holds(self, device_id: str) -> bool:
        return self.controls.of(device_id) is not None

    def _with_charger(self, device: DeviceView) -> DeviceView:
        if device.kind is not DeviceKind.EVCE or not device.adopted:
            return device
        device_id, state = device.device_id, self._of.chargers.state_of(device.device_id)
        capabilities = None if state is None else state.capabilities
        view = ChargerView(
            in_control=self._in_control(device_id, state),
            limits=LimitControl.FULL if capabilities is None else capabilities.control,
            has_provider=device_id in self._of.rights.attached_to,
            provider_limit_w=None if state is None else state.provider_limit_w,
            provider_feed_w=None if state is None else state.provider_feed_w,
            owner_control=self.controls.of(device_id),
            feed_refusal=None if capabilities is None else capabilities.feed_refusal,
            software=None if state is None else state.software,
            card_needed=not self._of.auto_start,
            unknown_card_at=self.tokens.unknown_at(device_id),
            security_profile=None if state is None or not state.connected else state.security_profile,
        )
        return replace(device, charger=view)

    def _in_control(self, device_id: str, state: EvceState | None) -> InControl:
        if self.controls.of(device_id) is not None:
            return InControl.OWNER
        if state is None or state.provider_limit_w is None:
            return InControl.HUB
        most_w = state.capabilities.max_charge_w if state.capabilities is not None else None
        # A limit that the charger cannot reach limits nothing.
        return InControl.PROVIDER if most_w is None or state.provider_limit_w < most_w else InControl.HUB

    def _unknown_card(self, device_id: str) -> None:
        name = self._of.chargers.name_of(device_id) or device_id
        self._of.notice(
            "unknown_card",
            f"An unknown card was shown at the charger “{name}”; it was refused. If it is yours, add it under Devices.",
        )

    async def _take(self, call: api.TakeControl, caller: api.Role) -> OwnerControl:
        self._find(call.device_id)
        return await self.controls.take(call.device_id, call.span, self._of.departure(), caller.value)

    async def _give_back(self, call: api.GiveControlBack, _caller: api.Role) -> None:
        self._find(call.device_id)
        await self.controls.give_back(call.device_id)

    async def _list(self, _call: api.ListTokens, _caller: api.Role) -> tuple[TokenView, ...]:
        return self.tokens.views

    async def _add(self, call: api.AddToken, _caller: api.Role) -> TokenView:
        return await self.tokens.add(call.name, call.token)

    async def _remove(self, call: api.RemoveToken, _caller: api.Role) -> None:
        await self.tokens.remove(call.name)

    def _find(self, device_id: str) -> None:
        if self._of.chargers.name_of(device_id) is None:
            raise NotFound("There is no such charger in this home.")
