"""Control taken back from the provider: for how long, over a restart, and what it does not touch."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp import api
from homeapp.chargers.chargers import Chargers, Household
from homeapp.chargers.owner_control import OwnerControls
from homeapp.chargers.provider_rights import HomeRights
from homeapp.errors import NotFound
from homeapp.model.charger import ControlSpan, InControl
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, LimitControl
from homeapp.store.database import Database
from homeapp.store.kept_profiles import KeptProfiles
from homeapp.store.ledger import Ledger
from kit.clocks import HandClock, StandingClock
from kit.in_loop import in_loop

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
DEPARTURE = NOW + timedelta(hours=19)
EVCE = EvceState(
    device_id="ocpp:a",
    received_at=NOW,
    status=EvceStatus.CHARGING,
    connected=True,
    capabilities=EvceCapabilities(
        protocol="ocpp2.1", max_charge_w=11_040.0, control=LimitControl.COARSE, feed_refusal="It cannot."
    ),
)
VIEW = DeviceView(
    device_id="ocpp:a",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Driveway",
    product="",
    address="",
    link=DeviceLink.ONLINE,
    adopted=True,
)


class Values:
    """Small values; ``audited`` are those that people have chosen."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self.audited: list[tuple[str, str]] = []

    async def value(self, key: str) -> str | None:
        return self.of.get(key)

    async def keep_value(self, key: str, value: str) -> None:
        self.of[key] = value
        self.audited.append((key, value))

    async def keep_mark(self, key: str, value: str) -> None:
        self.of[key] = value


class Home:
    """Implements ``AdoptedChargers``; what the parts of the hub see of it."""

    def __init__(self, state: EvceState | None = EVCE, *, auto_start: bool = True) -> None:
        self.clock, self.values, self.rights = StandingClock(NOW), Values(), HomeRights()
        self.state = state
        self.agreed: tuple[OfferCase, ...] = ()
        self.notices: list[str] = []
        self.changes = 0
        self.chargers = Chargers(
            Household(
                ledger=self.values,
                clock=self.clock,
                key=b"k" * 32,
                auto_start=auto_start,
                rights=self.rights,
                chargers=self,
                departure=lambda: DEPARTURE,
                agreed=lambda: self.agreed,
                notice=lambda _code, sentence: self.notices.append(sentence),
                changed=self.changed,
            )
        )

    def name_of(self, device_id: str) -> str | None:
        return "Driveway" if device_id == "ocpp:a" else None

    def state_of(self, device_id: str) -> EvceState | None:
        return self.state

    def changed(self) -> None:
        self.changes += 1

    async def call(self, call: api.Call[object]) -> object:
        return await self.chargers.handlers()[type(call)](call, api.Role.HOUSEHOLD)

    @property
    def in_control(self) -> InControl:
        view = self.chargers.views((VIEW,))[0].charger
        assert view is not None
        return view.in_control


@pytest.mark.parametrize(
    ("span", "until"),
    [
        (ControlSpan.HOUR, NOW + timedelta(hours=1)),
        (ControlSpan.DEPARTURE, DEPARTURE),
        (ControlSpan.UNTIL_GIVEN_BACK, None),
    ],
)
@in_loop
async def test_control_is_taken_for_a_time_and_given_back(span: ControlSpan, until: datetime | None) -> None:
    home = Home()
    assert home.rights.controls("ocpp:a")
    held = await home.call(api.TakeControl(device_id="ocpp:a", span=span))
    assert (held.until, held.by) == (until, "household")  # type: ignore[attr-defined]
    assert not home.rights.controls("ocpp:a")
    assert home.rights.controls("ocpp:b")
    assert home.in_control is InControl.OWNER
    home.clock.at = (until or NOW + timedelta(days=90)) - timedelta(seconds=1)
    assert not home.rights.controls("ocpp:a")
    if until is not None:
        home.clock.at = until
        assert home.rights.controls("ocpp:a")
        return
    await home.call(api.GiveControlBack(device_id="ocpp:a"))
    assert home.rights.controls("ocpp:a")
    assert home.changes == 2


@in_loop
async def test_control_outlives_a_restart_and_is_in_the_audit_trail() -> None:
    home = Home()
    await home.call(api.TakeControl(device_id="ocpp:a"))
    assert json.loads(home.values.audited[0][1])["ocpp:a"]["by"] == "household"
    again = OwnerControls(home.values, home.clock, lambda: None)
    await again.load()
    assert again.of("ocpp:a") == home.chargers.controls.of("ocpp:a")


@in_loop
async def test_its_end_is_told_without_anybody_asking() -> None:
    told = asyncio.Event()
    clock = HandClock(NOW)
    controls = OwnerControls(Values(), clock, told.set)
    await controls.take("ocpp:a", ControlSpan.HOUR, DEPARTURE, "owner")
    await controls.take("ocpp:b", ControlSpan.UNTIL_GIVEN_BACK, DEPARTURE, "owner")
    told.clear()
    watching = asyncio.create_task(controls.watch())
    async with asyncio.timeout(20):
        while not told.is_set():
            await asyncio.sleep(0)
            await clock.move(600)
    watching.cancel()
    assert controls.of("ocpp:a") is None
    assert controls.of("ocpp:b") is not None


@in_loop
async def test_only_chargers_of_the_home_are_taken() -> None:
    home = Home()
    for call in (api.TakeControl(device_id="ocpp:b"), api.GiveControlBack(device_id="ocpp:b")):
        with pytest.raises(NotFound):
            await home.call(call)  # type: ignore[arg-type]


def test_who_is_in_control_while_nobody_has_taken_it() -> None:
    assert Home().in_control is InControl.HUB
    assert Home(None).in_control is InControl.HUB
    assert Home(replace(EVCE, provider_limit_w=22_000.0)).in_control is InControl.HUB
    assert Home(replace(EVCE, provider_limit_w=6000.0)).in_control is InControl.PROVIDER


def test_what_the_screen_is_told_of_a_charger() -> None:
    home = Home(replace(EVCE, provider_limit_w=6000.0, provider_feed_w=0.0), auto_start=False)
    home.rights.attached("ocpp:a")
    meter, found = replace(VIEW, kind=DeviceKind.METER), replace(VIEW, adopted=False)
    views = home.chargers.views((VIEW, meter, found))
    assert views[1:] == (meter, found)
    charger = views[0].charger
    assert charger is not None
    assert (charger.limits, charger.feed_refusal) == (LimitControl.COARSE, "It cannot.")
    assert (charger.provider_limit_w, charger.provider_feed_w, charger.has_provider) == (6000.0, 0.0, True)
    assert charger.card_needed


def feed_case(kind: OfferKind, setpoint_w: float | None) -> OfferCase:
    offer = Offer(
        offer_id="o",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=kind,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=NOW,
        intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=1), setpoint_w=setpoint_w),),
        title="",
    )
    return OfferCase(offer=offer, digest="", state=OfferState.SCHEDULED, updated_at=NOW)


def test_feeding_is_allowed_only_for_the_time_and_power_that_was_agreed() -> None:
    home = Home()
    assert home.rights.may_feed_w(NOW) is None
    home.agreed = (feed_case(OfferKind.POWER_FEED, -3000.0),)
    assert home.rights.may_feed_w(NOW) == 3000
    assert home.rights.may_feed_w(NOW + timedelta(hours=1)) is None
    assert home.rights.may_feed_w(NOW - timedelta(seconds=1)) is None
    for case in (feed_case(OfferKind.POWER_FEED, None), feed_case(OfferKind.LOAD_SHED, -3000.0)):
        home.agreed = (case,)
        assert home.rights.may_feed_w(NOW) is None


def test_before_the_hub_is_there_the_provider_may_lower_and_have_nothing_fed() -> None:
    rights = HomeRights()
    assert rights.controls("ocpp:a")
    assert rights.may_feed_w(NOW) is None


@in_loop
async def test_profiles_of_the_provider_are_kept_in_the_ledger(tmp_path: Path) -> None:
    async with Database(tmp_path) as database:
        ledger = Ledger(database, StandingClock(NOW))
        keeper = KeptProfiles(ledger, "wss://one")
        assert await keeper.load("ocpp:a") is None
        await keeper.keep("ocpp:a", "first")
        await keeper.keep("ocpp:a", "second")
        assert await keeper.load("ocpp:a") == "second"
        assert await keeper.load("ocpp:b") is None
        await keeper.keep("ocpp:b", "other")
        await keeper.forget()
        assert [await keeper.load("ocpp:a"), await keeper.load("ocpp:b")] == [None, None]


@pytest.mark.parametrize("now", ["wss://another", ""])
@in_loop
async def test_profiles_of_another_csms_are_not_kept(tmp_path: Path, now: str) -> None:
    async with Database(tmp_path) as database:
        ledger = Ledger(database, StandingClock(NOW))
        await KeptProfiles(ledger, "wss://one").keep("ocpp:a", "first")
        assert await KeptProfiles(ledger, "wss://one").load("ocpp:a") == "first"
        await KeptProfiles(ledger, now).begin()
        assert await KeptProfiles(ledger, now).load("ocpp:a") is None
        # Also where the old one comes back.
        assert await KeptProfiles(ledger, "wss://one").load("ocpp:a") is None
