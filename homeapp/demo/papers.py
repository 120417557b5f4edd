"""What the companies of the street give to a customer by hand: a descriptor as a file, and a letter with the rest."""

from dataclasses import dataclass
from pathlib import Path

from homeapp.demo.operator.descriptors import printed_fingerprint
from homeapp.demo.operator.providers_side import ProvidersSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Of one company.

    Attributes:
        descriptor: the file to pair with.
        fingerprint: printed, to be compared with what the screen shows.
        user, password: for the certificate; the password holds once.
    """

    company: str
    descriptor: Path
    fingerprint: str
    user: str
    password: str


def hand_out(providers: ProvidersSide, ports: dict[str, int], directory: Path) -> dict[str, Papers]:
    """Papers by provider id, the descriptors written into ``directory``; blocks.

    Args:
        providers: the companies.
        directory: for the files; made if missing.
        ports: where the hub reaches the broker, by provider.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return {sp_id: _papers(providers, sp_id, ports[sp_id], directory) for sp_id in providers.customers}


def _papers(providers: ProvidersSide, sp_id: str, port: int, directory: Path) -> Papers:
    text = providers.descriptor(sp_id, port)
    path = directory / f"{sp_id}.json"
    path.write_text(text)
    user = providers.hub_ae_ids[sp_id]
    return Papers(
        company=providers.customers[sp_id].name,
        descriptor=path,
        fingerprint=printed_fingerprint(text),
        user=user,
        password=providers.registration.one_time_password(user),
    )
