"""Before consent nothing leaves the home, with one for answers nothing but answers, and nothing once it is taken back.

The communication operator counts what it carries, by flow, from outside of the home.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from fault_street import (
    AGREED,
    WAIT_S,
    Requests,
    at_the_screen,
    drive_home,
    on_the_street,
    say,
    sets_mode,
)

from homeapp.client import connect
from homeapp.demo.owner import Owner
from homeapp.demo.street import CSMS_FLOW, FLOWS, NOTICE_FLOW, Street
from homeapp.demo.uplink import FlowCount
from homeapp.model.consent import DataClass
from homeapp.model.plan import ChargingMode

A_WHILE = timedelta(seconds=90)
NOTHING = FlowCount()


async def lived(street: Street, owner: Owner) -> Mapping[str, FlowCount]:
    """The home lives for a while and its owner changes their mind; what was carried by then, in all."""
    for mode in (ChargingMode.PAUSE, ChargingMode.NOW):
        await sets_mode(street, mode)
        await owner.wait(lambda mode=mode: owner.snapshot.mode is mode)  # type: ignore[misc]
    moment = street.clock.now()
    await owner.wait(lambda: owner.snapshot.at > moment + A_WHILE, WAIT_S)
    return await street.uplink.count()


@pytest.mark.street
@pytest.mark.timeout(240)
@pytest.mark.usecase("W8", "W3", "W7", "A5", "L3")
def test_what_leaves_the_home_is_what_its_owner_has_agreed_to(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        evc, companies = street.providers.evc_sp, street.providers.customers.values()
        street.pev.add_defect("P0A1F")
        async with at_the_screen(street) as owner, connect(street.home.socket) as client:
            installer = street.commissioning(client)
            await drive_home(street, owner)
            before = await lived(street, owner)
            notices = [NOTICE_FLOW] if street.vtn.notifier is not None else []
            assert dict(before) == dict.fromkeys((*FLOWS.values(), CSMS_FLOW, *notices), NOTHING)

            await installer.agree("evc_sp", [DataClass.IDENTITY])
            case = await owner.receives(await Requests(street).make("answers-only"))
            await owner.approves(case)
            await owner.wait(lambda: owner.case(case.offer.key, *AGREED), WAIT_S)
            agreed = await lived(street, owner)
            assert [known.choice for known in evc.decisions.values()] == ["accept"]
            assert [company.records for company in companies] == [[]] * len(companies)
            assert {flow for flow, count in agreed.items() if count != NOTHING} == {"evc"}

            await installer.take_back("evc_sp", DataClass.IDENTITY)
            await owner.wait(lambda: any(n.code == "erased.evc_sp" for n in owner.snapshot.notices), WAIT_S)
            erased = await street.uplink.count()
            after = await lived(street, owner)
            assert dict(after) == dict(erased)
            assert [company.records for company in companies] == [[]] * len(companies)
        say(
            f"before consent: 0 bytes, 0 connections in {', '.join(before)}; with consent to answers: evc "
            f"{agreed['evc'].up_bytes} bytes up, {len(evc.decisions)} decision, 0 records; 0 bytes in the others; "
            f"after it was taken back and deleted: 0 bytes, 0 connections more"
        )

    on_the_street(tmp_path, body, consents=dict.fromkeys(FLOWS, ()))
