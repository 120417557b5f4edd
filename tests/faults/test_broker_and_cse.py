"""Broker and platform die without a word, the platform with all it knew: in the end each message has had its effect."""

from pathlib import Path

import pytest
from fault_street import (
    WAIT_S,
    Requests,
    at_the_screen,
    audit_verdict,
    deaf,
    drive_home,
    each_has_one_decision,
    home_has_told,
    nothing_waits,
    on_the_street,
    say,
    stock,
    told,
)

from homeapp.demo.owner import Owner
from homeapp.demo.street import Street
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferState

pytestmark = [pytest.mark.street, pytest.mark.timeout(240)]

ALL = {"evc_sp": (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)}
STOCK = 300


def link(owner: Owner, sp_id: str) -> LinkState | None:
    return next((found.state for found in owner.snapshot.providers if found.sp_id == sp_id), None)


@pytest.mark.usecase("A5", "A6", "W1", "W6", "F3")
def test_a_broker_killed_while_a_decision_waits_and_records_flow(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        evc, broker, requests = street.providers.evc_sp, street.providers.broker, Requests(street)
        await street.home.stop_hub()
        await stock(street, STOCK, "broker")
        await street.home.start_hub()
        async with at_the_screen(street) as owner:
            for number, share in enumerate((0.1, 0.4)):
                case = await owner.receives(await requests.make(f"broker-{number}"))
                await evc.wait_for(lambda share=share: len(evc.records) >= share * STOCK, WAIT_S)  # type: ignore[misc]
                await broker.kill()
                await owner.approves(case)
                await owner.wait(lambda: link(owner, "evc_sp") is not LinkState.UP, WAIT_S)
                assert owner.case(case.offer.key, OfferState.ACCEPTED)
                await broker.start()
            await each_has_one_decision(street, owner, requests.ids)
            await evc.wait_for(lambda: len(evc.records) >= STOCK, WAIT_S)
        await street.home.stop_hub()
        counts = told(street, evc)
        say(f"broker killed 2 times; {decided(street, requests)}; {counts}; audit: {audit_verdict(street)}")

    on_the_street(tmp_path, body, consents=ALL)


@pytest.mark.usecase("A6", "W1", "W3", "W6", "F2b", "F2c", "F3", "F4")
def test_a_cse_that_loses_what_it_took_and_nobody_has_read(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        evc, cse, requests = street.providers.evc_sp, street.providers.cse, Requests(street)
        async with at_the_screen(street) as owner:
            await drive_home(street, owner)
            await evc.wait_for(lambda: {"charging", "pev-state"} <= {record.kind for record in evc.records}, WAIT_S)
        await street.home.stop_hub()
        await stock(street, STOCK, "cse")
        with deaf(evc):
            before = len(evc.records)
            await street.home.start_hub()
            async with at_the_screen(street) as owner:
                case = await owner.receives(await requests.make("lost"))
                await owner.approves(case)
                await owner.sees(case.offer.key, OfferState.RELAYED)
                # More than it has read, and not yet all: the rest is on its way when the platform dies.
                await home_has_told(street, "cse", STOCK // 2)
                await cse.kill()
            assert (len(evc.records), evc.decisions) == (before, {})
        await cse.start()
        async with at_the_screen(street) as owner:
            await each_has_one_decision(street, owner, requests.ids)
            await evc.wait_for(lambda: len(evc.records) >= before + STOCK, WAIT_S)
            await nothing_waits(street)
        await street.home.stop_hub()
        counts = told(street, evc)
        say(
            f"CSE killed with its memory, at least {STOCK // 2} records and a decision in it unread; "
            f"{decided(street, requests)}; {counts}; audit: {audit_verdict(street)}"
        )

    on_the_street(tmp_path, body, consents=ALL)


def decided(street: Street, requests: Requests) -> str:
    decisions = street.providers.evc_sp.decisions.values()
    repeated = sum(known.arrivals - 1 for known in decisions)
    return (
        f"decisions {len(decisions)} of {len(requests.ids)} requests, repeated arrivals {repeated}, lost 0, doubled 0"
    )
