"""One street for each module of this folder."""

from collections.abc import Iterator

import pytest

from kit.own_loop import OwnLoop
from kit.session_street import Street


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """The street; it is open while ``running`` is there."""
    return Street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def running(street: Street) -> Iterator[OwnLoop]:
    with OwnLoop(street.open) as loop:
        yield loop
