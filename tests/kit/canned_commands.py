"""A hub with canned answers for the command line, and a person who types."""

import asyncio
import io
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.access.access_control import AccessControl
from homeapp.clock import SystemClock
from homeapp.errors import HomeappError, NotFound
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.site import Site
from homeapp.model.standing_rule import DryRun, Outcome, RuleAction, RuleView, StandingRule, StopTerms
from homeapp.secrets import open_secret_store
from homeapp.server import Handler, Server
from homeapp.settings import SecretPlace
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.pin_attempts import PinAttempts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFER = Offer(
    offer_id="1234",
    revision=1,
    sp_id="evc_sp",
    sp_name="EVC provider",
    kind=OfferKind.POWER_FEED,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=30),
    intervals=(OfferInterval(start=NOON + timedelta(hours=6), end=NOON + timedelta(hours=7), setpoint_w=-6000.0),),
    title="Sell from the car",
    description="Evening peak",
    reward=Decimal("1.92"),
    currency="EUR",
    min_soc_pct=50.0,
    max_feed_wh=6000.0,
)
METER = DeviceView(
    device_id="homewizard:0123",
    kind=DeviceKind.METER,
    driver="homewizard",
    name="Smart meter",
    product="P1",
    address="192.0.2.7:80",
    link=DeviceLink.FOUND,
    adopted=False,
    problem="Press its button.",
)
STOP = StopTerms(
    sentence="It costs nothing.", reward_lost=None, fee=None, currency="", delivered_wh=0.0, promised_wh=1000.0
)
WISH = StandingRule(
    action=RuleAction.ACCEPT,
    sp_id="evc_sp",
    kind=OfferKind.POWER_FEED,
    weekdays=(0, 6),
    not_before="18:00",
    not_after="22:00",
    least_per_kwh=Decimal("0.30"),
    currency="EUR",
    most_cycles_per_week=2.0,
    least_soc_pct=70.0,
)
RULE = RuleView(rule=replace(WISH, rule_id="r1"), clauses=(), sentence="Accept power feeds.")
DRY_RUN = DryRun(key="evc_sp/1", title="Feed", when=NOON, would=Outcome.LEFT_TO_YOU, why="It pays too little.")
WISHED = [
    "accept",
    "--provider",
    "evc_sp",
    "--kind",
    "power_feed",
    "--days",
    "sun,mon",
    "--between",
    "18:00",
    "22:00",
    "--least-per-kwh",
    "0.30",
    "--currency",
    "EUR",
    "--cycles-per-week",
    "2",
    "--least-soc",
    "70",
]


class CannedHub:
    """Answers as it is told to, and keeps what it was asked, and by whom; runs in a thread of its own.

    Roles and PINs are the real ones.
    """

    def __init__(self, path: Path) -> None:
        self.asked: list[api.Call[Any]] = []
        self.callers: list[api.Role] = []
        self.case = OfferCase(offer=OFFER, digest=OFFER.digest(), state=OfferState.PENDING, updated_at=NOON)
        self.refusal: HomeappError | None = None
        self.devices: tuple[DeviceView, ...] = (METER,)
        self.checks = (api.Check(name="Clock", level=api.CheckLevel.OK, finding="12:00"),)
        answers: dict[type[api.Call[Any]], Callable[[Any], object]] = {
            api.AskDoctor: lambda _call: self.checks,
            api.ListDevices: lambda _call: self.devices,
            api.LookForMeter: lambda call: replace(METER, address=f"{call.address}:80"),
            api.AdoptDevice: lambda call: replace(METER, adopted=True, name=call.name or "P1", problem=None),
            api.ForgetDevice: lambda _call: None,
            api.RaiseSecurity: lambda _call: None,
            api.ListOffers: lambda _call: (self.case,),
            api.ShowOffer: self._show,
            api.DecideOffer: self._decide,
            api.StopPrice: lambda _call: STOP,
            api.ListRules: lambda _call: (RULE,),
            api.KeepRule: lambda _call: RULE,
            api.RemoveRule: lambda _call: None,
            api.DryRunRule: lambda _call: (DRY_RUN,),
        }
        self._path = path
        self._handlers = {kind: self._handler(answer) for kind, answer in answers.items()}
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "CannedHub":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        clock = SystemClock()
        async with Database(self._path.parent) as database:
            access = AccessControl(
                secrets=open_secret_store(self._path.parent, SecretPlace.MACHINE_FILE),
                attempts=PinAttempts(database, clock),
                ledger=Ledger(database, clock),
                clock=clock,
            )
            await access.load()
            server = Server(self._path, self._handlers, _nothing, _hello, access)
            self._task = asyncio.create_task(server.run(self._started.set))
            await asyncio.gather(self._task, return_exceptions=True)

    def _handler(self, answer: Callable[[Any], object]) -> Handler:
        async def handle(call: Any, caller: api.Role) -> object:
            self.asked.append(call)
            self.callers.append(caller)
            if self.refusal is not None and not isinstance(call, api.ShowOffer):
                raise self.refusal
            return answer(call)

        return handle

    def _show(self, call: api.ShowOffer) -> OfferCase:
        if call.key != OFFER.key:
            raise NotFound(f"There is no request {call.key!r}.")
        return self.case

    def _decide(self, call: api.DecideOffer) -> OfferCase:
        state = OfferState.ACCEPTED if call.choice is Choice.ACCEPT else OfferState.DECLINED
        return replace(self.case, state=state)


def _nothing(_topic: api.Topic) -> api.Notification:
    return None


def _hello(role: api.Role) -> api.Hello:
    return api.Hello(version="1", protocol=1, now=NOON, clock_speed=1.0, role=role, site=Site())


Run = Callable[..., tuple[int, str, str]]
LINE = "evc_sp/1234  {}  Sell from the car  (EVC provider, Mon 19:00 to Mon 20:00)  earns 1.92 EUR\n"
OWNER_PIN, INSTALLER_PIN = "471108", "902517"


class Terminal:
    """A person who types what is to be typed unseen; keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.typed: list[str] = []
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr("getpass.getpass", self._answer)

    def _answer(self, question: str) -> str:
        self.asked.append(question)
        return self.typed.pop(0)
