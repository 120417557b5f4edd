"""Station, whole hub and provider's CSMS: the provider sees every session, may lower the limit, and never raises it."""

from pathlib import Path

import pytest

from homeapp.demo.csms.books import Phase
from homeapp.demo.csms.orders import PeriodOrder, ProfileSelection
from homeapp.demo.csms.power_feed import feed_cycles
from homeapp.demo.ocpp.schemas import Version
from kit.csms_bench import ALL, CARD, limit
from kit.provider_home import ProviderHome, run

EVERY_VERSION = pytest.mark.parametrize("version", ALL)
FULL_W = 11_000.0
LOW_W = 5_520.0


async def begins(home: ProviderHome) -> None:
    """The owner agrees, plugs in, and charges as fast as possible."""
    await home.agree()
    await home.charges_now()
    await home.until(lambda: home.book.registered)
    home.station.plug_in()
    await home.until(lambda: bool(home.book.running))
    await home.power(FULL_W)


@pytest.mark.usecase("A2", "S3", "W1")
@EVERY_VERSION
def test_a_session_is_the_same_on_both_ends(version: Version, tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await begins(home)
        transaction = home.transaction
        told = len(transaction.events)
        await home.until(lambda: len(transaction.events) >= told + 2)
        home.station.unplug()
        await home.until(lambda: transaction.ended)
        assert transaction.in_order
        assert transaction.missing == []
        assert home.book.duplicates == home.book.repeats.total() == 0
        await home.until(lambda: home.book.statuses.get((1, 1)) == "Available")

    run(version, tmp_path, story)


@pytest.mark.usecase("A2", "T4", "W2")
@EVERY_VERSION
def test_the_provider_lowers_the_limit_and_does_not_raise_it(version: Version, tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await begins(home)
        most_w = home.station.observation.limit_w
        assert await home.commands.set_profile(limit(1, "ChargingStationMaxProfile", LOW_W)) == "Accepted"
        await home.power(LOW_W)
        assert await home.commands.set_profile(limit(1, "ChargingStationMaxProfile", 100_000.0)) == "Accepted"
        await home.power(FULL_W)
        assert home.station.observation.limit_w <= most_w
        # Whatever it permits, what it forbids as well still holds.
        assert await home.commands.set_profile(limit(2, "TxDefaultProfile", LOW_W)) == "Accepted"
        await home.power(LOW_W)
        assert await home.commands.clear_profiles(ProfileSelection()) == "Accepted"
        await home.power(FULL_W)
        assert home.station.observation.limit_w <= most_w

    run(version, tmp_path, story)


def test_with_the_consent_the_limit_of_the_provider_ends(tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await begins(home)
        assert await home.commands.set_profile(limit(1, "ChargingStationMaxProfile", LOW_W)) == "Accepted"
        await home.power(LOW_W)
        await home.withdraw()
        await home.power(FULL_W)
        # Nor does it come back with a new consent.
        await home.agree()
        await home.until(lambda: home.book.connections > 1 and home.book.registered)
        assert home.charger is not None
        assert home.charger.provider_limit_w is None

    run(Version.V21, tmp_path, story)


@pytest.mark.usecase("T4", "W2")
def test_the_provider_alone_cannot_make_the_car_feed(tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await begins(home)
        transaction = home.transaction
        order = limit(
            1,
            "TxProfile",
            0.0,
            evse=1,
            stack_level=2,
            transaction_id=transaction.transaction_id,
            period=PeriodOrder(setpoint=-6000.0, mode="CentralSetpoint"),
        )
        assert await home.commands.set_profile(order) == "Rejected"
        told = len(transaction.events)
        await home.until(lambda: len(transaction.events) >= told + 3)
        assert home.station.observation.power_w >= 0
        assert feed_cycles(transaction) == []
        assert transaction.events[-1].phase is Phase.UPDATED

    run(Version.V21, tmp_path, story)


@EVERY_VERSION
def test_the_provider_starts_and_stops(version: Version, tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await home.agree()
        transaction = await home.charging()
        assert await home.commands.stop(transaction.transaction_id) == "Accepted"
        await home.until(lambda: transaction.ended)
        assert len(home.book.transactions) == 1

    run(version, tmp_path, story)


@EVERY_VERSION
def test_a_card_is_judged_by_the_provider(version: Version, tmp_path: Path) -> None:
    async def story(home: ProviderHome) -> None:
        await home.agree()
        await home.until(lambda: home.book.registered)
        home.station.plug_in()
        await home.starts_with(CARD)

    run(version, tmp_path, story)
