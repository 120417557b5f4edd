"""Requests of the hub to the CSE, over whatever transport is attached."""

import uuid
from collections.abc import Mapping
from typing import Any

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import Operation, Request, ResourceType, Response
from homeapp.providers.onem2m.transport import Transport


class Exchange:
    """Sends requests as the AE ``ae_id``."""

    def __init__(self, ae_id: str) -> None:
        self._ae_id = ae_id
        self._transport: Transport | None = None

    def attach(self, transport: Transport) -> None:
        """Send over this transport from now on."""
        self._transport = transport

    def detach(self) -> None:
        """There is no transport any more."""
        self._transport = None

    async def request(
        self,
        operation: Operation,
        to: str,
        *,
        kind: ResourceType | None = None,
        result_content: int | None = None,
        criteria: Mapping[str, int] | None = None,
        content: dict[str, Any] | None = None,
    ) -> Response:
        """Send a request and wait for its answer, whatever that says.

        Args:
            operation: what is asked for.
            to: address of the resource.
            kind: of a resource to create.
            result_content: what the answer shall contain (TS-0004 clause 6.3.4.2.7).
            criteria: filter criteria (TS-0001 table 8.1.2-2).
            content: primitive content.

        Raises:
            ProviderUnreachable: no link, or no answer within 10 s.
            MessageRejected: the answer is not as agreed.
        """
        if self._transport is None:
            raise ProviderUnreachable("There is no connection to the system operator at the moment.")
        request = Request(
            op=operation,
            to=to,
            fr=self._ae_id,
            rqi=uuid.uuid4().hex,
            ty=kind,
            rcn=result_content,
            fc=dict(criteria) if criteria else None,
            pc=content,
        )
        return await self._transport.request(request)
