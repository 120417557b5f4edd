"""Every action of the policy, over real sockets on both ends: who gets it, who answers it, and that no byte changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.evce import schemas
from devices.evce.frames import Frame
from devices.evce.schemas import Version
from devices.evce.upstream.policy import TABLE, Direction, Rule, Treatment
from devices.evce.upstream.port import Refused
from kit import schema_examples
from kit.evce_street import ALL, CallError, Tls
from kit.raw_csms import CsmsError, NotingProfiles
from kit.upstream_street import PlainStation, UpstreamStreet, run

Json = dict[str, Any]
_SECURITY = {"attributeValue": "x", "component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}
_VARIANTS: dict[str, list[Json]] = {
    "InstallCertificate": [{"certificateType": "V2GRootCertificate"}, {"certificateType": "CSMSRootCertificate"}],
    "CertificateSigned": [{"certificateType": "V2GCertificate"}],
    "SignCertificate": [{"certificateType": "V2GCertificate"}],
    "TriggerMessage": [{"requestedMessage": "MeterValues"}],
    "ExtendedTriggerMessage": [{"requestedMessage": "MeterValues"}],
    "ChangeConfiguration": [{"key": "AuthorizationKey"}],
    "SetVariables": [{"setVariableData": [_SECURITY]}],
    "MeterValues": [{"transactionId": 77}],
}
_ONE_KIND = ("InstallCertificate", "CertificateSigned", "SignCertificate")
"""1.6 knows these of the hub's leg only."""


class _TrustingCheck:
    """Lets every software pass."""

    async def refusal(self, _frame: Frame) -> Refused | None:
        return None


def _payloads(version: Version, action: str, found: Rule) -> Iterator[tuple[Treatment, Json]]:
    """One payload for each treatment that the rule knows."""
    least = schema_examples.request(version, action)
    seen = set()
    for payload in (least, *(least | variant for variant in _VARIANTS.get(action, []))):
        treatment = found.of(payload)
        if treatment not in seen and schemas.request_problem(version, action, payload) is None:
            seen.add(treatment)
            yield treatment, payload
    if action in ("RequestStartTransaction", "RemoteStartTransaction"):
        seen.add(Treatment.CLAMP)
        yield Treatment.CLAMP, least | {"chargingProfile": _profile(version)}
    short = version is Version.V16 and action in _ONE_KIND
    assert seen == found.may_be or short or action == "DeleteCertificate", (action, seen)


def _profile(version: Version) -> Json:
    if version is Version.V16:
        profile: Json = schema_examples.request(version, "SetChargingProfile")["csChargingProfiles"]
    else:
        profile = schema_examples.request(version, "SetChargingProfile")["chargingProfile"]
    return profile


def _odd(payload: Json) -> str:
    """A spelling that no encoder of the hub makes."""
    return json.dumps(payload, separators=(" ,", ":  "))


@pytest.mark.parametrize("version", ALL)
def test_what_the_csms_asks(tls: Tls, tmp_path: Path, version: Version) -> None:
    answers = {
        action: schema_examples.response(version, action)
        for action, found in TABLE[version, Direction.DOWN].items()
        if Treatment.CLAMP in found.may_be
    }
    profiles = NotingProfiles(answers)

    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            for action, found in TABLE[version, Direction.DOWN].items():
                for number, (treatment, payload) in enumerate(_payloads(version, action, found)):
                    await _asked(street, station, profiles, action, treatment, payload, f"{action[:20]}-{number}")

    run(tls, tmp_path, body, profiles=lambda _device: profiles, firmware=lambda _device: _TrustingCheck())


async def _asked(
    street: UpstreamStreet,
    station: PlainStation,
    profiles: NotingProfiles,
    action: str,
    treatment: Treatment,
    payload: Json,
    message_id: str,
) -> None:
    before, text = len(profiles.served), _odd(payload)
    station.answers[action] = _odd(schema_examples.response(station.version, action))
    try:
        answer = await street.csms.call(action, text, message_id)
    except CsmsError as error:
        raise AssertionError((action, treatment, error)) from error
    assert schemas.response_problem(station.version, action, json.loads(answer)) is None, (action, answer)
    got = [(name, raw) for called, name, raw in station.calls if called == message_id]
    match treatment:
        case Treatment.RELAY:
            assert got == [(action, text)]
            assert answer == station.answers[action]
        case Treatment.CLAMP if "chargingProfile" in payload and "Start" in action:
            rest = {name: value for name, value in payload.items() if name != "chargingProfile"}
            assert [(name, json.loads(raw)) for name, raw in got] == [(action, rest)]
            assert profiles.starts[-1] == payload
        case Treatment.CLAMP:
            assert got == []
            assert profiles.served[before:] == [(action, payload)]
        case _:
            assert got == [], action
            assert "Accepted" in answer or treatment is Treatment.TERMINATE
            assert "Accepted" not in answer or treatment is Treatment.LOCAL
    del station.answers[action]


@pytest.mark.parametrize("version", ALL)
def test_what_the_station_says(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            for action, found in TABLE[version, Direction.UP].items():
                if action in ("BootNotification", "NotifyPeriodicEventStream"):
                    continue
                for number, (treatment, payload) in enumerate(_payloads(version, action, found)):
                    await street.settled()
                    await _said(street, station, action, treatment, payload, f"{action[:20]}-{number}")

    run(tls, tmp_path, body)


async def _said(
    street: UpstreamStreet, station: PlainStation, action: str, treatment: Treatment, payload: Json, message_id: str
) -> None:
    text, heard = _odd(payload), street.csms.heard
    theirs = schema_examples.response(station.version, action) | ({"transactionId": 4711} if "Start" in action else {})
    street.csms.answers[action] = theirs
    answer = await _answer(station, action, text, message_id)
    assert answer or treatment is Treatment.LOCAL, action
    match treatment:
        case Treatment.RELAY | Treatment.OUTBOX:
            assert (message_id, action, text) in heard, action
            assert answer == json.dumps(theirs), action
        case Treatment.MIRROR:
            wanted = (message_id, action, text)
            reported = "requestId" in payload
            if not reported:
                await street.csms.until(lambda: wanted in heard)
        case _:
            assert message_id not in [called for called, _, _ in heard], action


@pytest.mark.parametrize("version", ALL)
def test_what_the_station_says_while_the_csms_is_away(tls: Tls, tmp_path: Path, version: Version) -> None:
    """Everybody gets an answer at once, and what is about transactions is heard later, in order."""

    async def body(street: UpstreamStreet) -> None:
        kept: list[tuple[str, str]] = []
        async with street.online(version) as station:
            street.csms.status = 503
            street.csms.cut()
            await street.way.until(lambda: street.way.links[-1][0] == "down")
            for action, found in TABLE[version, Direction.UP].items():
                if action in ("BootNotification", "NotifyPeriodicEventStream"):
                    continue
                for treatment, payload in _payloads(version, action, found):
                    text = _odd(payload)
                    answer = await _answer(station, action, text)
                    assert answer or treatment in (Treatment.RELAY, Treatment.LOCAL), action
                    if treatment is Treatment.OUTBOX:
                        kept.append((action, text))
            street.csms.status = None
            street.csms.heard.clear()
            await street.up()
            replayed = [(action, text) for _, action, text in street.csms.heard if (action, text) in kept]
            assert replayed == kept

    run(tls, tmp_path, body)


async def _answer(station: PlainStation, action: str, text: str, message_id: str | None = None) -> str:
    """Empty for a CALLERROR."""
    try:
        return await station.say(action, text, message_id)
    except CallError:
        return ""
