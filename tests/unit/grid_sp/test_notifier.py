"""What a VTN says about its notifier, sound or not."""

import asyncio
import contextlib
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.notifier import Authentication, read_binding, read_topics, topics_for

ANONYMOUS = {"method": "ANONYMOUS"}
CERTIFICATE = {"method": "CERTIFICATE", "caCert": "CA", "clientCert": "CERT", "clientKey": "KEY"}


def told(authentication: object = ANONYMOUS, uris: object = ("mqtts://broker.example",)) -> dict[str, Any]:
    uris = list(uris) if isinstance(uris, tuple) else uris
    return {"WEBHOOK": True, "MQTT": {"URIS": uris, "serialization": "JSON", "authentication": authentication}}


def test_brokers_over_tls_and_their_ports() -> None:
    uris = ("mqtt://a.example", "mqtts://b.example", "mqtts://c.example:8884/path", "mqtts://u:p@d", "mqtts://e:x", 7)
    binding = read_binding(told(uris=uris), "me")
    assert binding is not None
    assert binding.brokers == (("b.example", 8883), ("c.example", 8884))


@pytest.mark.parametrize(
    ("username", "read"), [("{clientID}", "me"), ("everybody", "everybody"), ("x-{clientID}", "x-{clientID}")]
)
def test_the_name_that_goes_with_the_token(username: str, read: str) -> None:
    binding = read_binding(told({"method": "OAUTH2_BEARER_TOKEN", "username": username}), "me")
    assert binding is not None
    assert (binding.authentication, binding.username) == (Authentication.OAUTH2_BEARER_TOKEN, read)


@pytest.mark.usecase("W4")
def test_certificates_come_as_texts_and_the_key_is_never_printed() -> None:
    binding = read_binding(told(CERTIFICATE), "me")
    assert binding is not None
    assert (binding.ca_pem, binding.certificate_pem, binding.key_pem) == ("CA", "CERT", "KEY")
    assert "KEY" not in f"{binding!r} {binding}"


@pytest.mark.parametrize("raw", [None, [], "yes", {}, {"WEBHOOK": True}, {"MQTT": None}])
def test_a_vtn_without_mqtt(raw: object) -> None:
    assert read_binding(raw, "me") is None


@pytest.mark.parametrize(
    "raw",
    [
        {"MQTT": True},
        {"MQTT": {}},
        told(uris=("mqtt://plain.example",)),
        told(uris="mqtts://text.example"),
        told(uris=()),
        told({"method": "KERBEROS"}),
        told({"method": "OAUTH2_BEARER_TOKEN"}),
        told(CERTIFICATE | {"clientKey": ""}),
        told(CERTIFICATE | {"caCert": "x" * 65_537}),
        told("ANONYMOUS"),
    ],
    ids=lambda raw: str(raw)[:80],
)
def test_a_notifier_that_cannot_be_used_is_refused(raw: object) -> None:
    with pytest.raises(MessageRejected):
        read_binding(raw, "me")


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ({"topics": {"CREATE": "a/c", "UPDATE": "a/u", "DELETE": "a/d", "ALL": "a/all"}}, ("a/c", "a/u", "a/d")),
        ({"topics": {"UPDATE": "a/u", "DELETE": 5}}, ("a/u",)),
        ({"topics": {"UPDATE": "", "DELETE": "a\x00b", "CREATE": "x" * 513}}, ()),
        ({"topics": "some magic"}, ()),
        ("do some magic!", ()),
        (None, ()),
    ],
)
def test_topics(raw: object, names: tuple[str, ...]) -> None:
    assert read_topics(raw) == names


class Told:
    """Answers paths with topics of the same names."""

    def __init__(self, *silent: str) -> None:
        self.silent = silent
        self.asked: list[str] = []

    async def read(self, path: str) -> Any:
        place = path.removeprefix("/notifiers/mqtt/topics/")
        self.asked.append(place)
        return None if place.startswith(self.silent) else {"topics": {"UPDATE": place}}


@pytest.mark.parametrize(
    ("silent", "topics"),
    [
        ((), ("vens/v", "vens/v/events", "vens/v/programs", "programs", "programs/a/events", "programs/b/events")),
        (("vens",), ("programs", "programs/a/events", "programs/b/events")),
        (("vens", "programs/a", "programs/b"), ("programs",)),
        (("vens", "programs"), ()),
    ],
)
def test_of_ven_and_programs_all_that_are_told(silent: tuple[str, ...], topics: tuple[str, ...]) -> None:
    vtn = Told(*silent or ("nothing",))
    assert asyncio.run(topics_for(cast(VtnConnection, vtn), "v", ["a", "b"])) == topics
    # One refusal is enough to know.
    assert "programs/b/events" not in vtn.asked or "programs/a" not in silent


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from(["mqtts://x", *Authentication]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["MQTT", "URIS", "authentication", "method", "username", "caCert", "topics", "UPDATE"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_nothing_a_server_says_of_it_crashes_the_reader(raw: object) -> None:
    assert all(isinstance(name, str) for name in read_topics(raw))
    with contextlib.suppress(MessageRejected):
        binding = read_binding(raw, "me")
        assert binding is None or binding.brokers
