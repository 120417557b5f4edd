"""The ways out of the home and what they guard: separate flows, abuse, several applications, consent taken back."""

from decimal import Decimal

from homeapp import api
from homeapp.demo.check.scene import Scene
from homeapp.demo.street import STATION_ID
from homeapp.errors import HomeappError
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferState

_FLOOD = 400
_QUIET_S = 20.0
_SUMMED_UP_S = 75.0
_LOOKS = 4
"""What is on its way at one of them has arrived at the next."""
"""Of the street, in which nothing may come."""


class PlatformPart:
    """Its steps."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._street = scene.street
        self._owner = scene.owner

    async def one_flow_cut(self) -> str:
        evc = self._street.providers.evc_sp
        await self._street.uplink.cut("pev")
        await self._owner.wait(lambda: self._link("pev_sp") is not LinkState.UP)
        start = self._street.in_minutes(120)
        await evc.offer_power_feed(
            start, self._street.in_minutes(121), 6000.0, Decimal("0.50"), 50.0, start, "While the other is cut",
            offer_id="other-flow",
        )  # fmt: skip
        await self._scene.approve("evc_sp/other-flow")
        await self._owner.sees("evc_sp/other-flow", OfferState.CONFIRMED, OfferState.SCHEDULED)
        still_cut = self._link("pev_sp")
        await self._street.uplink.restore("pev")
        await self._owner.wait(lambda: self._link("pev_sp") is LinkState.UP)
        return (
            f"with the PEV flow cut ({still_cut}), a request of {evc.name} came in, was approved and confirmed over "
            "its own flow; the PEV flow came back by itself"
        )

    async def carried(self) -> str:
        counts = await self._street.uplink.count()
        told = ", ".join(f"{flow} {count.up_bytes} up {count.down_bytes} down" for flow, count in counts.items())
        return f"carried, bytes: {told}; refused while cut: {counts['pev'].refused} connections"

    async def flood(self) -> str:
        fleet = self._street.providers.fleet
        for number in range(_FLOOD):
            await fleet.send_raw(f"flood {number}")
            if self._throttled():
                break
        await self._owner.wait(self._throttled)
        view = await self._scene.client.call(api.GetUplink())
        notice = next(n for n in self._owner.snapshot.notices if n.code.startswith("uplink.throttled"))
        throttled = ", ".join(view.throttled)
        return f"{fleet.name} sent {number + 1} messages at once; throttled: {throttled}: {notice.sentence}"

    async def located(self) -> str:
        fleet = self._street.providers.fleet
        if any(record.kind == "location" for record in fleet.records):
            raise HomeappError("The location left before the owner agreed.")
        await self._scene.commissioning.agree("fleet", [DataClass.LOCATION])
        record = await self._scene.record(fleet, "location")
        await self._scene.commissioning.take_back("fleet", DataClass.LOCATION)
        return (
            f"nothing before consent; then {fleet.name} opened and verified {record.fields['latitude']}, "
            f"{record.fields['longitude']}, coarse to 0.1 degree"
        )

    async def several_applications(self) -> str:
        companies = self._street.providers.customers.values()
        told = "; ".join(
            f"{company.name}: {', '.join(sorted({record.kind for record in company.records}))}" for company in companies
        )
        return f"{told}; grid operator: {len(self._street.vtn.usage)} readings"

    async def stored_and_shared(self) -> str:
        evc, book = self._street.providers.evc_sp, self._street.csms.station(STATION_ID)

        def arrived() -> int:
            records = sum(record.arrivals for record in evc.records if record.kind == "metering")
            return records + sum("meterValue" in call.payload for call in book.calls)

        for _ in range(_LOOKS):
            least = arrived()
            # What leaves over OCPP is summed up for a minute before it is written; the car goes on charging meanwhile.
            await self._street.clock.sleep(_SUMMED_UP_S)
            counted = _counted(await self._scene.client.call(api.GetSharing()), "evc_sp", DataClass.METERING)
            most = arrived()
            if least <= counted <= most:
                return f"the hub's ledger and {evc.name} with its CSMS agree: {counted} metering messages"
        raise HomeappError(f"The ledger says {counted} metering messages, {evc.name} has {least} to {most}.")

    async def taken_back(self) -> str:
        for sp_id in ("evc_sp", "pev_sp", "fleet", "grid_sp"):
            await self._scene.commissioning.take_back(sp_id, DataClass.IDENTITY)
        await self._owner.wait(lambda: self._notices("erased.") >= {"evc_sp", "pev_sp", "fleet"})
        companies = self._street.providers.customers
        before = await self._street.uplink.count()
        seen = {sp_id: len(company.records) + len(company.decisions) for sp_id, company in companies.items()}
        await self._street.clock.sleep(_QUIET_S)
        after = await self._street.uplink.count()
        if before != after or seen != {s: len(c.records) + len(c.decisions) for s, c in companies.items()}:
            raise HomeappError(f"Something left after the owner had taken it back: {before} {after}.")
        return (
            "taken back everywhere: the hub deleted its places at the CSE, and the communication operator carried "
            f"0 bytes more in {_QUIET_S:.0f} s"
        )

    def _link(self, sp_id: str) -> LinkState | None:
        return next((link.state for link in self._owner.snapshot.providers if link.sp_id == sp_id), None)

    def _throttled(self) -> bool:
        return "fleet" in self._notices("uplink.throttled.")

    def _notices(self, beginning: str) -> set[str]:
        codes = [notice.code for notice in self._owner.snapshot.notices]
        return {code.removeprefix(beginning) for code in codes if code.startswith(beginning)}


def _counted(sharing: tuple[ProviderSharing, ...], sp_id: str, data_class: DataClass) -> int:
    entries = [entry for provider in sharing if provider.sp_id == sp_id for entry in provider.entries]
    return sum(entry.disclosed.count for entry in entries if entry.data_class is data_class and entry.disclosed)
