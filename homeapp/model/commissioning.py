"""Commissioning of a home: its steps, the checks of each, what was found, and what the installer answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec


class Step(StrEnum):
    """In the order in which an installer goes through them."""

    PLACE = "place"
    """language, time zone, clock"""
    GRID = "grid"
    """what the grid connection carries"""
    METER = "meter"
    CHARGER = "charger"
    CAR = "car"
    PROVIDERS = "providers"
    """tariff, pairing, requests"""
    OWNER = "owner"
    """what the owner wants of the car, and what may leave the home"""
    PINS = "pins"
    TEST_RUN = "test_run"


class CheckId(StrEnum):
    """One thing that is tried and looked at."""

    CLOCK = "clock"
    GRID_IN_FORCE = "grid_in_force"
    METER_FOUND = "meter_found"
    METER_READING = "meter_reading"
    METER_DIRECTION = "meter_direction"
    CHARGER_CONNECTED = "charger_connected"
    CHARGER_LIMIT = "charger_limit"
    CHARGER_FLOOR = "charger_floor"
    CAR_KNOWN = "car_known"
    TARIFF = "tariff"
    PROVIDERS_LINKED = "providers_linked"
    DRY_RUN = "dry_run"
    WISHES = "wishes"
    CONSENTS = "consents"
    PINS = "pins"
    TEST_RUN = "test_run"


CHECKS_OF: dict[Step, tuple[CheckId, ...]] = {
    Step.PLACE: (CheckId.CLOCK,),
    Step.GRID: (CheckId.GRID_IN_FORCE,),
    Step.METER: (CheckId.METER_FOUND, CheckId.METER_READING, CheckId.METER_DIRECTION),
    Step.CHARGER: (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR),
    Step.CAR: (CheckId.CAR_KNOWN,),
    Step.PROVIDERS: (CheckId.TARIFF, CheckId.PROVIDERS_LINKED, CheckId.DRY_RUN),
    Step.OWNER: (CheckId.WISHES, CheckId.CONSENTS),
    Step.PINS: (CheckId.PINS,),
    Step.TEST_RUN: (CheckId.TEST_RUN,),
}
"""Every check belongs to one step."""


class CheckState(StrEnum):
    """Where a check stands."""

    OPEN = "open"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """left out on purpose: a gap"""

    @property
    def is_settled(self) -> bool:
        """The next step may be taken."""
        return self in (CheckState.PASSED, CheckState.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check and what was found.

    Attributes:
        tried, seen: sentences; empty before it has run.
        advice: what to do; empty where all is well.
        at: when it was settled or failed (hub clock, UTC), or None.
        reason: why it was skipped, in the installer's words.
    """

    check: CheckId
    state: CheckState = CheckState.OPEN
    tried: str = ""
    seen: str = ""
    advice: str = ""
    at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step with its checks, in their order."""

    step: Step
    checks: tuple[CheckView, ...]

    @property
    def is_settled(self) -> bool:
        """Nothing of it is open."""
        return all(check.state.is_settled for check in self.checks)


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step"):
    """Base of the answers: nothing secret is in them. What is left out stays as it is in the settings."""


class PlaceAnswer(_Answer, frozen=True, tag=Step.PLACE.value):
    """Where the home is.

    Attributes:
        time_zone: IANA name.
        name: of the home; None leaves the one that it has, an empty one takes it away.
        wall_time: local ``YYYY-MM-DDTHH:MM`` as read from a watch, to be compared with the hub's clock; or empty.
    """

    time_zone: str
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    name: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    wall_time: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)?$")] = ""


Ampere = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


FUSES_A = (6, 10, 13, 16, 20, 25, 32, 35, 40, 50, 63, 80, 100, 125, 160, 200, 250)
"""Rated currents of main fuses and circuit breakers (IEC 60269-1, IEC 60898-1)."""


class GridAnswer(_Answer, frozen=True, tag=Step.GRID.value):
    """The grid connection, as it says on the fuse and in the contract.

    Attributes:
        fuse_a: main fuse, A per phase.
        max_current_a: A per phase that the charger's own circuit carries.
        safe_current_a: A per phase that the charger may draw when the hub is gone; 0 means stop.
        feed_allowed: the connection may export the car's energy.
        feed_cap_a: most A per phase that may be exported; None for what the fuse carries.
        dso_floor_w: a limit of the grid operator never goes below it, W.
        failsafe_w: holds when the operator is lost while a limit of it is in force, W.
    """

    phases: Literal[1, 3]
    fuse_a: Ampere
    max_current_a: Ampere = 16.0
    safe_current_a: Ampere = 6.0
    feed_allowed: bool = True
    feed_cap_a: Ampere | None = None
    dso_floor_w: Ampere = 0.0
    failsafe_w: Ampere = 4200.0


class CarAnswer(_Answer, frozen=True, tag=Step.CAR.value):
    """What the owner knows of the car.

    Attributes:
        capacity_kwh: usable.
        address: literal IP address of the car's data link (DoIP); None leaves the one that there is, an empty one takes
            it away.
        source: from where the capacity is known, in words, like "registration certificate".
    """

    capacity_kwh: Annotated[float, msgspec.Meta(gt=0, le=1000)]
    address: str | None = None
    source: Annotated[str, msgspec.Meta(max_length=100)] = "the owner"


MOST_BANDS = 48


class BandAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price at certain hours, as in ``[[tariff.energy_band]]`` of the settings, which check it.

    Attributes:
        start, end: local wall times ``HH:MM``, quarter hours; over midnight where ``end`` is not after ``start``.
        days: ``mon`` to ``sun``, of the local day on which the time lies; empty for all.
    """

    price: str
    start: str
    end: str
    days: tuple[str, ...] = ()


class TariffAnswer(_Answer, frozen=True, tag=Step.PROVIDERS.value):
    """The owner's contract, as in ``[tariff]`` of the settings; prices per kWh without VAT.

    Attributes:
        bands: all that were answered (``band`` where it is written), the first that holds counts. Those of the answer
            before that are not among them are taken out of the settings; what others wrote there stays.
    """

    kind: Literal["fixed", "time_of_use", "dynamic"]
    currency: str = ""
    energy: str = ""
    vat_pct: str = "0"
    bands: Annotated[tuple[BandAnswer, ...], msgspec.Meta(max_length=MOST_BANDS)] = msgspec.field(
        default=(), name="band"
    )


Answer = PlaceAnswer | GridAnswer | CarAnswer | TariffAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissioningView:
    """How the commissioning of this home stands.

    Attributes:
        due: it has not begun, and the home has no device yet.
        begun_at, finished_at: hub clock, UTC, or None.
        current: the first step that is not settled; None where all are.
        language: of the household, BCP 47; empty before it was answered.
        charger_address: what to enter into the charger as the address of its CSMS; its identity is added to it.
        report_digest: SHA-256, hex, of the signed report; empty before there is one.
        answers: the newest of each step that was answered.
        restart_due: what stands in the settings is not in force yet; ``ApplySettings`` makes it so.
        problem: a sentence where the record of it is damaged, so that nothing else here can be told; else empty.
    """

    due: bool
    begun_at: datetime | None
    finished_at: datetime | None
    current: Step | None
    steps: tuple[StepView, ...]
    language: str
    charger_address: str
    report_digest: str
    answers: tuple[Answer, ...] = ()
    restart_due: bool = False
    problem: str = ""

    @property
    def gaps(self) -> tuple[CheckView, ...]:
        """Checks that were skipped."""
        return tuple(check for step in self.steps for check in step.checks if check.state is CheckState.SKIPPED)
