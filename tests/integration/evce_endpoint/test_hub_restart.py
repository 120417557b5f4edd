"""What the hub knows of a station and its car is there again when the hub has started anew during a charge."""

import pytest

from devices.evce.capability import CapabilityKeeper, ForgetfulKeeper
from devices.evce.kept_needs import needs_key
from devices.evce.schemas import Version
from homeapp.errors import StoreUnavailable
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import DEVICE, Json, RawStation, Street, Tls, run

NEEDS: Json = {
    "requestedEnergyTransfer": "AC_BPT",
    "departureTime": "2027-02-03T07:00:00+00:00",
    "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": 8000, "targetSoC": 80},
}


class FullDisk(ForgetfulKeeper):
    async def keep_mark(self, key: str, value: str, /) -> None:
        raise StoreUnavailable("the disk is full")


async def tell_needs(street: Street) -> None:
    async with street.charging(Version.V21) as (station, evce, _tx):
        answer = await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": NEEDS})
        assert answer["status"] == "Accepted"
        capabilities = evce.state.capabilities
        assert capabilities is not None
        assert capabilities.can_feed


async def come_back(street: Street, station: RawStation, transaction: str) -> None:
    """A station that only lost its connection: it says nothing but how its transaction stands."""
    station.transaction = transaction
    await station.plug_in()
    await station.measure(transaction, 4000.0, 40)
    await street.register.until_status(EvceStatus.CHARGING)


def in_two_lives(tls: Tls, car: str, keeper: CapabilityKeeper) -> bool:
    """Whether the second life of the hub knows that the car of this transaction can feed, and can have it feed."""
    found = []

    async def first(street: Street) -> None:
        await tell_needs(street)

    async def second(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V21) as station:
            await come_back(street, station, car)
            evce = street.endpoint.evce(DEVICE)
            assert evce is not None
            assert evce.state.capabilities is not None
            found.append(evce.state.capabilities.can_feed)
            if found[0]:
                assert evce.state.capabilities.max_feed_w == 8000
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
                assert evce.state.granted_feed_w == 3000

    run(tls, first, keeper=keeper)
    run(tls, second, keeper=keeper)
    return found[0]


@pytest.mark.usecase("D3")
def test_a_car_that_can_feed_still_can_when_the_hub_has_started_anew(tls: Tls) -> None:
    assert in_two_lives(tls, "tx-1", ForgetfulKeeper())


def test_the_next_car_does_not_get_what_another_one_has_said(tls: Tls) -> None:
    assert not in_two_lives(tls, "tx-2", ForgetfulKeeper())


def test_a_full_disk_keeps_no_answer_from_the_station(tls: Tls) -> None:
    assert not in_two_lives(tls, "tx-1", FullDisk())


@pytest.mark.parametrize("ended", ["ended", "forgotten"])
def test_nothing_of_it_is_kept_after_the_charge(tls: Tls, ended: str) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V21) as (station, _evce, tx):
            await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": NEEDS})
            kept = await street.keeper.value(needs_key(DEVICE))
            assert kept is not None
            assert tx in kept
            if ended == "ended":
                await station.event("Ended", 2)
            else:
                await street.endpoint.forget(DEVICE)
            assert await street.keeper.value(needs_key(DEVICE)) == ""

    run(tls, body)
