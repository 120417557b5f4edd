"""Imposed limits over a real offer desk and ledger: at once, never below the lawful floor, safe without an operator."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeapp.errors import StoreUnavailable
from homeapp.grid_limits.failsafe import HEARTBEAT_S
from homeapp.grid_limits.grid_limits import GridLimits, LimitListeners
from homeapp.grid_limits.imposed import LimitTerms
from homeapp.model.live import GridLimit, LinkState, ProviderLink
from homeapp.model.offer import Binding, Choice, Offer, OfferInterval, OfferKind, Receipt, ReceiptLevel
from homeapp.model.readings import EvceCommand
from homeapp.model.site import Site
from homeapp.offers.desk import OfferDesk
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from kit.clocks import HandClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TERMS = LimitTerms()


def limit(max_w: float, *, revision: int = 1, start: datetime = NOON, hours: float = 1, **wanted: Any) -> Offer:
    end = start + hours * HOUR
    fields: dict[str, Any] = {
        "offer_id": "l1",
        "revision": revision,
        "sp_id": "grid_sp",
        "sp_name": "Grid",
        "kind": OfferKind.CAPACITY_LIMIT,
        "binding": Binding.MANDATORY,
        "issued_at": NOON,
        "expires_at": end,
        "intervals": (OfferInterval(start=start, end=end, max_w=max_w),),
        "title": "Limit",
    }
    return Offer(**{**fields, **wanted})


@dataclass
class Live:
    site: Site = field(default_factory=Site)
    links: dict[str, ProviderLink] = field(default_factory=dict)
    connected: list[str] = field(default_factory=lambda: ["ocpp:a"])


@dataclass
class Home:
    """The limits and what stands around them."""

    clock: HandClock
    desk: OfferDesk
    ledger: Ledger
    database: Database
    limits: GridLimits
    live: Live
    notices: list[str] = field(default_factory=list)
    limited: list[datetime] = field(default_factory=list)

    def link(self, state: LinkState) -> None:
        self.live.links["grid_sp"] = ProviderLink(sp_id="grid_sp", name="Grid", state=state, since=self.clock.now())

    async def receive(self, offer: Offer) -> None:
        self.limits.arrived(offer)
        await self.desk.receive(offer)
        self.limits.kept(offer.key)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.move(seconds)
        await self.limits.tick()

    async def lose_the_operator(self) -> None:
        """For long enough that it counts."""
        self.link(LinkState.DOWN)
        await self.pass_time(1)
        await self.pass_time(HEARTBEAT_S)

    def most_w(self) -> float | None:
        now = self.clock.now()
        items = [item for case in self.limits.commitments(now) for item in case.offer.intervals]
        return min(
            (item.max_w for item in items if item.max_w is not None and item.start <= now < item.end), default=None
        )

    @property
    def in_force(self) -> GridLimit | None:
        return self.limits.in_force(self.clock.now())

    async def audit(self, kind: str) -> list[dict[str, Any]]:
        rows = await self.database.ledger.read(
            lambda connection: connection.execute(
                "SELECT detail FROM audit WHERE kind = ? ORDER BY seq", (kind,)
            ).fetchall()
        )
        return [json.loads(detail) for (detail,) in rows]


@asynccontextmanager
async def home_in(directory: Path, clock: HandClock, terms: LimitTerms = TERMS) -> AsyncIterator[Home]:
    """As it is after a start of the hub; the link is up."""
    async with Database(directory) as database:
        ledger = Ledger(database, clock)
        desk = OfferDesk(ledger=ledger, outbox=Outbox(database, clock), clock=clock, on_change=lambda: None)
        await desk.load()
        live = Live()
        notices: list[str] = []
        limited: list[datetime] = []
        limits = GridLimits(
            terms=terms,
            desk=desk,
            ledger=ledger,
            clock=clock,
            home=live,
            tell=LimitListeners(
                name_of=lambda _sp_id: "Grid operator",
                limited=lambda: limited.append(clock.now()),
                notice=lambda code, sentence: notices.append(f"{code}: {sentence}"),
            ),
        )
        await limits.load()
        home = Home(clock, desk, ledger, database, limits, live, notices, limited)
        home.link(LinkState.UP)
        yield home


def in_a_home(directory: Path, body: Callable[[Home], Awaitable[None]], terms: LimitTerms = TERMS) -> None:
    async def main() -> None:
        async with home_in(directory, HandClock(NOON), terms) as home:
            await body(home)

    asyncio.run(main())


@pytest.mark.usecase("T1")
def test_a_limit_holds_before_the_ledger_has_it_and_goes_on_when_it_has(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        offer = limit(3000.0)
        home.limits.arrived(offer)
        assert (home.most_w(), home.desk.cases, home.limited) == (3000.0, (), [NOON])
        await home.desk.receive(offer)
        assert [case.offer.key for case in home.limits.commitments(NOON)] == [offer.key], "not twice"
        home.limits.kept(offer.key)
        assert home.most_w() == 3000.0
        assert home.in_force == GridLimit(value_w=3000.0, since=NOON, until=NOON + HOUR, source="Grid")

    in_a_home(tmp_path, body)


@pytest.mark.usecase("T1")
def test_a_limit_that_no_disk_takes_holds_all_the_same_until_its_end(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.limits.arrived(limit(3000.0))
        await home.clock.move(3599)
        assert home.most_w() == 3000.0
        await home.clock.move(1)
        assert home.limits.commitments(home.clock.now()) == ()

    in_a_home(tmp_path, body)


def test_only_what_is_new_sound_and_mandatory_holds_early(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(3000.0, revision=2))
        for offer in (
            limit(1.0, revision=2),
            limit(1.0, revision=1),
            limit(float("nan"), revision=3),
            limit(1.0, revision=3, start=NOON - 2 * HOUR),
            limit(1.0, offer_id="l2", binding=Binding.OWNER_DECIDES, kind=OfferKind.LOAD_SHED),
        ):
            home.limits.arrived(offer)
            assert home.most_w() == 3000.0
        assert len(home.limited) == 1
        home.limits.arrived(limit(2000.0, revision=3))
        assert home.most_w() == 2000.0, "in place of the revision that the desk still has"
        home.limits.arrived(limit(1000.0, revision=3))
        assert home.most_w() == 2000.0, "once for each revision"

    in_a_home(tmp_path, body)


def test_a_limit_that_is_taken_back_is_gone(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.limits.arrived(limit(3000.0))
        home.limits.kept("grid_sp/l1")
        assert (home.most_w(), home.in_force) == (None, None)

    in_a_home(tmp_path, body)


@pytest.mark.usecase("T1")
def test_no_limit_goes_below_the_floor_that_the_law_sets(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(0.0))
        assert home.most_w() == 4200.0
        assert home.in_force is not None
        assert home.in_force.value_w == 4200.0
        await home.receive(limit(6000.0, revision=2))
        assert home.most_w() == 6000.0
        shed = limit(0.0, offer_id="o1", binding=Binding.OWNER_DECIDES, kind=OfferKind.LOAD_SHED)
        await home.desk.receive(shed)
        case = await home.desk.decide(shed.key, shed.digest(), Choice.ACCEPT, "owner")
        assert case.decision is not None
        receipt = Receipt(
            decision_id=case.decision.decision_id, sp_id="grid_sp", level=ReceiptLevel.TRANSPORT, received_at=NOON
        )
        await home.desk.receipt(receipt)
        assert home.most_w() == 0.0, "what the owner agrees to may go below"
        assert home.in_force is not None
        assert home.in_force.value_w == 6000.0

    in_a_home(tmp_path, body, LimitTerms(floor_w=4200.0))


def test_of_several_limits_the_tightest_shows_and_one_without_end_has_none(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(3000.0))
        await home.receive(limit(2000.0, offer_id="l2", hours=24 * 3660, sp_name="Other"))
        await home.receive(limit(1000.0, offer_id="l3", start=NOON + HOUR))
        assert home.in_force == GridLimit(value_w=2000.0, since=NOON, until=None, source="Other")

    in_a_home(tmp_path, body)


@pytest.mark.usecase("T1")
def test_when_the_operator_is_lost_the_fail_safe_value_holds_for_its_time_and_then_ends(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(6000.0, hours=0.5))
        await home.limits.tick()
        await home.lose_the_operator()
        began = home.clock.now()
        assert home.in_force == GridLimit(
            value_w=4200.0,
            since=began,
            until=began + 2 * HOUR,
            source="Grid operator",
            failsafe=True,
        )
        assert home.most_w() == 4200.0
        assert home.notices == [
            "failsafe_began.grid_sp: Grid operator has set a limit and is out of reach. Charging keeps to 4.2 kW until "
            "15:02, or until it is back."
        ]
        assert home.limited[-1] == began
        await home.pass_time(7199)
        assert home.most_w() == 4200.0, "longer than the limit itself"
        await home.pass_time(1)
        assert (home.most_w(), home.in_force) == (None, None)
        assert "because its time is over" in home.notices[-1]
        assert [row["why"] for word in ("failsafe_began", "failsafe_ended") for row in await home.audit(word)] == [
            "Grid operator has set a limit and is out of reach",
            "its time is over",
        ]

    in_a_home(tmp_path, body)


@pytest.mark.usecase("T1")
def test_a_limit_below_the_fail_safe_value_goes_on_beside_it(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(1500.0, hours=0.5))
        await home.limits.tick()
        await home.lose_the_operator()
        assert home.most_w() == 1500.0
        assert home.in_force is not None
        assert (home.in_force.value_w, home.in_force.failsafe) == (1500.0, False)
        await home.pass_time(1800)
        assert home.most_w() == 4200.0

    in_a_home(tmp_path, body)


def test_the_operators_own_word_ends_the_fail_safe_value(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(6000.0, hours=5))
        await home.limits.tick()
        await home.lose_the_operator()
        home.link(LinkState.UP)
        await home.pass_time(1)
        assert home.most_w() == 6000.0
        assert "in reach again" in home.notices[-1]

    in_a_home(tmp_path, body)


def test_a_lost_operator_that_has_imposed_nothing_limits_nothing(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.lose_the_operator()
        assert (home.most_w(), home.notices) == (None, [])

    in_a_home(tmp_path, body)


@pytest.mark.usecase("T1")
def test_the_fail_safe_value_survives_a_restart_and_does_not_begin_anew(tmp_path: Path) -> None:
    async def main() -> None:
        clock = HandClock(NOON)
        async with home_in(tmp_path, clock) as home:
            await home.receive(limit(6000.0, hours=12))
            await home.limits.tick()
            await home.lose_the_operator()
            await home.pass_time(3600)
            until = home.in_force.until if home.in_force else None
        clock.ticks = 5.0
        async with home_in(tmp_path, clock) as home:
            home.link(LinkState.CONNECTING)
            assert home.most_w() == 4200.0, "before anything has been looked at"
            await home.limits.tick()
            assert home.in_force is not None
            assert (home.in_force.failsafe, home.in_force.until) == (True, until)
            await home.pass_time(3600)
            assert home.most_w() == 6000.0
        async with home_in(tmp_path, clock) as home:
            home.link(LinkState.DOWN)
            await home.pass_time(1)
            await home.pass_time(HEARTBEAT_S)
            assert home.most_w() == 6000.0, "it is over for this loss"
            assert home.notices == []

    asyncio.run(main())


@pytest.mark.parametrize("step", [timedelta(hours=-5), timedelta(hours=5)])
def test_a_civil_clock_that_is_set_anew_neither_ends_nor_prolongs_it(tmp_path: Path, step: timedelta) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(6000.0, hours=24))
        await home.limits.tick()
        await home.lose_the_operator()
        home.clock.at += step
        await home.limits.tick()
        assert home.most_w() == 4200.0
        await home.pass_time(7199)
        assert home.in_force is not None
        assert home.in_force.failsafe
        await home.pass_time(1)
        assert home.in_force is None or not home.in_force.failsafe

    in_a_home(tmp_path, body)


def test_a_full_disk_keeps_no_limit_from_holding_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(6000.0, hours=24))
        await home.limits.tick()
        full = True
        keep = home.ledger.keep_mark

        async def keep_mark(key: str, value: str) -> None:
            if full:
                raise StoreUnavailable("The disk is full.")
            await keep(key, value)

        monkeypatch.setattr(home.ledger, "keep_mark", keep_mark)
        await home.lose_the_operator()
        assert home.most_w() == 4200.0
        assert await home.ledger.value("grid_limit.failsafe") is None
        full = False
        await home.pass_time(1)
        kept = json.loads(await home.ledger.value("grid_limit.failsafe") or "")
        assert kept["grid_sp"]["reach"] == "failsafe"

    in_a_home(tmp_path, body)


def command(limit_w: float) -> EvceCommand:
    return EvceCommand(limit_w=limit_w, lease_s=60.0, reason="reduced_by_grid")


@pytest.mark.usecase("T1", "W6")
def test_when_a_limit_was_received_and_when_all_chargers_had_it_is_in_the_audit_log(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.live.connected.append("ocpp:b")
        await home.receive(limit(3000.0))
        await home.clock.move(0.25)
        home.limits.taken("ocpp:a", command(3000.0))
        await home.clock.move(0.25)
        await home.limits.tick()
        assert await home.audit("grid_limit_applied") == [], "the other charger has not said so yet"
        home.limits.taken("ocpp:b", command(5000.0))
        home.limits.taken("ocpp:b", command(0.0))
        await home.clock.move(5)
        await home.limits.tick()
        await home.limits.tick()
        (row,) = await home.audit("grid_limit_applied")
        assert row["limit_w"] == 3000.0
        received, applied = (datetime.fromisoformat(row[name]) for name in ("received_at", "applied_at"))
        assert (received, applied) == (NOON, NOON + timedelta(seconds=0.5))

    in_a_home(tmp_path, body)


def test_a_limit_of_later_is_applied_when_it_comes_into_force_and_one_that_was_replaced_never(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.limits.taken("ocpp:a", command(0.0))
        await home.receive(limit(3000.0, start=NOON + HOUR))
        await home.receive(limit(2000.0, revision=2, start=NOON + HOUR))
        await home.limits.tick()
        assert await home.audit("grid_limit_applied") == []
        await home.pass_time(3600)
        assert [row["limit_w"] for row in await home.audit("grid_limit_applied")] == [2000.0]

    in_a_home(tmp_path, body)


def test_a_revision_beyond_the_newest_is_the_one_that_counts(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.receive(limit(3000.0))
        home.limits.arrived(replace(limit(5000.0), revision=9))
        assert home.most_w() == 5000.0

    in_a_home(tmp_path, body)
