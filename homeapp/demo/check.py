"""``homeapp demo --check``: the main job from end to end, each step with what its peer saw on the wire."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from homeapp import api
from homeapp.client import connect
from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.owner import WAIT_S, Owner
from homeapp.demo.street import Street
from homeapp.errors import HomeappError
from homeapp.model.offer import OfferState
from homeapp.model.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeen:
    """One step and what was seen on the wire, or why it failed."""

    number: int
    title: str
    passed: bool
    evidence: str


Report = Callable[[StepSeen], None]

_SHED_W = 4200.0
_FEED_W = 6000.0
_UNDER_WAY = (OfferState.CONFIRMED, OfferState.SCHEDULED, OfferState.ACTIVE)


class Check:
    """Walks through the steps; each is reported with what was seen, or with the sentence it failed with."""

    def __init__(self, street: Street, report: Report) -> None:
        self._street = street
        self._report = report
        self._owner: Owner
        self._latest: dict[api.Topic, api.Notification] = {}
        self._shed_id = ""
        self._feed_id = ""
        self._feed_message = ""

    async def run(self) -> bool:
        """All steps in order; False at the first that fails."""
        async with connect(self._street.home.socket) as client:
            self._owner = Owner(client)
            self._latest = client.latest
            await self._owner.look()
            for number, (title, step) in enumerate(self._steps(), start=1):
                passed, evidence = await _tried(step)
                self._report(StepSeen(number=number, title=title, passed=passed, evidence=evidence))
                if not passed:
                    return False
        return True

    def _steps(self) -> tuple[tuple[str, Callable[[], Awaitable[str]]], ...]:
        return (
            ("meter found by mDNS", self._meter_found),
            ("meter adopted and read", self._meter_adopted),
            ("charger knocks and is adopted; its floor comes first", self._charger_adopted),
            ("prices for 24 h or more", self._prices),
            ("car plugged in and charging under a granted limit", self._charging),
            ("PEV defect becomes an alert on Home", self._defect),
            ("demand-response offer received, verified, approved", self._shed_approved),
            ("power-feed offer received, verified, approved", self._feed_approved),
            ("forged offer refused", self._forgery),
            ("signed decisions at the providers' own applications", self._decisions),
            ("charging power falls in the demand-response window", self._power_falls),
            ("the same message sent twice acts once", self._twice),
            ("car feeds in the power-feed window", self._feeds),
        )

    async def _meter_found(self) -> str:
        view = await self._owner.finds(self._street.meter_id)
        return f"{view.device_id} announced itself at {view.address} as {view.product}"

    async def _meter_adopted(self) -> str:
        view = await self._owner.finds(self._street.meter_id)
        await self._owner.adopts_meter(self._street.meter, view.device_id)
        await self._owner.wait(lambda: self._owner.snapshot.grid_w.value is not None)
        grid_w = self._owner.snapshot.grid_w.value or 0.0
        return f"grid {grid_w / 1000:.2f} kW; the meter saw: {_last(self._street.meter.history, 2)}"

    async def _charger_adopted(self) -> str:
        view = await self._owner.finds(self._street.charger_id)
        await self._owner.adopts(view.device_id, "Charger")
        return f"{view.product} over {view.properties.get('protocol', '?')}; it saw: {self._station_saw('Profile')}"

    async def _prices(self) -> str:
        def enough() -> Tariff | None:
            tariff = self._latest.get(api.Topic.TARIFF)
            if not isinstance(tariff, Tariff) or tariff.known_until is None:
                return None
            return tariff if tariff.known_until - self._street.clock.now() >= timedelta(hours=24) else None

        tariff: Tariff = await self._owner.wait(enough)
        until = tariff.known_until
        return f"{len(tariff.slots)} prices from {tariff.source} known until {until:%a %H:%M} UTC, in {tariff.currency}"

    async def _charging(self) -> str:
        station = self._street.station
        station.plug_in()
        await station.wait_for(lambda seen: seen.power_w > 6000, WAIT_S)
        await self._owner.wait(lambda: (self._owner.snapshot.evce_w.value or 0) > 6000)
        seen = station.observation
        granted = self._owner.snapshot.granted_w or 0.0
        return (
            f"the station draws {seen.power_w / 1000:.1f} kW under {seen.limit_source} "
            f"(hub granted {granted / 1000:.1f} kW); car at {seen.soc_pct:.1f} %"
        )

    async def _defect(self) -> str:
        pev = self._street.providers.pev_sp
        message = await pev.report_defect(
            "P0A1F", "warning", "Coolant pump wearing out", "Safe to drive. The part is on order."
        )
        await self._owner.wait(lambda: any(alert.code == "P0A1F" for alert in self._owner.snapshot.alerts))
        alert = self._owner.snapshot.alerts[0]
        return f"message {message[:8]} over oneM2M became the alert '{alert.title}' ({alert.severity})"

    async def _shed_approved(self) -> str:
        start = self._street.in_minutes(1.5)
        self._shed_id = self._street.vtn.publish_offer(
            DrOffer(
                kind=DrKind.LOAD_SHED,
                start=start,
                end=start + timedelta(minutes=2),
                power_w=_SHED_W,
                title="Charge less for a while",
                text="High load on your street.",
                reward=Decimal("0.40"),
                expires_at=start,
            )
        )
        return await self._approve(f"grid_sp/{self._shed_id}")

    async def _feed_approved(self) -> str:
        start = self._street.in_minutes(4)
        evc = self._street.providers.evc_sp
        self._feed_id = f"feed-{start:%H%M%S}"
        self._feed_message = await evc.offer_power_feed(
            start,
            start + timedelta(minutes=2),
            _FEED_W,
            Decimal("1.92"),
            50.0,
            start,
            "Sell power from your car",
            offer_id=self._feed_id,
        )
        return await self._approve(f"evc_sp/{self._feed_id}")

    async def _approve(self, key: str) -> str:
        case = await self._owner.receives(key)
        case = await self._owner.approves(case)
        decision = case.decision.decision_id if case.decision else "?"
        return f"'{case.offer.title}' from {case.offer.sp_name}; owner's decision {decision[:8]} is {case.state}"

    async def _forgery(self) -> str:
        street = self._street.providers
        before = len(self._owner.cases)
        envelope = street.evc_sp.envelope()
        foreign = street.pev_sp.sign("offer+jws", envelope, {"offer": {"id": "forged"}})
        await street.evc_sp.send_raw(foreign)
        code = "message_rejected.evc_sp"
        await self._owner.wait(lambda: any(notice.code.startswith(code) for notice in self._owner.snapshot.notices))
        notice = next(notice for notice in self._owner.snapshot.notices if notice.code.startswith(code))
        if len(self._owner.cases) != before:
            raise HomeappError("The forged offer reached the inbox.")
        return f"{notice.code}: {notice.sentence}"

    async def _decisions(self) -> str:
        shed_key, feed_key = f"grid_sp/{self._shed_id}", f"evc_sp/{self._feed_id}"
        await self._owner.sees(shed_key, *_UNDER_WAY)
        await self._owner.sees(feed_key, *_UNDER_WAY)
        report = next(item for item in self._street.vtn.reports if item.event_id == self._shed_id and item.is_agreed)
        evc = self._street.providers.evc_sp
        decided = next(known for known in evc.decisions.values() if known.offer_id == self._feed_id)
        return (
            f"the VTN verified the signature of {report.decision_id[:8]} ({report.opt_status}); {evc.name} verified "
            f"{decided.decision_id[:8]} ({decided.choice}) and answered with a receipt; both are confirmed"
        )

    async def _power_falls(self) -> str:
        station = self._street.station
        await station.wait_for(lambda seen: 0 < seen.power_w <= _SHED_W + 50, WAIT_S)
        seen = station.observation
        return f"the station draws {seen.power_w / 1000:.1f} kW under a limit of {_SHED_W / 1000:.1f} kW"

    async def _twice(self) -> str:
        evc, key = self._street.providers.evc_sp, f"evc_sp/{self._feed_id}"
        before = self._owner.case(key)
        await evc.resend(self._feed_message)
        await self._inbox_read()
        after = self._owner.case(key)
        count = sum(case.offer.key == key for case in self._owner.cases)
        arrivals = [known.arrivals for known in evc.decisions.values() if known.offer_id == self._feed_id]
        if before is None or after is None or count != 1 or before.decision != after.decision or arrivals != [1]:
            raise HomeappError(f"The repeated message had an effect: {count} cases, arrivals {arrivals}.")
        return f"message {self._feed_message[:8]} came twice: one case, one decision, one arrival at {evc.name}"

    async def _feeds(self) -> str:
        station = self._street.station
        await station.wait_for(lambda seen: seen.power_w < -0.9 * _FEED_W, WAIT_S)
        await self._owner.wait(lambda: (self._owner.snapshot.grid_w.value or 0) < 0)
        await self._owner.wait(lambda: self._owner.case(f"evc_sp/{self._feed_id}", OfferState.ACTIVE))
        seen, grid = station.observation, self._owner.snapshot.grid_w.value or 0.0
        return f"the car feeds {-seen.power_w / 1000:.1f} kW (setpoint seen at the station); grid {grid / 1000:.1f} kW"

    async def _inbox_read(self) -> None:
        """Wait until the hub has read its inbox up to now: what is sent last has been refused."""
        evc = self._street.providers.evc_sp
        before = sum(notice.count for notice in self._owner.snapshot.notices)
        await evc.send_raw("not a message")
        await self._owner.wait(lambda: sum(notice.count for notice in self._owner.snapshot.notices) > before)

    def _station_saw(self, word: str) -> str:
        events = [text for _, text in self._street.station.history if word in text]
        return "; ".join(events[:3])


async def _tried(step: Callable[[], Awaitable[str]]) -> tuple[bool, str]:
    try:
        return True, await step()
    except TimeoutError:
        return False, f"not seen within {WAIT_S:.0f} s"
    except HomeappError as error:
        return False, str(error)


def _last(history: Iterable[str], count: int) -> str:
    return "; ".join(list(history)[-count:])
