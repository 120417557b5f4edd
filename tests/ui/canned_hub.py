"""A hub that says what the test wants, over a real local socket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from plans_told import preview
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from situations import CHARGING, Situation

from homeapp import api
from homeapp.errors import HomeappError

Answer = Callable[[Any], object]


class CannedHub:
    """Serves one ``Situation``; ``answers`` by call class, a HomeappError as answer is sent as one.

    Attributes:
        calls: every call but Hello and Watch, in order.
        mute: read but never answer.
    """

    def __init__(self, path: Path, situation: Situation = CHARGING) -> None:
        self.path = path
        self.situation = situation
        self.answers: dict[type[api.Call[Any]], Answer] = {}
        self.calls: list[api.Call[Any]] = []
        self.held: list[Callable[[], None]] = []
        self.hold = False
        self.mute = False
        self.protocol = api.PROTOCOL_VERSION
        self.speed = 1.0
        self._sockets: list[QLocalSocket] = []
        self._server: QLocalServer | None = None

    def start(self) -> None:
        QLocalServer.removeServer(str(self.path))
        self._server = QLocalServer()
        self._server.newConnection.connect(self._accept)
        assert self._server.listen(str(self.path)), self._server.errorString()

    def stop(self) -> None:
        for socket in self._sockets:
            socket.readyRead.disconnect()
            socket.abort()
        self._sockets.clear()
        if self._server is not None:
            self._server.close()
            self._server = None

    def become(self, situation: Situation) -> None:
        self.situation = situation
        for topic in api.Topic:
            self.push(topic)

    def push(self, topic: api.Topic) -> None:
        self.send(api.encode_notification(topic, self._value(topic)))

    def send(self, raw: bytes) -> None:
        for socket in self._sockets:
            socket.write(raw)
            socket.flush()

    def release(self) -> None:
        """Send the answers that were held back."""
        held, self.held = self.held, []
        for answer in held:
            answer()

    def _value(self, topic: api.Topic) -> api.Notification:
        return {
            api.Topic.SNAPSHOT: self.situation.snapshot,
            api.Topic.DEVICES: self.situation.devices,
            api.Topic.OFFERS: self.situation.offers,
            api.Topic.RULES: (),
            api.Topic.TARIFF: self.situation.tariff,
            api.Topic.PLAN: self.situation.plan,
            api.Topic.SCHEDULE: self.situation.schedule,
            api.Topic.RULES: self.situation.rules,
            api.Topic.SHARING: self.situation.sharing,
            api.Topic.UPLINK: self.situation.uplink,
            api.Topic.ACCESS: self.situation.access,
            api.Topic.COMMISSIONING: self.situation.commissioning,
        }[topic]

    def _accept(self) -> None:
        assert self._server is not None
        socket = self._server.nextPendingConnection()
        self._sockets.append(socket)
        socket.readyRead.connect(lambda: self._read(socket))

    def _read(self, socket: QLocalSocket) -> None:
        while socket.canReadLine():
            request = api.decode_request(socket.readLine().data())
            if self.mute:
                continue
            if self.hold and not isinstance(request.call, api.SayHello | api.Watch):
                self.calls.append(request.call)
                self.held.append(lambda request=request: self._respond(socket, request))
                continue
            if not isinstance(request.call, api.SayHello | api.Watch):
                self.calls.append(request.call)
            self._respond(socket, request)

    def _respond(self, socket: QLocalSocket, request: api.Request) -> None:
        result = self._answer(request.call)
        if isinstance(result, HomeappError):
            socket.write(api.encode_error(request.id, result))
        else:
            socket.write(api.encode_result(request.id, result))
        if isinstance(request.call, api.Watch):
            for topic in request.call.topics:
                socket.write(api.encode_notification(topic, self._value(topic)))
        socket.flush()

    def _answer(self, call: api.Call[Any]) -> object:
        if isinstance(call, api.SayHello):
            return api.Hello(
                version="test",
                protocol=self.protocol,
                now=self.situation.now,
                clock_speed=self.speed,
                role=api.Role.OWNER,
                site=self.situation.site,
            )
        if isinstance(call, api.GetWhy):
            return self.situation.why
        if isinstance(call, api.ListProviders) and api.ListProviders not in self.answers:
            return self.situation.providers
        if isinstance(call, api.AskDoctor):
            return self.situation.doctor
        if isinstance(call, api.PreviewOffer) and api.PreviewOffer not in self.answers:
            return next(preview(case) for case in self.situation.offers if case.offer.key == call.key)
        answer = self.answers.get(type(call))
        return answer(call) if answer else None
