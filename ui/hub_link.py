"""The only crossing between the screen and the hub: the contract of ``homeapp.api`` over the local socket.

Works in Qt's event loop alone: no threads, no asyncio. It reconnects for ever.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalSocket

from homeapp import api
from homeapp.errors import HomeappError, HubNotRunning
from homeapp.model.live import Snapshot
from ui.tr import tr

logger = logging.getLogger(__name__)

R = TypeVar("R")

CALL_TIMEOUT_S = 10.0
PATIENT_TIMEOUT_S = 60.0
_PATIENT = (api.AdoptDevice, api.RunCheck, api.LookForMeter, api.EnrolProvider, api.FinishCommissioning)
"""Calls that wait for a device, a provider or the disk."""
_FIRST_RETRY_MS, _LAST_RETRY_MS = 500, 5000
_SILENCE_S = 5.0
_TICK_MS = 500
_CLOCK_STEP = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Waiting:
    call: api.Call[Any]
    deadline: float
    on_answer: Callable[[Any], None]
    on_error: Callable[[HomeappError], None]


def _while(owner: QObject | None, act: Callable[[R], None]) -> Callable[[R], None]:
    """``act`` as long as Qt has not deleted ``owner``."""

    def guarded(value: R) -> None:
        if owner is None or shiboken6.isValid(owner):
            act(value)

    return guarded


class HubClock:
    """The hub's clock, read here: what it said last plus what has passed since, times its speed."""

    def __init__(self) -> None:
        self._base = datetime.now(UTC)
        self._at = time.monotonic()
        self._speed = 1.0

    def now(self) -> datetime:
        """Hub time, UTC."""
        return self._base + timedelta(seconds=(time.monotonic() - self._at) * self._speed)

    def set(self, now: datetime, speed: float) -> None:
        """The hub said what time it is and how fast its clock runs."""
        self._base, self._at, self._speed = now, time.monotonic(), speed

    def heard(self, at: datetime) -> None:
        """The hub stamped something just now; small delays never turn the clock back."""
        ahead = self.now() - at
        if ahead < timedelta(0) or ahead > _CLOCK_STEP * max(1.0, self._speed):
            self.set(at, self._speed)


class HubLink(QObject):
    """One connection to the hub.

    Signals:
        connected: ``api.Hello``; values of all topics follow.
        lost: the hub is gone, or was never there; emitted once until it is back.
        refused: a sentence: the hub is there but cannot be used.
        snapshot, devices, offers, tariff, plan, schedule, rules, sharing, uplink, commissioning, access: the newest
            value.
    """

    connected = Signal(object)
    lost = Signal()
    refused = Signal(str)
    snapshot = Signal(object)
    devices = Signal(object)
    offers = Signal(object)
    tariff = Signal(object)
    plan = Signal(object)
    schedule = Signal(object)
    rules = Signal(object)
    sharing = Signal(object)
    uplink = Signal(object)
    commissioning = Signal(object)
    access = Signal(object)

    def __init__(self, socket_path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = str(socket_path)
        self._clock = HubClock()
        self._waiting: dict[int, _Waiting] = {}
        self._buffer = bytearray()
        self._last_id = 0
        self._heard_at = 0.0
        self._alive: bool | None = None
        self._retry_ms = _FIRST_RETRY_MS
        self._topics = {
            api.Topic.SNAPSHOT: self.snapshot,
            api.Topic.DEVICES: self.devices,
            api.Topic.OFFERS: self.offers,
            api.Topic.TARIFF: self.tariff,
            api.Topic.PLAN: self.plan,
            api.Topic.SCHEDULE: self.schedule,
            api.Topic.RULES: self.rules,
            api.Topic.SHARING: self.sharing,
            api.Topic.UPLINK: self.uplink,
            api.Topic.COMMISSIONING: self.commissioning,
            api.Topic.ACCESS: self.access,
        }
        self._socket = QLocalSocket(self)
        self._socket.connected.connect(self._say_hello)
        self._socket.readyRead.connect(self._read)
        self._socket.stateChanged.connect(self._state_changed)
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.timeout.connect(self._connect)
        self._watch = QTimer(self)
        self._watch.setInterval(_TICK_MS)
        self._watch.timeout.connect(self._check_times)

    @property
    def alive(self) -> bool:
        """The hub answers."""
        return bool(self._alive)

    def now(self) -> datetime:
        """Hub time, UTC; runs on while the hub is gone."""
        return self._clock.now()

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._connect()

    def stop(self) -> None:
        """Close for good."""
        self._retry.stop()
        self._watch.stop()
        self._socket.stateChanged.disconnect(self._state_changed)
        self._socket.abort()

    def call(
        self,
        call: api.Call[R],
        on_answer: Callable[[R], None],
        on_error: Callable[[HomeappError], None],
        *,
        owner: QObject | None = None,
    ) -> None:
        """Ask the hub; exactly one of the two is called, later, within the call's time.

        Neither is where ``owner`` is gone by then.
        """
        on_answer, on_error = _while(owner, on_answer), _while(owner, on_error)
        if self._socket.state() != QLocalSocket.LocalSocketState.ConnectedState:
            QTimer.singleShot(0, self, lambda: on_error(HubNotRunning(tr("The hub does not answer. Try again soon."))))
            return
        self._last_id += 1
        allowed_s = PATIENT_TIMEOUT_S if isinstance(call, _PATIENT) else CALL_TIMEOUT_S
        self._waiting[self._last_id] = _Waiting(call, time.monotonic() + allowed_s, on_answer, on_error)
        self._socket.write(api.encode_call(self._last_id, call))

    def _connect(self) -> None:
        self._buffer.clear()
        self._socket.connectToServer(self._path)

    def _state_changed(self, state: QLocalSocket.LocalSocketState) -> None:
        if state != QLocalSocket.LocalSocketState.UnconnectedState:
            return
        self._watch.stop()
        if self._alive is not False:
            logger.warning("hub: no connection, trying again for ever")
            self._alive = False
            self.lost.emit()
        waiting, self._waiting = list(self._waiting.values()), {}
        for item in waiting:
            item.on_error(HubNotRunning(tr("The hub went away before it answered. Look whether it was done.")))
        self._retry.start(self._retry_ms)
        self._retry_ms = min(_LAST_RETRY_MS, self._retry_ms * 2)

    def _say_hello(self) -> None:
        self._heard_at = time.monotonic()
        self._watch.start()
        self.call(api.SayHello(), self._greeted, self._not_greeted)

    def _greeted(self, hello: api.Hello) -> None:
        if hello.protocol != api.PROTOCOL_VERSION:
            self._not_greeted(HomeappError(tr("This screen and the hub have different versions. Update both.")))
            return
        self._clock.set(hello.now, hello.clock_speed)
        self._retry_ms = _FIRST_RETRY_MS
        self._alive = True
        logger.info("hub: connected, version %s", hello.version)
        self.connected.emit(hello)
        self.call(api.Watch(topics=tuple(api.Topic)), lambda _nothing: None, self._not_greeted)

    def _not_greeted(self, error: HomeappError) -> None:
        if isinstance(error, HubNotRunning):
            return
        logger.error("hub: %s", error)
        self.refused.emit(str(error))
        self._retry_ms = _LAST_RETRY_MS
        self._socket.abort()

    def _check_times(self) -> None:
        now = time.monotonic()
        for request_id, item in list(self._waiting.items()):
            if now > item.deadline:
                del self._waiting[request_id]
                item.on_error(HubNotRunning(tr("The hub took too long to answer. Look whether it was done.")))
        if now - self._heard_at > _SILENCE_S + CALL_TIMEOUT_S:
            logger.warning("hub: connected but silent for %.0f s", now - self._heard_at)
            self._socket.abort()
        elif now - self._heard_at > _SILENCE_S and not any(
            isinstance(i.call, api.SayHello) for i in self._waiting.values()
        ):
            self.call(api.SayHello(), lambda hello: self._clock.set(hello.now, hello.clock_speed), lambda _error: None)

    def _read(self) -> None:
        self._heard_at = time.monotonic()
        self._buffer += self._socket.readAll().data()
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) > api.MAX_LINE:
            logger.error("hub: a line longer than %d bytes, closing the connection", api.MAX_LINE)
            self._buffer.clear()
            self._socket.abort()

    def _take(self, line: bytes) -> None:
        try:
            incoming = api.decode_incoming(line)
        except api.BadLine as error:
            logger.warning("hub: a line was dropped: %s", error)
            return
        if isinstance(incoming, api.Pushed):
            if isinstance(incoming.value, Snapshot):
                self._clock.heard(incoming.value.at)
            self._topics[incoming.topic].emit(incoming.value)
        elif incoming.id is not None and (item := self._waiting.pop(incoming.id, None)) is not None:
            self._answer(item, incoming)

    def _answer(self, item: _Waiting, response: api.Response) -> None:
        if response.error is not None:
            item.on_error(response.error)
            return
        try:
            value = api.decode_value(response.result, item.call.answer)
        except api.BadLine as error:
            logger.warning("hub: %s", error)
            item.on_error(error)
            return
        item.on_answer(value)
