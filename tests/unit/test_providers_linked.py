"""The check of the links: it is about the providers that the owner has agreed to."""

from dataclasses import replace
from pathlib import Path

import pytest

from homeapp import api
from homeapp.doctor import ProviderStanding
from homeapp.model.commissioning import CheckId, CheckState, CheckView
from homeapp.model.live import LinkState, ProviderLink
from kit.commissioning_home import NOW, HandMadeHome
from kit.in_loop import in_loop

GRID = ProviderStanding(sp_id="grid_sp", name="Grid", obstacle="", advice="", agreed=True)
UP = ProviderLink(sp_id="grid_sp", name="Grid", state=LinkState.UP, since=NOW)
FLEET = ProviderStanding(
    sp_id="fleet", name="Fleet", obstacle="not connected: nobody has agreed", advice="Agree.", agreed=False
)
STRANGER = replace(FLEET, obstacle="the hub's certificate: needed", advice="Enrol the hub.", agreed=True)


async def found(data_dir: Path, standings: tuple[ProviderStanding, ...], *links: ProviderLink) -> CheckView:
    async with HandMadeHome(data_dir, standings=standings, links=links).running() as hub:
        await hub.settle_before(CheckId.PROVIDERS_LINKED)
        await hub.ask(api.SkipCheck(check=CheckId.TARIFF, reason="not part of this"))
        return await hub.check(CheckId.PROVIDERS_LINKED)


@pytest.mark.usecase("W6")
@in_loop
async def test_one_that_the_owner_wants_nothing_of_is_told_and_no_fault(tmp_path: Path) -> None:
    check = await found(tmp_path, (GRID, FLEET), UP)
    assert check.state is CheckState.PASSED
    assert check.seen == "Connected: Grid. Not connected: 0. The owner has not agreed to: Fleet."


@pytest.mark.parametrize(
    ("standings", "links", "advice"),
    [
        ((), (), "Pair with a provider"),
        ((FLEET,), (), "Fleet: not connected: nobody has agreed. Agree."),
        ((GRID, STRANGER), (UP,), "Fleet: the hub's certificate: needed. Enrol the hub."),
        ((GRID,), (replace(UP, state=LinkState.DOWN, problem="No answer."),), "Grid: No answer."),
    ],
)
@in_loop
async def test_what_is_in_the_way_of_a_wanted_link_is_a_fault(
    tmp_path: Path, standings: tuple[ProviderStanding, ...], links: tuple[ProviderLink, ...], advice: str
) -> None:
    check = await found(tmp_path, standings, *links)
    assert check.state is CheckState.FAILED
    assert advice in check.advice
