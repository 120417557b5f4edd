"""What an installer answers, as changes of the settings, and what is wrong with an answer before it is written."""

from collections.abc import Mapping

from homeapp.commissioning.settings_tables import Table, Tables
from homeapp.commissioning.settings_writer import Changes, Value
from homeapp.errors import SettingsInvalid
from homeapp.model.commissioning import (
    FUSES_A,
    Answer,
    BandAnswer,
    CarAnswer,
    CheckId,
    GridAnswer,
    PlaceAnswer,
    Step,
    TariffAnswer,
)
from homeapp.settings import Settings

SECTIONS_OF: Mapping[Step, tuple[str, ...]] = {
    Step.PLACE: ("site",),
    Step.GRID: ("site", "grid_limit"),
    Step.CAR: ("goal", "pev"),
    Step.PROVIDERS: ("tariff",),
}
"""Sections of the settings that a step writes."""

REOPENED: Mapping[Step, tuple[CheckId, ...]] = {
    Step.PLACE: (CheckId.CLOCK, CheckId.GRID_IN_FORCE, CheckId.TEST_RUN),
    Step.GRID: (CheckId.GRID_IN_FORCE, CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR, CheckId.TEST_RUN),
    Step.CAR: (CheckId.CAR_KNOWN, CheckId.TEST_RUN),
    Step.PROVIDERS: (CheckId.TARIFF, CheckId.TEST_RUN),
}
"""Checks that an answer opens again."""


def step_of(answer: Answer) -> Step:
    """The step that the answer belongs to."""
    return Step(str(answer.__struct_config__.tag))


def changes_of(answer: Answer, before: Answer | None = None) -> Changes:
    """What to write into the settings.

    Args:
        answer: the new one.
        before: the one that it takes the place of.

    Raises:
        SettingsInvalid: a value that no home has; says which and what would do.
    """
    match answer:
        case PlaceAnswer():
            old_name = before.name if isinstance(before, PlaceAnswer) else None
            return {"site": {"time_zone": answer.time_zone, **_text("name", answer.name, old_name)}}
        case GridAnswer():
            _check_fuse(answer)
            return _grid(answer)
        case CarAnswer():
            old_address = before.address if isinstance(before, CarAnswer) else None
            pev = _text("address", answer.address, old_address)
            return {"goal": {"capacity_kwh": answer.capacity_kwh}, **({"pev": pev} if pev else {})}
        case TariffAnswer():
            return {
                "tariff": {
                    "kind": answer.kind,
                    "currency": answer.currency or None,
                    "energy": answer.energy or None,
                    "vat_pct": answer.vat_pct,
                }
            }


def tables_of(answer: Answer, before: Answer | None = None) -> tuple[Tables, ...]:
    """Which tables are to stand in the settings in place of those of the answer ``before``."""
    if not isinstance(answer, TariffAnswer):
        return ()
    old = before.bands if isinstance(before, TariffAnswer) else ()
    return (Tables(section="tariff", name="energy_band", before=_bands(old), wanted=_bands(answer.bands)),)


def pending(step: Step, in_force: Settings, written: Settings) -> bool:
    """What this step has written does not hold yet: it has to be applied first."""
    return any(getattr(in_force, section) != getattr(written, section) for section in SECTIONS_OF[step])


def _text(name: str, value: str | None, before: str | None) -> dict[str, Value]:
    """Emptied is taken out, once: what others write there afterwards is theirs."""
    if value:
        return {name: value}
    return {} if value is None or before == "" else {name: None}


def _bands(bands: tuple[BandAnswer, ...]) -> tuple[Table, ...]:
    return tuple({"price": band.price, "start": band.start, "end": band.end, "days": band.days} for band in bands)


def _grid(answer: GridAnswer) -> Changes:
    return {
        "site": {
            "phases": answer.phases,
            "fuse_a": answer.fuse_a,
            "max_current_a": answer.max_current_a,
            "safe_current_a": answer.safe_current_a,
            "feed_allowed": answer.feed_allowed,
            "feed_cap_a": answer.feed_cap_a,
        },
        "grid_limit": {"failsafe_w": answer.failsafe_w, "dso_floor_w": answer.dso_floor_w},
    }


def _check_fuse(answer: GridAnswer) -> None:
    if answer.fuse_a not in FUSES_A:
        nearest = [max((made for made in FUSES_A if made < answer.fuse_a), default=FUSES_A[0])]
        nearest.append(min((made for made in FUSES_A if made > answer.fuse_a), default=FUSES_A[-1]))
        raise SettingsInvalid(
            f"No main fuse of {answer.fuse_a:g} A is made; the nearest are {nearest[0]} A and {nearest[1]} A. "
            "Read the number on the fuse, or in the contract for the grid connection, and enter that."
        )
    if answer.max_current_a > answer.fuse_a:
        raise SettingsInvalid(
            f"The charger's circuit cannot carry more ({answer.max_current_a:g} A) than the main fuse "
            f"({answer.fuse_a:g} A). Read both numbers again; one of them is wrong."
        )
