"""What a street application does with what the network throws at it."""

import asyncio
import json
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.operator.onem2m_application import Access, ContentInstance, Onem2mApplication
from homeapp.errors import ProviderUnreachable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rqi", "rsc", "pc", "m2m:sgn", "nev", "rep", "m2m:cin", "rn", "con", "ri"]), inner
        )
    ),
    max_leaves=12,
)
TOPICS = st.sampled_from(["/oneM2M/req/id-in/Cx/json", "/oneM2M/resp/Cx/id-in/json"])


def application() -> Onem2mApplication:
    return Onem2mApplication("Cx", Access(host="127.0.0.1", port=1, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))


def notification(name: str) -> bytes:
    instance = {"ri": f"cin-{name}", "rn": name, "con": "text"}
    content: dict[str, Any] = {"m2m:sgn": {"nev": {"net": 3, "rep": {"m2m:cin": instance}}, "sur": "s"}}
    return json.dumps({"op": 5, "rqi": "r-1", "pc": content}).encode()


APPLICATION = application()


@given(TOPICS, st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_message_is_taken_or_dropped(topic: str, payload: bytes) -> None:
    APPLICATION._received(topic, payload)


def test_a_deeply_nested_message_is_dropped() -> None:
    app = application()
    app._received("/oneM2M/req/id-in/Cx/json", b"[" * 100_000)
    assert app.notifications.empty()


def test_a_notification_comes_out_and_the_oldest_gives_way() -> None:
    app = application()
    for number in range(1_001):
        app._received("/oneM2M/req/id-in/Cx/json", notification(str(number)))
    assert app.notifications.qsize() == 1_000
    assert app.notifications.get_nowait() == ContentInstance(resource_id="cin-1", name="1", content="text")


def test_a_lost_link_ends_the_wait_for_an_answer() -> None:
    async def main() -> None:
        app = application()
        app._link_is_up()
        waiting = asyncio.create_task(app.request({"op": 2, "to": "cse-in"}))
        while not app._waiting:
            await asyncio.sleep(0)
        app._link_is_down()
        with pytest.raises(ProviderUnreachable, match="lost"):
            await waiting

    asyncio.run(main())
