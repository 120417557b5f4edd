"""Whatever a VTN lists, what is passed on of it is in order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.grid_report import GridFigure
from homeapp.model.offer import Binding, OfferKind
from homeapp.offers.checks import why_invalid
from homeapp.providers.grid_sp.emissions import MAX_G_PER_KWH
from homeapp.providers.grid_sp.figures import LEAST_APART
from homeapp.providers.grid_sp.signals import Signal
from homeapp.providers.grid_sp.tariffs import MAX_PRICE
from homeapp.providers.grid_sp.terms import Term
from kit.announced_events import DOE, FLEX, TARIFF, Scene, play


def rarely(odd: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """So seldom that most of what is drawn holds together."""
    return st.integers(0, 15).flatmap(lambda chance: odd if chance == 7 else usual)


_junk = (
    st.floats()
    | st.integers(-3, 10**30)
    | st.text(max_size=6)
    | st.none()
    | st.booleans()
    | st.sampled_from(["MANDATORY", "CONFIRMED", "NaN", {"x": 1}, ["y"]])
)
_usual = {
    Signal.SETPOINT: st.integers(-11, 11),
    Signal.RELATIVE: st.integers(-11, 11),
    Signal.LEVEL: st.integers(0, 3),
    Signal.CHARGE_STATE: st.floats(0, 1),
    Term.EXPIRY: st.just("2027-01-15T13:30:00Z"),
    Term.READY_BY: st.just("2027-01-16T07:00:00+01:00"),
    Term.CANCEL_UNTIL: st.just("2027-01-15T13:00:00Z"),
    Term.BINDING: st.sampled_from(["OWNER_DECIDES", "OPT_OUT", "MANDATORY"]),
    Term.TEXT: st.text(max_size=6),
}
_OTHERS = ["GHG", "ALERT_FIRE", "DECISION_STATUS", "DECISION_ID", "REPORT_ID", "CURVE", "DISPATCH_INSTRUCTION"]


def payload(name: str) -> st.SearchStrategy[Any]:
    usual = st.lists(_usual.get(name, st.floats(0, 20)), min_size=1, max_size=1)
    return st.fixed_dictionaries({"type": st.just(name), "values": rarely(st.lists(_junk, max_size=3), usual)})


_names = st.sampled_from([*Signal, *Signal, *Term, *_OTHERS])
_payload = _names.flatmap(payload)
_times = rarely(
    st.sampled_from(["13:00:00", "9999-12-31T23:59:59Z", "", 7]),
    st.sampled_from(["0001-01-01", "2027-01-15T13:00:00Z", "2027-01-15 14:00:00", "2027-01-15T09:00:00Z"]),
)
_spans = rarely(
    st.sampled_from(["-PT1H", "PT99999999H", "P9999999D", "1h", "", 3600]),
    st.sampled_from(["PT1H", "PT30M", "PT0S", "P0S", "P9999Y"]),
)
_period = st.fixed_dictionaries({}, optional={"duration": _spans, "randomizeStart": _spans})
_descriptors = st.lists(
    st.fixed_dictionaries(
        {
            "payloadType": _names | st.sampled_from(["ACK", "USAGE", *GridFigure]),
            "currency": rarely(st.just("?"), st.just("EUR")),
        },
        optional={
            "units": rarely(st.sampled_from(["AMPS", 7]), st.sampled_from(["", None])),
            "frequency": st.integers(-2, 10**12) | st.floats(),
            "repeat": st.integers(-2, 2),
        },
    ),
    max_size=12,
)
_intervals = st.lists(
    st.fixed_dictionaries(
        {"payloads": st.lists(_payload, min_size=1, max_size=3)}, optional={"intervalPeriod": _period, "id": _junk}
    ),
    min_size=1,
    max_size=2,
)
_events = st.fixed_dictionaries(
    {
        "id": rarely(st.sampled_from(["../x", "", 5]), st.sampled_from(["a", "b", "c"])),
        "programID": st.sampled_from(["flex", "tariff"]),
        "intervals": _intervals,
        "intervalPeriod": st.fixed_dictionaries({"start": _times, "duration": _spans}),
        "payloadDescriptors": _descriptors,
    },
    optional={
        "duration": _spans,
        "priority": rarely(_junk, st.integers(0, 5)),
        "modificationDateTime": _times,
        "reportDescriptors": _descriptors,
        "targets": st.lists(st.sampled_from(["x", {"type": "VEN_NAME", "values": ["homeapp"]}]), max_size=2),
    },
)


@given(
    st.lists(_events, max_size=5),
    st.sampled_from([FLEX, DOE]),
)
def test_whatever_a_server_lists_each_request_that_is_passed_on_is_in_order(events: list[Any], program: Any) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.listed = [program, TARIFF]
        scene.vtn.published = {"flex": events, "tariff": events}
        for _ in range(2):
            await scene.poll()
            for offer in scene.heard.offers:
                assert why_invalid(offer) is None
                assert offer.binding is not Binding.MANDATORY or offer.kind in (
                    OfferKind.CAPACITY_LIMIT,
                    OfferKind.ALERT,
                )
            for tariff in scene.heard.tariffs:
                assert all(abs(slot.import_price) <= MAX_PRICE and slot.start < slot.end for slot in tariff.slots)
                assert all(0 <= slot.g_per_kwh <= MAX_G_PER_KWH for slot in tariff.ghg)
            assert all(wish.figures and (wish.every is None or wish.every >= LEAST_APART) for wish in scene.wishes)

    play(act)
