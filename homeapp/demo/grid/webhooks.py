"""The demo VTN's webhooks: subscriptions are verified and told of changes (OpenADR 3.1, "Webhooks")."""

import asyncio
import json
import secrets
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from homeapp.demo.grid.notification import encoded, notification
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.store import Json, Operation, VtnStore
from homeapp.demo.grid.tokens import Tokens
from homeapp.demo.grid.views import Views

_TIMEOUT_S = 10.0
_LARGEST_ECHO = 4096


@dataclass(frozen=True, slots=True)
class _Call:
    url: str
    bearer_token: str | None
    body: bytes


class Webhooks:
    """Tells those who have subscribed; an address that fails once is called no more.

    Args:
        store, views: what there is, and who sees what.
        tokens: to know whose subscription it is.
        tls: what callbacks' certificates are checked against.

    Attributes:
        oddities: may be replaced at any time.
        broken: addresses that are called no more.
    """

    def __init__(self, store: VtnStore, views: Views, tokens: Tokens, tls: ssl.SSLContext | None) -> None:
        self.oddities = Oddities()
        self.broken: set[str] = set()
        self._store = store
        self._views = views
        self._tokens = tokens
        self._tls = tls
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()

    async def verify(self, subscription: Json) -> None:
        """Each callback address is HTTPS and gives the echo that it is asked for.

        Raises:
            VtnRefusal: 400, one does not.
        """
        if self.oddities.broken_webhooks:
            return
        for url in {told["callbackUrl"] for told in subscription["objectOperations"]}:
            if urlsplit(url).scheme != "https":
                raise VtnRefusal(400, "A callbackUrl begins with https")
            echo = secrets.token_urlsafe(16)
            try:
                async with self._http() as http:
                    answer = await http.get(url, params={"echo": echo})
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise VtnRefusal(400, "The callbackUrl does not answer") from error
            if answer.status_code != httpx.codes.OK or echo not in answer.text[:_LARGEST_ECHO]:
                raise VtnRefusal(400, "The callbackUrl does not give the echo back")

    def tell(self, operation: Operation, changed: Json) -> None:
        """Line up what has to be sent."""
        for subscription in self._store.every("subscriptions"):
            shown = self._shown_to(subscription, changed)
            if shown is None:
                continue
            body = encoded(notification(operation, shown))
            if self.oddities.broken_webhooks:
                body = json.dumps(body.decode()).encode()
            for told in subscription["objectOperations"]:
                if operation in told["operations"] and changed["objectType"] in told["objects"]:
                    self._calls.put_nowait(_Call(told["callbackUrl"], told.get("bearerToken"), body))

    async def run(self) -> None:
        """Send what is lined up, until cancelled."""
        while True:
            call = await self._calls.get()
            if call.url not in self.broken and not await self._sent(call):
                self.broken.add(call.url)

    async def _sent(self, call: _Call) -> bool:
        headers = {"Content-Type": "application/json"}
        if call.bearer_token:
            headers["Authorization"] = f"Bearer {call.bearer_token}"
        try:
            async with self._http() as http:
                return (await http.post(call.url, content=call.body, headers=headers)).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._tls or True, trust_env=False, timeout=_TIMEOUT_S)

    def _shown_to(self, subscription: Json, changed: Json) -> Json | None:
        account = self._tokens.account(subscription["clientID"])
        program_id = changed["id"] if changed["objectType"] == "PROGRAM" else changed.get("programID")
        if account is None or subscription.get("programID", program_id) != program_id:
            return None
        wanted = subscription.get("targets")
        if account.sees_all:
            return changed if not wanted or set(wanted) & set(changed.get("targets") or ()) else None
        if changed["objectType"] not in ("PROGRAM", "EVENT"):
            return changed if changed["clientID"] == account.client_id else None
        shown = self._views.sees(account.client_id, changed)
        if shown is None or (shown.get("targets") and not set(shown["targets"]) & set(wanted or ())):
            return None
        return shown
