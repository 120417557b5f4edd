"""What the companies of the demo street do for a hub made by hand: defects, orders, jobs, records, keys."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from homeapp.clock import SharedClock
from homeapp.demo.operator.onem2m_application import (
    Operation,
    Status,
)
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.sealed_message import seal
from homeapp.demo.operator.service_provider import Direction, ReceivedRecord
from homeapp.demo.operator.service_providers import JobTerms
from homeapp.demo.operator.signed_message import Expected, SigningKey, verify
from homeapp.errors import ProviderRefused
from kit.hand_made_hub import HUB, WITHIN_S, HandMadeHub, on_the_street, street_in

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


pytest.importorskip("amqtt", reason="the broker that comes with Python is not installed")


@pytest.mark.usecase("A3", "A4", "F8-9", "F10", "F11", "F12", "S2", "S5")
def test_a_defect_is_told_its_part_is_ordered_and_the_owner_hears_how_that_stands(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        pev, maker = side.pev_sp, side.manufacturer
        jti = await pev.report_defect("P0A1F", "critical", "Battery control", "See a garage", cleared_at=clock.now())
        message = await hub.message()
        defect = hub.read(message, "defect+jws")["defect"]
        assert message.name == jti
        assert (defect["code"], defect["severity"]) == ("P0A1F", "critical")
        assert {"found_at", "cleared_at", "advice", "title", "id"} <= set(defect)

        order_id = await pev.order_part("Battery control module", "P0A1F", alert_id=defect["id"])
        await maker.wait_for(lambda: order_id in maker.orders, WITHIN_S)
        assert maker.orders[order_id].part == "Battery control module"
        told = hub.read(await hub.message(), "order-status+jws")["order"]
        assert told.pop("updated_at").endswith("Z")
        assert told == {
            "id": order_id,
            "alert_id": defect["id"],
            "part": "Battery control module",
            "status": "ordered",
            "note": "Order received.",
        }
        maker.update_order(order_id, "shipped", "Arrives tomorrow.")
        told = hub.read(await hub.message(), "order-status+jws")["order"]
        assert (told["id"], told["status"], told["note"]) == (order_id, "shipped", "Arrives tomorrow.")

        orders = "cse-in/manufacturer/orders"
        read = await pev._application.request({"op": Operation.RETRIEVE, "to": orders})
        assert read.status == Status.ORIGINATOR_HAS_NO_PRIVILEGE
        with pytest.raises(ProviderRefused):
            await side.evc_sp._put(orders, "order-foreign", "x")

    on_the_street(tmp_path, body, sp_id="pev_sp")


@pytest.mark.usecase("A4", "W5", "W6")
def test_nobody_but_the_manufacturer_says_how_an_order_stands(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        pev, maker = side.pev_sp, side.manufacturer
        order_id = await pev.order_part("Fan", "P0A1F")
        await pev.wait_for(lambda: order_id in pev.orders, WITHIN_S)
        envelope = replace(pev.envelope(), issuer=maker.ae_id, audience=pev.ae_id)
        said = {"order": {"id": order_id, "status": "cancelled", "note": ""}}
        strange = {"order": {"id": "order-foreign", "status": "ordered", "note": ""}}
        forged = SigningKey().sign("order-status+jws", {**envelope.claims(), **said})
        await maker._put("cse-in/manufacturer/order-status", "forged", forged)
        foreign = maker._key.sign("order-status+jws", {**envelope.claims(), **strange})
        await maker._put("cse-in/manufacturer/order-status", "foreign", foreign)
        await pev.wait_for(lambda: len(_rejected(pev)) == 2, WITHIN_S)
        assert _rejected(pev) == {"forged": "signature", "foreign": "value"}
        assert {key: news.status for key, news in pev.orders.items()} == {order_id: "ordered"}

    on_the_street(tmp_path, body, sp_id="pev_sp")


def _rejected(company: Any) -> dict[str, str]:
    return {e.message_id: e.note.partition(":")[0] for e in company.history if e.direction is Direction.REJECTED}


@pytest.mark.usecase("F5", "S1", "S5")
def test_jobs_are_asked_for_and_their_software_can_be_fetched(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        terms = JobTerms(title="Job", end=clock.now() + timedelta(hours=12), reward=Decimal("5"))
        package = side.manufacturer.release("2.1", b"software of the car")
        await side.pev_sp.ask_health_check(terms, alert_id="d-1")
        await side.pev_sp.ask_part_order(terms, "Fan")
        await side.pev_sp.offer_car_software(terms, package)
        offers = [hub.read(await hub.message(), "offer+jws")["offer"] for _ in range(3)]
        assert [(offer["kind"], offer["job"].get("part"), offer["reward"]) for offer in offers] == [
            ("health_check", None, "5"),
            ("part_order", "Fan", "5"),
            ("car_software", None, "5"),
        ]
        job = offers[2]["job"]
        manifest = jws.deserialize_compact(
            job["manifest"], ECKey.import_key(side.manufacturer.public_jwk), algorithms=["ES256"]
        )
        claims = json.loads(manifest.payload)
        assert manifest.headers()["typ"] == "package+jws"
        assert (claims["iss"], claims["aud"]) == ("Cmanufacturer", "Cpev-sp")
        assert (claims["version"], claims["sha256"], claims["size_bytes"]) == (
            job["version"],
            job["sha256"],
            job["size_bytes"],
        )
        async with httpx.AsyncClient(verify=side.authority.client_context(), trust_env=False) as client:
            fetched = await client.get(job["location"])
            assert (await client.get(job["location"] + "x")).status_code == 404
            side.packages.replace(package, b"something else")
            assert (await client.get(job["location"])).content == b"something else"
        assert fetched.content == b"software of the car"
        assert hashlib.sha256(fetched.content).hexdigest() == job["sha256"]
        assert side.packages.fetched == ["/car/2.1.bin", "/car/2.1.binx", "/car/2.1.bin"]

    on_the_street(tmp_path, body, sp_id="pev_sp")


def test_the_charging_provider_asks_for_software_of_the_charger(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        package = side.packages.publish("charger", "1.4", b"software of the charger")
        terms = JobTerms(title="Update", end=clock.now() + timedelta(hours=12), offer_id="sw-1", revision=3)
        await side.evc_sp.offer_charger_software(terms, package, signing_certificate="PEM", signature="AAAA")
        offer = hub.read(await hub.message(), "offer+jws")["offer"]
        assert (offer["kind"], offer["id"], offer["revision"]) == ("charger_software", "sw-1", 3)
        assert offer["job"] == {
            "version": "1.4",
            "location": package.location,
            "sha256": package.sha256,
            "size_bytes": 23,
            "signing_certificate": "PEM",
            "signature": "AAAA",
        }

    on_the_street(tmp_path, body)


@pytest.mark.usecase("A7", "F1", "F3", "S7", "W1", "W8")
def test_a_record_is_noticed_when_its_container_appears_and_counts_once(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        fleet = side.fleet
        place = {"record": {"id": "loc-1", "at": "2027-01-15T12:00:00Z", "latitude": 52.1, "longitude": 4.3}}
        # The owner agrees only now: the container did not exist when the centre first looked.
        await hub.container("location", (2 + 32, None), (1, 23))
        for name in ("rec-loc-1", "rec-loc-1-again"):
            await hub.say(hub.seal(hub.signed("location+jws", "loc-1", place)), name, "location")
        await hub.say(hub.signed("location+jws", "loc-2", place), "rec-open", "location")
        await hub.say(hub.seal(hub.signed("location+jws", "loc-3", {"record": []})), "rec-empty", "location")
        await hub.say(hub.seal(hub.signed("location+jws", "loc-4", place, key=SigningKey())), "rec-forged", "location")
        await fleet.wait_for(lambda: len(_rejected(fleet)) == 3, WITHIN_S)
        assert _rejected(fleet) == {"rec-open": "schema", "rec-empty": "schema", "rec-forged": "signature"}
        assert fleet.records == [
            ReceivedRecord(
                kind="location",
                record_id="loc-1",
                at="2027-01-15T12:00:00Z",
                fields={"latitude": 52.1, "longitude": 4.3},
                arrivals=2,
            )
        ]

    on_the_street(tmp_path, body, sp_id="fleet")


@pytest.mark.usecase("W5", "W9")
def test_a_provider_changes_its_keys_and_still_opens_what_was_sealed_to_the_old_one(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        evc = side.evc_sp
        old, old_encryption = evc.public_jwk, evc.encryption_jwk
        message_id = await evc.roll_keys(timedelta(hours=2))
        assert old not in (evc.public_jwk, evc.encryption_jwk)
        message = await hub.message()
        assert message.name == message_id
        compact = hub.encryption.open(message.content)
        signed = Expected(typ="keys+jws", issuer=evc.ae_id, audience=HUB, public_jwk=old)
        claims = verify(compact, signed, clock.now())
        assert claims["keys"] == evc.keys
        proof = jws.deserialize_compact(claims["proof"], ECKey.import_key(evc.public_jwk), algorithms=["ES256"])
        assert proof.headers()["typ"] == "keys-proof+jws"
        assert json.loads(proof.payload) == {name: claims[name] for name in ("iss", "aud", "jti", "keys")}

        await hub.say(seal(hub.signed("decision+jws", "d-1", _DECISION), old_encryption), "rsp-d-1")
        await evc.wait_for(lambda: "d-1" in evc.decisions, WITHIN_S)
        assert hub.read(await hub.message(), "receipt+jws")["receipt"]["decision_id"] == "d-1"

    on_the_street(tmp_path, body)


_DECISION = {"decision": {"id": "d-1", "offer_id": "o-1", "choice": "accept"}}


def test_each_provider_has_a_descriptor(tmp_path: Path) -> None:
    async def main() -> None:
        async with street_in(tmp_path, None) as (side, _):
            told = {sp_id: json.loads(side.descriptor(sp_id)) for sp_id in side.customers}
            assert list(told) == ["evc_sp", "pev_sp", "fleet"]
            for sp_id, descriptor in told.items():
                company = side.customers[sp_id]
                assert (descriptor["ae_id"], descriptor["hub_ae_id"]) == (company.ae_id, side.hub_ae_ids[sp_id])
                assert [key["use"] for key in descriptor["keys"]] == ["sig", "enc"]
                assert all(
                    key.items() <= own.items() for key, own in zip(descriptor["keys"], company.keys, strict=True)
                )
                assert descriptor["operator"]["broker_port"] == side.broker_port
                assert descriptor["operator"]["est_url"] == side.registration.url
            maker = told["pev_sp"]["manufacturer"]
            assert maker["ae_id"] == "Cmanufacturer"
            assert maker["key"].items() <= side.manufacturer.public_jwk.items()

    asyncio.run(main())
