"""Who vouches for the firmware of charging stations: certificates that the installer pins per vendor."""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from homeapp.errors import SettingsInvalid


def vendor_roots(files: Mapping[str, str], data_dir: Path) -> dict[str, tuple[x509.Certificate, ...]]:
    """The authorities by vendor, whose names are made small letters; blocks.

    Args:
        files: PEM files by vendor; names without a leading slash are those of files in ``data_dir``.
        data_dir: the data directory.

    Raises:
        SettingsInvalid: a file cannot be read or holds no certificate.
    """
    return {vendor.casefold(): _read(vendor, data_dir / name) for vendor, name in files.items()}


def _read(vendor: str, path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SettingsInvalid(
            f"ocpp.vendor_roots: {path} of {vendor} cannot be read or holds no certificate. Get it from the charger's "
            "maker as a PEM file, or take the line out of the settings."
        ) from error
