"""The calls of OpenADR 3.1 that a VEN needs, with a token, page by page."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from homeapp.errors import ProviderUnreachable
from homeapp.https import http_client
from homeapp.ports import Clock
from homeapp.providers.grid_sp.exchange import Answer, Call, Params, client_context, exchange
from homeapp.providers.grid_sp.login import Login
from homeapp.settings import GridSpSettings

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
        async with http_client(await self.tls()) as http:
            yield VtnConnection(http, self._login, self._settings)

    async def tls(self) -> ssl.SSLContext:
        """The TLS settings, for the VTN's other servers.

        Raises:
            ProviderUnreachable: the certificate authority's file cannot be used.
        """
        if self._tls is None:
            self._tls = await asyncio.to_thread(client_context, self._settings.ca_file)
        return self._tls

    async def forget_token(self) -> None:
        """Somebody else than the VTN did not accept the token, for instance its broker; the next one is a new one."""
        await self._login.renew()


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

    async def programs(self, targets: Sequence[str] = ()) -> list[Any]:
        """All programs that this VEN may see, some of them perhaps twice.

        Args:
            targets: that this VEN was given; what is meant for them is shown only to who asks for it.
        """
        return await self._list_targeted("/programs", {}, targets)

    async def events(self, program_id: str, targets: Sequence[str] = ()) -> list[Any]:
        """All events of a program; servers were seen to add those of others, and each one twice."""
        return await self._list_targeted("/events", {"programID": program_id}, targets)

    async def read(self, path: str) -> Any:
        """One object, or None where there is none, it may not be seen, or it is no JSON."""
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

    async def add_report(self, report: dict[str, object], program_id: str = "") -> Answer:
        """POST a report; the caller judges the answer.

        Args:
            report: as 3.1 has it.
            program_id: of its event; OpenADR 3.0.1 wants to be told.
        """
        answer = await self._call("POST", "/reports", content=report)
        if answer.status == httpx.codes.BAD_REQUEST and program_id:
            return await self._call("POST", "/reports", content=report | {"programID": program_id})
        return answer

    async def add(self, path: str, content: dict[str, object]) -> Answer:
        """POST any other object; the caller judges the answer."""
        return await self._call("POST", path, content=content)

    async def listed(self, path: str, **params: str) -> list[Any]:
        """All objects at ``path`` that match.

        Raises:
            NotReadable: the VTN does not let them be listed.
        """
        return await self._list(path, params)

    async def reports(self, client_name: str) -> list[Any]:
        """All reports of this client."""
        return await self._list("/reports", {"clientName": client_name})

    async def delete(self, path: str) -> int:
        """DELETE an object; the status of the answer."""
        return (await self._call("DELETE", path)).status

    async def bearer(self) -> str | None:
        """The token that the VTN's broker takes for a password; None without a client id."""
        return await self._login.token(self._http)

    @property
    def client_id(self) -> str:
        """The OAuth 2 client; empty where the hub has none."""
        return self._login.client_id

    async def _list_targeted(self, path: str, params: Params, targets: Sequence[str]) -> list[Any]:
        found = await self._list(path, params)
        if targets:
            found += await self._list(path, {**params, "targets": list(targets)})
        return found

    async def _list(self, path: str, params: Params) -> list[Any]:
        found: list[Any] = []
        before: object = None
        for page in range(_MOST_PAGES):
            paging = {"skip": str(page * PAGE), "limit": str(PAGE)}
            answer = await self._call("GET", path, params={**params, **paging})
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

    async def _call(self, method: str, path: str, *, params: Params | None = None, content: object = None) -> Answer:
        token = await self._login.token(self._http)
        answer = await self._send(method, path, params, content, token)
        if answer.status not in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return answer
        # Either may stand for a token that is over: fetch one anew, once.
        self._login.forget(token)
        token = await self._login.token(self._http)
        return await self._send(method, path, params, content, token)

    async def _send(self, method: str, path: str, params: Params | None, content: object, token: str | None) -> Answer:
        call = Call(method=method, url=self._base + path, params=params, content=content, token=token)
        return await exchange(self._http, call, self._settings.name)

    def _unusable(self, status: int) -> ProviderUnreachable:
        name = self._settings.name
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return NotReadable(f"{name} lets the hub log in but not read. Ask the provider to allow it.")
        kind = NotReadable if httpx.codes.is_client_error(status) else ProviderUnreachable
        return kind(f"{name} answers in a way that the hub cannot use (status {status}). The hub tries again.")
