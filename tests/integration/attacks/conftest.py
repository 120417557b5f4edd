"""One street for each module of attacks on messages."""

from collections.abc import Iterator

import pytest

from kit.attacked_street import Street
from kit.own_loop import OwnLoop


@pytest.fixture(scope="module")
def _street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return Street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def running(_street: Street) -> Iterator[OwnLoop]:
    with OwnLoop(_street.open) as loop:
        yield loop


@pytest.fixture
def street(_street: Street, running: OwnLoop) -> Street:
    """The street, running, with an empty inbox."""
    running.run(_street.empty_inbox())
    return _street
