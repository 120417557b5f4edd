"""Whether the owner has decided about a provider, which is asked of commissioning."""

from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry


def is_decided(provider: ProviderSharing) -> bool:
    """The owner has said something about it, be it that it gets nothing."""
    return any(entry.changed_at is not None for entry in provider.entries)


def undecided(sharing: tuple[ProviderSharing, ...] | None) -> tuple[ProviderSharing, ...]:
    """Those that wait for the owner's word."""
    return tuple(provider for provider in sharing or () if not is_decided(provider))


def refusable(provider: ProviderSharing) -> SharingEntry | None:
    """What is refused where a provider gets nothing: without IDENTITY there is no link, so nothing else counts."""
    identity = (entry for entry in provider.entries if entry.data_class is DataClass.IDENTITY)
    return next(identity, None) or next(iter(provider.entries), None)
