"""The rest of the home in the demo street: what it draws besides the car, the same every time."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

VOLTAGE_V = 230.0


def household_power(now: datetime, time_zone: str) -> tuple[float, float, float]:
    """W on L1..L3 at this instant: a base, an evening peak, a refrigerator and a little ripple."""
    local = now.astimezone(ZoneInfo(time_zone))
    hour = local.hour + local.minute / 60 + local.second / 3600
    evening = 900 * math.exp(-(((hour - 19) / 2.2) ** 2))
    morning = 500 * math.exp(-(((hour - 7.5) / 1.2) ** 2))
    seconds = now.timestamp()
    refrigerator = 90.0 if seconds % 2400 < 900 else 0.0
    ripple = 25 * math.sin(seconds / 17) + 15 * math.sin(seconds / 5.3)
    base = 260 + evening + morning
    return (0.5 * base + refrigerator, 0.3 * base + 40, 0.2 * base + 60 + ripple)
