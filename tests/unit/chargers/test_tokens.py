"""Which cards may charge: the household's, the provider's word while it is away, and what is done about strangers."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.evce.frames import Frame, MessageType
from devices.evce.provider.token_frames import StationTokens
from devices.evce.schemas import Version, request_problem, response_problem
from homeapp.chargers.tokens import MOST_TOKENS, SAVE_EVERY_S, Tokens
from homeapp.errors import NotFound, WrongState
from homeapp.ports import TokenGroup, TokenVerdict
from homeapp.sessions import HUB_ID_TOKEN
from kit.clocks import LeapingClock
from kit.in_loop import in_loop

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
A, B = "ocpp:a", "ocpp:b"


class Values:
    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    async def value(self, key: str) -> str | None:
        return self.of.get(key)

    async def keep_value(self, key: str, value: str) -> None:
        self.of[key] = value

    keep_mark = keep_value


class Home:
    """One home's cards, and the notices about strange ones."""

    def __init__(self, values: Values | None = None, *, auto_start: bool = True, key: bytes = b"k" * 32) -> None:
        self.clock, self.values = LeapingClock(NOW), values or Values()
        self.strangers: list[str] = []
        self.changes = 0
        self.tokens = Tokens(
            self.values,
            self.clock,
            key,
            auto_start=auto_start,
            unknown=self.strangers.append,
            changed=self.changed,
        )

    def changed(self) -> None:
        self.changes += 1

    async def wait(self, seconds: float) -> None:
        """Let the watch go on for this long."""
        end = self.clock.at + timedelta(seconds=seconds)
        watching = asyncio.create_task(self.tokens.watch())
        while self.clock.at < end:
            await asyncio.sleep(0)
        watching.cancel()

    async def shown(self, token: str, device_id: str = A) -> bool:
        allowed = self.tokens.authorizes(device_id, token)
        await self.wait(7)
        return allowed


@in_loop
async def test_a_card_of_the_household_charges_until_it_is_removed() -> None:
    home = Home()
    assert not home.tokens.authorizes(A, "04A2B3")
    view = await home.tokens.add("Anna's card", "04a2b3")
    assert view.name == "Anna's card"
    assert home.tokens.authorizes(A, "04A2B3")
    assert home.tokens.authorizes(B, " 04a2B3 ")
    await home.tokens.remove("anna's CARD")
    assert not home.tokens.authorizes(A, "04A2B3")
    assert home.tokens.views == ()


@in_loop
async def test_its_number_is_kept_only_as_a_hash_under_the_homes_key() -> None:
    home = Home()
    await home.tokens.add("Fob", "04A2B3C4")
    home.tokens.provider_list(A, [TokenVerdict(token="99887766", allowed=True)], full=True)
    await home.wait(SAVE_EVERY_S + 2)
    kept = "".join(home.values.of.values()).lower()
    assert "04a2b3c4" not in kept
    assert "99887766" not in kept
    again = Home(home.values)
    await again.tokens.load()
    assert again.tokens.authorizes(A, "04a2b3c4")
    assert again.tokens.authorizes(A, "99887766")
    stolen = Home(home.values, key=b"x" * 32)
    await stolen.tokens.load()
    assert not stolen.tokens.authorizes(A, "04a2b3c4")


def test_the_hubs_own_start_needs_no_card_unless_the_owner_wants_one() -> None:
    for auto_start in (True, False):
        tokens = Home(auto_start=auto_start).tokens
        assert tokens.authorizes(A, HUB_ID_TOKEN) is auto_start
        assert tokens.authorizes(A, HUB_ID_TOKEN.upper()) is auto_start
        # 2.x: the type NoAuthorization has no number.
        assert tokens.authorizes(A, "") is auto_start


@in_loop
async def test_a_strange_card_is_told_of_once_and_added_with_one_tap() -> None:
    home = Home()
    assert not await home.shown("DEADBEEF")
    assert (home.strangers, home.tokens.unknown_at(A)) == ([A], NOW)
    assert home.tokens.unknown_at(B) is None
    view = await home.tokens.add("", "")
    assert view.name == "Card 1"
    assert home.tokens.authorizes(A, "deadbeef")
    assert home.tokens.unknown_at(A) is None


@in_loop
async def test_a_card_that_the_provider_knows_is_not_strange() -> None:
    home = Home()
    assert not home.tokens.authorizes(A, "CAFE")
    home.tokens.provider_judged(A, TokenVerdict(token="cafe", allowed=True))
    await home.wait(7)
    assert home.strangers == []
    with pytest.raises(WrongState, match="No unknown card"):
        await home.tokens.add("", "")


@in_loop
async def test_a_strange_card_is_forgotten_after_a_while() -> None:
    home = Home()
    await home.shown("DEADBEEF")
    await home.wait(700)
    assert home.tokens.unknown_at(A) is None
    assert home.changes == 2
    with pytest.raises(WrongState, match="No unknown card"):
        await home.tokens.add("", "")


@pytest.mark.parametrize(
    ("name", "token", "sentence"),
    [
        ("fob", "11", "There is a card called"),
        ("Other", "AA", "in the list already"),
        ("Hub", "HomeApp", "the hub itself"),
        ("x" * 41, "22", "at most 40 letters"),
        ("Long", "9" * 256, "its number 255"),
    ],
)
@in_loop
async def test_a_card_that_cannot_be_added(name: str, token: str, sentence: str) -> None:
    home = Home()
    await home.tokens.add("Fob", "aa")
    with pytest.raises(WrongState, match=sentence):
        await home.tokens.add(name, token)
    assert len(home.tokens.views) == 1


@in_loop
async def test_there_is_room_for_so_many_cards_and_a_free_number_for_each() -> None:
    home = Home()
    for number in range(MOST_TOKENS):
        await home.tokens.add("", f"token {number}")
    assert len({view.name for view in home.tokens.views}) == MOST_TOKENS
    with pytest.raises(WrongState, match="room for"):
        await home.tokens.add("", "one more")
    with pytest.raises(NotFound):
        await home.tokens.remove("Nobody's")


def test_what_the_provider_has_said_counts_at_its_station_until_it_expires() -> None:
    home = Home()
    tokens = home.tokens
    tokens.provider_judged(A, TokenVerdict(token="AA", allowed=True, expires_at=NOW + timedelta(hours=1)))
    assert tokens.authorizes(A, "aa")
    assert not tokens.authorizes(B, "aa")
    # C13: the list goes before what was decided of late.
    tokens.provider_list(A, [TokenVerdict(token="AA", allowed=False)], full=True)
    assert not tokens.authorizes(A, "aa")
    tokens.provider_list(
        A, [TokenVerdict(token="AA", allowed=None), TokenVerdict(token="BB", allowed=True)], full=False
    )
    assert tokens.authorizes(A, "aa")
    assert tokens.authorizes(A, "bb")
    home.clock.at += timedelta(hours=2)
    assert not tokens.authorizes(A, "aa")
    tokens.provider_list(A, [], full=False)
    assert tokens.authorizes(A, "bb")
    tokens.provider_list(A, [], full=True)
    assert not tokens.authorizes(A, "bb")


def _list(version: Version, update: str, *entries: tuple[str, str | None]) -> Frame:
    def entry(token: str, status: str | None) -> dict[str, Any]:
        if version is Version.V16:
            return {"idTag": token} | ({} if status is None else {"idTagInfo": {"status": status}})
        known = {"idToken": {"idToken": token, "type": "ISO14443"}}
        return known | ({} if status is None else {"idTokenInfo": {"status": status}})

    number = "listVersion" if version is Version.V16 else "versionNumber"
    payload: dict[str, Any] = {number: 3, "updateType": update}
    if entries:
        payload["localAuthorizationList"] = [entry(*each) for each in entries]
    assert request_problem(version, "SendLocalList", payload) is None
    return Frame(MessageType.CALL, "1", "SendLocalList", payload)


@pytest.mark.parametrize("version", list(Version))
def test_a_local_list_and_its_changes_are_copied(version: Version) -> None:
    home = Home()
    tokens, station = home.tokens, StationTokens(A, home.tokens)
    station.list_sent(_list(version, "Full", ("AA", "Accepted"), ("BB", "Blocked")), version)
    assert (tokens.authorizes(A, "aa"), tokens.authorizes(A, "bb")) == (True, False)
    station.list_sent(_list(version, "Differential", ("BB", "Accepted"), ("AA", None)), version)
    assert (tokens.authorizes(A, "aa"), tokens.authorizes(A, "bb")) == (False, True)
    station.list_sent(_list(version, "Differential"), version)
    assert tokens.authorizes(A, "bb")
    station.list_sent(_list(version, "Full"), version)
    assert not tokens.authorizes(A, "bb")


@pytest.mark.parametrize(
    ("version", "action", "asked", "answer"),
    [
        (Version.V16, "Authorize", {"idTag": "AA"}, lambda status: {"idTagInfo": {"status": status}}),
        (Version.V16, "StartTransaction", {"idTag": "AA"}, lambda status: {"idTagInfo": {"status": status}}),
        (Version.V201, "Authorize", {"idToken": {"idToken": "AA"}}, lambda status: {"idTokenInfo": {"status": status}}),
        (
            Version.V21,
            "TransactionEvent",
            {"idToken": {"idToken": "AA"}},
            lambda status: {"idTokenInfo": {"status": status}},
        ),
    ],
)
def test_what_the_provider_decides_is_remembered(
    version: Version, action: str, asked: dict[str, Any], answer: Callable[[str], dict[str, Any]]
) -> None:
    home = Home()
    tokens, station = home.tokens, StationTokens(A, home.tokens)
    frame = Frame(MessageType.CALL, "1", action, asked)
    station.judged(frame, answer("Accepted"), version)
    assert tokens.authorizes(A, "aa")
    # It says something about another transaction, not about the card.
    station.judged(frame, answer("ConcurrentTx"), version)
    assert tokens.authorizes(A, "aa")
    station.judged(frame, {}, version)
    station.judged(Frame(MessageType.CALL, "1", "Heartbeat", asked), answer("Blocked"), version)
    assert tokens.authorizes(A, "aa")
    station.judged(frame, answer("Blocked"), version)
    assert not tokens.authorizes(A, "aa")


FAMILY = "Family-7"


def _answered(version: Version, group: str, status: str = "Accepted") -> dict[str, Any]:
    """An Authorize.conf of the CSMS about a card of a group."""
    if version is Version.V16:
        return {"idTagInfo": {"status": status, "parentIdTag": group}}
    return {"idTokenInfo": {"status": status, "groupIdToken": {"idToken": group, "type": "Local"}}}


def _asks(version: Version, card: str, action: str = "Authorize", **more: Any) -> Frame:
    token: dict[str, Any] = {"idTag": card}
    if version is not Version.V16:
        token = {"idToken": {"idToken": card, "type": "ISO14443"}}
    return Frame(MessageType.CALL, "1", action, token | more)


def _own(version: Version, status: str = "Accepted") -> dict[str, Any]:
    """The hub's own answer."""
    return {"idTagInfo" if version is Version.V16 else "idTokenInfo": {"status": status}}


@pytest.mark.parametrize("version", list(Version))
def test_the_hub_says_which_group_a_card_is_of_while_the_provider_is_away(version: Version) -> None:
    home = Home()
    station = StationTokens(A, home.tokens)
    station.judged(_asks(version, "AA"), _answered(version, FAMILY), version)
    station.judged(_asks(version, "CC"), _answered(version, FAMILY, "Blocked"), version)
    answer = station.in_its_place(_asks(version, "aa"), _own(version), version)
    assert answer == _answered(version, FAMILY)
    assert response_problem(version, "Authorize", answer) is None
    # Neither of others nor of those that are refused.
    for card, own in (("BB", "Accepted"), ("CC", "Accepted"), ("AA", "Invalid")):
        assert station.in_its_place(_asks(version, card), _own(version, own), version) == _own(version, own)
    other_station = StationTokens(B, home.tokens)
    assert other_station.in_its_place(_asks(version, "AA"), _own(version), version) == _own(version)
    home.clock.at += timedelta(days=15)
    assert station.in_its_place(_asks(version, "AA"), _own(version), version) == _own(version)


@pytest.mark.parametrize("version", list(Version))
def test_groups_come_also_with_the_local_list(version: Version) -> None:
    home = Home()
    station = StationTokens(A, home.tokens)
    sent = _list(version, "Full", ("AA", "Accepted"))
    entry = sent.payload["localAuthorizationList"][0]
    entry |= _answered(version, FAMILY)
    station.list_sent(sent, version)
    assert station.in_its_place(_asks(version, "AA"), _own(version), version) == _answered(version, FAMILY)


@pytest.mark.parametrize(("version", "longest"), [(Version.V16, 20), (Version.V201, 36), (Version.V21, 64)])
def test_a_group_with_too_long_a_number_is_none(version: Version, longest: int) -> None:
    station = StationTokens(A, Home().tokens)
    for length, fits in ((longest, True), (longest + 1, False)):
        station.judged(_asks(version, "AA"), _answered(version, "g" * length), version)
        answer = station.in_its_place(_asks(version, "AA"), _own(version), version)
        assert (answer != _own(version)) is fits


@in_loop
async def test_a_group_is_kept_sealed_and_known_again_after_a_restart() -> None:
    home = Home()
    verdict = TokenVerdict(token="AA", allowed=True, group=TokenGroup(token=FAMILY, kind="Local"))
    home.tokens.provider_judged(A, verdict)
    home.tokens.master_pass(A, "Police")
    await home.wait(SAVE_EVERY_S + 2)
    kept = "".join(home.values.of.values()).lower()
    assert FAMILY.lower() not in kept
    assert "police" not in kept
    again = Home(home.values)
    await again.tokens.load()
    assert again.tokens.group(A, "aa") == TokenGroup(token=FAMILY, kind="Local")
    stolen = Home(home.values, key=b"x" * 32)
    await stolen.tokens.load()
    (copy,) = stolen.tokens._copies.values()
    (word,) = copy.judged.values()
    copy.judged[stolen.tokens._hash("AA")] = word
    assert stolen.tokens.group(A, "AA") is None


def _setting(value: str, **more: Any) -> dict[str, Any]:
    """A variable with a value, its names in other letters than usual."""
    named = {"component": {"name": "authctrlr"}, "variable": {"name": "MASTERPASSGROUPID"}}
    return named | ({"attributeValue": value} if value else {}) | more


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
@pytest.mark.parametrize("learnt", ["SetVariables", "GetVariables"])
def test_a_master_pass_ends_what_runs_and_begins_nothing(version: Version, learnt: str) -> None:
    station = StationTokens(A, Home().tokens)
    station.judged(_asks(version, "AA"), _answered(version, "Police"), version)
    starts = _asks(version, "AA", "TransactionEvent", eventType="Started", triggerReason="CablePluggedIn")
    assert station.in_its_place(starts, _own(version), version) == _answered(version, "Police")
    if learnt == "SetVariables":
        asked = {"setVariableData": [_setting("POLICE")]}
        refused = {"setVariableResult": [_setting("", attributeStatus="Rejected")]}
        station.settings_told(Frame(MessageType.CALL, "2", learnt, asked), refused)
        assert station.in_its_place(starts, _own(version), version) == _answered(version, "Police")
        told = {"setVariableResult": [_setting("", attributeStatus="Accepted")]}
    else:
        asked = {"getVariableData": [_setting("")]}
        told = {"getVariableResult": [_setting("POLICE", attributeStatus="Accepted")]}
    station.settings_told(Frame(MessageType.CALL, "2", learnt, asked), told)
    assert station.in_its_place(starts, _own(version), version) == _answered(version, "Police", "Invalid")
    goes_on = _asks(version, "AA", "TransactionEvent", eventType="Updated", triggerReason="Authorized")
    assert station.in_its_place(goes_on, _own(version), version) == _answered(version, "Police", "Invalid")
    # Only with these can the station end what runs (C16).
    stops = _asks(version, "AA", "TransactionEvent", eventType="Updated", triggerReason="StopAuthorized")
    for said in (_asks(version, "AA"), stops):
        assert station.in_its_place(said, _own(version), version) == _answered(version, "Police")
