"""MQTT notifications: each a hint to read again, over TLS or not at all; polling goes on whatever happens to them."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.oddities import Oddities
from homeapp.model.live import LinkState
from homeapp.providers.grid_sp.provider import GridSp
from kit import cancelled_requests
from kit.grid_street import WITHIN_S, GridInbox, Street, following, serving

pytestmark = [
    *cancelled_requests.MARKS,
    pytest.mark.skipif(shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None, reason="there is no mosquitto"),
]

SELDOM_S = 1e6
"""Polls that come so seldom tell nothing within a test."""

Act = Callable[[Street, GridInbox, GridSp], Awaitable[None]]


def play(street: Street, act: Act, *, poll_s: float = SELDOM_S) -> None:
    async def main() -> None:
        async with serving(street), following(ven := street.ven(poll_s=poll_s)) as inbox:
            await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
            await act(street, inbox, ven)

    asyncio.run(main())


async def until_subscribed(street: Street) -> None:
    """The VEN reads the VTN once more as soon as it has subscribed."""
    await street.vtn.wait_for(lambda: street.count("GET", "/programs") >= 2, WITHIN_S)


async def comes_by_hint(street: Street, inbox: GridInbox, _ven: GridSp) -> None:
    await until_subscribed(street)
    before = len(inbox.offers)
    street.vtn.publish_offer(street.offer())
    await inbox.until(lambda: len(inbox.offers) > before)


@pytest.mark.usecase("T1", "W4")
@pytest.mark.parametrize("authentication", NotifierAuthentication)
def test_an_event_is_read_as_soon_as_it_is_notified(tmp_path: Path, authentication: NotifierAuthentication) -> None:
    street = Street(tmp_path, mqtt=True)
    assert street.vtn.notifier is not None
    street.vtn.notifier.authentication = authentication

    async def act(street: Street, inbox: GridInbox, ven: GridSp) -> None:
        await comes_by_hint(street, inbox, ven)
        event_id = inbox.offers[0].offer_id
        street.vtn.withdraw(event_id)
        await inbox.until(lambda: inbox.withdrawals == [("grid_sp", event_id)])

    play(street, act)


def test_events_for_this_home_alone_are_notified_on_topics_of_its_own(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    assert street.vtn.notifier is not None
    street.vtn.notifier.authentication = NotifierAuthentication.CERTIFICATE
    street.vtn.oddities = Oddities(hidden_targets=True)

    async def act(street: Street, inbox: GridInbox, ven: GridSp) -> None:
        await until_subscribed(street)
        street.vtn.publish_offer(street.offer())
        # Only now the home belongs to those whom it is for.
        street.vtn.grant()
        await inbox.until(lambda: inbox.offers)

    play(street, act)


def test_what_is_retained_and_misspelt_makes_nothing_up(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    street.vtn.oddities = Oddities(retained_notifications=True, snake_case_notifications=True, silent_all_topic=True)

    async def main() -> None:
        async with serving(street):
            # Its CREATE stays with the broker.
            street.vtn.withdraw(street.vtn.publish_offer(street.offer()))
            async with following(ven := street.ven(poll_s=SELDOM_S)) as inbox:
                await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
                await comes_by_hint(street, inbox, ven)
        assert (len(inbox.offers), inbox.withdrawals, inbox.rejections) == (1, [], [])

    asyncio.run(main())


def test_whatever_is_published_there_is_only_a_hint(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)

    async def act(street: Street, inbox: GridInbox, ven: GridSp) -> None:
        await until_subscribed(street)
        assert street.vtn.notifier is not None
        for junk in (b"", b"\xff\xfe", b'{"objectType": "EVENT", "operation": "DELETE"}', b"x" * 10_000):
            street.vtn.notifier.publish("openadr3/programs/update", junk)
        await street.vtn.wait_for(lambda: street.count("GET", "/programs") >= 3, WITHIN_S)
        await comes_by_hint(street, inbox, ven)
        assert (inbox.rejections, inbox.withdrawals) == ([], [])

    play(street, act)


def test_where_the_vens_topics_are_not_told_those_of_the_programs_do(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    street.vtn.oddities = Oddities(topics_do_magic=True)
    play(street, comes_by_hint)


def test_where_no_topics_of_events_are_told_polling_does(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    street.vtn.oddities = Oddities(topics_do_magic=True, no_event_topics=True)
    play(street, comes_by_polling, poll_s=1.0)


async def comes_by_polling(street: Street, inbox: GridInbox, _ven: GridSp) -> None:
    street.vtn.publish_offer(street.offer())
    await inbox.until(lambda: inbox.offers)


@pytest.mark.usecase("W4")
def test_without_tls_there_are_no_notifications_and_polling_goes_on(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    assert street.vtn.notifier is not None
    binding = street.vtn.notifier.binding
    street.vtn.notifier.binding = lambda account: {  # type: ignore[method-assign]
        **binding(account),
        "URIS": [uri.replace("mqtts", "mqtt") for uri in binding(account)["URIS"]],
    }

    async def act(street: Street, inbox: GridInbox, ven: GridSp) -> None:
        await comes_by_polling(street, inbox, ven)
        assert ven._hints._problem.startswith("A message was refused because it offers notifications only over")

    play(street, act, poll_s=1.0)


@pytest.mark.usecase("W4", "A3")
def test_a_broker_that_nobody_vouches_for_is_not_used(tmp_path: Path) -> None:
    street, other = Street(tmp_path, mqtt=True), tmp_path / "other"
    other.mkdir()
    assert street.vtn.notifier is not None
    stranger = Street(other, mqtt=True).vtn.notifier
    assert stranger is not None
    street.vtn.notifier.told_ports = stranger.ports

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stranger.run(()))
            await stranger.started()
            async with serving(street), following(ven := street.ven(poll_s=1.0)) as inbox:
                await comes_by_polling(street, inbox, ven)
                await street.vtn.wait_for(lambda: ven._hints._problem == "tls_failed", WITHIN_S)
            running.cancel()

    asyncio.run(main())


def test_notifications_come_back_when_the_broker_does(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)

    async def act(street: Street, inbox: GridInbox, ven: GridSp) -> None:
        await comes_by_hint(street, inbox, ven)
        polls = street.count("GET", "/programs")
        assert street.vtn.notifier is not None
        await street.vtn.notifier._broker.stop()
        await street.vtn.notifier._broker.start(())
        # Having subscribed anew it looks what it has missed.
        await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls, WITHIN_S)
        await street.vtn.notifier.started()

    play(street, act)
