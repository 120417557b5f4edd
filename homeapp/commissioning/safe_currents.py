"""What the chargers of the home draw together without the hub, under settings that do not hold yet."""

import msgspec

from homeapp.commissioning.answers import changes_of
from homeapp.commissioning.home import Home
from homeapp.errors import SettingsInvalid
from homeapp.load.floors import floors_too_high
from homeapp.model.commissioning import Answer, GridAnswer
from homeapp.model.device import DeviceKind
from homeapp.settings import Settings


def refuse_settings(home: Home, written: Settings) -> None:
    """See whether the main fuse bears the safe currents of all adopted chargers under these settings.

    Raises:
        SettingsInvalid: it does not; the sentence says what would do.
    """
    chargers = [item.device_id for item in home.devices() if item.adopted and item.kind is DeviceKind.EVCE]
    # That of a single one is looked at with the settings themselves.
    if (
        len(chargers) > 1
        and (fault := floors_too_high(map(written.circuit, chargers), written.site.site())) is not None
    ):
        raise SettingsInvalid(fault)


def refuse_answer(home: Home, written: Settings, answer: Answer) -> None:
    """The same for an answer before it is written.

    Raises:
        SettingsInvalid: as ``refuse_settings``, or the answer is one that no home has.
    """
    if isinstance(answer, GridAnswer):
        site = msgspec.structs.replace(written.site, **changes_of(answer)["site"])
        refuse_settings(home, msgspec.structs.replace(written, site=site))
