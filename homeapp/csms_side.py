"""The hub's part in the way from charging stations to the EV-charging provider's CSMS: consent, ledger, link state."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.ports import StationUpstreams
from homeapp.store.station_disclosures import StationDisclosures

SP_ID = "evc_sp"
LINK_ID = "evc_sp.csms"
"""The link in the live picture: the provider may have another one, for its offers."""
NEEDED = (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)
"""A station's messages hold all of these, and no message can be passed on in part."""

_OF_IDENTITY = frozenset(
    {"BootNotification", "Heartbeat", "SecurityEventNotification", "FirmwareStatusNotification", "SignCertificate"}
)
_METER = frozenset({"meterValue", "meterStart", "meterStop", "transactionData"})
_ORDER = (LinkState.DOWN, LinkState.CONNECTING, LinkState.UP)


class CsmsSide:
    """Implements ``homeapp.ports.CsmsWay``.

    Args:
        upstreams: the ways that are opened.
        allows: the owner's consent.
        disclosures: notes what leaves.
        counted: told the size of what leaves.
        link_changed: told how the ways stand together.
        notice: tells the owner a sentence under a code.
    """

    def __init__(
        self,
        upstreams: StationUpstreams,
        *,
        allows: Callable[[str, DataClass], bool],
        disclosures: StationDisclosures,
        counted: Callable[[str, DataClass, int], None],
        link_changed: Callable[[LinkState, str | None], None],
        notice: Callable[[str, str], None],
    ) -> None:
        self.notice = notice
        self._upstreams = upstreams
        self._allows = allows
        self._disclosures = disclosures
        self._counted = counted
        self._link_changed = link_changed
        self._links: dict[str, tuple[LinkState, str | None]] = {}

    def bodies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The long tasks, by name."""
        return {"way to the CSMS": self._run, "disclosures to the CSMS": self._disclosures.run}

    def may_relay(self) -> bool:
        return all(self._allows(SP_ID, data_class) for data_class in NEEDED)

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        data_class = _data_class(action, payload)
        self._disclosures.left(data_class, action, payload, size_bytes)
        self._counted(SP_ID, data_class, size_bytes)

    def link(self, device_id: str, state: LinkState, problem: str | None = None) -> None:
        self._links[device_id] = (state, problem)
        # The worst of several is the one that somebody has to look after.
        worst = min(self._links.values(), key=lambda link: (link[1] is None, _ORDER.index(link[0])))
        self._link_changed(*worst)

    async def _run(self) -> None:
        await self._upstreams.run(self)


def _data_class(action: str, payload: Mapping[str, Any]) -> DataClass:
    if action in _OF_IDENTITY:
        return DataClass.IDENTITY
    return DataClass.METERING if _METER & payload.keys() else DataClass.CHARGING
