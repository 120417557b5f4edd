"""The owner agrees to what a provider asks for, having read the words."""

from collections.abc import Collection

from homeapp import api
from homeapp.client import Client
from homeapp.model.consent import DataClass


async def agree(client: Client, sp_id: str, data_classes: Collection[DataClass]) -> None:
    """Let a provider that is known have these kinds of data."""
    (asked,) = [provider for provider in await client.call(api.GetSharing()) if provider.sp_id == sp_id]
    versions = {entry.data_class: entry.text_version for entry in asked.entries}
    for data_class in data_classes:
        await client.call(
            api.SetConsent(sp_id=sp_id, data_class=data_class, granted=True, text_version=versions[data_class])
        )
