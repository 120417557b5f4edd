"""The long fault run, with its counts: ``PYTHONPATH=.:tests:tests/faults python tests/faults/ocpp_fault_run.py -h``."""

import argparse
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from fault_street import say
from ocpp_cuts import fault_run, straight, through_hubs

from homeapp import event_loop

WAYS = {"straight": straight, "hubs": through_hubs}


def main() -> int:
    """Run it, tell what has happened, and end with 1 where anything is lost, doubled, out of order or misfiled."""
    parser = argparse.ArgumentParser(description="Charging while links are cut, stations restart and hubs are killed.")
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--way", choices=WAYS, default="hubs", help="what stands between stations and provider")
    chosen = parser.parse_args()
    # Handshakes that a killed hub breaks off are told by the library at length.
    logging.getLogger().addHandler(logging.NullHandler())
    say(f"way {chosen.way}, faults {chosen.faults}, seed {chosen.seed}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        clean = event_loop.run(_run(Path(directory), random.Random(chosen.seed), chosen.way, chosen.faults))
    say(f"{time.monotonic() - begun:.0f} s; {'clean' if clean else 'NOT CLEAN'}")
    return 0 if clean else 1


async def _run(directory: Path, chance: random.Random, way: str, faults: int) -> bool:
    async with fault_run(directory, chance, WAYS[way]) as run:
        counts = await run.live_through(faults)
        for line in run.told():
            say(line)
        return counts.clean and not run.breaches


if __name__ == "__main__":
    sys.exit(main())
