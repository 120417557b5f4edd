"""How often each adopted station bears a ping, kept with what use has taught of it (``keepalive.PingBook``)."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from devices.evce import capability
from devices.evce.adopted import Adopted
from devices.evce.capability import CapabilityKeeper
from homeapp.errors import EnvironmentProblem

logger = logging.getLogger(__name__)


class KnownPings:
    """Implements ``keepalive.PingBook``.

    Args:
        adopted: the stations of the home that have come since the hub runs.
        keeper: what earlier lives of the hub have learnt.
    """

    def __init__(self, adopted: Mapping[str, Adopted], keeper: CapabilityKeeper) -> None:
        self._adopted = adopted
        self._keeper = keeper

    async def every_s(self, device_id: str, usual_s: float) -> float | None:
        adopted = self._adopted.get(device_id)
        known = adopted.station.capability if adopted is not None else None
        if known is None:
            try:
                known = capability.decode(await self._keeper.value(capability.capability_key(device_id)))
            except EnvironmentProblem as error:
                logger.warning("%s: how often it bears a ping could not be read: %s", device_id, error)
        if known is None:
            return None
        # With other firmware it may bear them as others do.
        return usual_s if known.ping_every_s is None else known.ping_every_s

    async def found(self, device_id: str, every_s: float) -> None:
        adopted = self._adopted.get(device_id)
        session = adopted.evce.session if adopted is not None else None
        if session is not None:
            known = await session.securing.recall()
            await session.securing.learn(replace(known, ping_every_s=every_s))
