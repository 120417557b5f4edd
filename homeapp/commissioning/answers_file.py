"""The file of ``homeapp setup --answers``: what an installer answers and decides, with nothing secret in it."""

from pathlib import Path
from typing import Annotated

import msgspec

from homeapp.errors import SettingsInvalid
from homeapp.model.commissioning import CarAnswer, CheckId, GridAnswer, PlaceAnswer, TariffAnswer
from homeapp.model.consent import DataClass

LARGEST_FILE = 64 * 1024


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is no answer of a step."""


class DeviceChoice(_Part, frozen=True):
    """``[charger]``: which one to adopt.

    Attributes:
        id: empty for the only one that is found.
        name: what to call it; empty for its product's name.
    """

    id: str = ""
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""


class MeterChoice(DeviceChoice, frozen=True):
    """``[meter]``: which one to adopt.

    Attributes:
        address: where to look for it, where it is not found by itself: as the router shows it.
    """

    address: Annotated[str, msgspec.Meta(max_length=80)] = ""


class ProviderChoice(_Part, frozen=True):
    """``[[provider]]``: pair with it.

    Attributes:
        descriptor: path of its file, relative to the file of answers.
        fingerprint: from the provider's own print.
        enrol_user: of the enrolment, whose password is asked for; empty for none.
    """

    descriptor: str
    fingerprint: str
    enrol_user: str = ""


class Wishes(_Part, frozen=True):
    """``[owner]``: what the owner wants of the car, and lets leave.

    Attributes:
        share: by provider, the kinds of data that the owner agrees to, having read the words.
    """

    floor_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    target_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    ready_by: Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    share: dict[str, tuple[DataClass, ...]] = {}


class Answers(_Part, frozen=True):
    """All of it; what is left out is not answered.

    Attributes:
        pins: ask for the PINs of owner and installer where they have none.
        skip: by check, why it is left out; a check that passes is not.
    """

    installer: Annotated[str, msgspec.Meta(max_length=100)] = ""
    place: PlaceAnswer | None = None
    grid: GridAnswer | None = None
    car: CarAnswer | None = None
    tariff: TariffAnswer | None = None
    meter: MeterChoice | None = None
    charger: DeviceChoice | None = None
    provider: tuple[ProviderChoice, ...] = ()
    owner: Wishes = Wishes()
    pins: bool = True
    skip: dict[CheckId, str] = {}


def read_answers(path: Path) -> Answers:
    """Read the file; blocks.

    Raises:
        SettingsInvalid: it cannot be read or has unknown or malformed answers, with the place.
    """
    try:
        with path.open("rb") as opened:
            text = opened.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise SettingsInvalid(f"{path} is larger than 64 kB: it is no file of answers.")
        return msgspec.toml.decode(text, type=Answers)
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}. Correct the line and start again.") from error
