"""Prices that the contract itself names, by local day and time: fixed ones and those by time of use."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.tariff import PriceSlot
from homeapp.tariffs.compose import agreed
from homeapp.tariffs.contract import Contract
from homeapp.tariffs.local_days import QUARTER, quarters


def contract_slots(
    contract: Contract, zone: ZoneInfo, first_day: date, days: int, *, stands_in: bool
) -> tuple[PriceSlot, ...]:
    """One slot for each quarter hour of ``days`` local days: wall times move with the clocks, the slots do not.

    With ``stands_in`` they only take the place of prices that are missing, so they are forecasts.
    """
    starts = (start for ahead in range(days) for start in quarters(first_day + timedelta(days=ahead), zone))
    slots = (agreed(start, start + QUARTER, contract, zone, stands_in=stands_in) for start in starts)
    return tuple(slot for slot in slots if slot is not None)
