"""Become another program that the kernel ends together with the process that started it (Linux).

Run by path and without the site packages, so that it costs a few milliseconds: ``die_with_parent.py PARENT-PID
PROGRAM ARGUMENT...``. The wish survives ``exec`` (prctl(2), PR_SET_PDEATHSIG) and, other than a function run between
fork and exec, is safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _main() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        # The parent died before the wish was made.
        raise SystemExit(1)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program is named by the demo street itself, without a shell


if __name__ == "__main__":
    _main()
