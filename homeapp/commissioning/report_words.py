"""What steps and checks are called in the report on paper, which is in English."""

from homeapp.model.commissioning import CheckId, Step

STEPS = {
    Step.PLACE: "Place and time",
    Step.GRID: "Grid connection",
    Step.METER: "Smart meter",
    Step.CHARGER: "Charger",
    Step.CAR: "Car",
    Step.PROVIDERS: "Prices and providers",
    Step.OWNER: "Owner's wishes",
    Step.PINS: "PINs",
    Step.TEST_RUN: "Test run",
}

CHECKS = {
    CheckId.CLOCK: "Clock",
    CheckId.GRID_IN_FORCE: "In force",
    CheckId.METER_FOUND: "Meter online",
    CheckId.METER_READING: "Live reading",
    CheckId.METER_DIRECTION: "Direction",
    CheckId.CHARGER_CONNECTED: "Connected, floor installed",
    CheckId.CHARGER_LIMIT: "Keeps to limits",
    CheckId.CHARGER_FLOOR: "Safe without the hub",
    CheckId.CAR_KNOWN: "What is known",
    CheckId.TARIFF: "Price for now",
    CheckId.PROVIDERS_LINKED: "Links to providers",
    CheckId.DRY_RUN: "A request on trial",
    CheckId.WISHES: "Wishes",
    CheckId.CONSENTS: "Consents",
    CheckId.PINS: "PINs",
    CheckId.TEST_RUN: "Test run",
}
