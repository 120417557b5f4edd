"""Moving a station up to security profile 3: from its password to a certificate of its own (A02, A05, B09, M05)."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from devices.evce import certificates as messages
from devices.evce.adopted import Adopted
from devices.evce.certification import Certification
from devices.evce.entrance import Entry, SecurityProfile
from devices.evce.link import ACCEPTED, Link
from devices.evce.rpc import Priority
from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotSupported
from homeapp.model.readings import EvceStatus
from homeapp.ports import StationCertificates

logger = logging.getLogger(__name__)

RETURN_S = 600.0
"""How long a station gets to come back with its certificate; some take minutes to restart."""
_NOT_RETURNED = (
    "The charger did not come back with its certificate and stays with its password, which goes on working. "
    "Restart it and try again, or leave it so."
)
_INTERFACES = ("Wired0", "Wireless0")
_TRIED_SLOTS = 2
_NO_ROOT = (
    "The charger does not take the hub's root certificate. Load ocpp-ca.pem into it by its own tool and try again, or "
    "leave it with its password."
)
_NO_PROFILE = (
    "The charger has a certificate but does not change over to it, and stays with its password. Choose security "
    "profile 3 in its own settings."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How the station was connected; 2.x: its network profile slots on call, empty where it knows none."""

    slots: tuple[int, ...] = ()


def check(profile: SecurityProfile, status: EvceStatus) -> None:
    """Whether a station can be moved up now.

    Raises:
        NotSupported: its connection is not encrypted.
        DeviceRefused: it has moved up already, or is in use.
    """
    if profile is SecurityProfile.PLAIN:
        raise NotSupported("The charger's connection is not encrypted. Enter the hub's wss address in it first.")
    if profile is SecurityProfile.CERTIFICATE:
        raise DeviceRefused("The charger proves itself by a certificate already.")
    if status in (EvceStatus.CHARGING, EvceStatus.FEEDING):
        raise DeviceRefused("The charger is in use. Its security can be raised once the charge is over.")


async def change_over(link: Link, certification: Certification, authority: StationCertificates, url: str) -> Before:
    """Install the hub's root, give the station a certificate and have it reconnect with that.

    Args:
        link: the station's present connection; it is over soon after this.
        certification: gives the certificate.
        authority: the hub's.
        url: the OCPP address of the hub as the station knows it, without the identity; empty where it does not tell.

    Raises:
        DeviceUnreachable: no connection, or no answer in time.
        DeviceRefused: the station does not play along; it stays as it is.
    """
    version = link.dialect.version
    if not certification.introduced:
        await link.call(link.dialect.trigger_boot())
    # Not decisive: where the name is fixed, the station's request is judged by what is in it.
    await link.call(messages.set_organization(version, authority.organization))
    if await link.call(messages.install_root(version, authority.authority_pem)) != ACCEPTED:
        raise DeviceRefused(_NO_ROOT)
    await certification.obtain(link)
    certification.returned.clear()
    if version is Version.V16:
        before = Before()
        taken = await link.call(messages.set_security_profile(version)) == ACCEPTED
    else:
        before, taken = await _change_network_profile(link, url)
    if not taken:
        raise DeviceRefused(_NO_PROFILE)
    return before


class SecurityRaises:
    """The stations that are being moved up at the moment."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()

    async def begin(
        self,
        adopted: Adopted,
        certification: Certification,
        entry: Entry,
        authority: StationCertificates,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Begin with one; ``tasks`` watch over its return.

        Raises:
            DeviceUnreachable, DeviceRefused, NotSupported: see ``check`` and ``change_over``.
        """
        device_id, session = entry.device_id, adopted.evce.session
        if session is None:
            raise DeviceUnreachable("The charger is not connected; check its power and its network.")
        check(entry.profile, adopted.station.state.status)
        if device_id in self._under_way:
            raise DeviceRefused("The charger is changing over to its certificate already; this takes some minutes.")
        self._under_way.add(device_id)
        try:
            before = await change_over(session.link, certification, authority, entry.url)
        except BaseException:
            self._under_way.discard(device_id)
            raise
        tasks.create_task(self._see_it_return(adopted, certification, before))

    async def _see_it_return(self, adopted: Adopted, certification: Certification, before: Before) -> None:
        station = adopted.station
        try:
            if await certification.returns_within(RETURN_S):
                logger.info("%s: proves itself by its certificate from now on", station.device_id)
                return
            station.problem("security", _NOT_RETURNED)
            if adopted.evce.session is not None:
                await go_back(adopted.evce.session.link, before)
        finally:
            self._under_way.discard(station.device_id)


async def go_back(link: Link, before: Before) -> None:
    """Let a 2.x station that came back with its password try its old network profile first again."""
    if before.slots:
        with contextlib.suppress(DeviceUnreachable):
            await link.call(messages.set_priority(before.slots))


async def _change_network_profile(link: Link, url: str) -> tuple[Before, bool]:
    _, answer = await link.ask(messages.ask_priority(), Priority.HOUSEKEEPING)
    slots = messages.told_priority(answer)
    for slot in messages.free_slots(slots)[:_TRIED_SLOTS] if slots and url else ():
        if await _profile_set(link, slot, url):
            if await link.call(messages.set_priority((slot, *slots))) != ACCEPTED:
                continue
            # The old profile stays on call behind the new one (A05.FR.06 is the station's own to heed).
            return Before(slots=slots), await _restarts(link)
    return Before(), await link.call(messages.set_security_profile(link.dialect.version)) == ACCEPTED


async def _profile_set(link: Link, slot: int, url: str) -> bool:
    for interface in _INTERFACES:
        call = messages.set_network_profile(link.dialect.version, slot, url, interface)
        if await link.call(call) == ACCEPTED:
            return True
    return False


async def _restarts(link: Link) -> bool:
    try:
        return await link.call(messages.reset_when_idle()) in (ACCEPTED, "Scheduled")
    except DeviceUnreachable:
        # Some restart before they answer; whether it comes back with its certificate is seen then.
        return True
