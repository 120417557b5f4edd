"""Meter, charger and car: what they do, and what of it reaches the providers."""

from datetime import timedelta

from homeapp import api
from homeapp.demo.check.scene import Scene, last
from homeapp.demo.csms.orders import PeriodOrder, ProfileOrder, ProfileSelection
from homeapp.demo.csms.power_feed import feed_cycles
from homeapp.demo.operator.package_server import Package
from homeapp.demo.operator.service_provider import ReceivedRecord
from homeapp.demo.operator.service_providers import JobTerms
from homeapp.demo.operator.street_application import Direction
from homeapp.demo.owner import WAIT_S
from homeapp.demo.street import STATION_ID
from homeapp.errors import HomeappError
from homeapp.model.offer import OfferState
from homeapp.model.plan import ChargingMode
from homeapp.model.tariff import Tariff

NEW_CHARGER_SOFTWARE = "7.1"
_PROVIDER_W = 5000.0
_QUARTER_WITHIN_S = 150.0
"""Real seconds: a quarter hour of the street, and what is left of the one before."""


class HomePart:
    """Its steps."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._street = scene.street
        self._owner = scene.owner

    async def meter(self) -> str:
        view = await self._owner.finds(self._street.meter_id)
        await self._owner.adopts_meter(self._street.meter, view.device_id)
        await self._owner.wait(lambda: self._owner.snapshot.grid_w.value is not None)
        grid_w = self._owner.snapshot.grid_w.value or 0.0
        seen = last(self._street.meter.history, 2)
        return f"{view.product} found by mDNS at {view.address}; grid {grid_w / 1000:.2f} kW; it saw: {seen}"

    async def charger(self) -> str:
        view = await self._owner.finds(self._street.charger_id)
        await self._owner.adopts(view.device_id, "Charger")
        profiles = [text for _, text in self._street.station.history if "Profile" in text]
        protocol = view.properties.get("protocol", "?")
        return f"{view.product} knocked over {protocol}, its floor came first; it saw: {'; '.join(profiles[:2])}"

    async def prices(self) -> str:
        def enough() -> Tariff | None:
            tariff = self._scene.latest.get(api.Topic.TARIFF)
            if not isinstance(tariff, Tariff) or tariff.known_until is None:
                return None
            return tariff if tariff.known_until - self._street.clock.now() >= timedelta(hours=24) else None

        tariff: Tariff = await self._owner.wait(enough)
        reader = self._street.price_reader
        await reader.read()
        until = tariff.known_until
        return (
            f"{len(tariff.slots)} prices of {tariff.source} at home, known until {until:%a %H:%M} UTC; "
            f"the EVC provider read {len(reader.prices)} prices from the VTN with credentials of its own"
        )

    async def subscribed(self) -> str:
        wanted = {"evc_sp": ("charging", "metering", "outEvc"), "pev_sp": ("charging", "health", "outPev")}
        companies = self._street.providers.customers
        seen: list[str] = []
        for sp_id, names in wanted.items():
            company = companies[sp_id]
            own = {f"cse-in/{self._street.providers.hub_ae_ids[sp_id].removeprefix('C')}/{name}" for name in names}
            await company.wait_for(lambda company=company, own=own: own <= company.watched, WAIT_S)  # type: ignore[misc]
            seen.append(f"{company.name} to {', '.join(names)}")
        return "the CSE accepted the subscriptions of " + "; ".join(seen)

    async def plugged(self) -> str:
        self._street.plug_in()
        await self._owner.wait(lambda: (status := self._owner.snapshot.evce_status) is not None and status.car_present)
        return f"the station saw: {last((text for _, text in self._street.station.history), 2)}"

    async def car_told(self) -> str:
        company = self._street.providers.pev_sp
        record = await self._scene.record(company, "pev-state", lambda seen: seen.fields["plugged"] is True)
        carried = (await self._street.uplink.count())["pev"].up_bytes
        return (
            f"{company.name} opened and verified record {record.record_id[:8]}: car {record.fields['pev']} is plugged "
            f"in; the communication operator carried {carried} bytes of ciphertext of this flow"
        )

    async def charging_told(self) -> str:
        company = self._street.providers.evc_sp
        record = await self._scene.record(company, "charging", lambda seen: seen.fields["phase"] == "begun")
        return f"{company.name} knows that period {record.fields['period_id'][:8]} began at {record.fields['begun_at']}"

    async def notified(self) -> str:
        companies = self._street.providers.customers
        counts = {
            company.name: sum(event.direction is Direction.RECEIVED for event in company.history)
            for company in (companies["evc_sp"], companies["pev_sp"])
        }
        return "notifications of the CSE taken in: " + ", ".join(f"{name} {count}" for name, count in counts.items())

    async def parameters(self) -> str:
        company = self._street.providers.evc_sp
        record = await self._scene.record(company, "charging-parameters")
        told = ", ".join(f"{name} {record.fields[name]}" for name in ("target_pct", "floor_pct", "capacity_wh"))
        return f"pushed to {company.name}: {told}"

    async def charging(self) -> str:
        station = self._street.station
        await station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)
        await self._owner.wait(lambda: (self._owner.snapshot.evce_w.value or 0) > 6000)
        seen = station.observation
        granted = self._owner.snapshot.granted_w or 0.0
        return (
            f"the station draws {seen.power_w / 1000:.1f} kW under {seen.limit_source} "
            f"(hub granted {granted / 1000:.1f} kW); car at {seen.soc_pct:.1f} %"
        )

    async def limited_by_provider(self) -> str:
        station, commands = self._street.station, self._street.csms.commands(STATION_ID)
        before_w = station.observation.power_w
        order = ProfileOrder(
            profile_id=1,
            purpose="ChargingStationMaxProfile",
            periods=(PeriodOrder(limit=_PROVIDER_W),),
            start=self._street.clock.now(),
        )
        set_ = await commands.set_profile(order)
        await station.wait_for(lambda seen: 0 < seen.power_w <= _PROVIDER_W + 50, WAIT_S)
        low_w = station.observation.power_w
        cleared = await commands.clear_profiles(ProfileSelection(profile_id=1))
        await station.wait_for(lambda seen: seen.power_w > before_w - 50, WAIT_S)
        return (
            f"the provider's CSMS set {_PROVIDER_W / 1000:.1f} kW over OCPP ({set_}): the station went from "
            f"{before_w / 1000:.1f} to {low_w / 1000:.1f} kW under the hub's own profile; and back ({cleared})"
        )

    async def metered(self) -> str:
        company = self._street.providers.evc_sp

        def of(direction: str, record: ReceivedRecord) -> bool:
            return record.fields.get("direction") == direction and record.fields.get("energy_wh", 0) > 0

        charge = await self._scene.record(company, "metering", lambda record: of("charge", record))
        feed = await self._scene.record(company, "metering", lambda record: of("feed", record))
        book = self._street.csms.station(STATION_ID)
        if not all(transaction.in_order for transaction in book.transactions.values()):
            raise HomeappError("What the charger has told arrived at the CSMS out of order.")
        cycles = [cycle for transaction in book.transactions.values() for cycle in feed_cycles(transaction)]
        return (
            f"{company.name} has a {_period(charge)} and a {_period(feed)}; over OCPP its CSMS has "
            f"{book.effects.total()} events of transactions, all in order, with {len(cycles)} power-feed cycles"
        )

    async def charger_software(self) -> str:
        await self._scene.client.call(api.SetMode(mode=ChargingMode.PAUSE))
        await self._street.station.wait_for(lambda seen: abs(seen.power_w) < 100, WAIT_S)
        job = self._street.charger_maker.publish(NEW_CHARGER_SOFTWARE)
        package = Package(
            version=job.version, location=job.location, sha256=job.sha256, size_bytes=job.size_bytes, manifest=""
        )
        evc = self._street.providers.evc_sp
        terms = JobTerms(title="Renew your charger's software", end=self._street.in_minutes(30), offer_id="charger-1")
        await evc.offer_charger_software(
            terms, package, signing_certificate=job.signing_certificate, signature=job.signature
        )
        await self._scene.approve("evc_sp/charger-1")
        await self._owner.sees("evc_sp/charger-1", OfferState.COMPLETED)
        result = await self._scene.record(evc, "job-result")
        served = ", ".join(self._street.charger_maker.served)
        return (
            f"the maker served {served}; the station checked the signature, installed {NEW_CHARGER_SOFTWARE} and came "
            f"back; {evc.name} was told: {result.fields['outcome']}"
        )

    async def billed(self) -> str:
        await self._scene.client.call(api.SetMode(mode=ChargingMode.NOW))
        vtn = self._street.vtn

        def measured() -> bool:
            return any(reading.kwh and reading.quality == "OK" for reading in vtn.usage)

        await vtn.wait_for(measured, _QUARTER_WITHIN_S)
        readings = [reading for reading in vtn.usage if reading.quality == "OK"]
        told = ", ".join(f"{reading.resource} {reading.kwh:.3f} kWh" for reading in readings[:4])
        return f"the VTN has the quarter hour from {readings[0].start:%H:%M} UTC: {told}"


def _period(record: ReceivedRecord) -> str:
    fields = record.fields
    begun, ended = fields["begun_at"][11:19], fields["ended_at"][11:19]
    kind = "power-feed cycle" if fields["direction"] == "feed" else "charging period"
    return f"{kind} {begun} to {ended} UTC, {fields['energy_wh']:.0f} Wh"
