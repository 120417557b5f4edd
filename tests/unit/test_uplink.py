"""The uplink: what may go out when, who sends too much, and what is counted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp import api
from homeapp.errors import ProviderUnreachable, SettingsInvalid, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.model.uplink import BudgetUse
from homeapp.ports import DecisionMessage
from homeapp.settings import UplinkSettings, load
from homeapp.store.database import Database
from homeapp.store.uplink_use import UplinkUse
from homeapp.uplink.token_bucket import TokenBucket
from homeapp.uplink.uplink import Uplink, Verdict
from kit.clocks import StandingClock

NOON = datetime(2026, 12, 31, 12, tzinfo=UTC)


class TickedClock(StandingClock):
    """Moves only by ``at``; whoever sleeps wakes when ``tick`` is set."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.tick = asyncio.Event()
        self.asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self.tick.wait()
        self.tick.clear()


def _record(priority: Priority, data_class: DataClass, sp_id: str = "evc_sp") -> DataRecord:
    return DataRecord(
        record_id="r1",
        sp_id=sp_id,
        data_class=data_class,
        kind=RecordKind.METERING,
        priority=priority,
        created_at=NOON,
        not_after=NOON + timedelta(days=1),
        body={},
    )


METERING = _record(Priority.METERING, DataClass.METERING)
CHARGING = _record(Priority.METERING, DataClass.CHARGING)
LOCATION = _record(Priority.LOCATION, DataClass.LOCATION)
HEALTH = _record(Priority.HEALTH, DataClass.HEALTH)
SAFETY = _record(Priority.SAFETY, DataClass.METERING)


def _decision() -> DecisionMessage:
    interval = OfferInterval(start=NOON, end=NOON + timedelta(hours=1), setpoint_w=-4000.0)
    offer = Offer(
        offer_id="o1",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=NOON,
        intervals=(interval,),
        title="Feed power",
    )
    decision = Decision(
        decision_id="d1",
        offer_key=offer.key,
        offer_revision=1,
        offer_digest=offer.digest(),
        choice=Choice.ACCEPT,
        decided_at=NOON,
        decided_by="owner",
    )
    return DecisionMessage(decision=decision, offer=offer, not_after=NOON)


@dataclass
class Home:
    """An uplink on a database."""

    database: Database
    settings: UplinkSettings
    clock: TickedClock = field(default_factory=TickedClock)
    notices: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.uplink = self.another()

    def another(self) -> Uplink:
        return Uplink(
            settings=self.settings,
            store=UplinkUse(self.database),
            clock=self.clock,
            notice=lambda code, sentence: self.notices.append((code, sentence)),
            changed=lambda: self.changes.append(self.uplink.view().throttled),
            name_of=lambda sp_id: f"Provider {sp_id}",
        )

    async def running(self, uplink: Uplink, body: Callable[[], Awaitable[None]]) -> None:
        self.clock.asleep.clear()
        running = asyncio.ensure_future(uplink.run())
        await self.clock.asleep.wait()
        await body()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def a_minute_later(self) -> None:
        self.clock.asleep.clear()
        self.clock.tick.set()
        await self.clock.asleep.wait()

    async def kept(self) -> list[tuple[str, str, str, int, int]]:
        return await self.database.ledger.read(
            lambda connection: connection.execute("SELECT * FROM uplink_use ORDER BY 1, 2, 3").fetchall()
        )


def _at_home(directory: Path, body: Callable[[Home], Awaitable[None]], settings: UplinkSettings | None = None) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            await body(Home(database, settings or UplinkSettings()))

    asyncio.run(main())


def test_a_bucket_lets_a_burst_through_and_then_the_mean_rate() -> None:
    clock = TickedClock()
    bucket = TokenBucket(clock, messages_per_s=2.0, bytes_per_s=1000.0, burst_s=5.0)
    for _ in range(10):
        assert bucket.wait_s(100) == 0
        bucket.take(100)
    assert bucket.wait_s(100) == pytest.approx(0.5)
    clock.at += timedelta(seconds=0.5)
    assert bucket.wait_s(100) == 0
    assert not bucket.half_full
    clock.at += timedelta(seconds=10)
    assert bucket.half_full


def test_bytes_count_as_well_as_messages() -> None:
    bucket = TokenBucket(TickedClock(), messages_per_s=2.0, bytes_per_s=1000.0, burst_s=5.0)
    bucket.take(4000)
    assert bucket.wait_s(3000) == pytest.approx(2.0)


def test_what_is_larger_than_the_bucket_passes_a_full_one_and_leaves_a_debt() -> None:
    clock = TickedClock()
    bucket = TokenBucket(clock, messages_per_s=2.0, bytes_per_s=1000.0, burst_s=5.0)
    assert bucket.wait_s(50_000) == 0
    bucket.take(50_000)
    assert bucket.wait_s(1000) == pytest.approx(46.0)
    clock.at -= timedelta(hours=1)
    assert bucket.wait_s(1000) == pytest.approx(46.0), "a clock that is set back takes nothing"


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3000)), max_size=60))
def test_no_span_carries_more_than_a_burst_and_the_mean_rate(tries: list[tuple[float, int]]) -> None:
    clock = TickedClock()
    bucket = TokenBucket(clock, messages_per_s=2.0, bytes_per_s=1000.0, burst_s=5.0)
    passed: list[tuple[float, int]] = []
    for pause_s, size in tries:
        clock.at += timedelta(seconds=pause_s)
        if bucket.wait_s(size) == 0:
            bucket.take(size)
            passed.append((clock.monotonic(), size))
    for first, (begun, _) in enumerate(passed):
        for last in range(first, len(passed)):
            span_s = passed[last][0] - begun
            assert last - first + 1 <= 2 * (span_s + 5) + 0.01
            assert sum(size for _, size in passed[first : last + 1]) <= 1000 * (span_s + 5) + 2


@pytest.mark.usecase("W7")
def test_who_sends_too_much_is_throttled_and_named_once_and_nobody_else_is(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        verdicts = [home.uplink.received("fleet", 500) for _ in range(1000)]
        assert verdicts.count(Verdict.ADMITTED) == 120
        assert home.changes == [("fleet",)]
        assert home.uplink.received("evc_sp", 500) is Verdict.ADMITTED
        assert home.uplink.view().throttled == ("fleet",)
        assert home.notices == [
            (
                "uplink.throttled.fleet",
                "Provider fleet sends more than it may; the rest is left at the system operator and read bit by bit. "
                "If this goes on, ask Provider fleet about it.",
            )
        ]
        with pytest.raises(ProviderUnreachable, match="Provider fleet sends too much; the rest waits"):
            await home.uplink.admit("fleet", 500)
        home.clock.at += timedelta(seconds=2)
        await home.uplink.admit("fleet", 500)
        assert home.uplink.view().throttled == ("fleet",), "a trickle is no recovery"
        (fleet,) = [use for use in home.uplink.view().use if use.sp_id == "fleet"]
        assert (fleet.data_class, fleet.messages, fleet.size_bytes) == (None, 121, 60_500)

    _at_home(tmp_path, body)


@pytest.mark.usecase("W7")
def test_an_old_mailbox_that_is_read_after_a_restart_counts_for_nothing(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        for _ in range(1000):
            await home.uplink.admit("fleet", 500)
            home.uplink.old_news("fleet", 500)
        assert home.notices == []
        while home.uplink.received("fleet", 500) is Verdict.ADMITTED:
            pass
        # Whoever sends too much does not get more through in this way.
        home.uplink.old_news("fleet", 500)
        with pytest.raises(ProviderUnreachable):
            await home.uplink.admit("fleet", 500)

    _at_home(tmp_path, body)


@pytest.mark.usecase("W7")
@pytest.mark.parametrize("by", ["its next message", "time alone"])
def test_who_has_calmed_down_is_no_longer_throttled_and_that_is_told(tmp_path: Path, by: str) -> None:
    async def body(home: Home) -> None:
        async def work() -> None:
            while home.uplink.received("fleet", 500) is Verdict.ADMITTED:
                pass
            await home.a_minute_later()
            assert len(home.notices) == 1
            home.clock.at += timedelta(seconds=62)
            if by == "time alone":
                await home.a_minute_later()
            else:
                await home.uplink.admit("fleet", 500)
            assert home.uplink.view().throttled == ()
            assert (home.changes[-1], ("fleet",) in home.changes) == ((), True)
            assert home.notices[1:] == [
                ("uplink.recovered.fleet", "Provider fleet no longer sends too much; nothing is held back.")
            ]

        await home.running(home.uplink, work)

    _at_home(tmp_path, body)


@pytest.mark.usecase("W7")
def test_the_home_itself_does_not_flood_a_provider_and_answers_never_wait(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        for _ in range(1000):
            assert home.uplink.send_allowed(METERING, 1000) == 0
            home.uplink.sent("evc_sp", DataClass.METERING, 1000)
        assert home.uplink.send_allowed(METERING, 1000) == pytest.approx(1 / 100)
        assert home.uplink.send_allowed(HEALTH, 1000) > 0
        assert home.uplink.send_allowed(_decision(), 1000) == 0
        assert home.uplink.send_allowed(SAFETY, 1000) == 0
        assert home.uplink.send_allowed(_record(Priority.METERING, DataClass.METERING, "pev_sp"), 1000) == 0

    _at_home(tmp_path, body)


@pytest.mark.usecase("A5")
def test_a_metered_link_carries_metering_and_location_every_quarter_of_an_hour(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.uplink.drained("evc_sp")
        assert home.uplink.held("evc_sp") == {}, "the first goes at once"
        home.uplink.sent("evc_sp", DataClass.METERING, 700)
        assert home.uplink.held("evc_sp") == {}, "what else waits goes with it"
        home.uplink.drained("evc_sp")
        home.clock.at += timedelta(minutes=5)
        home.uplink.drained("evc_sp")
        assert home.uplink.held("evc_sp") == {DataClass.METERING: 600.0, DataClass.LOCATION: 600.0}
        assert home.uplink.held("pev_sp") == {}
        waits = {item.priority: home.uplink.send_allowed(item, 700) for item in (METERING, LOCATION, HEALTH, SAFETY)}
        assert list(waits.values()) == [600.0, 600.0, 0.0, 0.0]
        assert home.uplink.send_allowed(CHARGING, 700) == 0, "that the car is plugged in starts the health check"
        assert home.uplink.send_allowed(_decision(), 700) == 0
        home.clock.at += timedelta(minutes=10)
        assert home.uplink.held("evc_sp") == {}

    _at_home(tmp_path, body, UplinkSettings(metered=True))


@pytest.mark.usecase("A5")
def test_a_budget_holds_its_kind_until_the_month_is_over(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.uplink.sent("evc_sp", DataClass.LOCATION, 999_999)
        assert home.uplink.held("evc_sp") == {}
        home.uplink.sent("evc_sp", DataClass.LOCATION, 1)
        assert home.uplink.held("evc_sp") == {DataClass.LOCATION: 12 * 3600.0}
        assert home.uplink.held("pev_sp") == {}
        home.clock.at += timedelta(hours=12)
        assert home.uplink.held("evc_sp") == {}
        assert [use.size_bytes for use in home.uplink.view().use] == [0], "a new month begins at nothing"

    _at_home(tmp_path, body, UplinkSettings(budget_mb={"evc_sp": {DataClass.LOCATION: 1.0}}))


@pytest.mark.usecase("A5", "W7")
def test_counts_are_kept_by_month_and_taken_up_again(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async def first() -> None:
            home.uplink.sent("evc_sp", DataClass.METERING, 700)
            home.uplink.received("evc_sp", 300)
            assert await home.kept() == [], "a message costs no write of its own"
            await home.a_minute_later()
            await home.a_minute_later()
            assert len(await home.kept()) == 2
            home.uplink.sent("evc_sp", DataClass.METERING, 50)
            home.clock.at += timedelta(days=1)
            home.uplink.sent("evc_sp", DataClass.METERING, 1)

        async def second() -> None:
            again.sent("evc_sp", DataClass.METERING, 1)

        await home.running(home.uplink, first)
        again = home.another()
        again.sent("evc_sp", DataClass.METERING, 1)
        await home.running(again, second)
        assert await home.kept() == [
            ("2026-12", "evc_sp", "inbound", 1, 300),
            ("2026-12", "evc_sp", "metering", 2, 750),
            ("2027-01", "evc_sp", "metering", 3, 3),
        ]
        assert again.view().use == (
            BudgetUse(sp_id="evc_sp", data_class=DataClass.METERING, messages=3, size_bytes=3, budget_bytes=2_000_000),
            BudgetUse(sp_id="pev_sp", data_class=DataClass.HEALTH, messages=0, size_bytes=0, budget_bytes=500_000),
        )

    budgets = {"evc_sp": {DataClass.METERING: 2.0}, "pev_sp": {DataClass.HEALTH: 0.5}}
    _at_home(tmp_path, body, UplinkSettings(budget_mb=budgets))


def test_counts_outlive_a_disk_that_is_full_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(home: Home) -> None:
        async def full(*_arguments: object) -> None:
            raise StoreUnavailable("The disk is full.")

        home.uplink.sent("evc_sp", DataClass.METERING, 700)
        with monkeypatch.context() as patched:
            patched.setattr(UplinkUse, "add", full)
            running = asyncio.ensure_future(home.uplink.run())
            await home.clock.asleep.wait()
            home.clock.tick.set()
            with pytest.raises(StoreUnavailable):
                await running
        home.uplink.sent("evc_sp", DataClass.METERING, 1)
        await home.running(home.uplink, home.a_minute_later)
        assert await home.kept() == [("2026-12", "evc_sp", "metering", 2, 701)]

    _at_home(tmp_path, body)


def test_who_watches_is_told_every_minute(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async def work() -> None:
            assert len(home.changes) == 1
            await home.a_minute_later()
            await home.a_minute_later()
            assert len(home.changes) == 3

        await home.running(home.uplink, work)

    _at_home(tmp_path, body)


def test_the_contract_gets_the_view(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.uplink.received("evc_sp", 300)
        (call, handler), *others = home.uplink.handlers().items()
        assert (call, others) == (api.GetUplink, [])
        answer = await handler(api.GetUplink(), api.Role.GUEST)
        assert answer == home.uplink.view()
        assert msgspec.json.decode(msgspec.json.encode(answer), type=api.GetUplink.answer) == answer

    _at_home(tmp_path, body)


def test_budgets_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[uplink]\nmetered = true\n[uplink.budget_mb.evc_sp]\nlocation = 0.5\n")
    uplink = load(tmp_path).uplink
    assert (uplink.metered, uplink.budget_mb) == (True, {"evc_sp": {DataClass.LOCATION: 0.5}})
    for wrong in ("position = 1", "location = 0", "location = -1"):
        (tmp_path / "settings.toml").write_text(f"[uplink.budget_mb.evc_sp]\n{wrong}\n")
        with pytest.raises(SettingsInvalid):
            load(tmp_path)
