"""Which page belongs to which step."""

from homeapp.model.commissioning import Step
from ui.actions import Actions
from ui.hub_link import HubLink
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.setup.steps.car_step import CarStep
from ui.setup.steps.charger_step import ChargerStep
from ui.setup.steps.grid_step import GridStep
from ui.setup.steps.meter_step import MeterStep
from ui.setup.steps.owner_step import OwnerStep
from ui.setup.steps.pins_step import PinsStep
from ui.setup.steps.place_step import PlaceStep
from ui.setup.steps.providers_step import ProvidersStep
from ui.setup.steps.test_run_step import TestRunStep


def step_pages(flow: SetupFlow, _link: HubLink, actions: Actions) -> dict[Step, StepPage]:
    """A page for every step."""
    own: tuple[StepPage, ...] = (
        PlaceStep(flow),
        GridStep(flow),
        MeterStep(flow, actions),
        ChargerStep(flow, actions),
        CarStep(flow),
        ProvidersStep(flow, actions),
        OwnerStep(flow, actions),
        PinsStep(flow),
        TestRunStep(flow),
    )
    return {step: StepPage(step, flow) for step in Step} | {page.step: page for page in own}
