"""When to connect again, so that thousands of homes that lost the same server do not come back in the same second.

The first attempt after a loss is spread evenly, whatever the cause; all later ones have full jitter. The owner's own
answer does not wait for it: whoever keeps a connection ends the pause for that.
"""

import math
from pathlib import Path
from random import Random

FIRST_S = 1.0
LONGEST_S = 300.0
JUST_STARTED_S = 600.0
"""A machine that has been up for less may have got its power back together with the whole town."""
_WIDENING = 4
_UPTIME = Path("/proc/uptime")


def first_pause(spread_s: float, random: Random) -> float:
    """Before the first attempt after a loss that others may share: evenly between 0 and ``spread_s``, s."""
    return random.uniform(0, spread_s)


def next_pause(attempt: int, random: Random, first_s: float = FIRST_S) -> float:
    """Before a later attempt: evenly between 0 and min(300, first * 2^(attempt - 1)), s.

    Args:
        attempt: how many have failed, from 1.
        random: source of the jitter.
        first_s: largest pause after the first failure; see ``shared_loss_s``.
    """
    return random.uniform(0, min(LONGEST_S, first_s * 2 ** min(attempt - 1, 16)))


def shared_loss_s(spread_s: float) -> float:
    """``first_s`` of ``next_pause`` after a loss that others may share.

    Those who have tried in vain must not add up with those whose first attempt is still to come.
    """
    return _WIDENING * spread_s


def machine_uptime_s(path: Path = _UPTIME) -> float:
    """How long this machine has been up, s; infinite where it cannot be told (``path`` is Linux only)."""
    try:
        return float(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return math.inf
