"""A demo VTN that holds every exchange with its clients against the published description."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs

from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.vtn import BASE_PATH, DemoVtn
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from kit.openadr_description import description


class RecordingVtn(DemoVtn):
    """Requests have to follow the description always, answers while the VTN is not odd; other dialects are let be.

    Attributes:
        by_the_book: whether its objects and those who ask are sound; a test that has others says so.
        complaints: what did not follow it.
        walked: method, path template and status of what did.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.by_the_book = True
        self.complaints: list[str] = []
        self.walked: set[tuple[str, str, int]] = set()

    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        answer = await super()._respond(request)
        url = urlsplit(request.path)
        if answer is not None and self.by_the_book and url.path.startswith(BASE_PATH):
            try:
                self._check(request, url.path.removeprefix(BASE_PATH), parse_qs(url.query), answer)
            except (AssertionError, KeyError, jsonschema_rs.ValidationError) as error:
                self.complaints.append(f"{request.method} {request.path}: {error!r}")
        return answer

    def _check(self, request: HttpRequest, path: str, query: dict[str, list[str]], answer: HttpAnswer) -> None:
        template, _ = description().operation(request.method, path)
        content_type = request.headers.get("content-type", "")
        description().check_request(request.method, path, query, content_type, request.body)
        if self.oddities == Oddities():
            description().check_answer(request.method, path, answer.status, json.loads(answer.body))
        self.walked.add((request.method, template, answer.status))
