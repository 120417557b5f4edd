"""Shared by all tests."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from homeapp import event_loop, redaction

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Tests of all folders share what is in ``kit``; at the end of the path, because ``ui`` stands here too.
sys.path.append(str(Path(__file__).parent))

# How long something takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_new_loop = event_loop.loop_factory()

if _new_loop is not None and sys.version_info < (3, 14):

    class _LoopOfTheHub(asyncio.DefaultEventLoopPolicy):
        """Tests run in the loop that the hub runs in; later Pythons deprecate choosing one for all."""

        new_event_loop = staticmethod(_new_loop)

    asyncio.set_event_loop_policy(_LoopOfTheHub())


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub knows a few dozen secrets; a process that runs thousands of tests would look for all of theirs."""
    monkeypatch.setattr(redaction, "_REGISTER", type(redaction._REGISTER)())
