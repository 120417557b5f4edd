"""For tests that cancel HTTP requests.

httpcore leaves the socket of a request that is cancelled in its TLS handshake to the garbage collector, which says so
in whatever test it runs.
"""

import pytest

MARKS = [pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"), pytest.mark.usefixtures("collected")]
