"""Every command against a real server with canned answers: words, JSON, errors, exit codes."""

import asyncio
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import __main__ as program
from homeapp import __version__, api
from homeapp.access.access_control import AccessControl
from homeapp.clock import SystemClock
from homeapp.errors import HomeappError, NotFound, PairingPending, WrongState
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.offer import Binding, Choice, FollowUp, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.offer_terms import BatteryTerms, Cancellation, Penalty, PenaltyBasis, Reward, RewardBasis
from homeapp.model.site import Site
from homeapp.model.standing_rule import DryRun, Outcome, RuleAction, RuleView, StandingRule, StopTerms
from homeapp.secrets import open_secret_store
from homeapp.server import Handler, Server, socket_path
from homeapp.settings import GRID_SP_SECRET, SecretPlace
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.lock import lock_data_directory
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


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program's log and umask are not to become those of the tests."""
    monkeypatch.setattr(program, "_log_to_stderr", lambda **_: None)
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[CannedHub]:
    with CannedHub(socket_path(tmp_path)) as canned:
        yield canned


@pytest.fixture
def homeapp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.main([*arguments, "--data-dir", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


Run = Callable[..., tuple[int, str, str]]
LINE = "evc_sp/1234  {}  Sell from the car  (EVC provider, Mon 19:00 to Mon 20:00)  earns 1.92 EUR\n"


@pytest.mark.parametrize(
    ("arguments", "words", "asked"),
    [
        (
            ("devices", "list"),
            "homewizard:0123  meter  found, not adopted  Smart meter\n           -> Press its button.\n",
            api.ListDevices(),
        ),
        (
            ("devices", "look", "192.168.1.20"),
            "homewizard:0123  meter  found, not adopted  Smart meter\n           -> Press its button.\n",
            api.LookForMeter(address="192.168.1.20"),
        ),
        (
            ("devices", "adopt", "homewizard:0123", "--name", "Hall"),
            "homewizard:0123  meter  found, adopted  Hall\n",
            api.AdoptDevice(device_id="homewizard:0123", name="Hall"),
        ),
        (("devices", "forget", "homewizard:0123"), "Done.\n", api.ForgetDevice(device_id="homewizard:0123")),
        (("devices", "raise-security", "ocpp:box"), "Done.\n", api.RaiseSecurity(device_id="ocpp:box")),
        (("offers", "list"), LINE.format("pending"), api.ListOffers()),
        (
            ("offers", "approve", OFFER.key),
            LINE.format("accepted"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.ACCEPT),
        ),
        (
            ("offers", "decline", OFFER.key, "--digest", OFFER.digest()[:12]),
            LINE.format("declined"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.DECLINE),
        ),
        (
            ("offers", "approve", OFFER.key, "--power-w", "2000", "--energy-wh", "900"),
            LINE.format("accepted"),
            api.DecideOffer(
                key=OFFER.key, digest=OFFER.digest(), choice=Choice.ACCEPT, committed_w=2000.0, committed_wh=900.0
            ),
        ),
        (
            ("offers", "stop", OFFER.key),
            LINE.format("declined"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.WITHDRAW),
        ),
        (("offers", "stop-price", OFFER.key), "It costs nothing.\n", api.StopPrice(key=OFFER.key)),
        (("offers", "rules", "list"), "r1  Accept power feeds.\n", api.ListRules()),
        (("offers", "rules", "add", *WISHED), "r1  Accept power feeds.\n", api.KeepRule(rule=WISH)),
        (
            ("offers", "rules", "add", "ask", "--id", "r1"),
            "r1  Accept power feeds.\n",
            api.KeepRule(rule=StandingRule(action=RuleAction.ASK, rule_id="r1")),
        ),
        (
            ("offers", "rules", "try", *WISHED),
            "2026-11-23 13:00  left to you  Feed: It pays too little.\n",
            api.DryRunRule(rule=WISH),
        ),
        (("offers", "rules", "remove", "r1"), "Done.\n", api.RemoveRule(rule_id="r1")),
        (("doctor",), "ok       Clock: 12:00\n", api.AskDoctor()),
    ],
)
def test_each_command_asks_the_hub_and_says_what_it_answers(
    hub: CannedHub, homeapp: Run, arguments: tuple[str, ...], words: str, asked: api.Call[Any]
) -> None:
    assert homeapp(*arguments) == (0, words, "")
    assert hub.asked[-1] == asked
    code, out, err = homeapp(*arguments, "--json")
    assert (code, err) == (0, "")
    expected = {
        api.ForgetDevice: type(None),
        api.RaiseSecurity: type(None),
        api.LookForMeter: dict,
        api.AdoptDevice: dict,
        api.DecideOffer: dict,
        api.StopPrice: dict,
        api.KeepRule: dict,
        api.RemoveRule: type(None),
    }.get(type(asked), list)
    assert type(json.loads(out)) is expected


def test_a_request_is_shown_with_all_that_is_decided_about(hub: CannedHub, homeapp: Run) -> None:
    code, out, _ = homeapp("offers", "show", OFFER.key)
    assert code == 0
    for part in ("Evening peak", "-6000 W", "not below 50 %", "at most 6000 Wh", "answer before Mon 13:30"):
        assert part in out
    assert f"digest {OFFER.digest()[:12]}\n" in out
    code, out, _ = homeapp("--json", "offers", "show", OFFER.key)
    assert json.loads(out)["digest"] == OFFER.digest()


def test_all_terms_and_what_came_of_it_are_shown(hub: CannedHub, homeapp: Run) -> None:
    offer = replace(
        OFFER,
        rewards=(Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.30")),),
        penalty=Penalty(basis=PenaltyBasis.FIXED, amount=Decimal(1)),
        battery=BatteryTerms(guaranteed_soc_pct=80.0, ready_by=NOON + timedelta(hours=9)),
        cancellation=Cancellation(owner_until=NOON + timedelta(hours=5)),
        data_shared=("energy per quarter hour",),
        terms_url="https://provider.example/terms",
        unsupported=("COLOUR",),
    )
    hub.case = replace(
        hub.case,
        offer=offer,
        ineligible=("It needs a charger.",),
        clashes=("grid_sp/2",),
        follow_up=FollowUp(
            promised_wh=6000.0,
            measured_wh=5500.0,
            promised_money=Decimal("1.92"),
            earned_money=Decimal("1.76"),
            currency="EUR",
            settled=False,
            receipt="No word yet.",
        ),
    )
    _, out, _ = homeapp("offers", "show", OFFER.key)
    for part in (
        "-> It needs a charger.",
        "pays 0.30 EUR per kwh",
        "less than agreed costs: fixed 1",
        "80 % again by Mon 22:00",
        "free to stop until Mon 18:00",
        "it gets to know: energy per quarter hour",
        "terms: https://provider.example/terms",
        "a term that this hub does not understand: COLOUR",
        "cannot stand beside grid_sp/2",
        "5.50 of 6.00 kWh",
        "1.76 of 1.92 EUR",
        "No word yet.",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("wrong", "says"), [(("--days", "mon,someday"), "no day 'someday'"), (("--least-per-kwh", "much"), "no amount")]
)
def test_a_rule_that_cannot_be_read_is_refused_before_the_hub_is_asked(
    hub: CannedHub, homeapp: Run, wrong: tuple[str, ...], says: str
) -> None:
    code, _, err = homeapp("offers", "rules", "add", "accept", *wrong)
    assert code == 1
    assert says in err
    assert not any(isinstance(call, api.KeepRule) for call in hub.asked)


def test_an_answer_to_what_was_seen_before_a_change_is_refused(hub: CannedHub, homeapp: Run) -> None:
    seen = OFFER.digest()[:12]
    changed = replace(OFFER, revision=2, reward=Decimal("0.02"))
    hub.case = OfferCase(offer=changed, digest=changed.digest(), state=OfferState.PENDING, updated_at=NOON)
    code, out, err = homeapp("offers", "approve", OFFER.key, "--digest", seen)
    assert (code, out) == (1, "")
    assert "has changed" in err
    assert not any(isinstance(call, api.DecideOffer) for call in hub.asked)


def test_nothing_to_list_is_said(hub: CannedHub, homeapp: Run) -> None:
    hub.devices = ()
    assert homeapp("devices", "list") == (0, "Nothing.\n", "")
    assert homeapp("devices", "list", "--json") == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (WrongState("The time to answer is over."), "WrongState"),
        (PairingPending("Press the button."), "PairingPending"),
        (ZeroDivisionError(), "HomeappError"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence_and_code_1(
    hub: CannedHub, homeapp: Run, refusal: HomeappError, kind: str
) -> None:
    """The first is what approving an expired request comes to."""
    hub.case = replace(hub.case, state=OfferState.EXPIRED)
    hub.refusal = refusal
    sentence = str(refusal) or "The hub failed at this; see its log."
    assert homeapp("offers", "approve", OFFER.key) == (1, "", f"homeapp: {sentence}\n")
    code, out, err = homeapp("offers", "approve", OFFER.key, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"error": {"kind": kind, "message": sentence}}


@pytest.mark.usefixtures("hub")
def test_an_unknown_request_is_not_found(homeapp: Run) -> None:
    for verb in ("show", "approve", "decline"):
        code, out, err = homeapp("offers", verb, "evc_sp/none")
        assert (code, out) == (1, "")
        assert err == "homeapp: There is no request 'evc_sp/none'.\n"


def test_the_doctor_ends_with_1_only_for_errors(hub: CannedHub, homeapp: Run) -> None:
    hub.checks = (api.Check(name="Prices", level=api.CheckLevel.WARNING, finding="none", advice="Wait."),)
    assert homeapp("doctor") == (0, "WARNING  Prices: none\n           -> Wait.\n", "")
    hub.checks = (*hub.checks, api.Check(name="Disk", level=api.CheckLevel.ERROR, finding="full", advice="Make room."))
    assert homeapp("doctor")[0] == 1
    code, out, _ = homeapp("doctor", "--json")
    assert (code, [check["level"] for check in json.loads(out)]) == (1, ["warning", "error"])


def test_names_from_outside_cannot_steer_the_terminal(hub: CannedHub, homeapp: Run) -> None:
    hub.devices = (replace(METER, name="\x1b[2Jfine\nevc_sp/1  pending\u202e", problem=None),)
    _, out, _ = homeapp("devices", "list")
    assert out.count("\n") == 1
    assert out.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("devices",),
        ("devices", "adopt"),
        ("devices", "look"),
        ("devices", "list", "extra"),
        ("offers", "approve"),
        ("offers", "shred", "x"),
        ("hub", "--port", "1"),
        ("secret",),
        ("secret", "hub.key"),
        ("--theme", "pink"),
        ("--as", "guest", "devices", "list"),
        ("pin",),
        ("pin", "set", "guest"),
        ("pin", "set", "owner", "471108"),
        ("pin", "open", "owner"),
    ],
)
def test_bad_arguments_end_with_2_and_the_usage(homeapp: Run, capsys: Any, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        homeapp(*arguments)
    assert end.value.code == 2
    assert "usage: homeapp" in capsys.readouterr().err


@pytest.mark.usefixtures("hub")
def test_the_common_options_may_stand_before_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is dropped in silence would mean another home."""
    assert program.main(["--data-dir", str(tmp_path), "--json", "devices", "list"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["device_id"] == METER.device_id


def test_the_version_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option, expected in (("--version", f"homeapp {__version__}"), ("--help", "secret")):
        with pytest.raises(SystemExit) as end:
            program.main([option])
        assert end.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("devices", "list"), ("offers", "list"), ("offers", "show", "x")])
def test_without_a_hub_each_command_says_how_to_start_one(homeapp: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = homeapp(*arguments)
    assert (code, out) == (1, "")
    assert "homeapp hub" in err
    code, out, err = homeapp(*arguments, "--json")
    assert (code, err, json.loads(out)["error"]["kind"]) == (1, "", "HubNotRunning")


def test_without_a_hub_the_doctor_still_looks_at_the_home(homeapp: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 35\n")
    code, out, _ = homeapp("doctor")
    assert code == 1
    assert out.startswith(
        "ERROR    Hub: No hub runs with this data directory.\n           -> Start one with: homeapp hub"
    )
    assert "3 x 35 A" in out
    (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 'x'\n")
    tmp_path.chmod(0o777)
    code, out, err = homeapp("doctor", "--json")
    wrong = {check["name"] for check in json.loads(out) if check["level"] == "error"}
    assert (code, err, wrong) == (1, "", {"Hub", "Settings", "Data directory"})


def test_the_doctor_knows_a_home_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert program.main(["doctor", "--data-dir", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist" in capsys.readouterr().out
    assert not (tmp_path / "nowhere").exists()


def test_a_secret_is_read_from_a_pipe_and_kept(homeapp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.toml").write_text('secrets = "machine_file"\n')
    monkeypatch.setattr(sys, "stdin", io.StringIO("swordfish-4711\nmore"))
    code, out, _ = homeapp("secret", GRID_SP_SECRET)
    assert (code, out) == (0, "Kept in: machine_file\n")
    assert open_secret_store(tmp_path, SecretPlace.MACHINE_FILE).get(GRID_SP_SECRET) == "swordfish-4711"
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = homeapp("secret", GRID_SP_SECRET)
    assert (code, "Nothing was entered" in err) == (1, True)
    assert open_secret_store(tmp_path, SecretPlace.MACHINE_FILE).get(GRID_SP_SECRET) == "swordfish-4711"


def test_a_secret_is_not_entered_beside_a_running_hub(homeapp: Run, tmp_path: Path) -> None:
    with lock_data_directory(tmp_path):
        code, _, err = homeapp("secret", GRID_SP_SECRET)
    assert (code, "Another hub already works" in err) == (1, True)


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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_pin_is_typed_twice_and_both_must_be_the_same(hub: CannedHub, homeapp: Run, terminal: Terminal) -> None:
    terminal.typed = [OWNER_PIN, "471109"]
    code, _, err = homeapp("pin", "set", "owner")
    assert (code, "The two were different" in err) == (1, True)
    terminal.typed = [OWNER_PIN, OWNER_PIN]
    assert homeapp("pin", "set", "owner") == (0, "With a PIN: owner. Without one: guest.\n", "")
    assert terminal.asked == ["New PIN of the owner: ", "The same again: "] * 2


def test_pins_come_through_a_pipe_line_by_line(
    hub: CannedHub, homeapp: Run, pipe: Callable[[str], None], tmp_path: Path
) -> None:
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("pin", "set", "owner")[0] == 0
    pipe(f"{OWNER_PIN}\n{INSTALLER_PIN}\n")
    code, out, _ = homeapp("--as", "owner", "--json", "pin", "set", "installer")
    assert (code, json.loads(out)["pins"]) == (0, ["owner", "installer"])
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("pin", "open", "household", "--as", "owner") == (
        0,
        "With a PIN: owner, installer. Without one: household.\n",
        "",
    )
    pipe(f"{OWNER_PIN}\n6283\n")
    assert homeapp("pin", "set", "household", "--as", "owner")[0] == 0
    pipe(f"{OWNER_PIN}\n")
    code, out, _ = homeapp("pin", "remove", "household", "--as", "owner", "--json")
    assert (code, json.loads(out)["pins"]) == (0, ["owner", "installer"])
    pipe("")
    code, _, err = homeapp("pin", "set", "owner", "--as", "owner")
    assert (code, "Nothing was entered" in err) == (1, True)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert not any(pin.encode() in kept for pin in (OWNER_PIN, INSTALLER_PIN))


def test_in_a_home_with_a_pin_all_may_look_and_nobody_may_decide(
    hub: CannedHub, homeapp: Run, pipe: Callable[[str], None]
) -> None:
    pipe(f"{OWNER_PIN}\n")
    homeapp("pin", "set", "owner")
    pipe("")
    for looking in (("devices", "list"), ("offers", "list"), ("offers", "show", OFFER.key), ("doctor",)):
        assert homeapp(*looking)[0] == 0
    assert set(hub.callers) == {api.Role.GUEST}
    asked = len(hub.asked)
    for acting in (("offers", "approve", OFFER.key), ("devices", "adopt", "x"), ("devices", "forget", "x")):
        code, out, _ = homeapp(*acting, "--json")
        assert (code, json.loads(out)["error"]["kind"]) == (1, "NotAllowed")
    assert [call for call in hub.asked[asked:] if not isinstance(call, api.ShowOffer)] == []
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("--as", "owner", "offers", "approve", OFFER.key)[0] == 0
    assert hub.callers[-1] is api.Role.OWNER
    pipe("555123\n")
    code, out, err = homeapp("offers", "approve", OFFER.key, "--as", "owner")
    assert (code, out, err) == (1, "", "homeapp: The PIN is wrong. 4 more tries before a pause.\n")
    pipe("555123\n")
    code, _, err = homeapp("offers", "list", "--as", "household")
    assert (code, err) == (1, "homeapp: The household has no PIN.\n")


def test_at_a_terminal_the_pin_that_is_needed_is_asked_for(hub: CannedHub, homeapp: Run, terminal: Terminal) -> None:
    terminal.typed = [OWNER_PIN, OWNER_PIN]
    homeapp("pin", "set", "owner")
    terminal.asked.clear()
    terminal.typed = [OWNER_PIN]
    assert homeapp("offers", "approve", OFFER.key)[0] == 0
    assert terminal.asked == ["PIN of the owner: "]
    assert hub.callers[-1] is api.Role.OWNER

    terminal.asked.clear()
    terminal.typed = [INSTALLER_PIN, INSTALLER_PIN, OWNER_PIN]
    assert homeapp("pin", "set", "installer")[0] == 0
    assert terminal.asked == ["New PIN of the installer: ", "The same again: ", "PIN of the owner: "]

    terminal.asked.clear()
    terminal.typed = [OWNER_PIN, "318042", "318042", INSTALLER_PIN]
    assert homeapp("pin", "set", "installer", "--as", "owner")[0] == 0
    assert terminal.asked[0] == "PIN of the owner: "
    assert terminal.asked[-1] == "PIN of the installer: "

    terminal.typed = ["555123"]
    code, _, err = homeapp("devices", "forget", "x")
    assert (code, "The PIN is wrong" in err) == (1, True)


def test_a_forgotten_pin_is_removed_while_no_hub_runs(
    homeapp: Run, pipe: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('secrets = "machine_file"\n')
    with CannedHub(socket_path(tmp_path)):
        pipe(f"{OWNER_PIN}\n")
        homeapp("pin", "set", "owner")
    with lock_data_directory(tmp_path):
        code, _, err = homeapp("pin", "reset")
    assert (code, "Another hub already works" in err) == (1, True)
    code, out, _ = homeapp("pin", "reset")
    assert (code, "homeapp pin set owner" in out) == (0, True)
    with CannedHub(socket_path(tmp_path)) as hub:
        assert homeapp("devices", "forget", "x")[0] == 0
        assert hub.callers == [api.Role.INSTALLER]
    code, out, _ = homeapp("audit", "export")
    assert '"kind": "pin_removed", "subject": "owner"' in out
