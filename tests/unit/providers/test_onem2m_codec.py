"""oneM2M primitives and topics: written as the standard says, read tolerantly and within bounds."""

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.model.consent import DataClass
from homeapp.providers.onem2m import codec
from homeapp.providers.onem2m.codec import (
    Arrival,
    NotificationKind,
    Operation,
    Request,
    ResourceType,
    Response,
    Status,
    Topics,
)
from homeapp.providers.onem2m.resources import (
    Mailbox,
    ae_name,
    application_entity,
    broker_address,
    content_instance,
    data_nodes,
    mailbox_nodes,
)

TOPICS = Topics("Chub-0001", "/id-in")


def response(content: object, rsc: int = 2000) -> Response:
    return codec.decode_response(json.dumps({"rsc": rsc, "rqi": "1", "pc": content}).encode())


def notify(single: object, **members: object) -> bytes:
    return json.dumps({"op": 5, "fr": "/id-in", "rqi": "n-1", "pc": {"m2m:sgn": single}, **members}).encode()


def test_topics_follow_ts_0010() -> None:
    assert TOPICS.registration == "/oneM2M/reg_req/Chub-0001/id-in/json"
    assert TOPICS.request == "/oneM2M/req/Chub-0001/id-in/json"
    assert TOPICS.answer == "/oneM2M/resp/id-in/Chub-0001/json"
    assert TOPICS.arrivals == {
        "/oneM2M/reg_resp/Chub-0001/id-in/json": Arrival.RESPONSE,
        "/oneM2M/resp/Chub-0001/id-in/json": Arrival.RESPONSE,
        "/oneM2M/req/id-in/Chub-0001/json": Arrival.REQUEST,
    }
    assert codec.topic_id("/id-in/Chub-0001") == "id-in:Chub-0001"


def test_a_request_has_its_short_names_and_nothing_that_is_not_set() -> None:
    request = Request(op=Operation.RETRIEVE, to="cse-in", fr="Chub-0001", rqi="7", rcn=4)
    assert json.loads(codec.encode_request(request)) == {
        "op": 2,
        "to": "cse-in",
        "fr": "Chub-0001",
        "rqi": "7",
        "rvi": "4",
        "rcn": 4,
    }
    creation = Request(op=Operation.CREATE, to="x", fr="C", rqi="8", ty=ResourceType.SUBSCRIPTION, pc={"m2m:sub": {}})
    assert json.loads(codec.encode_request(creation))["ty"] == 23


def test_an_answer_repeats_the_request_id() -> None:
    answer = codec.encode_answer(request_id="n-1", status=Status.OK, fr="/id-in/Chub-0001", to="/id-in")
    assert json.loads(answer) == {"rsc": 2000, "rqi": "n-1", "rvi": "4", "fr": "/id-in/Chub-0001", "to": "/id-in"}


def test_a_response_with_unknown_members_and_codes_is_read() -> None:
    read = codec.decode_response(b'{"rsc": 4999, "rqi": "a", "ot": "x", "pc": {"m2m:dbg": "no"}}')
    assert (read.rsc, read.rqi) == (4999, "a")
    assert codec.resource_id(response({"m2m:cnt": {"ri": "cnt1", "rn": "inEvc", "x": []}})) == "cnt1"
    assert codec.resource_id(codec.decode_response(b'{"rsc": 2000, "rqi": "a"}')) == ""
    assert codec.points_of_access(response({"m2m:cb": {"poa": ["http://a", "mqtt://b:1"]}})) == (
        "http://a",
        "mqtt://b:1",
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"rsc": "2000", "rqi": "a"}',
        b'{"rsc": 2000}',
        b'{"rsc": 2000, "rqi": ""}',
        b'{"rsc": 2000, "rqi": 7}',
        b'{"rsc": 2000, "rqi": "' + b"x" * 300 + b'"}',
        b'{"rsc": 2000, "rqi": "a", "pc": "' + b"x" * codec.MAX_PAYLOAD + b'"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_response_is_rejected(payload: bytes) -> None:
    with pytest.raises(MessageRejected):
        codec.decode_response(payload)


def test_a_notification_carries_its_content_instance() -> None:
    single = {"nev": {"net": 3, "rep": {"m2m:cin": {"rn": "m-1", "pi": "cnt1", "con": "a.b.c", "cs": 5}}}, "sur": "x"}
    read = codec.decode_notification(notify(single))
    assert (read.request_id, read.kind) == ("n-1", NotificationKind.CONTENT)
    assert read.content is not None
    assert (read.content.pi, read.content.con) == ("cnt1", "a.b.c")


@pytest.mark.parametrize(
    ("single", "kind"),
    [
        ({"vrq": True, "sur": "x"}, NotificationKind.VERIFICATION),
        ({"sud": True, "sur": "x"}, NotificationKind.SUBSCRIPTION_DELETED),
        ({"nev": {"rep": {"m2m:cnt": {}}}}, NotificationKind.OTHER),
        ({"vrq": True, "nev": {"rep": {"m2m:cin": {"con": "a"}}}}, NotificationKind.VERIFICATION),
        ({}, NotificationKind.OTHER),
    ],
)
def test_other_notifications_carry_nothing(single: dict[str, Any], kind: NotificationKind) -> None:
    read = codec.decode_notification(notify(single))
    assert (read.kind, read.content) == (kind, None)


@pytest.mark.parametrize("operation", [1, 2, 3, 4, 6, "5"])
def test_nothing_but_a_notification_may_be_asked_of_the_hub(operation: object) -> None:
    with pytest.raises(MessageRejected):
        codec.decode_notification(notify({"nev": {"rep": {"m2m:cin": {"con": "a"}}}}, op=operation))


@pytest.mark.parametrize("content", [7, None, {"a": 1}])
def test_content_of_another_type_is_rejected(content: object) -> None:
    with pytest.raises(MessageRejected):
        codec.decode_notification(notify({"nev": {"rep": {"m2m:cin": {"con": content}}}}))


def test_an_inbox_is_read_oldest_first_and_a_bad_instance_hides_no_other() -> None:
    instances = [
        {"ct": "20260115T120001,5", "con": "second"},
        {"ct": "20260115T120000,9", "con": "first"},
        {"ct": "20260115T120002,0", "con": 7},
        "nonsense",
        {"ct": "20260115T120003,0", "con": "third"},
    ]
    read = codec.inbox_contents(response({"m2m:cnt": {"m2m:cin": instances, "m2m:sub": [{}]}}))
    assert [content.con for content in read] == ["first", "second", "third"]
    assert codec.inbox_contents(response({"m2m:cnt": {"rn": "inEvc"}})) == ()
    assert codec.inbox_contents(codec.decode_response(b'{"rsc": 2000, "rqi": "a"}')) == ()


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["m2m:sgn", "nev", "rep", "m2m:cin", "con"]), inner)
    ),
)


@given(st.binary())
def test_arbitrary_bytes_are_only_ever_rejected(payload: bytes) -> None:
    for decode in (codec.decode_response, codec.decode_notification):
        with pytest.raises(MessageRejected):
            decode(payload)


@given(st.dictionaries(st.sampled_from(["op", "rqi", "pc", "rsc"]), _values))
def test_arbitrary_json_is_read_or_rejected(primitive: dict[str, Any]) -> None:
    payload = json.dumps(primitive).encode()
    for decode in (codec.decode_response, codec.decode_notification):
        with suppress(MessageRejected):
            decode(payload)


@given(_values)
def test_arbitrary_content_is_read_or_rejected(content: object) -> None:
    for read in (codec.inbox_contents, codec.resource_id, codec.points_of_access):
        with suppress(MessageRejected):
            read(response(content))


def test_the_hub_names_the_brokers_address_as_the_cse_does_and_itself_after_two_slashes() -> None:
    addresses = ("http://10.0.0.1:8080", "mqtt://broker.example:1884")
    broker = broker_address(addresses, "mqtt://other:8883")
    node = application_entity("cse-in", "Chub-0001", broker)
    assert node.creation()["m2m:ae"]["poa"] == ["mqtt://broker.example:1884//Chub-0001"]
    assert node.update() == {"m2m:ae": {"rr": True, "poa": ["mqtt://broker.example:1884//Chub-0001"]}}
    assert node.address == "cse-in/hub-0001"
    lost = application_entity("cse-in", "Chub-0001", broker_address((), "mqtt://other:8883"))
    assert lost.creation()["m2m:ae"]["poa"] == ["mqtt://other:8883//Chub-0001"]
    assert ae_name("Shub") == "Shub"


def test_a_hub_that_cannot_be_reached_says_so_and_wants_no_notifications() -> None:
    node = application_entity("cse-in", "Chub-0001", None)
    assert node.creation()["m2m:ae"] == {
        "rn": "hub-0001",
        "api": "Norg.homeapp.hub",
        "rr": False,
        "srv": ["3", "4", "5"],
    }
    assert node.update() == {"m2m:ae": {"rr": False}}
    mailbox = Mailbox(sp_id="evc_sp", ae_id="Cevc-sp", label="Evc")
    steps = mailbox_nodes("cse-in/hub-0001", "Chub-0001", mailbox, notified=False)
    assert [node.name for step in steps for node in step if node.kind is ResourceType.SUBSCRIPTION] == []


@pytest.mark.usecase("W4", "W8")
def test_a_provider_may_only_write_to_its_inbox_and_only_read_its_outbox() -> None:
    mailbox = Mailbox(sp_id="evc_sp", ae_id="Cevc-sp", label="Evc")
    nodes = {node.name: node for step in mailbox_nodes("cse-in/hub-0001", "Chub-0001", mailbox) for node in step}
    assert list(nodes) == ["acp-in-evc_sp", "acp-out-evc_sp", "inEvc", "outEvc", "hub"]
    rights = {
        name: [rule for rule in nodes[name].attributes["pv"]["acr"] if rule["acor"] == ["Cevc-sp"]]
        for name in ("acp-in-evc_sp", "acp-out-evc_sp")
    }
    assert [(rule["acop"], rule.get("acod")) for rule in rights["acp-in-evc_sp"]] == [(1, [{"chty": [4]}])]
    assert [(rule["acop"], rule.get("acod")) for rule in rights["acp-out-evc_sp"]] == [
        (34, None),
        (1, [{"chty": [23]}]),
    ]
    assert nodes["inEvc"].attributes["acpi"] == ["cse-in/hub-0001/acp-in-evc_sp"]
    assert nodes["outEvc"].attributes["acpi"] == ["cse-in/hub-0001/acp-out-evc_sp"]
    assert nodes["hub"].creation() == {
        "m2m:sub": {"rn": "hub", "nu": ["Chub-0001"], "su": "Chub-0001", "nct": 1, "enc": {"net": [3]}}
    }


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("data_class", [item for item in DataClass if item is not DataClass.IDENTITY])
def test_each_kind_of_data_has_a_container_that_only_its_provider_may_read(data_class: DataClass) -> None:
    mailbox = Mailbox(sp_id="evc_sp", ae_id="Cevc-sp", label="Evc", data=(data_class,))
    (policy,), (container,) = data_nodes("cse-in/hub-0001", "Chub-0001", mailbox, data_class)
    assert (container.name, policy.name) == (data_class.value, f"acp-{data_class}-evc_sp")
    assert container.attributes["acpi"] == [policy.address]
    rules = policy.attributes["pv"]["acr"]
    assert [(rule["acor"], rule["acop"], rule.get("acod")) for rule in rules] == [
        (["Chub-0001"], 63, None),
        (["Cevc-sp"], 34, None),
        (["Cevc-sp"], 1, [{"chty": [23]}]),
    ]
    assert mailbox.container(DataClass.IDENTITY) == mailbox.outbox == "outEvc"


def test_content_ends_when_it_is_said_to() -> None:
    moment = datetime(2026, 12, 31, 23, 30, 15, 999, tzinfo=timezone(timedelta(hours=-1)))
    assert content_instance("n", "c", "text/plain:0", moment)["m2m:cin"]["et"] == "20270101T003015"
    assert "et" not in content_instance("n", "c", "text/plain:0")["m2m:cin"]


def test_references_and_states_of_resources_are_read() -> None:
    references = {"m2m:rrl": {"rrf": [{"nm": "x", "typ": 3, "val": "/id-in/cse-in/x"}]}}
    assert codec.child_addresses(response(references)) == ("/id-in/cse-in/x",)
    assert codec.child_addresses(codec.decode_response(b'{"rsc": 2000, "rqi": "a"}')) == ()
    assert codec.state_of(response({"m2m:cnt": {"ri": "c1", "st": 7}})) == ("c1", 7)
    assert codec.state_of(response({"m2m:cnt": {"ri": "c1"}})) is None
    for bad in ({"m2m:rrl": {"rrf": [{"val": 7}]}}, {"m2m:rrl": []}):
        with pytest.raises(MessageRejected):
            codec.child_addresses(response(bad))
