"""The way to a CSMS: when it is open, how it is registered on, and who is refused what."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.evce import rpc
from devices.evce.frames import Frame
from devices.evce.rpc import RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream.csms_link import LONGEST_WAIT_S, WAIT_MINIMUM_S, CsmsAccess, CsmsLink
from homeapp.errors import SettingsInvalid
from homeapp.model.live import LinkState
from kit.clocks import LeapingClock
from kit.evce_street import ALL, DEVICE, CallError, Tls
from kit.raw_csms import BOOTED, CsmsError, RawCsms
from kit.upstream_street import BOOT, STATUS, UpstreamStreet, run

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SENTENCE = "Enter another password."


# Back-off and refusals at the door, by the clock


class _Pauses(LeapingClock):
    """Tells when so many have been made."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.wanted = 0
        self.made = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.naps) >= self.wanted:
            self.made.set()


class _Doors:
    """A link that only ever knocks, until ``attempts`` pauses have been made."""

    def __init__(self) -> None:
        self.clock = _Pauses(NOON)
        self.told: list[tuple[LinkState, str | None]] = []
        self.uses = 0

    async def knock(self, url: str, attempts: int, spread: Callable[[float], float], **access: object) -> list[float]:
        async def none() -> None:
            return None

        fields: dict[str, object] = {"tls": none, "password": none} | access
        target = CsmsAccess(name="Example", url=url, how_to_mend=SENTENCE, **fields)  # type: ignore[arg-type]
        link = CsmsLink(target, "box", self.clock, lambda *state: self.told.append(state), spread)
        self.clock.wanted = attempts
        keeping = asyncio.create_task(link.keep(Version.V201, self._serve, self._use))
        await asyncio.wait_for(self.clock.made.wait(), 10)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        return self.clock.naps[:attempts]

    async def _serve(self, _frame: Frame) -> dict[str, object]:
        return {}

    async def _use(self, _peer: RpcPeer) -> None:
        self.uses += 1


def test_pauses_double_up_to_five_minutes_and_are_spread_by_chance() -> None:
    async def main() -> None:
        doors = _Doors()
        longest = await doors.knock("ws://127.0.0.1:9/x", 8, lambda most: most)
        assert longest == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
        assert await _Doors().knock("ws://127.0.0.1:9/x", 4, lambda _most: 0.0) == [WAIT_MINIMUM_S] * 4
        assert "cannot be reached" in str(doors.told[1][1])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "slow", "words"),
    [
        (401, True, SENTENCE),
        (403, True, SENTENCE),
        (404, True, "registered"),
        (400, True, "version"),
        (503, False, "503"),
    ],
)
def test_who_is_refused_is_told_why_and_knocks_slowly(status: int, words: str, slow: bool) -> None:
    async def main() -> None:
        csms, doors = RawCsms(), _Doors()
        csms.status = status
        async with csms.open():
            naps = await doors.knock(f"ws://127.0.0.1:{csms.port}/x", 2, lambda _most: 0.0)
        assert naps == [LONGEST_WAIT_S if slow else WAIT_MINIMUM_S] * 2
        assert words in str(doors.told[1][1])

    asyncio.run(main())


def test_the_password_goes_nowhere_else() -> None:
    async def main() -> None:
        csms, other, doors = RawCsms(), RawCsms(), _Doors()

        async def password() -> str:
            return "open sesame"

        async with other.open(), csms.open():
            csms.redirect = f"ws://127.0.0.1:{other.port}/x"
            await doors.knock(f"ws://127.0.0.1:{csms.port}/x", 1, lambda _most: 0.0, password=password)
        assert other.knocks == []
        assert "302" in str(doors.told[1][1])

    asyncio.run(main())


def test_a_missing_password_is_a_sentence() -> None:
    async def main() -> None:
        async def missing() -> str:
            raise SettingsInvalid("Its password is missing.")

        doors = _Doors()
        assert await doors.knock("ws://127.0.0.1:9/x", 1, lambda _most: 0.0, password=missing) == [LONGEST_WAIT_S]
        assert doors.told[1] == (LinkState.DOWN, "Its password is missing.")

    asyncio.run(main())


# Registration


@pytest.mark.parametrize("version", ALL)
def test_nothing_but_the_introduction_goes_out_before_it_is_accepted(
    tls: Tls, tmp_path: Path, version: Version
) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = lambda _payload: answers.pop(0) if answers else BOOTED
        async with street.station(version) as station:
            await station.say("BootNotification", BOOT[version])
            await station.say("StatusNotification", STATUS[version])
            await station.say("StatusNotification", STATUS[version])
            event = "SecurityEventNotification", '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
            await station.say(*event)
            with contextlib.suppress(CallError):
                await station.say("DataTransfer", '{"vendorId":"v"}')
            await street.csms.until_heard("BootNotification", 4)
            await street.up()
            heard = [action for _, action, _ in street.csms.heard]
            assert heard[:5] == ["BootNotification"] * 4 + [event[0]]
            # The newest status of each connector, once.
            await street.csms.until_heard("StatusNotification")
            assert [raw for _, action, raw in street.csms.heard if "Status" in action] == [STATUS[version]]
            assert len({message_id for message_id, _, _ in street.csms.heard[:4]}) == 4
            assert any("registered" in str(problem) for _, problem in street.way.links)

    wait = {"currentTime": "2027-01-15T12:00:00Z", "interval": 20}
    answers = [{"status": "Pending"} | wait, {"status": "Rejected"} | wait, {"status": "Pending"} | wait]
    run(tls, tmp_path, body)


def test_a_csms_that_rejects_may_ask_for_nothing_and_one_that_hesitates_may_not_start(tls: Tls, tmp_path: Path) -> None:
    start = {"idToken": {"idToken": "t", "type": "Central"}, "remoteStartId": 1}

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"status": "Rejected"}
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            await street.way.until(lambda: bool(street.way.links) and "rejects" in str(street.way.links[-1][1]))
            with pytest.raises(CsmsError, match="SecurityError"):
                await street.csms.call("GetLocalListVersion", {})
            street.csms.answers["BootNotification"] = BOOTED | {"status": "Pending"}
            street.upstreams._ways[DEVICE]._downward.registration.due.set()  # type: ignore[union-attr]
            await street.way.until(lambda: "not accepted" in str(street.way.links[-1][1]))
            assert json.loads(await street.csms.call("RequestStartTransaction", start))["status"] == "Rejected"
            await street.csms.call("GetLocalListVersion", {})

    run(tls, tmp_path, body)


def test_heartbeats_are_the_hubs_own_at_the_interval_of_the_csms(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"interval": 10}
        street.csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        async with street.online(Version.V16) as station:
            await station.say("Heartbeat", "{}", "of-the-station")
            await street.csms.until_heard("Heartbeat", 3)
            assert "of-the-station" not in [message_id for message_id, _, _ in street.csms.heard]

    run(tls, tmp_path, body)


def test_a_csms_that_answers_no_heartbeats_is_called_anew(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.2)

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"interval": 10}
        street.csms.answers["Heartbeat"] = None
        async with street.online(Version.V16):
            await street.csms.until(lambda: street.csms.connections == 2)
            assert len(street.csms.of("Heartbeat")) >= 2

    run(tls, tmp_path, body)


def test_what_the_csms_wants_triggered_of_the_leg_comes_from_the_hub(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        async with street.online(Version.V201) as station:
            for wanted, answer in (
                ("Heartbeat", "Accepted"),
                ("BootNotification", "Accepted"),
                ("SignChargingStationCertificate", "Rejected"),
            ):
                reply = await street.csms.call("TriggerMessage", {"requestedMessage": wanted}, wanted)
                assert json.loads(reply)["status"] == answer
                assert wanted not in [message_id for message_id, _, _ in station.calls]
            await street.csms.until_heard("Heartbeat")
            await street.csms.until_heard("BootNotification", 2)

    run(tls, tmp_path, body)


# The station comes and goes


def test_a_station_that_is_gone_has_no_way_and_one_that_comes_back_has(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V21) as station:
            asked = asyncio.create_task(street.csms.call("GetLocalListVersion", {}))
            station.answers["GetLocalListVersion"] = None
            await station.until_called("GetLocalListVersion")
            station.cut()
            with contextlib.suppress(CsmsError):
                await asyncio.wait_for(asked, 0.2)
        await street.way.until(lambda: street.way.links[-1] == (LinkState.DOWN, None))
        await street.csms.until(lambda: street.csms.connection is None)
        async with street.station(Version.V21):
            # It says nothing of itself; the hub remembers.
            await street.up()
            assert len(street.csms.of("BootNotification")) == 2

    run(tls, tmp_path, body)


@pytest.mark.parametrize(("version", "code"), [(Version.V16, "GenericError"), (Version.V21, "InternalError")])
def test_whoever_asks_for_a_station_that_is_away_is_told_so_at_once(
    tls: Tls, tmp_path: Path, version: Version, code: str
) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            street.upstreams._ways[DEVICE]._downward.link = None
            for action in ("GetLocalListVersion", "Abracadabra"):
                with pytest.raises(CsmsError, match=f"{code}.*station offline"):
                    await street.csms.call(action, {})
            assert "GetLocalListVersion" not in [name for _, name, _ in station.calls]

    run(tls, tmp_path, body)


def test_a_lost_link_leaves_the_station_alone(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            await station.say("StatusNotification", STATUS[Version.V201], "status")
            await street.csms.until_heard("StatusNotification")
            street.csms.cut()
            await street.way.until(lambda: street.way.links[-1][0] is not LinkState.UP)
            await station.say("Heartbeat", "{}")
            await street.up()
            assert street.csms.connections == 2
            await street.csms.until_heard("StatusNotification", 2)
            first, again = [entry for entry in street.csms.heard if entry[1] == "StatusNotification"]
            assert (first[0], first[2]) == ("status", again[2])
            assert again[0] != "status", "what the hub repeats is a message of its own"

    run(tls, tmp_path, body)


def test_a_station_that_never_said_who_it_is_is_asked(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.station(Version.V201) as station:
            await station.until_called("TriggerMessage", having="BootNotification")
            assert street.csms.knocks == []
            await station.say("BootNotification", BOOT[Version.V201])
            await street.up()

    run(tls, tmp_path, body)
