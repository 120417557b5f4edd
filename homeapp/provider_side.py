"""Everything between the offer desk and the service providers: pairing, certificates, consent, outbox, flows."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from homeapp import api, identity
from homeapp.csms_side import LINK_ID, NEEDED
from homeapp.csms_side import SP_ID as EVC_SP
from homeapp.doctor import ProviderStanding
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.renewal import Renewal
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import NotConsented, SettingsInvalid
from homeapp.flows import ProviderFlows
from homeapp.identity.hub_key import HubKeys
from homeapp.inbox import HubInbox
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.local_vtn import FoundVtn
from homeapp.model.offer import Receipt
from homeapp.model.pairing import Enrolment
from homeapp.model.record import DataRecord
from homeapp.pairing.descriptor import Descriptor
from homeapp.pairing.operations import ProviderOperations
from homeapp.ports import Clock, Provider
from homeapp.providers.grid_sp.local_vtn import find_vtns
from homeapp.providers.grid_sp.provider import SP_ID as GRID_SP
from homeapp.providers.grid_sp.provider import GridSp
from homeapp.providers.home_flows import HomeFlows
from homeapp.providers.jose import HubSigner
from homeapp.providers.onem2m.appliances import ApplianceStatus
from homeapp.providers.sealing import HubUnsealer
from homeapp.relay import Relay
from homeapp.secrets import SecretStore
from homeapp.server import Handler
from homeapp.settings import CSMS_SECRET, GRID_SP_SECRET, CsmsSettings, Settings
from homeapp.sharing.consent_book import ConsentBook
from homeapp.sharing.consent_texts import CSMS_WORDS
from homeapp.sharing.operations import SharingOperations
from homeapp.store.consents import Consents
from homeapp.store.database import Database
from homeapp.store.outbox import Outbox
from homeapp.store.pairings import Pairings
from homeapp.store.uplink_use import UplinkUse
from homeapp.uplink.uplink import Uplink

_GRID_DATA = (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the providers' side stands on.

    Attributes:
        keys: the hub's own.
        clock: hub time.
        machine_clock: the machine's time, by which certificates are dated.
        void_stations: makes what waits for the EV-charging provider's CSMS useless; None where there is no CSMS.
    """

    data_dir: Path
    settings: Settings
    database: Database
    secrets: SecretStore
    keys: HubKeys
    clock: Clock
    machine_clock: Clock
    void_stations: Callable[[], Awaitable[int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Whom the providers' side tells.

    Attributes:
        receipt: every transport receipt, before the decision counts as delivered.
        notice: a code and a sentence for the owner.
        failed: a part by name, and what went wrong.
        sharing_changed: what may leave, or what has left, is different.
        uplink_changed: how the way out of the home stands is different.
    """

    receipt: Callable[[Receipt], Awaitable[None]]
    notice: Callable[[str, str], None]
    failed: Callable[[str, Exception], None]
    sharing_changed: Callable[[], None]
    uplink_changed: Callable[[], None]


class ProviderSide:
    """``load`` first; then everything of ``bodies`` runs until cancelled, and ``handlers`` answer."""

    def __init__(self, around: Surroundings, *, outbox: Outbox, inbox: HubInbox, tell: Listeners) -> None:
        self._around = around
        self._tell = tell
        self._outbox = outbox
        self._signer = HubSigner(around.keys.sign_pem)
        self.uplink = Uplink(
            settings=around.settings.uplink,
            store=UplinkUse(around.database),
            clock=around.clock,
            notice=tell.notice,
            changed=tell.uplink_changed,
            name_of=self.name_of,
        )
        consents = Consents(around.database, around.clock)
        self._pairings = Pairings(around.database, around.clock)
        self._book = ConsentBook(consents, around.clock, self._sharing_changed)
        certificates = FlowCertificates(around.data_dir, around.keys.sign_pem)
        self._flows_source = HomeFlows(
            pairings=self._pairings,
            certificates=certificates,
            grid=self._grid if around.settings.grid_sp else None,
            signer=self._signer,
            unsealer=HubUnsealer(around.keys.encryption_pem),
            clock=around.clock,
            allows=self._book.allows,
            admit=self.uplink.admit,
            old_news=self.uplink.old_news,
            deliver_again=outbox.deliver_again,
        )
        self._relay = self._new_relay()
        self._flows = ProviderFlows(
            source=self._flows_source,
            relay=self._relay,
            inbox=inbox,
            clock=around.clock,
            failed=tell.failed,
            news=lambda sp_id: outbox.news(sp_id).urgent,
        )
        self._sharing = SharingOperations(
            book=self._book,
            erasures=consents,
            clock=around.clock,
            void=self._void,
            erase=self._flows.erase,
            notice=tell.notice,
        )
        self._agreed: frozenset[str] = frozenset()
        self._revocation, self._renewal = self._rounds(certificates)
        self._operations = self._new_operations(certificates)

    async def load(self) -> None:
        """Take up what is kept.

        Raises:
            StoreUnavailable, EnvironmentProblem: it cannot be read.
        """
        grid = self._around.settings.grid_sp
        if grid is not None:
            self._book.register(GRID_SP, grid.name, _GRID_DATA)
        self._register_csms()
        await self._flows_source.refresh()
        for pairing in self._flows_source.paired:
            self._register(pairing.descriptor)
        await self._book.load()
        await self._sharing.load()

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """What the contract asks of this side."""
        own: Mapping[type[api.Call[Any]], Handler] = {api.FindVtns: self._find_vtns}
        return {**self._sharing.handlers(), **self._operations.handlers(), **self.uplink.handlers(), **own}

    def bodies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The long tasks, by name."""
        return {
            "outbox": self._outbox.run,
            "relay": self._relay.run,
            "uplink": self.uplink.run,
            "providers": self._flows.run,
            "sharing": self._sharing.run,
            "certificates": self._renewal.run,
            "revoked certificates": self._revocation.run,
        }

    def sharing(self) -> tuple[ProviderSharing, ...]:
        """What each provider may get, and what it has got."""
        return self._sharing.current()

    def allows(self, sp_id: str, data_class: DataClass) -> bool:
        """The owner's consent."""
        return self._book.allows(sp_id, data_class)

    async def put(self, record: DataRecord) -> None:
        """Take a record on its way.

        Raises:
            NotConsented: the owner has not agreed to it.
            StoreUnavailable: it cannot be kept.
        """
        self._book.check(record)
        await self._outbox.put(record)
        try:
            self._book.check(record)
        except NotConsented as error:
            # Taken back meanwhile: it may have come too late to be void with the others.
            await self._outbox.withhold(record.record_id, str(error))
            raise

    def publish(self, status: ApplianceStatus) -> None:
        """How the appliances stand, to those who want that in plain text and may have it."""
        self._flows.publish(status)

    def manufacturer_key(self, sp_id: str) -> Mapping[str, str] | None:
        """Who signs the car's software that this provider relays."""
        pairing = self._flows_source.pairing(sp_id)
        manufacturer = pairing.descriptor.manufacturer if pairing else None
        return manufacturer.key if manufacturer else None

    def authorities(self, sp_id: str) -> str:
        """Whom this provider's flow trusts, PEM; empty where it is not paired."""
        pairing = self._flows_source.pairing(sp_id)
        return pairing.descriptor.operator.ca_pem if pairing else ""

    def name_of(self, sp_id: str) -> str:
        """A provider's name for people."""
        grid = self._around.settings.grid_sp
        if sp_id == GRID_SP and grid is not None:
            return grid.name
        pairing = self._flows_source.pairing(sp_id)
        if pairing is None and sp_id == EVC_SP and self._csms is not None:
            return self._csms.name
        return pairing.descriptor.name if pairing else sp_id

    async def standings(self) -> tuple[ProviderStanding, ...]:
        """How the home stands with each provider, for the doctor."""
        found: list[ProviderStanding] = []
        for view in self._book.views():
            if view.sp_id == EVC_SP and self._csms is not None:
                found.append(await self._csms_standing(self._csms))
                if self._flows_source.pairing(EVC_SP) is None:
                    continue
            obstacle, advice = await self._obstacle(view.sp_id)
            agreed = self._book.allows(view.sp_id, DataClass.IDENTITY)
            found.append(
                ProviderStanding(sp_id=view.sp_id, name=view.name, obstacle=obstacle, advice=advice, agreed=agreed)
            )
        return tuple(found)

    async def _csms_standing(self, csms: CsmsSettings) -> ProviderStanding:
        missing = [data_class for data_class in NEEDED if not self._book.allows(EVC_SP, data_class)]
        secret = await asyncio.to_thread(self._around.secrets.get, CSMS_SECRET)
        obstacle = advice = ""
        if csms.security_profile != 3 and secret is None:
            obstacle = "its password for the charger is missing"
            advice = f"Stop the hub and enter it: homeapp secret {CSMS_SECRET}"
        elif missing:
            obstacle = f"the charger is not connected to it: nobody has agreed to share {', '.join(missing)}"
            advice = f"Agree on the page Sharing, or with: homeapp sharing allow {EVC_SP} {missing[0]}"
        name = f"{csms.name} (OCPP)"
        return ProviderStanding(sp_id=LINK_ID, name=name, obstacle=obstacle, advice=advice, agreed=not missing)

    async def _find_vtns(self, _call: api.FindVtns, _caller: api.Role) -> tuple[FoundVtn, ...]:
        return await find_vtns(self._around.settings.discovery.interfaces)

    @property
    def _csms(self) -> CsmsSettings | None:
        return self._around.settings.ocpp.csms

    def _register_csms(self) -> None:
        if self._csms is not None:
            self._book.register(EVC_SP, self._csms.name, NEEDED, CSMS_WORDS)

    def _register(self, descriptor: Descriptor) -> None:
        # The same provider may have a CSMS, which needs more than its offers do.
        has_csms = descriptor.sp_id == EVC_SP and self._csms is not None
        also, words = (NEEDED, CSMS_WORDS) if has_csms else ((), "")
        self._book.register(descriptor.sp_id, descriptor.name, {*descriptor.data, *also}, words)

    async def _void(self, sp_id: str, data_classes: Collection[DataClass]) -> int:
        count = await self._outbox.void(sp_id, data_classes)
        if sp_id == EVC_SP and self._around.void_stations is not None:
            count += await self._around.void_stations()
        return count

    def _new_relay(self) -> Relay:
        return Relay(
            outbox=self._outbox,
            uplink=self.uplink,
            clock=self._around.clock,
            on_receipt=self._tell.receipt,
            may_leave=self._book.check,
            allows=self._book.allows,
            notice=self._tell.notice,
        )

    def _rounds(self, certificates: FlowCertificates) -> tuple[Revocation, Renewal]:
        around, tell = self._around, self._tell
        revocation = Revocation(
            certificates=certificates,
            flows=self._looked_after,
            clock=around.machine_clock,
            changed=self._look_again,
            notice=tell.notice,
        )
        renewal = Renewal(
            certificates=certificates,
            flows=self._looked_after,
            clock=around.machine_clock,
            renewed=self._has_certificate,
            expired=self._expired,
            notice=tell.notice,
        )
        return revocation, renewal

    def _new_operations(self, certificates: FlowCertificates) -> ProviderOperations:
        around = self._around
        return ProviderOperations(
            pairings=self._pairings,
            certificates=certificates,
            revocation=self._revocation,
            clock=around.clock,
            hub_card=identity.hub_card(around.keys.sign_pem, around.keys.encryption_pem),
            paired=self._paired,
            unpaired=self._unpaired,
            forgotten=self._look_again,
            certificate_changed=self._has_certificate,
        )

    async def _obstacle(self, sp_id: str) -> tuple[str, str]:
        """Why there is no way to this provider, and what to do; both empty where nothing is in the way."""
        if sp_id == GRID_SP and await self._lacks_secret():
            return "its client secret is missing", f"Stop the hub and enter it: homeapp secret {GRID_SP_SECRET}"
        standing = self._flows_source.standing(sp_id)
        if standing is not None and standing.enrolment is not Enrolment.VALID:
            return f"the hub's certificate: {standing.enrolment}", f"Enrol the hub: homeapp providers enrol {sp_id}"
        if not self._book.allows(sp_id, DataClass.IDENTITY):
            return (
                "not connected: nobody has agreed that it knows this home",
                f"Agree on the page Sharing, or with: homeapp sharing allow {sp_id} identity",
            )
        return "", ""

    async def _lacks_secret(self) -> bool:
        grid = self._around.settings.grid_sp
        needs_one = grid is not None and bool(grid.client_id)
        return needs_one and await asyncio.to_thread(self._around.secrets.get, GRID_SP_SECRET) is None

    async def _grid(self) -> Provider:
        settings = self._around.settings.grid_sp
        secret = await asyncio.to_thread(self._around.secrets.get, GRID_SP_SECRET)
        if settings is None or (settings.client_id and secret is None):
            raise SettingsInvalid(f"Its client secret is missing. Enter it with: homeapp secret {GRID_SP_SECRET}")
        site = self._around.settings.site.site()
        return GridSp(
            settings=settings,
            client_secret=secret or "",
            signer=self._signer,
            hub_id=self._signer.key_id,
            clock=self._around.clock,
            allows=partial(self._book.allows, GRID_SP),
            charger_w=site.max_current_a * site.voltage_v * site.phases,
        )

    async def _paired(self, sp_id: str) -> None:
        await self._flows_source.refresh(sp_id)
        pairing = self._flows_source.pairing(sp_id)
        if pairing is not None:
            self._register(pairing.descriptor)
        self._wake()

    async def _unpaired(self, sp_id: str) -> None:
        # Only an installer unpairs.
        await self._sharing.forget(sp_id, api.Role.INSTALLER)
        if sp_id == EVC_SP:
            self._register_csms()
        self._flows.changed()

    async def _has_certificate(self, sp_id: str) -> None:
        await self._look_again(sp_id)
        if (standing := self._flows_source.standing(sp_id)) is not None:
            await self._pairings.note_certificate(sp_id, standing.not_after)

    async def _look_again(self, sp_id: str) -> None:
        await self._flows_source.refresh(sp_id)
        self._wake()

    async def _expired(self, _sp_id: str) -> None:
        # Who tells of it is not to be woken by that.
        await self._flows_source.refresh()
        self._flows.changed()

    def _wake(self) -> None:
        self._renewal.wake()
        self._revocation.wake()
        self._flows.changed()

    async def _looked_after(self) -> tuple[Descriptor, ...]:
        """Those whose certificates are looked after: without the owner's consent even the operator hears nothing.

        After it was taken back that lasts until all is deleted at the provider, since there is no way to it without.
        """
        flows = await self._flows_source.descriptors()
        return tuple(one for one in flows if self._is_agreed(one.sp_id) or self._sharing.is_due(one.sp_id))

    def _is_agreed(self, sp_id: str) -> bool:
        return self._book.allows(sp_id, DataClass.IDENTITY)

    def _sharing_changed(self, _sp_id: str, _revoked: Collection[DataClass]) -> None:
        agreed = frozenset(view.sp_id for view in self._book.views() if self._is_agreed(view.sp_id))
        if agreed != self._agreed:
            # Not with every change: what is tried again in vain is to keep its pauses.
            self._agreed = agreed
            self._renewal.wake()
            self._revocation.wake()
        self._flows.changed()
        self._tell.sharing_changed()
