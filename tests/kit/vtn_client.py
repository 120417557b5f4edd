"""A demo VTN without a socket, and clients of it whose every exchange is held against the published description."""

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.vtn import BASE_PATH, DemoVtn, VtnOptions
from homeapp.demo.http_server import HttpRequest
from kit.clocks import StandingClock
from kit.openadr_description import description

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
VEN, OTHER_VEN, BUSINESS, READER = "ven-0001", "ven-0002", "bl-0001", "reader-0001"
SECRETS = {name: f"secret of {name}" for name in (VEN, OTHER_VEN, BUSINESS, READER)}


def make_vtn(clock: StandingClock | None = None, oddities: Oddities | None = None, **options: Any) -> DemoVtn:
    """A VTN with two VENs, one business logic client and one that reads prices."""
    accounts = (Account(OTHER_VEN, SECRETS[OTHER_VEN]), Account(BUSINESS, SECRETS[BUSINESS], Role.BUSINESS))
    vtn = DemoVtn(
        clock=clock or StandingClock(NOON),
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        client_id=VEN,
        client_secret=SECRETS[VEN],
        prices=PriceCurve(),
        readers={READER: SECRETS[READER]},
        options=VtnOptions(accounts=accounts, **options),
    )
    vtn.oddities = oddities or Oddities()
    return vtn


class VtnClient:
    """One client; ``seen`` collects method, path template and status of what was checked."""

    def __init__(self, vtn: DemoVtn, client_id: str, *, by_the_book: bool = True, base_path: str = BASE_PATH) -> None:
        self.seen: set[tuple[str, str, int]] = set()
        self.token: str | None = None
        self._vtn = vtn
        self._client_id = client_id
        self._by_the_book = by_the_book
        self._base_path = base_path

    def log_in(self, secret: str | None = None) -> "VtnClient":
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": SECRETS[self._client_id] if secret is None else secret,
        }
        status, told = self.send("POST", "/auth/token", form=form)
        self.token = told["access_token"] if status == 200 else None
        return self

    def get(self, path: str, **query: str | Sequence[str]) -> Any:
        """The body of a 200."""
        return self._expect(200, "GET", path, query=query)

    def post(self, path: str, body: object) -> Any:
        """The body of a 201."""
        return self._expect(201, "POST", path, body=body)

    def put(self, path: str, body: object) -> Any:
        """The body of a 200."""
        return self._expect(200, "PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """The body of a 200."""
        return self._expect(200, "DELETE", path)

    def refused(self, status: int, method: str, path: str, body: object = None, **query: str) -> Any:
        """The problem of a refusal."""
        problem = self._expect(status, method, path, body=body, query=query, sound=False)
        assert problem["status"] == status
        return problem

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        sound: bool = True,
    ) -> tuple[int, Any]:
        """Status and body; a request that is not ``sound`` is not held against the description."""
        search = urlencode(query or {}, doseq=True)
        content = urlencode(form).encode() if form else b"" if body is None else json.dumps(body).encode()
        content_type = "application/x-www-form-urlencoded" if form else "application/json" if content else ""
        sent = {"content-type": content_type, **(headers or {})}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        target = self._base_path + path + (f"?{search}" if search else "")
        answer = asyncio.run(_answer(self._vtn, HttpRequest(method, target, sent, content)))
        told = json.loads(answer)
        status = self._vtn.history[-1].status
        if self._by_the_book:
            if sound:
                description().check_request(
                    method, path, parse_qs(search, keep_blank_values=True), content_type, content
                )
            if status != 404 or sound:
                template, _ = description().operation(method, path)
                description().check_answer(method, path, status, told)
                self.seen.add((method, template, status))
        return status, told

    def _expect(self, status: int, method: str, path: str, **request: Any) -> Any:
        found, told = self.send(method, path, **request)
        assert found == status, told
        return told


async def _answer(vtn: DemoVtn, request: HttpRequest) -> bytes:
    answer = await vtn._respond(request)
    assert answer is not None
    return answer.body
