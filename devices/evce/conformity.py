"""What a peer does against the standard is served as far as it can be, and logged once."""

import logging

from devices.evce import schemas
from devices.evce.fields import Payload
from devices.evce.schemas import Version

logger = logging.getLogger(__name__)

_MOST_COMPLAINTS = 64


class Conformity:
    """Checks what one peer sends against the schemas; a breach is logged once for each action, never quoted."""

    def __init__(self, name: str, version: Version) -> None:
        self._name = name
        self._version = version
        self._complained: set[str] = set()

    def check_request(self, action: str, payload: Payload) -> None:
        """Look at the payload of a CALL or SEND."""
        problem = schemas.request_problem(self._version, action, payload)
        if problem:
            self.complain_once(action, problem)

    def check_result(self, action: str, payload: Payload) -> str | None:
        """Look at the payload of a CALLRESULT and return what is wrong with it."""
        problem = schemas.response_problem(self._version, action, payload)
        if problem:
            self.complain_once(f"{action} result", problem)
        return problem

    def complain_once(self, about: str, problem: str) -> None:
        """Log a breach of the standard unless one about the same thing has been logged."""
        if about not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(about)
            logger.warning("%s: %s does not follow the standard: %s (said once)", self._name, about, problem)
