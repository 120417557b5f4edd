"""Requests for power: received, verified, decided by the owner, relayed, carried out."""

from datetime import timedelta
from decimal import Decimal

from homeapp.demo.check.scene import Scene
from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.owner import WAIT_S
from homeapp.errors import HomeappError
from homeapp.model.offer import OfferState

_SHED_W = 4200.0
_FEED_W = 6000.0
_UNDER_WAY = (OfferState.CONFIRMED, OfferState.SCHEDULED, OfferState.ACTIVE)


class OffersPart:
    """Its steps."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._street = scene.street
        self._owner = scene.owner
        self._shed_id = ""
        self._feed_id = ""
        self._feed_message = ""

    async def shed_approved(self) -> str:
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

    async def feed_approved(self) -> str:
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

    async def forgery_refused(self) -> str:
        street = self._street.providers
        before = len(self._owner.cases)
        forged = street.pev_sp.sign("offer+jws", street.evc_sp.envelope(), {"offer": {"id": "forged"}})
        await street.evc_sp.send_raw(forged)
        code = "message_rejected.evc_sp"
        await self._owner.wait(lambda: any(notice.code.startswith(code) for notice in self._owner.snapshot.notices))
        notice = next(notice for notice in self._owner.snapshot.notices if notice.code.startswith(code))
        if len(self._owner.cases) != before:
            raise HomeappError("The forged offer reached the inbox.")
        return f"a request in the name of {street.evc_sp.name}, signed by another: {notice.code}: {notice.sentence}"

    async def twice_acts_once(self) -> str:
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

    async def decisions_arrived(self) -> str:
        shed_key, feed_key = f"grid_sp/{self._shed_id}", f"evc_sp/{self._feed_id}"
        await self._owner.sees(shed_key, *_UNDER_WAY)
        await self._owner.sees(feed_key, *_UNDER_WAY)
        report = next(item for item in self._street.vtn.reports if item.event_id == self._shed_id and item.is_agreed)
        evc = self._street.providers.evc_sp
        decided = next(known for known in evc.decisions.values() if known.offer_id == self._feed_id)
        return (
            f"the VTN verified the signature of {report.decision_id[:8]} ({report.opt_status}); {evc.name} opened and "
            f"verified {decided.decision_id[:8]} ({decided.choice}) and answered with a receipt; both are confirmed"
        )

    async def power_falls(self) -> str:
        station = self._street.station
        await station.wait_for(lambda seen: 0 < seen.power_w <= _SHED_W + 50, WAIT_S)
        seen = station.observation
        return f"the station draws {seen.power_w / 1000:.1f} kW under a limit of {_SHED_W / 1000:.1f} kW"

    async def feeds(self) -> str:
        station = self._street.station
        await station.wait_for(lambda seen: seen.power_w < -0.9 * _FEED_W, WAIT_S)
        await self._owner.wait(lambda: (self._owner.snapshot.grid_w.value or 0) < 0)
        await self._owner.wait(lambda: self._owner.case(f"evc_sp/{self._feed_id}", OfferState.ACTIVE))
        seen, grid = station.observation, self._owner.snapshot.grid_w.value or 0.0
        return f"the car feeds {-seen.power_w / 1000:.1f} kW (setpoint seen at the station); grid {grid / 1000:.1f} kW"

    async def controlled(self) -> str:
        station = self._street.station
        commands = [text for _, text in station.history if "SetChargingProfile" in text]
        evc = self._street.providers.evc_sp
        decided = next(known for known in evc.decisions.values() if known.offer_id == self._feed_id)
        return (
            f"agreed as {decided.decision_id[:8]}, the station was told over OCPP: {commands[-1]}; "
            f"it obeys {station.observation.limit_source}"
        )

    async def _approve(self, key: str) -> str:
        case = await self._scene.approve(key)
        decision = case.decision.decision_id if case.decision else "?"
        return f"'{case.offer.title}' from {case.offer.sp_name}; owner's decision {decision[:8]} is {case.state}"

    async def _inbox_read(self) -> None:
        """Wait until the hub has read its inbox up to now: what is sent last has been refused."""
        evc = self._street.providers.evc_sp
        before = sum(notice.count for notice in self._owner.snapshot.notices)
        await evc.send_raw("not a message")
        await self._owner.wait(lambda: sum(notice.count for notice in self._owner.snapshot.notices) > before)
