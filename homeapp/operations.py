"""What the contract's calls do: each call class of ``homeapp.api`` and the part of the hub that carries it out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from homeapp import api
from homeapp.errors import NotFound
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import ProviderSharing
from homeapp.model.device import DeviceView
from homeapp.model.plan import Schedule
from homeapp.model.standing_rule import RuleView
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import UplinkView
from homeapp.offers.desk import OfferDesk
from homeapp.server import Handler
from homeapp.sessions import DeviceSessions
from homeapp.snapshot import LiveState
from homeapp.store.ledger import Ledger


class Operations:
    """The handlers, bound to the hub's parts.

    Args:
        devices: adopted ones and those that could be, as the list of devices shows them.
        rules: the owner's standing rules, as they are shown.
        commissioning: how that stands.
    """

    def __init__(
        self,
        *,
        live: LiveState,
        desk: OfferDesk,
        sessions: DeviceSessions,
        devices: Callable[[], tuple[DeviceView, ...]],
        ledger: Ledger,
        snapshot: Callable[[], Any],
        schedule: Callable[[], Schedule],
        doctor: Callable[[], Awaitable[tuple[api.Check, ...]]],
        live_changed: Callable[[], None],
        sharing: Callable[[], tuple[ProviderSharing, ...]],
        uplink: Callable[[], UplinkView],
        rules: Callable[[], tuple[RuleView, ...]],
        commissioning: Callable[[], CommissioningView],
    ) -> None:
        self._live = live
        self._sessions = sessions
        self._devices = devices
        self._ledger = ledger
        self._snapshot = snapshot
        self._doctor = doctor
        self._live_changed = live_changed
        self._topics: Mapping[api.Topic, Callable[[], api.Notification]] = {
            api.Topic.SNAPSHOT: snapshot,
            api.Topic.DEVICES: devices,
            api.Topic.OFFERS: lambda: desk.cases,
            api.Topic.RULES: rules,
            api.Topic.TARIFF: lambda: live.tariff,
            api.Topic.PLAN: lambda: live.plan,
            api.Topic.SCHEDULE: schedule,
            api.Topic.SHARING: sharing,
            api.Topic.UPLINK: uplink,
            api.Topic.COMMISSIONING: commissioning,
        }

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call that the server does not answer itself."""
        return {
            api.AskDoctor: self._ask_doctor,
            api.GetSnapshot: self._get_snapshot,
            api.GetTariff: self._get_tariff,
            api.ListDevices: self._list_devices,
            api.LookForMeter: self._look_for_meter,
            api.AdoptDevice: self._adopt,
            api.ForgetDevice: self._forget,
            api.RaiseSecurity: self._raise_security,
            api.AlertSeen: self._alert_seen,
        }

    def current(self, topic: api.Topic) -> api.Notification:
        """The value of a topic now; that of ACCESS is the connection's own."""
        if topic not in self._topics:
            raise LookupError("each connection has a value of its own")
        return self._topics[topic]()

    async def _ask_doctor(self, _call: api.AskDoctor, _caller: api.Role) -> tuple[api.Check, ...]:
        return await self._doctor()

    async def _get_snapshot(self, _call: api.GetSnapshot, _caller: api.Role) -> object:
        return self._snapshot()

    async def _get_tariff(self, _call: api.GetTariff, _caller: api.Role) -> Tariff | None:
        return self._live.tariff

    async def _list_devices(self, _call: api.ListDevices, _caller: api.Role) -> tuple[DeviceView, ...]:
        return self._devices()

    async def _look_for_meter(self, call: api.LookForMeter, _caller: api.Role) -> DeviceView:
        return await self._sessions.look(call.address)

    async def _adopt(self, call: api.AdoptDevice, _caller: api.Role) -> DeviceView:
        return await self._sessions.adopt(call.device_id, call.name)

    async def _forget(self, call: api.ForgetDevice, _caller: api.Role) -> None:
        await self._sessions.forget(call.device_id)

    async def _raise_security(self, call: api.RaiseSecurity, _caller: api.Role) -> None:
        await self._sessions.raise_security(call.device_id)

    async def _alert_seen(self, call: api.AlertSeen, _caller: api.Role) -> None:
        if not await self._ledger.alert_seen(call.sp_id, call.alert_id):
            raise NotFound("This alert is no longer there.")
        self._live.alert_raised(await self._ledger.alerts())
        self._live_changed()
