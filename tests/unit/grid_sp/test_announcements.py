"""Only news is passed on, and nothing is concluded from what could not be read."""

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import ProviderUnreachable
from homeapp.model.grid_report import GridFigure, ReportWish
from homeapp.model.health import HealthAlert
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Offer, OfferKind, Receipt
from homeapp.model.tariff import Tariff
from homeapp.offers.checks import why_invalid
from homeapp.providers.grid_sp.announcements import MOST_ALERTS, MOST_PROGRAMS, Announcements
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.emissions import MAX_G_PER_KWH
from homeapp.providers.grid_sp.exchange import Answer
from homeapp.providers.grid_sp.figures import LEAST_APART
from homeapp.providers.grid_sp.objects import read_json
from homeapp.providers.grid_sp.offers import OfferSource
from homeapp.providers.grid_sp.signals import Signal
from homeapp.providers.grid_sp.tariffs import MAX_PRICE
from homeapp.providers.grid_sp.terms import Term
from kit.clocks import StandingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
FLEX = {
    "id": "flex",
    "programName": "Flex",
    "attributes": [{"type": "PROGRAM_TYPE", "values": ["HOMEAPP_DR_OFFER-1.0.0"]}],
}
DOE = FLEX | {"attributes": [{"type": "BINDING_EVENTS", "values": [True]}]}
TARIFF = {
    "id": "tariff",
    "programName": "Tariff",
    "payloadDescriptors": [{"payloadType": "PRICE", "units": "KWH", "currency": "EUR"}],
}


class CannedVtn:
    """Answers as a ``VtnConnection`` would."""

    client_id = "ven-1"

    def __init__(self) -> None:
        self.listed: list[Any] = [FLEX, TARIFF]
        self.published: dict[str, list[Any]] = {}
        self.reports: dict[str, Any] = {}
        self.broken = False
        self.added: list[dict[str, Any]] = []
        self.made_before: set[str] = set()
        self.report_status = 201

    async def programs(self, targets: Sequence[str]) -> list[Any]:
        return cast(list[Any], _decoded(self.listed))

    async def events(self, program_id: str, targets: Sequence[str]) -> list[Any]:
        if self.broken:
            raise ProviderUnreachable("It does not answer.")
        return cast(list[Any], _decoded(self.published.get(program_id, [])))

    async def read(self, path: str) -> Any:
        return self.reports.get(path)

    async def report_id(self, event_id: str, client_name: str, name: str) -> str | None:
        return "made-before" if name in self.made_before else None

    async def add_report(self, report: dict[str, Any], program_id: str = "") -> Answer:
        self.added.append(report)
        return Answer(self.report_status, b"{}")


def _decoded(value: object) -> object:
    return read_json(json.dumps(value).encode())


class Heard:
    """The inbox."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []
        self.tariffs: list[Tariff] = []
        self.offers: list[Offer] = []
        self.open: tuple[str, ...] = ()
        self.wishes: tuple[ReportWish, ...] | None = None

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        self.tariffs.append(tariff)
        self.words.append(("tariff", str(len(tariff.slots))))

    async def offer(self, offer: Offer) -> None:
        self.offers.append(offer)
        self.words.append(("offer", f"{offer.offer_id}/{offer.revision - int(NOON.timestamp())}"))

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self.words.append(("withdrawn", offer_id))

    def open_offers(self, sp_id: str) -> Collection[str]:
        return self.open

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        assert sp_id == "grid_sp"
        self.wishes = tuple(wishes)

    async def receipt(self, receipt: Receipt) -> None:
        self.words.append(("receipt", receipt.decision_id))

    async def health(self, alert: HealthAlert) -> None:
        raise AssertionError(alert)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        raise AssertionError(message_id)

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        self.words.append(("rejected", code))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        raise AssertionError(state)


class Scene:
    def __init__(self) -> None:
        self.clock = StandingClock(NOON)
        self.wishes: tuple[ReportWish, ...] = ()
        self.heard = Heard()
        self.vtn = CannedVtn()
        self.restart()

    def restart(self) -> None:
        source = OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOON)
        self._announcements = Announcements(source=source, client_name="homeapp", clock=self.clock)

    async def poll(self, *still_open: str) -> list[tuple[str, str]]:
        inbox = Heard()
        inbox.open = still_open
        await self._announcements.pass_on(cast(VtnConnection, self.vtn), inbox, {"homeapp", "ev"})
        self.heard = inbox
        if inbox.wishes is not None:
            self.wishes = inbox.wishes
        return inbox.words


def request(event_id: str = "e", *, changed_s: int = 0, hours: float = 1, duration: str = "PT1H", **parts: Any) -> Any:
    return {
        "id": event_id,
        "programID": "flex",
        "modificationDateTime": (NOON + timedelta(seconds=changed_s)).isoformat(),
        "intervalPeriod": {"start": (NOON + timedelta(hours=hours)).isoformat(), "duration": duration},
        "intervals": [{"id": 0, "payloads": [{"type": "DISPATCH_SETPOINT", "values": [1]}]}],
    } | parts


def prices(event_id: str = "p", *, start: str = NOON.isoformat(), value: object = 0.2, **parts: Any) -> Any:
    return {
        "id": event_id,
        "programID": "tariff",
        "intervalPeriod": {"start": start, "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [value]}]}],
    } | parts


def receipt(event_id: str = "r", **payloads: str) -> Any:
    told = [{"type": name, "values": [value]} for name, value in payloads.items()]
    return {"id": event_id, "programID": "flex", "intervals": [{"id": 0, "payloads": told}]}


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(act(Scene()))


def test_what_has_not_changed_is_passed_on_once() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {
            "flex": [request(), receipt(DECISION_ID="d", DECISION_STATUS="CONFIRMED")],
            "tariff": [prices(), prices("bad", value="abc")],
        }
        assert sorted(await scene.poll()) == [
            ("offer", "e/0"),
            ("receipt", "d"),
            ("rejected", "value"),
            ("tariff", "1"),
        ]
        assert await scene.poll() == []

    play(act)


def test_of_two_events_with_the_same_id_the_first_counts() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(changed_s=9), request(changed_s=5)]}
        assert await scene.poll() == [("offer", "e/9")]
        assert await scene.poll() == []

    play(act)


def test_what_was_deleted_while_the_hub_was_off_is_withdrawn() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        assert sorted(await scene.poll("e", "gone")) == [("offer", "e/0"), ("withdrawn", "gone")]

    play(act)


def test_a_changed_event_is_passed_on_again() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()], "tariff": [prices()]}
        await scene.poll()
        scene.vtn.published = {"flex": [request(changed_s=60)], "tariff": [prices(value=0.3)]}
        assert await scene.poll() == [("offer", "e/60"), ("tariff", "1")]

    play(act)


def test_a_problem_that_comes_back_is_told_again() -> None:
    async def act(scene: Scene) -> None:
        for value, heard in (("abc", "rejected"), (0.2, "tariff"), ("abc", "rejected")):
            scene.vtn.published = {"tariff": [prices(value=value)]}
            assert [word for word, _ in await scene.poll()] == [heard]

    play(act)


@pytest.mark.parametrize("gone", ["event", "program"])
def test_what_is_gone_before_its_end_is_withdrawn_once(gone: str) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        if gone == "event":
            scene.vtn.published = {}
        else:
            scene.vtn.listed = [TARIFF]
        assert await scene.poll() == [("withdrawn", "e")]
        assert await scene.poll() == []

    play(act)


def test_what_is_over_is_not_withdrawn_and_not_announced() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(), request("past", hours=-2)]}
        assert await scene.poll() == [("offer", "e/0")]
        scene.clock.at += timedelta(hours=3)
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


def test_a_known_request_that_is_moved_into_the_past_is_told() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        scene.vtn.published = {"flex": [request(changed_s=5, hours=-3)]}
        assert await scene.poll() == [("offer", "e/5")]

    play(act)


def test_a_cancellation_without_delete_is_told_even_right_after_a_restart() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(duration="PT0S")]}
        assert await scene.poll() == [("withdrawn", "e")]
        assert await scene.poll() == []
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


def unreadable_program(scene: Scene) -> None:
    scene.vtn.listed = [FLEX | {"id": None}, TARIFF]


def too_many_programs(scene: Scene) -> None:
    scene.vtn.listed = [TARIFF | {"id": f"t{index}"} for index in range(MOST_PROGRAMS)] + [FLEX]


def unreadable_event(scene: Scene) -> None:
    scene.vtn.published = {"flex": [request(intervals="none")]}


@pytest.mark.parametrize("happens", [unreadable_program, too_many_programs, unreadable_event])
def test_what_cannot_be_read_is_not_taken_for_withdrawn(happens: Callable[[Scene], None]) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        happens(scene)
        assert "withdrawn" not in dict(await scene.poll())

    play(act)


def test_a_poll_that_fails_concludes_nothing() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()], "tariff": [prices()]}
        await scene.poll()
        scene.vtn.broken = True
        with pytest.raises(ProviderUnreachable):
            await scene.poll()
        scene.vtn.broken = False
        assert await scene.poll() == []

    play(act)


def test_now_is_when_it_became_known_and_stays_so() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"tariff": [prices(start="0001-01-01T00:00:00Z", modificationDateTime="08:59:24")]}
        assert await scene.poll() == [("tariff", "1")]
        scene.clock.at += timedelta(minutes=10)
        assert await scene.poll() == []

    play(act)


def test_prices_in_a_second_currency_are_refused() -> None:
    async def act(scene: Scene) -> None:
        dollars = [{"payloadType": "PRICE", "units": "KWH", "currency": "USD"}]
        later = (NOON + timedelta(hours=1)).isoformat()
        scene.vtn.published = {"tariff": [prices(), prices("q", start=later, payloadDescriptors=dollars)]}
        assert await scene.poll() == [("rejected", "value"), ("tariff", "1")]

    play(act)


def test_prices_that_vanish_are_left_to_run_out() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"tariff": [prices()]}
        await scene.poll()
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


@pytest.mark.parametrize(("name", "heard"), [("decision-d7", ("receipt", "d7")), ("usage", ("rejected", "schema"))])
def test_a_receipt_that_names_only_the_report(name: str, heard: tuple[str, str]) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [receipt(REPORT_ID="report-1", DECISION_STATUS="CONFIRMED")]}
        scene.vtn.reports = {"/reports/report-1": {"reportName": name}}
        assert await scene.poll() == [heard]
        assert await scene.poll() == []

    play(act)


def test_a_program_of_no_profile_may_ask_too() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.listed = [FLEX | {"attributes": []}]
        scene.vtn.published = {"flex": [request()]}
        assert await scene.poll() == [("offer", "e/0")]

    play(act)


def test_what_is_not_understood_at_all_is_told_once() -> None:
    async def act(scene: Scene) -> None:
        curve = [{"id": 0, "payloads": [{"type": "CURVE", "values": [{"x": 1, "y": 2}]}]}]
        scene.vtn.published = {"flex": [request(intervals=curve)]}
        assert await scene.poll() == [("rejected", "unsupported")]
        assert await scene.poll() == []

    play(act)


def test_events_for_other_vens_by_name_are_none_of_this_homes_business() -> None:
    def to(kind: str, *values: str) -> dict[str, Any]:
        return {"targets": [{"type": kind, "values": list(values)}]}

    async def act(scene: Scene) -> None:
        scene.vtn.published = {
            "flex": [
                request("mine", **to("VEN_NAME", "other", "homeapp")),
                request("car", **to("RESOURCE_NAME", "ev")),
                request("group", **to("GROUP", "street-7")),
                request("tagged", targets=["street-7"]),
                request("other", **to("VEN_NAME", "other")),
            ]
        }
        assert sorted(await scene.poll()) == [("offer", f"{name}/0") for name in ("car", "group", "mine", "tagged")]

    play(act)


def test_a_change_that_the_server_does_not_date_is_noticed_and_a_restart_is_no_change() -> None:
    undated = {"modificationDateTime": "08:59:24"}

    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**undated)]}
        first = await scene.poll()
        assert await scene.poll() == []
        scene.vtn.published = {"flex": [request(duration="PT2H", **undated)]}
        scene.clock.at += timedelta(minutes=1)
        assert await scene.poll() == [("offer", "e/60")]
        assert await scene.poll() == []
        scene.restart()
        assert await scene.poll() == first

    play(act)


def alert(text: object, event_id: str = "a", *, kind: str = "ALERT_POSSIBLE_OUTAGE", **parts: Any) -> Any:
    return request(event_id, intervals=[{"id": 0, "payloads": [{"type": kind, "values": [text]}]}], **parts)


@pytest.mark.usecase("T1")
def test_an_alert_is_something_to_know_for_as_long_as_it_holds() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert("<b>The line\nis down.</b>")]}
        assert await scene.poll() == [("offer", "a/0")]
        (told,) = scene.heard.offers
        assert (told.kind, told.binding) == (OfferKind.ALERT, Binding.MANDATORY)
        assert (told.title, told.description) == ("The power may fail", "<b>The line is down.</b>")
        assert [(item.setpoint_w, item.max_w, item.max_feed_w) for item in told.intervals] == [(None, None, None)]
        assert (told.start - NOON, told.end - NOON) == (timedelta(hours=1), timedelta(hours=2))
        scene.vtn.published = {}
        assert await scene.poll() == [("withdrawn", "a")]

    play(act)


@pytest.mark.parametrize("text", [7, None, {"say": "hello"}])
def test_an_alert_without_a_text_says_at_least_what_it_is(text: object) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert(text, kind="ALERT_NEW_KIND")]}
        await scene.poll()
        assert [(offer.title, offer.description) for offer in scene.heard.offers] == [
            ("Notice of the grid operator", "")
        ]

    play(act)


def test_a_flood_of_alerts_is_cut_off() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert("x", f"a{index}") for index in range(MOST_ALERTS + 2)]}
        words = await scene.poll()
        assert (words.count(("rejected", "too_many")), len(scene.heard.offers)) == (2, MOST_ALERTS)

    play(act)


def test_emissions_come_with_the_prices() -> None:
    def ghg(event_id: str, value: object, **parts: Any) -> Any:
        return prices(event_id, intervals=[{"id": 0, "payloads": [{"type": "GHG", "values": [value]}]}], **parts)

    async def act(scene: Scene) -> None:
        later = (NOON + timedelta(hours=1)).isoformat()
        scene.vtn.published = {"tariff": [prices(), ghg("g", 350), ghg("h", 80.5, start=later), ghg("bad", "NaN")]}
        assert sorted(await scene.poll()) == [("rejected", "value"), ("tariff", "1")]
        (tariff,) = scene.heard.tariffs
        assert [((slot.start - NOON) / timedelta(hours=1), slot.g_per_kwh) for slot in tariff.ghg] == [
            (0, 350),
            (1, 80.5),
        ]
        assert await scene.poll() == []
        scene.vtn.published = {"tariff": [prices(), ghg("g", 351)]}
        assert await scene.poll() == [("tariff", "1")]

    play(act)


def asking(*payload_types: str, **how: object) -> dict[str, Any]:
    return {"reportDescriptors": [{"payloadType": name, **how} for name in payload_types]}


def test_an_event_that_asks_for_it_is_acknowledged_once() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**asking("ACK")), request("quiet")]}
        await scene.poll()
        await scene.poll()
        (report,) = scene.vtn.added
        assert (report["eventID"], report["clientName"]) == ("e", "homeapp")
        assert report["resources"] == [
            {
                "resourceName": "AGGREGATED_REPORT",
                "intervals": [{"id": 0, "payloads": [{"type": "ACK", "values": [True]}]}],
            }
        ]
        scene.restart()
        scene.vtn.made_before = {report["reportName"]}
        await scene.poll()
        assert len(scene.vtn.added) == 1
        scene.vtn.published = {"flex": [request(changed_s=5, **asking("ACK"))]}
        await scene.poll()
        assert [item["reportName"] != report["reportName"] for item in scene.vtn.added] == [False, True]

    play(act)


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (403, 2), (400, 1)])
def test_an_acknowledgement_that_is_not_taken_stops_nothing(status: int, tries: int) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.report_status = status
        scene.vtn.published = {"flex": [request(**asking("ACK"))]}
        assert await scene.poll() == [("offer", "e/0")]
        await scene.poll()
        assert len(scene.vtn.added) == tries

    play(act)


def test_what_is_to_be_told_is_told_when_it_changes() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**asking("OPERATING_STATE", "SOMETHING_ELSE"))]}
        await scene.poll()
        (wish,) = scene.wishes
        assert (wish.event_id, wish.figures) == ("e", frozenset({GridFigure.OPERATING_STATE}))
        await scene.poll()
        assert scene.heard.wishes is None
        scene.vtn.published = {}
        await scene.poll()
        assert scene.wishes == ()

    play(act)


def rarely(odd: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """So seldom that most of what is drawn holds together."""
    return st.integers(0, 15).flatmap(lambda chance: odd if chance == 7 else usual)


_junk = (
    st.floats()
    | st.integers(-3, 10**30)
    | st.text(max_size=6)
    | st.none()
    | st.booleans()
    | st.sampled_from(["MANDATORY", "CONFIRMED", "NaN", {"x": 1}, ["y"]])
)
_usual = {
    Signal.SETPOINT: st.integers(-11, 11),
    Signal.RELATIVE: st.integers(-11, 11),
    Signal.LEVEL: st.integers(0, 3),
    Signal.CHARGE_STATE: st.floats(0, 1),
    Term.EXPIRY: st.just("2027-01-15T13:30:00Z"),
    Term.READY_BY: st.just("2027-01-16T07:00:00+01:00"),
    Term.CANCEL_UNTIL: st.just("2027-01-15T13:00:00Z"),
    Term.BINDING: st.sampled_from(["OWNER_DECIDES", "OPT_OUT", "MANDATORY"]),
    Term.TEXT: st.text(max_size=6),
}
_OTHERS = ["GHG", "ALERT_FIRE", "DECISION_STATUS", "DECISION_ID", "REPORT_ID", "CURVE", "DISPATCH_INSTRUCTION"]


def payload(name: str) -> st.SearchStrategy[Any]:
    usual = st.lists(_usual.get(name, st.floats(0, 20)), min_size=1, max_size=1)
    return st.fixed_dictionaries({"type": st.just(name), "values": rarely(st.lists(_junk, max_size=3), usual)})


_names = st.sampled_from([*Signal, *Signal, *Term, *_OTHERS])
_payload = _names.flatmap(payload)
_times = rarely(
    st.sampled_from(["13:00:00", "9999-12-31T23:59:59Z", "", 7]),
    st.sampled_from(["0001-01-01", "2027-01-15T13:00:00Z", "2027-01-15 14:00:00", "2027-01-15T09:00:00Z"]),
)
_spans = rarely(
    st.sampled_from(["-PT1H", "PT99999999H", "P9999999D", "1h", "", 3600]),
    st.sampled_from(["PT1H", "PT30M", "PT0S", "P0S", "P9999Y"]),
)
_period = st.fixed_dictionaries({}, optional={"duration": _spans, "randomizeStart": _spans})
_descriptors = st.lists(
    st.fixed_dictionaries(
        {
            "payloadType": _names | st.sampled_from(["ACK", "USAGE", *GridFigure]),
            "currency": rarely(st.just("?"), st.just("EUR")),
        },
        optional={
            "units": rarely(st.sampled_from(["AMPS", 7]), st.sampled_from(["", None])),
            "frequency": st.integers(-2, 10**12) | st.floats(),
            "repeat": st.integers(-2, 2),
        },
    ),
    max_size=12,
)
_intervals = st.lists(
    st.fixed_dictionaries(
        {"payloads": st.lists(_payload, min_size=1, max_size=3)}, optional={"intervalPeriod": _period, "id": _junk}
    ),
    min_size=1,
    max_size=2,
)
_events = st.fixed_dictionaries(
    {
        "id": rarely(st.sampled_from(["../x", "", 5]), st.sampled_from(["a", "b", "c"])),
        "programID": st.sampled_from(["flex", "tariff"]),
        "intervals": _intervals,
        "intervalPeriod": st.fixed_dictionaries({"start": _times, "duration": _spans}),
        "payloadDescriptors": _descriptors,
    },
    optional={
        "duration": _spans,
        "priority": rarely(_junk, st.integers(0, 5)),
        "modificationDateTime": _times,
        "reportDescriptors": _descriptors,
        "targets": st.lists(st.sampled_from(["x", {"type": "VEN_NAME", "values": ["homeapp"]}]), max_size=2),
    },
)


@given(
    st.lists(_events, max_size=5),
    st.sampled_from([FLEX, DOE]),
)
def test_whatever_a_server_lists_each_request_that_is_passed_on_is_in_order(events: list[Any], program: Any) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.listed = [program, TARIFF]
        scene.vtn.published = {"flex": events, "tariff": events}
        for _ in range(2):
            await scene.poll()
            for offer in scene.heard.offers:
                assert why_invalid(offer) is None
                assert offer.binding is not Binding.MANDATORY or offer.kind in (
                    OfferKind.CAPACITY_LIMIT,
                    OfferKind.ALERT,
                )
            for tariff in scene.heard.tariffs:
                assert all(abs(slot.import_price) <= MAX_PRICE and slot.start < slot.end for slot in tariff.slots)
                assert all(0 <= slot.g_per_kwh <= MAX_G_PER_KWH for slot in tariff.ghg)
            assert all(wish.figures and (wish.every is None or wish.every >= LEAST_APART) for wish in scene.wishes)

    play(act)
