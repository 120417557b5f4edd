"""Calls about service providers: what they may get, how the home is paired with them, and the way to them."""

from dataclasses import dataclass, field

from homeapp.api.base import Call, Role
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.local_vtn import FoundVtn
from homeapp.model.pairing import DescriptorView, PairedProvider
from homeapp.model.uplink import UplinkView


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSharing(Call[tuple[ProviderSharing, ...]]):
    """What each provider may get, and what it has got."""

    method = "sharing.get"
    role = Role.GUEST
    answer = tuple[ProviderSharing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConsent(Call[ProviderSharing]):
    """Agree to one kind of data for one provider, or take that back; taking IDENTITY back takes all back.

    To refuse what was never agreed to is a decision too: it is kept, and ``SharingEntry.changed_at`` tells of it.

    Attributes:
        text_version: of the words that were shown.

    Raises:
        NotFound: no such provider, or it does not ask for this.
        WrongState: the words have changed since they were shown.
    """

    sp_id: str
    data_class: DataClass
    granted: bool
    text_version: int

    method = "sharing.set"
    role = Role.OWNER
    answer = ProviderSharing


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders(Call[tuple[PairedProvider, ...]]):
    """Providers that the home is paired with."""

    method = "providers.list"
    role = Role.GUEST
    answer = tuple[PairedProvider, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDescriptor(Call[DescriptorView]):
    """What a provider's descriptor says and its fingerprint; nothing is kept.

    Raises:
        SettingsInvalid: it is none, or damaged.
    """

    text: str

    method = "providers.read_descriptor"
    role = Role.INSTALLER
    answer = DescriptorView


@dataclass(frozen=True, slots=True, kw_only=True)
class PairProvider(Call[PairedProvider]):
    """Pair with the provider of this descriptor, or replace its older one.

    Attributes:
        fingerprint: as the installer has compared it.

    Raises:
        SettingsInvalid: the descriptor is none, or damaged.
        WrongState: the fingerprint is another one.
    """

    text: str
    fingerprint: str

    method = "providers.pair"
    role = Role.INSTALLER
    answer = PairedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairProvider(Call[None]):
    """Forget a provider: consents, certificate and keys with it.

    Raises:
        NotFound: it is not paired.
    """

    sp_id: str

    method = "providers.unpair"
    role = Role.INSTALLER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolProvider(Call[PairedProvider]):
    """Get a certificate for this flow from the system operator (EST, RFC 7030).

    Attributes:
        user, password: given by the operator for one enrolment; not kept.

    Raises:
        NotFound: it is not paired.
        NotSupported: the descriptor names no enrolment server; bring a certificate in.
        ProviderUnreachable, ProviderRefused: of the enrolment server.
    """

    sp_id: str
    user: str
    password: str = field(repr=False)

    method = "providers.enrol"
    role = Role.INSTALLER
    answer = PairedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCertificateRequest(Call[str]):
    """A PKCS#10 request, PEM, to be signed by the system operator by hand.

    Raises:
        NotFound: it is not paired.
    """

    sp_id: str

    method = "providers.certificate_request"
    role = Role.INSTALLER
    answer = str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCertificate(Call[PairedProvider]):
    """Bring a certificate (chain), PEM, in.

    Raises:
        NotFound: it is not paired.
        SettingsInvalid: it is not for the hub's key, not for this AE-ID, not in force, or not by the operator's CA.
    """

    sp_id: str
    pem: str

    method = "providers.import_certificate"
    role = Role.INSTALLER
    answer = PairedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHubCard(Call[str]):
    """The hub's public keys for a provider's records: a JWK set (RFC 7517) as JSON text."""

    method = "providers.hub_card"
    role = Role.GUEST
    answer = str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindVtns(Call[tuple[FoundVtn, ...]]):
    """Grid operators' servers that announce themselves in the home; takes some seconds, changes nothing.

    Raises:
        EnvironmentProblem: the hub cannot listen for them.
    """

    method = "providers.find_vtns"
    role = Role.INSTALLER
    answer = tuple[FoundVtn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUplink(Call[UplinkView]):
    """How the way out of the home stands and what it has carried."""

    method = "uplink.get"
    role = Role.GUEST
    answer = UplinkView
