"""The owner agrees to what a provider asks for, or takes it back, having read the words."""

from collections.abc import Collection

from homeapp import api
from homeapp.client import Client
from homeapp.model.consent import DataClass


async def decide(client: Client, sp_id: str, data_classes: Collection[DataClass], *, granted: bool = True) -> None:
    """Let a provider that is known have these kinds of data, or no longer."""
    (asked,) = [provider for provider in await client.call(api.GetSharing()) if provider.sp_id == sp_id]
    versions = {entry.data_class: entry.text_version for entry in asked.entries}
    for data_class in data_classes:
        await client.call(
            api.SetConsent(sp_id=sp_id, data_class=data_class, granted=granted, text_version=versions[data_class])
        )
