"""The calls of OpenADR 3.1 that a VEN needs, with a token, page by page."""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from homeapp.errors import ProviderUnreachable
from homeapp.https import http_client
from homeapp.ports import Clock
from homeapp.providers.grid_sp.exchange import Answer, Call, client_context, exchange
from homeapp.providers.grid_sp.login import Login
from homeapp.settings import GridSpSettings

logger = logging.getLogger(__name__)

TRY_AGAIN = (
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_MANY_REQUESTS,
)
"""Statuses after which the same request may be welcome later."""
PAGE = 50
"""The largest page that the standard allows."""
_MOST_PAGES = 40


class NotReadable(ProviderUnreachable):
    """The VTN answers, but does not let this be read."""


class VtnClient:
    """Opens connections to one VTN that share a token and the TLS settings."""

    def __init__(self, *, settings: GridSpSettings, client_secret: str, clock: Clock) -> None:
        self._settings = settings
        self._login = Login(settings=settings, client_secret=client_secret, clock=clock)
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connected(self) -> "AsyncGenerator[VtnConnection, None]":
        """A connection; nothing is sent before its first call.

        Raises:
            ProviderUnreachable: the certificate authority's file cannot be used.
        """
        if self._tls is None:
            self._tls = await asyncio.to_thread(client_context, self._settings.ca_file)
        async with http_client(self._tls) as http:
            yield VtnConnection(http, self._login, self._settings)


class VtnConnection:
    """Calls to the VTN.

    Raises (all):
        CredentialsRefused: id or secret is not accepted.
        ProviderUnreachable: no answer, or one that cannot be used.
    """

    def __init__(self, http: httpx.AsyncClient, login: Login, settings: GridSpSettings) -> None:
        self._http = http
        self._login = login
        self._settings = settings
        self._base = settings.vtn_url.rstrip("/")

    async def programs(self) -> list[Any]:
        """All programs that this VEN may see."""
        return await self._list("/programs", {})

    async def events(self, program_id: str) -> list[Any]:
        """All events of a program; servers were seen to add those of others, and each one twice."""
        return await self._list("/events", {"programID": program_id})

    async def enrol(self, ven_name: str) -> None:
        """Make the ven object, or find that there is one for this client already."""
        body = {"objectType": "VEN_VEN_REQUEST", "venName": ven_name}
        answer = await self._call("POST", "/vens", content=body)
        match answer.status:
            case httpx.codes.CREATED | httpx.codes.OK:
                logger.info("grid_sp: registered as ven %s", ven_name)
            case httpx.codes.CONFLICT:
                vens = await self._list("/vens", {})
                logger.info("grid_sp: registered already; the VTN lists %d ven objects of this client", len(vens))
            case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise self._unusable(status)
            case status:
                # Prices can be read without; whether reports need it will show there.
                logger.warning("grid_sp: the VTN does not make a ven object (status %d); going on without", status)

    async def read(self, path: str) -> Any:
        """One object, or None where there is none or it may not be seen."""
        answer = await self._call("GET", path)
        if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self._unusable(answer.status)
        return answer.content() if answer.status == httpx.codes.OK else None

    async def report_id(self, event_id: str, client_name: str, report_name: str) -> str | None:
        """The id of this client's report with that name; None where there is none or reports cannot be read."""
        try:
            reports = await self._list("/reports", {"eventID": event_id, "clientName": client_name})
        except NotReadable:
            return None
        for report in reports:
            if isinstance(report, dict) and report.get("reportName") == report_name:
                return str(report.get("id", ""))[:128]
        return None

    async def add_report(self, report: dict[str, object]) -> Answer:
        """POST a report; the caller judges the answer."""
        return await self._call("POST", "/reports", content=report)

    async def reports(self, client_name: str) -> list[Any]:
        """All reports of this client."""
        return await self._list("/reports", {"clientName": client_name})

    async def delete_report(self, report_id: str) -> int:
        """DELETE a report; the status of the answer."""
        return (await self._call("DELETE", f"/reports/{report_id}")).status

    async def _list(self, path: str, params: dict[str, str]) -> list[Any]:
        found: list[Any] = []
        before: object = None
        for page in range(_MOST_PAGES):
            paging = {"skip": str(page * PAGE), "limit": str(PAGE)}
            answer = await self._call("GET", path, params=params | paging)
            told = answer.content()
            if answer.status != httpx.codes.OK or not isinstance(told, list):
                raise self._unusable(answer.status)
            # A server that does not know paging sends the same again.
            if told == before:
                return found
            found.extend(told)
            if len(told) < PAGE:
                return found
            before = told
        raise NotReadable(f"{self._settings.name} offers more than the hub can read. Tell the provider.")

    async def _call(
        self, method: str, path: str, *, params: dict[str, str] | None = None, content: object = None
    ) -> Answer:
        token = await self._login.token(self._http)
        answer = await self._send(method, path, params, content, token)
        if answer.status not in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return answer
        # Either may stand for a token that is over: fetch one anew, once.
        self._login.forget(token)
        token = await self._login.token(self._http)
        return await self._send(method, path, params, content, token)

    async def _send(self, method: str, path: str, params: dict[str, str] | None, content: object, token: str) -> Answer:
        call = Call(method=method, url=self._base + path, params=params, content=content, token=token)
        return await exchange(self._http, call, self._settings.name)

    def _unusable(self, status: int) -> ProviderUnreachable:
        name = self._settings.name
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return NotReadable(f"{name} lets the hub log in but not read. Ask the provider to allow it.")
        kind = NotReadable if httpx.codes.is_client_error(status) else ProviderUnreachable
        return kind(f"{name} answers in a way that the hub cannot use (status {status}). The hub tries again.")
