"""What a station of the tests was told of limits, and what it says of them."""

from collections.abc import Callable

from kit.evce_street import Json, RawStation, profile_of


def sent_since(station: RawStation, before: int) -> list[Json]:
    return [profile_of(payload) for action, payload in station.calls[before:] if action == "SetChargingProfile"]


def composite(limit_a: float) -> Callable[[Json], Json]:
    def answer(payload: Json) -> Json:
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
        if "connectorId" in payload:
            return {"status": "Accepted", "chargingSchedule": schedule}
        more = {"evseId": payload["evseId"], "duration": 60, "scheduleStart": "2026-01-15T12:00:00Z"}
        return {"status": "Accepted", "schedule": schedule | more}

    return answer
