"""Providers, what leaves the home for them and what it costs, as the hub would tell it."""

from datetime import timedelta

from offers_told import NOW

from homeapp.model.consent import DataClass, Disclosed, ProviderSharing, SharingEntry
from homeapp.model.live import LinkState, ProviderLink
from homeapp.model.uplink import BudgetUse, UplinkView
from homeapp.sharing.consent_texts import data_classes, terms

UNUSED = UplinkView(metered=False, use=(), throttled=())


def shared(
    sp_id: str, name: str, *granted: DataClass, left: dict[DataClass, Disclosed] | None = None
) -> ProviderSharing:
    """A provider with the hub's own words."""
    entries = []
    for data_class in data_classes(sp_id):
        words = terms(sp_id, data_class)
        entries.append(
            SharingEntry(
                data_class=data_class,
                text=words.newest.text,
                text_version=words.newest.version,
                fields=words.fields,
                granted=data_class in granted,
                changed_at=NOW - timedelta(days=2) if data_class in {*granted, *(left or {})} else None,
                disclosed=(left or {}).get(data_class),
            )
        )
    return ProviderSharing(sp_id=sp_id, name=name, entries=tuple(entries))


def disclosed(count: int, size_bytes: int, minutes: float, *fields: str) -> Disclosed:
    return Disclosed(count=count, size_bytes=size_bytes, fields=fields, last_at=NOW - timedelta(minutes=minutes))


_UNREACHED = "The system operator cannot be reached. The hub tries again by itself."
_ANSWERS = disclosed(7, 3210, 190, "choice", "decided_at", "id", "offer_id")
SHARING = (
    shared("grid_sp", "Grid operator", DataClass.IDENTITY, left={DataClass.IDENTITY: _ANSWERS}),
    shared(
        "evc_sp",
        "EVC provider",
        DataClass.IDENTITY,
        DataClass.CHARGING,
        left={
            DataClass.IDENTITY: _ANSWERS,
            DataClass.CHARGING: disclosed(1204, 598_712, 4, "at", "id", "pev", "plugged", "soc_pct"),
            DataClass.METERING: disclosed(1, 640, 60 * 24 * 9, "end", "import_wh", "start"),
        },
    ),
    shared("pev_sp", "PEV provider"),
    shared("fleet", "Fleet control centre"),
)
UPLINK = UplinkView(
    metered=True,
    use=(
        BudgetUse(sp_id="evc_sp", data_class=None, messages=31, size_bytes=18_204, budget_bytes=None),
        BudgetUse(sp_id="evc_sp", data_class=DataClass.CHARGING, messages=1204, size_bytes=598_712, budget_bytes=None),
        BudgetUse(sp_id="evc_sp", data_class=DataClass.METERING, messages=1, size_bytes=640, budget_bytes=600),
        BudgetUse(sp_id="grid_sp", data_class=DataClass.IDENTITY, messages=7, size_bytes=3210, budget_bytes=None),
    ),
    throttled=("evc_sp",),
)


def link(sp_id: str, name: str, state: LinkState, minutes: float, **changes: object) -> ProviderLink:
    return ProviderLink(sp_id=sp_id, name=name, state=state, since=NOW - timedelta(minutes=minutes), **changes)


LINKS = (
    link("grid_sp", "Grid operator", LinkState.DOWN, 60 * 26, problem=_UNREACHED, waiting=2),
    link("evc_sp", "EVC provider", LinkState.UP, 200),
    link("pev_sp", "PEV provider", LinkState.DOWN, 3),
)
LONG_NAMES = (
    ("grid_sp", "Municipal electricity network operator of the northern district"),
    ("evc_sp", "Charging and power feed services of the regional energy community"),
    ("pev_sp", "Remote diagnostics and spare parts service of the car's manufacturer"),
    ("fleet", "Fleet control centre of the car sharing association at the old harbour"),
)
