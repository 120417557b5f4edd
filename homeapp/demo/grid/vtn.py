"""The grid operator of the demo street: an OpenADR 3.1 VTN over HTTPS, with the oddities of those in the field."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from homeapp.demo.grid import objects as vtn_objects
from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.announcement import LocalVtn
from homeapp.demo.grid.api import VtnApi
from homeapp.demo.grid.decisions import ReceivedDecision, TrustedHub, is_decision, read_decision
from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.notification import encoded, notification
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.objects import GROUP, DrOffer
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.store import Json, Operation, VtnStore
from homeapp.demo.grid.tariff_days import TariffDays
from homeapp.demo.grid.tokens import Tokens
from homeapp.demo.grid.topics import Topics
from homeapp.demo.grid.usage import UsageReading, read_usage
from homeapp.demo.grid.views import Views
from homeapp.demo.grid.webhooks import Webhooks
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.https_server import HttpsServer
from homeapp.demo.watched import Watched
from homeapp.ports import Clock

BASE_PATH = f"/openadr3/{Dialect.V3_1}"
_LOOK_S = 60.0
"""How often the operator looks whether a new day has come, s of the street's time."""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request and how it was answered; the path without the base and the query."""

    at: datetime
    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VtnOptions:
    """What a VTN may have besides, all of it left out by default.

    Attributes:
        dialect: the version of OpenADR that it speaks.
        accounts: further clients.
        notifier: tells changes by MQTT.
        local: how it announces itself at home.
        public: programs and events can be read without a token.
        callback_tls: what webhooks' certificates are checked against.
    """

    dialect: Dialect = Dialect.V3_1
    accounts: Sequence[Account] = ()
    notifier: MqttNotifier | None = None
    local: LocalVtn | None = None
    public: bool = False
    callback_tls: ssl.SSLContext | None = None


class DemoVtn(HttpsServer, Watched):
    """A VTN on a port of its own choice; keeps port and objects when ``run`` is called again, as after an outage.

    Attributes:
        reports: decisions in the order in which they came.
        history: the last 1,000 requests.
        notifier: where it has one.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tls: ssl.SSLContext,
        client_id: str,
        client_secret: str,
        prices: PriceCurve | None = None,
        hub_key: Mapping[str, str] | None = None,
        hub_id: str = "Chub-0001",
        auto_confirm: bool = False,
        readers: Mapping[str, str] | None = None,
        options: VtnOptions | None = None,
    ) -> None:
        """Serve nothing yet.

        Args:
            clock: the street's.
            tls: of the server, with its certificate.
            client_id: of the home's VEN.
            client_secret: its secret.
            prices: what the tariff program announces for today and tomorrow.
            hub_key: the hub's public JWK; without it no decision counts as verified.
            hub_id: ``iss`` of its decisions.
            auto_confirm: confirm every verified OPT_IN at once.
            readers: secrets of other clients by id, who may read programs and events and nothing else.
            options: what it has besides.
        """
        super().__init__(tls)
        Watched.__init__(self)
        self._options = options or VtnOptions()
        self.reports: list[ReceivedDecision] = []
        self.history: deque[SeenRequest] = deque(maxlen=1000)
        self.notifier = self._options.notifier
        self._clock = clock
        self._hub_id = hub_id
        self._hub = None if hub_key is None else TrustedHub(hub_id, hub_key)
        self._auto_confirm = auto_confirm
        others = [Account(name, secret, Role.READER) for name, secret in (readers or {}).items()]
        self._accounts = (Account(client_id, client_secret), *others, *self._options.accounts)
        self._tokens = Tokens(clock, self._accounts)
        self._store = VtnStore(clock)
        self._tariff = TariffDays(self._store, clock, prices or PriceCurve())
        self._views = Views(self._store, clock, self._targets_of, open_to_all=self._options.dialect is Dialect.V3_0_1)
        self._topics = Topics(self._store, self._views)
        self._webhooks = Webhooks(self._store, self._views, self._tokens, self._options.callback_tls)
        self._api = self._make_api()
        self._publish_at_first()
        self._store.listeners.append(self._changed)

    @property
    def url(self) -> str:
        """The base URL, for the hub's setting ``vtn_url``; it must have been started."""
        return f"{self.origin}{self._api.base_path}"

    @property
    def oddities(self) -> Oddities:
        """How it misbehaves; may be replaced at any time."""
        return self._api.oddities

    @oddities.setter
    def oddities(self, oddities: Oddities) -> None:
        self._api.show(oddities)

    @property
    def problem_status(self) -> int | None:
        """Everything but logins is answered with this status; may be set at any time."""
        return self._api.problem_status

    @problem_status.setter
    def problem_status(self, status: int | None) -> None:
        self._api.problem_status = status

    @property
    def usage(self) -> tuple[UsageReading, ...]:
        """Energy as reported, in the order in which it came, without what was deleted."""
        return tuple(reading for report in self._store.every("reports") for reading in read_usage(report))

    async def run(self) -> None:
        business = [account.client_id for account in self._accounts if account.role is Role.BUSINESS]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())
            tasks.create_task(self._webhooks.run())
            tasks.create_task(self._keep_tariff())
            if self.notifier is not None:
                tasks.create_task(self.notifier.run(business))
            if self._options.local is not None:
                await super().started()
                tasks.create_task(self._announce(self._options.local))

    async def started(self) -> None:
        await super().started()
        if self.notifier is not None:
            await self.notifier.started()

    def trust_hub(self, jwk: Mapping[str, str]) -> None:
        """Accept decisions that are signed with the hub's public key."""
        self._hub = TrustedHub(self._hub_id, jwk)

    def publish_offer(self, offer: DrOffer, event_id: str | None = None) -> str:
        """Publish a request; return its event id. With the id of an earlier one it takes that one's place."""
        return self.publish_event(vtn_objects.offer_event(offer), event_id)

    def publish_event(self, event: Mapping[str, Any], event_id: str | None = None) -> str:
        """Publish any eventRequest, sound or not; return its id."""
        identifier: str = self._store.put("events", event, event_id)["id"]
        return identifier

    def withdraw(self, event_id: str) -> None:
        """Delete an event.

        Raises:
            KeyError: there is none.
        """
        self._store.delete("events", event_id)

    def grant(self, targets: Sequence[str] = (GROUP,)) -> None:
        """Give these targets to every ven, as business logic does; replaces those that it had."""
        for ven in self._store.every("vens"):
            self._store.put("vens", {**ven, "targets": list(targets)}, ven["id"])

    def confirm(
        self, decision_id: str, *, confirmed: bool = True, reason: str = "", name_the_report: bool = False
    ) -> str:
        """Publish the grid operator's word about a decision that it has received; return the event id.

        Args:
            decision_id: of one in ``reports``.
            confirmed: or rejected.
            reason: for people.
            name_the_report: give only the report's id, as the Dutch DER profile does.

        Raises:
            StopIteration: there is no such decision.
        """
        report = next(item for item in self.reports if item.decision_id == decision_id)
        about = {"REPORT_ID": report.report_id} if name_the_report else {"DECISION_ID": decision_id}
        told = about | {"DECISION_STATUS": "CONFIRMED" if confirmed else "REJECTED", "DECISION_REASON": reason}
        program_id = vtn_objects.OFFER_PROGRAM
        if self._store.has("events", report.event_id):
            program_id = self._store.one("events", report.event_id)["programID"]
        return self.publish_event(vtn_objects.receipt_event(program_id, self._clock.now(), told))

    def revoke_tokens(self) -> None:
        """Forget all tokens, as after a restart of the login server."""
        self._tokens.forget_all()

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a collection as they go over the wire."""
        self._tariff.refresh()
        return [self._api.shown(item) for item in self._store.every(kind)]

    def _make_api(self) -> VtnApi:
        return VtnApi(
            clock=self._clock,
            dialect=self._options.dialect,
            store=self._store,
            views=self._views,
            tokens=self._tokens,
            tariff=self._tariff,
            webhooks=self._webhooks,
            topics=self._topics,
            notifier=self.notifier,
            public=self._options.public,
        )

    def _publish_at_first(self) -> None:
        for program_id, program in vtn_objects.programs().items():
            self._store.put("programs", program, program_id)
        self._store.put("events", vtn_objects.usage_event(self._clock.now()), vtn_objects.USAGE_EVENT)

    def _targets_of(self, item: Json) -> frozenset[str]:
        told = item.get("targets")
        # What the operator publishes need not be sound.
        targets = (
            frozenset(target for target in told if isinstance(target, str)) if isinstance(told, list) else frozenset()
        )
        if not targets and self.oddities.hidden_targets and item["objectType"] == "EVENT":
            return frozenset((GROUP,))
        return targets

    async def _keep_tariff(self) -> None:
        while True:
            self._tariff.refresh()
            await self._clock.sleep(_LOOK_S)

    async def _announce(self, local: LocalVtn) -> None:
        port = urlsplit(self.origin).port or 443
        names = [str(program["programName"]) for program in self._store.every("programs")]
        await local.announce(port, self._api.base_path, self._options.dialect, names)

    def _changed(self, operation: Operation, changed: Json) -> None:
        self._happened()
        self._webhooks.tell(operation, changed)
        if self.notifier is not None:
            oddities = self.oddities
            for topic, shown in self._topics.told_on(operation, changed):
                payload = encoded(notification(operation, shown), snake_case=oddities.snake_case_notifications)
                self.notifier.publish(topic, payload, retain=oddities.retained_notifications)
        if (operation, changed["objectType"]) == (Operation.CREATE, "REPORT") and is_decision(changed):
            self._take(read_decision(changed, self._hub, self._clock.now()))

    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        status, body = await self._api.answer(request, self.origin)
        path = urlsplit(request.path).path.removeprefix(self._api.base_path)
        self.history.append(SeenRequest(self._clock.now(), request.method, path, status))
        self._happened()
        cut = self.oddities.lost_report_answer and (request.method, path) == ("POST", "/reports")
        return HttpAnswer(status, json.dumps(body, default=float).encode(), cut=cut)

    def _take(self, decision: ReceivedDecision) -> None:
        """A decision acts once, however often it is reported."""
        repeated = any(item.decision_id == decision.decision_id for item in self.reports)
        self.reports.append(decision)
        if self._auto_confirm and decision.is_agreed and not repeated:
            self.confirm(decision.decision_id, name_the_report=True)
