"""Which page belongs to which step."""

from homeapp.model.commissioning import Step
from ui.actions import Actions
from ui.hub_link import HubLink
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage


def step_pages(flow: SetupFlow, link: HubLink, actions: Actions) -> dict[Step, StepPage]:
    """A page for every step."""
    own: dict[Step, StepPage] = {}
    return {step: own.get(step) or StepPage(step, flow) for step in Step}
