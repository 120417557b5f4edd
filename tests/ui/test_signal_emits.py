"""The binding survives many signals; one of its releases dropped a reference of True with each."""

import subprocess
import sys

_PROGRAM = """
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Sender(QObject):
    said = Signal(object)

application = QCoreApplication([])
sender = Sender()
heard = []
sender.said.connect(heard.append)
for number in range(10_000):
    sender.said.emit(number)
print(len(heard))
"""


def test_ten_thousand_emits_survive() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "10000"), done.stderr
