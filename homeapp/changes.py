"""What a change in one part of the hub sets off in the others: planned anew, acted upon at once, told to the screen."""

from collections.abc import Callable
from dataclasses import dataclass

from homeapp import api
from homeapp.control_loop import ControlLoop
from homeapp.errors import HomeappError
from homeapp.model.readings import EvceState, MeterReading
from homeapp.ports import StationUpstreams
from homeapp.reporting.reporter import Reporter
from homeapp.sessions import DeviceSessions
from homeapp.snapshot import LiveState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The parts that hear of a change in another one.

    Attributes:
        replan: the plan is made anew soon.
        devices_changed: the steps of commissioning look at the devices again.
        upstreams: the ways of charging stations to the provider's CSMS, or None where there is no CSMS.
        publish: the newest value of a topic goes to the screens.
        name_of: a provider's name for people.
    """

    live: LiveState
    control: ControlLoop
    reporter: Reporter
    sessions: DeviceSessions
    replan: Callable[[], None]
    devices_changed: Callable[[], None]
    upstreams: StationUpstreams | None
    publish: Callable[[api.Topic], None]
    name_of: Callable[[str], str]


class Changes:
    """Implements ``SessionListener``. Parts are made with its methods; ``reach`` the others before one of them runs."""

    _to: Reached

    def reach(self, parts: Reached) -> None:
        """All parts are there."""
        self._to = parts

    def meter_read(self, reading: MeterReading) -> None:
        self._to.live.meter_read(reading)
        self._to.reporter.meter_read(reading)
        self._to.control.meter_read()

    def evce_changed(self, state: EvceState) -> None:
        live = self._to.live
        before = live.evces.get(state.device_id)
        self.know_chargers()
        live.evce_changed(state)
        self._to.reporter.evce_changed(state)
        self._to.reporter.car_changed(live.evce)
        if before is None or before.status.car_present != state.status.car_present or _soc_moved(before, state):
            self._to.replan()
        if before is None or (before.status, before.connected) != (state.status, state.connected):
            self._to.control.act()
            self.live_changed()
        if before is None or _told_of(before) != _told_of(state):
            self.control_changed()

    def devices_changed(self) -> None:
        live = self._to.live
        ours = {device.device_id for device in self._to.sessions.adopted}
        for device_id in live.evces.keys() - ours:
            self._to.reporter.evce_gone(device_id)
        self.know_chargers()
        self._to.reporter.car_changed(live.evce)
        if live.meter is not None and live.meter.reading.device_id not in ours:
            live.meter = None
        self._to.publish(api.Topic.DEVICES)
        self._to.devices_changed()

    def know_chargers(self) -> None:
        """The live picture has just the chargers that the home has."""
        self._to.live.chargers_are({device.device_id: device.name for device in self._to.sessions.chargers})

    def act(self) -> None:
        """Something bears on what the chargers may do."""
        self._to.control.act()

    def publish(self, topic: api.Topic) -> None:
        """A topic has a new value."""
        self._to.publish(topic)

    def live_changed(self) -> None:
        """The live picture is another."""
        self._to.publish(api.Topic.SNAPSHOT)

    def control_changed(self) -> None:
        """Who controls a charger, or what is told of one, is another."""
        self._to.control.act()
        self._to.publish(api.Topic.DEVICES)

    def limited(self) -> None:
        """The grid operator has imposed a limit, or lifted one."""
        # The screen is told once the request is kept: what is sent to it now would come before the charger's frame.
        self._to.control.limited()
        self._to.replan()

    def offers_changed(self) -> None:
        """A request has come, or stands otherwise."""
        self._to.replan()
        self._to.control.act()
        self._to.publish(api.Topic.OFFERS)
        self.live_changed()

    def tariff_changed(self) -> None:
        """Prices are known that were not, or others hold."""
        self._to.replan()
        self._to.publish(api.Topic.TARIFF)
        self.live_changed()

    def sharing_changed(self) -> None:
        """What may leave the home, or what has left, is another."""
        if self._to.upstreams is not None:
            self._to.upstreams.consent_changed()
        self._to.publish(api.Topic.SHARING)
        # What has left must never look like more than what the way out has carried.
        self._to.publish(api.Topic.UPLINK)

    def notice(self, code: str, sentence: str) -> None:
        """The owner is told ``sentence``."""
        self._to.live.notice(code, sentence)
        self.live_changed()

    def part_failed(self, name: str, error: Exception) -> None:
        """A long task, or the flow of a provider, ended with ``error`` and is started again."""
        part = self._to.name_of(name)
        if isinstance(error, HomeappError):
            sentence = f"{part}: {error}"
        else:
            sentence = f"A part of the hub ({part}) failed and was started again. If it happens often, get help."
        self._to.live.notice(f"part_failed.{name}", sentence)


def _soc_moved(before: EvceState, after: EvceState) -> bool:
    if before.soc_pct is None or after.soc_pct is None:
        return before.soc_pct is not after.soc_pct
    return round(before.soc_pct) != round(after.soc_pct)


def _told_of(state: EvceState) -> tuple[object, ...]:
    """What the list of devices tells of a charger besides its link."""
    provider = (state.provider_limit_w, state.provider_feed_w, state.provider_control)
    return (*provider, state.capabilities, state.software)
