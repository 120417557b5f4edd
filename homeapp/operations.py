"""What the contract's calls do: each call class of ``homeapp.api`` and the part of the hub that carries it out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from homeapp import api
from homeapp.errors import NotFound, WrongState
from homeapp.model.consent import ProviderSharing
from homeapp.model.device import DeviceView
from homeapp.model.offer import Choice, OfferCase
from homeapp.model.plan import Schedule
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
        may_hear: whether the owner shares so much with a provider (sp_id) that an answer can be sent to it.
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
        may_hear: Callable[[str], bool],
    ) -> None:
        self._live = live
        self._desk = desk
        self._sessions = sessions
        self._devices = devices
        self._ledger = ledger
        self._snapshot = snapshot
        self._schedule = schedule
        self._doctor = doctor
        self._live_changed = live_changed
        self._sharing = sharing
        self._uplink = uplink
        self._may_hear = may_hear

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call that the server does not answer itself."""
        return {
            api.AskDoctor: self._ask_doctor,
            api.GetSnapshot: self._get_snapshot,
            api.GetTariff: self._get_tariff,
            api.ListDevices: self._list_devices,
            api.AdoptDevice: self._adopt,
            api.ForgetDevice: self._forget,
            api.RaiseSecurity: self._raise_security,
            api.ListOffers: self._list_offers,
            api.ShowOffer: self._show_offer,
            api.DecideOffer: self._decide,
            api.AlertSeen: self._alert_seen,
        }

    def current(self, topic: api.Topic) -> api.Notification:
        """The value of a topic now; that of ACCESS is the connection's own."""
        match topic:
            case api.Topic.SNAPSHOT:
                value: api.Notification = self._snapshot()
            case api.Topic.DEVICES:
                value = self._devices()
            case api.Topic.OFFERS:
                value = self._desk.cases
            case api.Topic.TARIFF:
                value = self._live.tariff
            case api.Topic.PLAN:
                value = self._live.plan
            case api.Topic.SCHEDULE:
                value = self._schedule()
            case api.Topic.SHARING:
                value = self._sharing()
            case api.Topic.UPLINK:
                value = self._uplink()
            case api.Topic.ACCESS:
                raise LookupError("each connection has a value of its own")
        return value

    async def _ask_doctor(self, _call: api.AskDoctor, _caller: api.Role) -> tuple[api.Check, ...]:
        return await self._doctor()

    async def _get_snapshot(self, _call: api.GetSnapshot, _caller: api.Role) -> object:
        return self._snapshot()

    async def _get_tariff(self, _call: api.GetTariff, _caller: api.Role) -> Tariff | None:
        return self._live.tariff

    async def _list_devices(self, _call: api.ListDevices, _caller: api.Role) -> tuple[DeviceView, ...]:
        return self._devices()

    async def _adopt(self, call: api.AdoptDevice, _caller: api.Role) -> DeviceView:
        return await self._sessions.adopt(call.device_id, call.name)

    async def _forget(self, call: api.ForgetDevice, _caller: api.Role) -> None:
        await self._sessions.forget(call.device_id)

    async def _raise_security(self, call: api.RaiseSecurity, _caller: api.Role) -> None:
        await self._sessions.raise_security(call.device_id)

    async def _list_offers(self, _call: api.ListOffers, _caller: api.Role) -> tuple[OfferCase, ...]:
        return self._desk.cases

    async def _show_offer(self, call: api.ShowOffer, _caller: api.Role) -> OfferCase:
        found = self._case(call.key)
        if found is None:
            raise NotFound(f"There is no request {call.key!r}.")
        return found

    async def _decide(self, call: api.DecideOffer, caller: api.Role) -> OfferCase:
        case = self._case(call.key)
        if call.choice is Choice.ACCEPT and case is not None and not self._may_hear(case.offer.sp_id):
            raise WrongState(
                f"You share nothing with {case.offer.sp_name}, so it would never hear of your answer. Allow that it "
                "knows this home first, on the page Sharing."
            )
        return await self._desk.decide(call.key, call.digest, call.choice, caller.value)

    async def _alert_seen(self, call: api.AlertSeen, _caller: api.Role) -> None:
        if not await self._ledger.alert_seen(call.sp_id, call.alert_id):
            raise NotFound("This alert is no longer there.")
        self._live.alert_raised(await self._ledger.alerts())
        self._live_changed()

    def _case(self, key: str) -> OfferCase | None:
        return next((case for case in self._desk.cases if case.offer.key == key), None)
