"""What each provider may get at most, and the words in which the owner agrees to it.

One entry per provider and kind of data. The fields are those of docs/providers.md; a record with any other field does
not leave. Words are never changed in place: a new version is added, and old ones stay readable, because each consent
names the version that it was given to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homeapp.model.consent import DataClass
from homeapp.model.record import RecordKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """One version of the words.

    Attributes:
        valid_from_version: consents to this version or a later one still count; equal to ``version`` where the words
            came to mean more than before.
        text: its first line says it in one sentence.
    """

    version: int
    valid_from_version: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What agreeing to one kind of data for one provider means.

    Attributes:
        texts: all versions, the newest last.
        records: kinds of records of this data class, each with the fields that may be in it; ``a.b`` is field ``b``
            of the object, or of each object of the list, in field ``a``.
        answers: fields that go out with the owner's answers, which are no records.
    """

    texts: tuple[ConsentText, ...]
    records: Mapping[RecordKind, frozenset[str]] = field(default_factory=dict)
    answers: frozenset[str] = frozenset()

    @property
    def newest(self) -> ConsentText:
        """The words that are shown now."""
        return self.texts[-1]

    @property
    def fields(self) -> tuple[str, ...]:
        """All that may be in it, sorted."""
        return tuple(sorted(self.answers.union(*self.records.values())))

    def version(self, number: int) -> ConsentText | None:
        """The words of an older consent, or None where there never was such a version."""
        return next((text for text in self.texts if text.version == number), None)


def terms(sp_id: str, data_class: DataClass) -> Terms | None:
    """None where this provider may never get this kind of data."""
    return _TERMS.get((sp_id, data_class))


def data_classes(sp_id: str) -> tuple[DataClass, ...]:
    """What this provider may be allowed at most, IDENTITY first; nothing for an unknown one."""
    return tuple(data_class for data_class in DataClass if (sp_id, data_class) in _TERMS)


def _first(text: str) -> tuple[ConsentText, ...]:
    return (ConsentText(version=1, valid_from_version=1, text=text),)


_ALWAYS = frozenset({"id", "at"})
"""Of every record."""
_DECISION = frozenset(
    {
        "id",
        "offer_id",
        "offer_revision",
        "offer_digest",
        "choice",
        "decided_at",
        "decided_by",
        "reason",
        "committed_w",
        "committed_wh",
    }
)
_PEV_STATE = _ALWAYS | {"pev", "plugged", "status", "soc_pct"}
_CHARGING = _ALWAYS | {"pev", "period_id", "phase", "begun_at", "ended_at", "direction"}
_PARAMETERS = _ALWAYS | {
    "pev",
    "soc_pct",
    "target_pct",
    "floor_pct",
    "ready_by",
    "capacity_wh",
    "max_charge_w",
    "max_feed_w",
    "can_feed",
}
_PERIOD = {
    "period_id",
    "direction",
    "begun_at",
    "ended_at",
    "energy_wh",
    "meter_start_wh",
    "meter_end_wh",
    "quality",
}
_QUARTER_HOUR = {"start", "end", "import_wh", "export_wh", "evce_charged_wh", "evce_fed_wh", "quality"}
_METERING = _ALWAYS | _PERIOD | _QUARTER_HOUR
_HEALTH_REPORT = _ALWAYS | {
    "pev",
    "offer_id",
    "checked_at",
    "defects",
    "defects.code",
    "defects.confirmed",
    "soc_pct",
    "soh_pct",
    "low_voltage_v",
    "software_version",
}
_JOB_RESULT = _ALWAYS | {"offer_id", "outcome", "detail", "version"}
_LOCATION = _ALWAYS | {"pev", "latitude", "longitude"}
_GRID_REPORT = _ALWAYS | {"event_id", "operating_state", "soc_pct", "capacity_wh", "max_charge_w", "max_feed_w"}

_CHARGING_RECORDS = {
    RecordKind.PEV_STATE: _PEV_STATE,
    RecordKind.CHARGING: _CHARGING,
    RecordKind.CHARGING_PARAMETERS: _PARAMETERS,
}
_EVC_CHARGING_RECORDS = {**_CHARGING_RECORDS, RecordKind.JOB_RESULT: _JOB_RESULT}
_HEALTH_RECORDS = {RecordKind.HEALTH_REPORT: _HEALTH_REPORT, RecordKind.JOB_RESULT: _JOB_RESULT}

_IDENTITY_TEXT = (
    "That this home is a customer, and your answers to requests.\n"
    "The provider gets the number of this hub, and each answer that you give to a request of its own: what you chose "
    "and when. Your name, your address and your network are not in it.\n"
    "Without this there is no link to the provider: no offers come in, and nothing else can be shared with it. "
    "Taking it back ends everything that is shared with it and deletes this home's place at its platform."
)
_GRID_IDENTITY_TEXT = (
    "That this home is a customer, and your answers to requests.\n"
    "The grid operator gets the number of this hub, and whether you take part in a request of its own. Your name, "
    "your address and your network are not in it.\n"
    "Without this there is no link to the grid operator: no prices and no requests come in, and nothing else can be "
    "shared with it."
)
_EVC_CHARGING_TEXT = (
    "When your car is plugged in and charges, and how full its battery is.\n"
    "Each time the car is plugged in or out, and when charging or power feed begins and ends; how full the battery is, "
    "how full you want it and by when, and what the charger can do. Whether a software update of your charger that you "
    "approved has worked. From the times one can tell when somebody is at home.\n"
    "The provider uses it to make offers that fit. Your car goes by a number that only this provider knows it by."
)
_PEV_CHARGING_TEXT = (
    "When your car is plugged in and charges, and how full its battery is.\n"
    "Each time the car is plugged in or out, and when charging or power feed begins and ends; how full the battery is, "
    "how full you want it and by when. From the times one can tell when somebody is at home.\n"
    "The provider uses it to know when a health check can run, and how the battery is used. Your car goes by a number "
    "that only this provider knows it by."
)
_EVC_METERING_TEXT = (
    "How much energy your car takes and gives, each quarter hour and each time it charges or feeds.\n"
    "Energy that your home draws from the grid and gives to it, and what goes through the charger, per quarter hour; "
    "the readings of the charger's meter at the start and the end of each charging or power feed. From the numbers of "
    "the whole home one can tell when somebody is at home.\n"
    "The provider uses it to pay you for power feed and for charging at other times."
)
_GRID_CHARGING_TEXT = (
    "Whether your charger runs, and what your car's battery can take and give.\n"
    "Only while a request of the grid operator asks for it, every quarter hour at most unless something changes: "
    "whether the charger is at work and follows the request, how full the battery is, how much it holds, and how fast "
    "it can be charged and discharged. From it one can tell when the car is at home.\n"
    "The grid operator uses it to know how far your home can help."
)
_GRID_METERING_TEXT = (
    "How much energy your home and your car take and give, each quarter hour.\n"
    "Energy that your home draws from the grid and gives to it, and what goes through the charger, per quarter hour "
    "and per charging or power feed. From it one can tell when somebody is at home.\n"
    "The grid operator uses it for your bill. Its own meter goes on counting whether you allow this or not."
)
_HEALTH_TEXT = (
    "What a health check of your car has found.\n"
    "Fault codes, the state of the battery, the voltage of the small battery, the version of the car's software, and "
    "whether a job that you approved, such as an update, has worked. A check runs only when you approve it.\n"
    "The provider uses it to tell what is wrong and to order parts; each order is put before you as well. Your car "
    "goes by a number that only this provider knows it by."
)
_LOCATION_TEXT = (
    "Roughly where your car is: a square of about ten kilometres.\n"
    "The hub rounds the place to a tenth of a degree before it leaves, and tells it only while the car is in reach of "
    "the hub. Nothing that the hub does for you needs this. It is off unless you switch it on.\n"
    "The control centre uses it to plan its fleet. Your car goes by a number that only it knows the car by."
)

CSMS_WORDS = "evc_sp.csms"
"""In the place of ``evc_sp`` where that provider also runs the charger (OCPP): agreeing then means more."""
_CSMS_IDENTITY_TEXT = (
    "That this home is a customer, your answers to requests, and which charger you have.\n"
    "The provider gets the number of this hub, and each answer that you give to a request of its own: what you chose "
    "and when. It also runs your charger from afar: it gets the charger's make, model, serial number and software, and "
    "what the charger says about its security. Your name, your address and your network are not in it.\n"
    "It may start, stop and slow down charging, block the charger, and renew its software if the charger's maker has "
    "signed it. It can never go above the hub's limits, nor take power from the car without your answer.\n"
    "Without this there is no link to the provider: no offers come in, and nothing else can be shared with it. "
    "Taking it back ends everything that is shared with it and deletes this home's place at its platform."
)
_CSMS_CHARGING_TEXT = (
    "When your car is plugged in and charges, how full its battery is, and with which card or app it was started.\n"
    "Everything that the charger says about charging goes to the provider as it happens: each time the car is plugged "
    "in or out, when charging or power feed begins and ends, the card that was held to it, what the car tells the "
    "charger of itself and its plans, and faults. Besides that how full you want the battery and by when. From the "
    "times one can tell when somebody is at home.\n"
    "The provider uses it to run the charger, to bill, and to make offers that fit."
)
_CSMS_METERING_TEXT = (
    "How much energy your car takes and gives, every few seconds, and your home each quarter hour.\n"
    "All that the charger measures goes to the provider as often as it measures: energy, power, current and voltage. "
    "Besides that the energy that your home draws from the grid and gives to it, per quarter hour. From the numbers "
    "of the whole home one can tell when somebody is at home.\n"
    "The provider uses it to bill, and to pay you for power feed and for charging at other times."
)
_EVC_IDENTITY = Terms(texts=_first(_IDENTITY_TEXT), answers=_DECISION)
_EVC_CHARGING = Terms(texts=_first(_EVC_CHARGING_TEXT), records=_EVC_CHARGING_RECORDS)
_EVC_METERING = Terms(texts=_first(_EVC_METERING_TEXT), records={RecordKind.METERING: _METERING})


def _wider(narrow: Terms, text: str) -> Terms:
    """The same provider with a link to the charger: what was agreed to before does not cover that."""
    newest = ConsentText(version=2, valid_from_version=2, text=text)
    return Terms(texts=(*narrow.texts, newest), records=narrow.records, answers=narrow.answers | {"ocpp.*"})


_TERMS: Mapping[tuple[str, DataClass], Terms] = {
    ("grid_sp", DataClass.IDENTITY): Terms(texts=_first(_GRID_IDENTITY_TEXT), answers=_DECISION),
    ("grid_sp", DataClass.CHARGING): Terms(
        texts=_first(_GRID_CHARGING_TEXT), records={RecordKind.GRID_REPORT: _GRID_REPORT}
    ),
    ("grid_sp", DataClass.METERING): Terms(texts=_first(_GRID_METERING_TEXT), records={RecordKind.METERING: _METERING}),
    ("evc_sp", DataClass.IDENTITY): _EVC_IDENTITY,
    ("evc_sp", DataClass.CHARGING): _EVC_CHARGING,
    ("evc_sp", DataClass.METERING): _EVC_METERING,
    (CSMS_WORDS, DataClass.IDENTITY): _wider(_EVC_IDENTITY, _CSMS_IDENTITY_TEXT),
    (CSMS_WORDS, DataClass.CHARGING): _wider(_EVC_CHARGING, _CSMS_CHARGING_TEXT),
    (CSMS_WORDS, DataClass.METERING): _wider(_EVC_METERING, _CSMS_METERING_TEXT),
    ("pev_sp", DataClass.IDENTITY): Terms(texts=_first(_IDENTITY_TEXT), answers=_DECISION),
    ("pev_sp", DataClass.CHARGING): Terms(texts=_first(_PEV_CHARGING_TEXT), records=_CHARGING_RECORDS),
    ("pev_sp", DataClass.HEALTH): Terms(texts=_first(_HEALTH_TEXT), records=_HEALTH_RECORDS),
    ("fleet", DataClass.IDENTITY): Terms(texts=_first(_IDENTITY_TEXT), answers=_DECISION),
    ("fleet", DataClass.LOCATION): Terms(texts=_first(_LOCATION_TEXT), records={RecordKind.LOCATION: _LOCATION}),
}
