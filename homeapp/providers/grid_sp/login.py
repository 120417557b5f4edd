"""OAuth 2 client credentials at a VTN (OpenADR 3.1, "Authentication"; RFC 6749, 4.4); without them, anonymously."""

import asyncio
import logging
import re
from decimal import Decimal
from typing import Any

import httpx

from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.ports import Clock
from homeapp.providers.grid_sp.exchange import Answer, Call, exchange
from homeapp.redaction import redact
from homeapp.settings import GridSpSettings

logger = logging.getLogger(__name__)

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REFUSING = (400, 401, 403)
"""A wrong secret was seen to be answered with each of them."""
_HTTPS = 443
_UNTOLD_LIFE_S = 3600.0
_LONGEST_LIFE_S = 86_400.0


class CredentialsRefused(ProviderRefused):
    """The VTN does not know the client id or its secret."""


class Login:
    """Keeps one bearer token, shared by everything that talks to the VTN.

    Args:
        settings: where and as whom.
        client_secret: goes into the form body of the token request and nowhere else.
        clock: for the token's age.
    """

    def __init__(self, *, settings: GridSpSettings, client_secret: str, clock: Clock) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._fresh_until = 0.0

    @property
    def client_id(self) -> str:
        """The OAuth 2 client; empty where the hub has none."""
        return self._settings.client_id

    async def token(self, http: httpx.AsyncClient) -> str | None:
        """A token that should be valid; fetched where there is none or it is nearly over.

        Returns:
            None where the hub has no client id: such a VEN should try anonymously.

        Raises:
            CredentialsRefused: a person has to correct id or secret.
            ProviderUnreachable: no usable answer.
        """
        if not self._settings.client_id:
            return None
        async with self._lock:
            if self._token is None or self._clock.monotonic() >= self._fresh_until:
                self._token = await self._fetch(http)
            return self._token

    def forget(self, token: str | None) -> None:
        """The VTN did not accept this token; a newer one is kept.

        Raises:
            CredentialsRefused: it was tried without any.
        """
        if token is None:
            raise CredentialsRefused(
                f"{self._settings.name} lets nobody read without logging in. Enter the client id and the secret that "
                "the provider has issued."
            )
        if self._token == token:
            self._token = None

    async def renew(self) -> None:
        """The token is of no use any more; the next one is fetched."""
        async with self._lock:
            self._token = None

    async def _fetch(self, http: httpx.AsyncClient) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._client_secret,
        }
        name = self._settings.name
        call = Call(method="POST", url=await self._token_url(http), form=form)
        answer = await exchange(http, call, name)
        if answer.status in _REFUSING:
            raise CredentialsRefused(
                f"{name} does not accept the hub's client id or secret. Enter the ones that the provider has issued."
            )
        told = _members(answer)
        token = told.get("access_token")
        if answer.status != httpx.codes.OK or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ProviderUnreachable(f"{name} does not let the hub log in at the moment. The hub tries again.")
        redact(token)
        self._fresh_until = self._clock.monotonic() + _use_for_s(told.get("expires_in"))
        logger.debug("grid_sp: a new token was fetched")
        return token

    async def _token_url(self, http: httpx.AsyncClient) -> str:
        """As the VTN tells it, else the place that the standard suggests."""
        base = self._settings.vtn_url.rstrip("/")
        answer = await exchange(http, Call(method="GET", url=f"{base}/auth/server"), self._settings.name)
        told = _members(answer).get("tokenURL") if answer.status == httpx.codes.OK else None
        if not isinstance(told, str):
            return f"{base}/auth/token"
        try:
            own = httpx.URL(f"{base}/auth/server")
            url = own.join(told)
        except (httpx.InvalidURL, ValueError) as error:
            raise self._unsafe_address() from error
        if url.scheme != "https" or not (_origin(url) == _origin(own) or self._is_configured(url)):
            raise self._unsafe_address()
        return str(url)

    def _is_configured(self, url: httpx.URL) -> bool:
        """Whether somebody has entered this host as the one that may have the secret."""
        host = self._settings.token_host.lower()
        port = _origin(url)[1]
        return bool(host) and host in ({f"{url.host}:{port}", url.host} if port == _HTTPS else {f"{url.host}:{port}"})

    def _unsafe_address(self) -> ProviderUnreachable:
        return ProviderUnreachable(
            f"{self._settings.name} names an address for logging in that is not its own, or not safe. The hub has sent "
            "nothing there. If it is right, enter its host as token_host in the settings."
        )


def _origin(url: httpx.URL) -> tuple[str, int]:
    return url.host, url.port or _HTTPS


def _members(answer: Answer) -> dict[str, Any]:
    told = answer.content()
    return told if isinstance(told, dict) else {}


def _use_for_s(expires_in: object) -> float:
    """How long to use a token, s: renewed before it ends; servers were seen to leave ``expires_in`` out."""
    if not isinstance(expires_in, Decimal) or not expires_in.is_finite() or expires_in <= 0:
        return _UNTOLD_LIFE_S
    told = min(float(expires_in), _LONGEST_LIFE_S)
    return max(told - 60, told / 2)
