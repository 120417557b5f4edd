"""Shared by all tests."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Tests of all folders share what is in ``kit``; at the end of the path, because ``ui`` stands here too.
sys.path.append(str(Path(__file__).parent))
