"""Shared by all tests."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Tests of all folders share what is in ``kit``; at the end of the path, because ``ui`` stands here too.
sys.path.append(str(Path(__file__).parent))

# How long something takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
