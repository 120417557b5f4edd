"""Tokens: discovery, renewal, refusal."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest

from homeapp.errors import ProviderUnreachable
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.login import CredentialsRefused, Login
from homeapp.settings import GridSpSettings
from kit.clocks import StandingClock

BASE = "https://vtn.example/openadr3"
SETTINGS = GridSpSettings(name="Grid operator", vtn_url=f"{BASE}/", client_id="ven-1")


class Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class ScriptedVtn:
    """Answers by URL and keeps what was asked."""

    def __init__(self, answers: dict[str, Callable[[], tuple[int, object]]]) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, told = self.answers.get(str(request.url.copy_with(query=None)), lambda: (404, {}))()
        return httpx.Response(status, stream=Body(told if isinstance(told, bytes) else json.dumps(told).encode()))

    def count(self, path: str) -> int:
        return sum(request.url.path.endswith(path) for request in self.asked)


def tokens(**more: object) -> Callable[[], tuple[int, object]]:
    made = iter(range(1, 100))
    return lambda: (200, {"access_token": f"token-{next(made)}", "token_type": "Bearer", **more})


def run(
    vtn: ScriptedVtn,
    body: Callable[[VtnConnection, Login, httpx.AsyncClient, StandingClock], Any],
    settings: GridSpSettings = SETTINGS,
) -> None:
    async def main() -> None:
        clock = StandingClock(datetime(2027, 1, 15, tzinfo=UTC))
        login = Login(settings=settings, client_secret="s e&cret", clock=clock)
        async with httpx.AsyncClient(transport=httpx.MockTransport(vtn)) as http:
            await body(VtnConnection(http, login, settings), login, http, clock)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("token_url", "token_host"),
    [
        ("https://vtn.example/login/token", ""),
        ("https://vtn.example:443/login/token", ""),
        ("/login/token", ""),
        ("https://login.example/token", "login.example"),
        ("https://login.example/token", "Login.Example:443"),
        ("https://login.example:8443/token", "login.example:8443"),
    ],
)
def test_the_secret_goes_into_the_form_of_the_address_that_the_vtn_names(token_url: str, token_host: str) -> None:
    full = str(httpx.URL(f"{BASE}/auth/server").join(token_url))
    vtn = ScriptedVtn({f"{BASE}/auth/server": lambda: (200, {"tokenURL": token_url}), full: tokens(expires_in=3600)})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        assert await login.token(http) == "token-1"

    run(vtn, body, msgspec.structs.replace(SETTINGS, token_host=token_host))
    request = vtn.asked[-1]
    assert str(request.url) == full
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["ven-1"],
        "client_secret": ["s e&cret"],
    }
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "told", [(404, {}), (500, b"oops"), (200, []), (200, {"tokenURL": 7}), (200, {"tokenURL": "token"})]
)
def test_without_a_usable_answer_the_usual_place_is_tried(told: tuple[int, object]) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/server": lambda: told, f"{BASE}/auth/token": tokens()})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        assert await login.token(http) == "token-1"

    run(vtn, body)


@pytest.mark.parametrize(
    "told",
    [
        "http://vtn.example/token",
        "ftp://x/y",
        "https://[::",
        "https://login.example/token",
        "https://vtn.example:8443/token",
        "https://vtn.example.evil.example/token",
        "https://vtn.example@evil.example/token",
        "//evil.example/token",
        "https://trusted.example:8443/token",
        "http://trusted.example/token",
    ],
)
def test_a_login_address_that_is_not_safe_or_nobody_has_entered_is_not_used(told: str) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/server": lambda: (200, {"tokenURL": told})})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(ProviderUnreachable, match="not safe"):
            await login.token(http)

    run(vtn, body, msgspec.structs.replace(SETTINGS, token_host="trusted.example"))
    assert len(vtn.asked) == 1


@pytest.mark.parametrize(
    ("expires_in", "good_s", "over_s"),
    [
        (3600, 3539, 3541),
        (40, 19, 21),
        (None, 3599, 3601),
        ("soon", 3599, 3601),
        (-5, 3599, 3601),
        (1e12, 86_000, 86_400),
        (10**400, 86_000, 86_400),
    ],
)
def test_a_token_is_renewed_before_it_ends(expires_in: object, good_s: float, over_s: float) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/token": tokens(expires_in=expires_in)})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, clock: StandingClock) -> None:
        begun = clock.at
        assert await login.token(http) == "token-1"
        clock.at = begun + timedelta(seconds=good_s)
        assert await login.token(http) == "token-1"
        clock.at = begun + timedelta(seconds=over_s)
        assert await login.token(http) == "token-2"

    run(vtn, body)


def test_two_who_need_a_token_at_once_share_one() -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/token": tokens()})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        assert set(await asyncio.gather(login.token(http), login.token(http))) == {"token-1"}

    run(vtn, body)
    assert vtn.count("/auth/token") == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials(status: int) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/token": lambda: (status, {"error": "invalid_client"})})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(CredentialsRefused):
            await login.token(http)

    run(vtn, body)


@pytest.mark.parametrize(
    "told",
    [
        (500, {}),
        (302, {}),
        (200, []),
        (200, {}),
        (200, {"access_token": ""}),
        (200, {"access_token": 5}),
        (200, {"access_token": "two\r\nlines"}),
        (200, {"access_token": "ü"}),
        (200, b"\xff"),
    ],
    ids=str,
)
def test_an_answer_without_a_usable_token(told: tuple[int, object]) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/token": lambda: told})

    async def body(_connection: VtnConnection, login: Login, http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(ProviderUnreachable):
            await login.token(http)

    run(vtn, body)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_call_is_repeated_once_with_a_new_token(status: int) -> None:
    vtn = ScriptedVtn({f"{BASE}/auth/token": tokens(), f"{BASE}/programs": lambda: (status, {})})

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(ProviderUnreachable, match="not read"):
            await connection.programs()

    run(vtn, body)
    sent = [request.headers["authorization"] for request in vtn.asked if request.url.path.endswith("/programs")]
    assert sent == ["Bearer token-1", "Bearer token-2"]


def test_a_vtn_that_ignores_paging_is_read_once() -> None:
    page = [{"id": f"p{index}"} for index in range(50)]
    vtn = ScriptedVtn({f"{BASE}/auth/token": tokens(), f"{BASE}/programs": lambda: (200, page)})

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        assert await connection.programs() == page

    run(vtn, body)
    assert vtn.count("/programs") == 2


def test_a_vtn_without_end_is_given_up() -> None:
    made = iter(range(1_000_000))
    vtn = ScriptedVtn(
        {f"{BASE}/auth/token": tokens(), f"{BASE}/programs": lambda: (200, [{"id": next(made)} for _ in range(50)])}
    )

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(ProviderUnreachable, match="more than"):
            await connection.programs()

    run(vtn, body)


ANONYMOUS = GridSpSettings(name="Grid operator", vtn_url=BASE)


def test_without_a_client_id_the_vtn_is_read_anonymously() -> None:
    vtn = ScriptedVtn({f"{BASE}/programs": lambda: (200, [{"id": "p"}])})

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        assert await connection.programs() == [{"id": "p"}]

    run(vtn, body, ANONYMOUS)
    assert [request.url.path for request in vtn.asked] == ["/openadr3/programs"]
    assert all("authorization" not in request.headers for request in vtn.asked)


@pytest.mark.parametrize("status", [401, 403])
def test_a_vtn_that_wants_a_login_says_so_to_who_has_none(status: int) -> None:
    vtn = ScriptedVtn({f"{BASE}/programs": lambda: (status, {})})

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        with pytest.raises(CredentialsRefused, match="Enter the client id"):
            await connection.programs()

    run(vtn, body, ANONYMOUS)
    assert vtn.count("/programs") == 1
    assert vtn.count("/auth/token") == 0


def test_a_report_names_its_program_only_to_a_server_that_wants_to_know() -> None:
    answers = iter([(201, {}), (400, {}), (201, {})])
    vtn = ScriptedVtn({f"{BASE}/auth/token": tokens(), f"{BASE}/reports": lambda: next(answers)})

    async def body(connection: VtnConnection, _login: Login, _http: httpx.AsyncClient, _clock: StandingClock) -> None:
        for _ in range(2):
            assert (await connection.add_report({"eventID": "e"}, "p")).status == 201

    run(vtn, body)
    sent = [json.loads(request.content) for request in vtn.asked if request.url.path.endswith("/reports")]
    assert sent == [{"eventID": "e"}, {"eventID": "e"}, {"eventID": "e", "programID": "p"}]
