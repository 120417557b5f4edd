"""Walks through all parts of the check; each step is reported with what was seen, or with what it failed of."""

from homeapp.client import connect
from homeapp.demo.check.car import CarPart
from homeapp.demo.check.home import HomePart
from homeapp.demo.check.offers import OffersPart
from homeapp.demo.check.pairing import PairingPart
from homeapp.demo.check.platform import PlatformPart
from homeapp.demo.check.scene import Report, Scene, Step, StepSeen
from homeapp.demo.owner import WAIT_S, Owner
from homeapp.demo.street import Street
from homeapp.demo.use_case import ITEMS
from homeapp.errors import HomeappError


class Check:
    """One run against a street whose hub has just been started."""

    def __init__(self, street: Street, report: Report) -> None:
        self._street = street
        self._report = report

    async def run(self) -> bool:
        """All steps in order; False at the first that fails."""
        async with connect(self._street.home.socket) as client:
            owner = Owner(client)
            await owner.look()
            scene = Scene(
                street=self._street, client=client, owner=owner, commissioning=self._street.commissioning(client)
            )
            for item, step in _steps(scene):
                passed, evidence = await _tried(step)
                self._report(StepSeen(item=item, title=ITEMS[item], passed=passed, evidence=evidence))
                if not passed:
                    return False
        return True


def _steps(scene: Scene) -> tuple[tuple[str, Step], ...]:
    """In the order of the day; the quarter hour that is billed needs most of it."""
    pairing, home, car = PairingPart(scene), HomePart(scene), CarPart(scene)
    offers, platform = OffersPart(scene), PlatformPart(scene)
    return (
        ("W9", pairing.enrolled),
        ("W8", pairing.nothing_has_left),
        ("D1", home.meter),
        ("D2", home.charger),
        ("W4", pairing.agreed_and_connected),
        ("S6", home.prices),
        ("F1", home.subscribed),
        ("F2a", home.plugged),
        ("F2b", home.car_told),
        ("F2c", home.charging_told),
        ("F3", home.notified),
        ("F4", home.parameters),
        ("D3", home.charging),
        ("T4", home.limited_by_provider),
        ("F5", car.check_asked),
        ("F6", car.check_started),
        ("F8-9", car.defect_found),
        ("F10", car.defect_told),
        ("F11", car.part_ordered),
        ("F12", car.order_arrived),
        ("S2", car.order_told),
        ("T1", offers.shed_approved),
        ("A2", offers.feed_approved),
        ("W5", offers.forgery_refused),
        ("W6", offers.twice_acts_once),
        ("T4", offers.decisions_arrived),
        ("A1", offers.power_falls),
        ("T2", offers.feeds),
        ("W2", offers.controlled),
        ("L3", platform.one_flow_cut),
        ("A5", platform.carried),
        ("W7", platform.flood),
        ("S3", home.metered),
        ("S5", home.charger_software),
        ("S1", car.software),
        ("S7", platform.located),
        ("S4", home.billed),
        ("W1", platform.several_applications),
        ("W3", platform.stored_and_shared),
        ("W8", platform.taken_back),
    )


async def _tried(step: Step) -> tuple[bool, str]:
    try:
        return True, await step()
    except TimeoutError:
        return False, f"not seen within {WAIT_S:.0f} s"
    except HomeappError as error:
        return False, str(error)
