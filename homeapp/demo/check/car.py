"""The car's health, its parts and its software, from the PEV provider to the manufacturer and back."""

from homeapp.demo.check.scene import Scene
from homeapp.demo.operator.service_providers import JobTerms
from homeapp.demo.owner import WAIT_S
from homeapp.model.offer import OfferState

DEFECT = "P0A1F"
PART = "Battery control module"
NEW_CAR_SOFTWARE = "2.1"
_CHECK = "check-1"
_SOFTWARE = "software-1"


class CarPart:
    """Its steps."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._street = scene.street
        self._owner = scene.owner

    async def check_asked(self) -> str:
        self._street.pev.add_defect(DEFECT)
        terms = JobTerms(title="Check your car", end=self._street.in_minutes(60), offer_id=_CHECK)
        message = await self._street.providers.pev_sp.ask_health_check(terms)
        return f"the CSE took message {message} into the inbox of the hub's PEV application"

    async def check_started(self) -> str:
        await self._scene.approve(f"pev_sp/{_CHECK}")
        await self._owner.sees(f"pev_sp/{_CHECK}", OfferState.COMPLETED)
        services = ", ".join(f"0x{service:02X}" for service in sorted(self._street.pev.services))
        carried = (await self._street.uplink.count())["pev"].down_bytes
        return (
            f"{carried} bytes came down through the communication operator; the owner agreed; the car answered the "
            f"diagnostic services {services}"
        )

    async def defect_found(self) -> str:
        await self._owner.wait(lambda: any(alert.code == DEFECT for alert in self._owner.snapshot.alerts))
        alert = next(alert for alert in self._owner.snapshot.alerts if alert.code == DEFECT)
        return f"{DEFECT} became the alert '{alert.title}' ({alert.severity}) at home, and a report to the CSE"

    async def defect_told(self) -> str:
        company = self._street.providers.pev_sp
        report = await self._scene.record(
            company,
            "health-report",
            lambda record: any(defect["code"] == DEFECT for defect in record.fields["defects"]),
        )
        self._scene.notes["alert"] = next(
            alert.alert_id for alert in self._owner.snapshot.alerts if alert.code == DEFECT
        )
        return f"{company.name} opened and verified report {report.record_id}: {report.fields['defects']}"

    async def part_ordered(self) -> str:
        company = self._street.providers.pev_sp
        order_id = await company.order_part(PART, DEFECT, alert_id=self._scene.notes["alert"])
        self._scene.notes["order"] = order_id
        return f"the CSE took {order_id} ({PART}) into the manufacturer's orders"

    async def order_arrived(self) -> str:
        maker, order_id = self._street.providers.manufacturer, self._scene.notes["order"]
        await maker.wait_for(lambda: order_id in maker.orders, WAIT_S)
        order = maker.orders[order_id]
        return f"{maker.name} was notified and verified it: {order.quantity} x {order.part} for {order.reason}"

    async def order_told(self) -> str:
        maker, order_id = self._street.providers.manufacturer, self._scene.notes["order"]
        await self._owner.wait(lambda: any(order.order_id == order_id for order in self._owner.snapshot.orders))
        maker.update_order(order_id, "shipped", "On its way to your garage.")
        await self._owner.wait(lambda: any(order.status == "shipped" for order in self._owner.snapshot.orders))
        order = next(order for order in self._owner.snapshot.orders if order.order_id == order_id)
        return (
            f"the health report led {self._street.providers.pev_sp.name} to an order at {maker.name}; the owner sees: "
            f"{order.part}, {order.status}, '{order.note}'"
        )

    async def software(self) -> str:
        providers = self._street.providers
        package = providers.manufacturer.release(NEW_CAR_SOFTWARE, b"software of the car " * 500)
        terms = JobTerms(title="Renew your car's software", end=self._street.in_minutes(60), offer_id=_SOFTWARE)
        await providers.pev_sp.offer_car_software(terms, package)
        await self._scene.approve(f"pev_sp/{_SOFTWARE}")
        await self._owner.sees(f"pev_sp/{_SOFTWARE}", OfferState.COMPLETED)
        vehicle = self._street.pev.vehicle
        result = await self._scene.record(
            providers.pev_sp, "job-result", lambda record: record.fields["offer_id"] == _SOFTWARE
        )
        return (
            f"signed by {providers.manufacturer.name}, fetched by the hub ({', '.join(providers.packages.fetched)}), "
            f"checked again by the car, which runs {vehicle.software_version}; {providers.pev_sp.name} was told: "
            f"{result.fields['outcome']}"
        )
