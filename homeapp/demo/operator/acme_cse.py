"""Start the ACME CSE with one repair: ``python -m homeapp.demo.operator.acme_cse`` takes the arguments of ``acmecse``.

ACME answers each request in a thread of its own, and paho, run by ``loop_forever`` as ACME does it, lets every one of
them write to the socket while another reads. A TLS connection does not stand that: it broke about once in fifty
requests of four busy applications, and what was under way was lost. Run by ``loop_start``, paho leaves all reading and
writing to one thread.
"""

import runpy
import threading
from typing import Any

import paho.mqtt.client as mqtt
from acmecse.helpers import MQTTConnection
from paho.mqtt.enums import MQTTErrorCode


class OneThreadClient(mqtt.Client):
    """paho's client, whose socket only one thread touches."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self._over = threading.Event()

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:  # noqa: FBT001, FBT002 - paho's signature
        """Return after ``disconnect``, as paho's own does."""
        if retry_first_connection:
            # Only the thread of loop_start asks for that.
            try:
                return super().loop_forever(timeout, retry_first_connection)
            finally:
                self._over.set()
        self._over.clear()
        self.loop_start()
        self._over.wait()
        return self.loop_stop()


if __name__ == "__main__":
    MQTTConnection.MQTTClient = OneThreadClient
    runpy.run_module("acmecse", run_name="__main__", alter_sys=True)
