"""Appliance resources: what the hub makes of its state, and what it tells of that."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.appliances import (
    BATTERY,
    CONNECTOR,
    EXPORT,
    FAULT,
    IMPORT,
    ApplianceStatus,
    StatusPublisher,
    appliance_nodes,
    modules,
)
from homeapp.providers.onem2m.codec import Operation, Response
from homeapp.providers.onem2m.resources import Mailbox

BASE = "cse-in/hub-0001"
MAILBOX = Mailbox(sp_id="evc_sp", ae_id="Cevc-sp", label="Evc", open_status=True)
FULL = ApplianceStatus(
    charging=True,
    power_w=7_360.0,
    soc_pct=41.6,
    fault=False,
    meter_import_wh=1_234_567.0,
    meter_export_wh=89_040.0,
    meter_power_w=-7_512.0,
)


class FakeExchange:
    """Answers as told and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Operation, str, Any]] = []
        self.status = {Operation.CREATE: 2001, Operation.UPDATE: 2004}

    async def request(self, operation: Operation, to: str, *, content: Any = None, **_: Any) -> Response:
        self.asked.append((operation, to.removeprefix(f"{BASE}/"), content))
        return Response(rsc=self.status[operation], rqi="1")


def publisher() -> tuple[StatusPublisher, FakeExchange]:
    exchange = FakeExchange()
    return StatusPublisher(BASE, exchange), exchange  # type: ignore[arg-type]


def test_every_node_names_the_policy_that_lets_its_provider_read() -> None:
    (policy,), devices = appliance_nodes(BASE, "Chub-0001", MAILBOX)
    assert policy.name == "acp-status-evc_sp"
    assert [(node.name, node.tag) for node in devices] == [("evce", "ved:dEVCr"), ("meter", "cid:dSEMr")]
    assert {tuple(node.attributes["acpi"]) for node in devices} == {(policy.address,)}
    rights = [(rule["acor"], rule["acop"], rule.get("acod")) for rule in policy.attributes["pv"]["acr"]]
    assert rights == [(["Chub-0001"], 63, None), (["Cevc-sp"], 34, None), (["Cevc-sp"], 1, [{"chty": [23]}])]


def test_a_state_becomes_the_attributes_of_ts_0023() -> None:
    assert modules(FULL) == {
        CONNECTOR: {"sus": True},
        BATTERY: {"lvl": 42, "charg": True, "discg": False},
        FAULT: {"sus": False},
        IMPORT: {"abECn": 1_234_600.0, "power": 0.0},
        EXPORT: {"genSe": "home", "roEGn": 89_000, "mulFs": 1, "poGDa": 7_500.0},
    }
    unknown = modules(ApplianceStatus(charging=None, power_w=None, soc_pct=None, fault=True))
    assert (unknown[CONNECTOR], unknown[FAULT]) == ({"sus": False}, {"sus": True})
    assert {value for name, value in unknown[BATTERY].items()} == {None}
    paused = modules(replace(FULL, charging=False))
    assert (paused[BATTERY]["charg"], paused[BATTERY]["discg"]) == (False, False)


WATTS = st.none() | st.floats(-50_000, 50_000)
WATT_HOURS = st.none() | st.floats(0, 1e9)


@given(
    st.builds(
        ApplianceStatus,
        charging=st.none() | st.booleans(),
        power_w=WATTS,
        soc_pct=st.none() | st.floats(0, 100),
        fault=st.booleans(),
        meter_import_wh=WATT_HOURS,
        meter_export_wh=WATT_HOURS,
        meter_power_w=WATTS,
    )
)
def test_any_state_can_be_told_and_shows_nothing_fine(status: ApplianceStatus) -> None:
    for module, values in modules(status).items():
        json.dumps(dict(values), allow_nan=False)
        for name in ("abECn", "power", "poGDa", "roEGn"):
            value = values.get(name)
            if isinstance(value, float | int):
                assert value >= 0
                assert value % 100 == 0, module.name


def test_only_what_has_changed_is_told_and_only_when_there_is_something() -> None:
    async def main() -> None:
        telling, exchange = publisher()
        telling.publish(replace(FULL, soc_pct=None))
        await telling.news()
        await telling.tell(MAILBOX)
        made = {tag: values for _, _, content in exchange.asked for tag, values in content.items()}
        assert set(made) == {"cod:elVCr", "cod:fauDn", "cod:eneCn", "cod:eneGn"}
        assert made["cod:elVCr"]["acpi"] == [f"{BASE}/acp-status-evc_sp"]
        exchange.asked.clear()
        telling.publish(FULL)
        await telling.tell(MAILBOX)
        telling.publish(FULL)
        await telling.tell(MAILBOX)
        assert [(operation, to) for operation, to, _ in exchange.asked] == [(Operation.CREATE, "evce")]
        exchange.asked.clear()
        telling.publish(replace(FULL, soc_pct=None))
        await telling.tell(MAILBOX)
        assert exchange.asked == []
        telling.forget()
        await telling.news()
        exchange.status[Operation.CREATE] = 4105
        await telling.tell(MAILBOX)
        updated = {to: content for operation, to, content in exchange.asked if operation is Operation.UPDATE}
        assert updated["evce/connector"] == {"cod:elVCr": {"sus": True}}

    asyncio.run(main())


@pytest.mark.parametrize("status", [4004, 4103, 5000])
def test_a_refusal_is_to_be_tried_again(status: int) -> None:
    async def main() -> None:
        telling, exchange = publisher()
        exchange.status[Operation.CREATE] = status
        telling.publish(FULL)
        with pytest.raises(ProviderUnreachable):
            await telling.tell(MAILBOX)

    asyncio.run(main())
