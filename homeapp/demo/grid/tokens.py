"""The demo VTN's token endpoint: OAuth 2 client credentials (RFC 6749, 4.4; OpenADR 3.1, "OAuth 2.0")."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_plus

from homeapp.demo.grid.accounts import ANYBODY, Account
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.http_server import HttpRequest
from homeapp.ports import Clock

TOKEN_LIFE_S = 3600
_STALE_AFTER = 3
"""Requests that a token of a server with stale tokens is good for."""


@dataclass(slots=True)
class _Token:
    account: Account
    over_s: float
    uses: int = 0


class Tokens:
    """Gives out tokens and knows whose they are; iterating yields those that are known."""

    def __init__(self, clock: Clock, accounts: Sequence[Account]) -> None:
        self._clock = clock
        self._accounts = {account.client_id: account for account in accounts}
        self._tokens: dict[str, _Token] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def account(self, client_id: str) -> Account | None:
        """The client of that id, or None."""
        return self._accounts.get(client_id)

    def forget_all(self) -> None:
        """As after a restart of the login server."""
        self._tokens.clear()

    def issue(self, request: HttpRequest, oddities: Oddities) -> tuple[Account, dict[str, object]]:
        """Who logs in, and the clientCredentialResponse.

        Raises:
            VtnRefusal: 400 where it is no such request, 401 or 403 where the credentials are wrong.
        """
        form = {key: found[0] for key, found in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            raise VtnRefusal(400, "Only client_credentials are served", error="unsupported_grant_type")
        client_id, secret = _credentials(request, form, oddities)
        account = self._accounts.get(client_id)
        if account is None or not hmac.compare_digest(account.secret.encode(), secret.encode()):
            raise VtnRefusal(403 if oddities.form_only else 401, "Id or secret is wrong", error="invalid_client")
        now_s = self._clock.monotonic()
        self._tokens = {token: known for token, known in self._tokens.items() if known.over_s > now_s}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = _Token(account, now_s + TOKEN_LIFE_S)
        answer: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        if oddities.no_expiry:
            return account, answer | {"scope": list(account.scopes)}
        return account, answer | {"scope": " ".join(account.scopes), "expires_in": TOKEN_LIFE_S}

    def owner(self, request: HttpRequest, oddities: Oddities, *, public: bool) -> Account:
        """Whose token a request carries.

        Args:
            request: with or without the header Authorization.
            oddities: as they are now.
            public: a request without a token is anybody's.

        Raises:
            VtnRefusal: 401, or 403 where the oddities say so.
        """
        told = request.headers.get("authorization", "")
        if not told:
            if public:
                return ANYBODY
            raise VtnRefusal(401, "No token")
        known = self._tokens.get(told.removeprefix("Bearer "))
        if known is not None:
            known.uses += 1
            stale = oddities.short_lived_tokens and known.uses > _STALE_AFTER
            if known.over_s > self._clock.monotonic() and not stale:
                return known.account
        raise VtnRefusal(403 if oddities.forbidden_for_dead_token else 401, "The token is not valid")


def _credentials(request: HttpRequest, form: Mapping[str, str], oddities: Oddities) -> tuple[str, str]:
    """RFC 6749 clause 2.3.1: HTTP Basic, or id and secret in the form body."""
    basic = request.headers.get("authorization", "")
    if basic.startswith("Basic "):
        if oddities.form_only:
            raise VtnRefusal(400, "client_id and client_secret belong into the form", error="invalid_request")
        try:
            client_id, _, secret = base64.b64decode(basic.removeprefix("Basic "), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise VtnRefusal(400, "The credentials cannot be read", error="invalid_request") from error
        return unquote_plus(client_id), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")
