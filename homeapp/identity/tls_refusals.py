"""What the OCPP endpoint's TLS refuses, in the log (A00.FR.323, A00.FR.408).

TLS refuses before it is known who calls, so each reason is said once.
"""

import logging
import ssl

logger = logging.getLogger(__name__)

_TELLING = {
    "UNSUPPORTED_PROTOCOL": "it knows no TLS 1.2",
    "NO_SHARED_CIPHER": "it knows no cipher suite that is good enough",
}
"""What a port scan makes is not among them."""


def log_refusals(context: ssl.SSLContext) -> None:
    """Have failed handshakes of an asyncio server with this context said in the log; asyncio is silent about them."""
    said: set[str] = set()

    class Watched(ssl.SSLObject):
        """One connection; ``SSLContext.wrap_bio`` makes it."""

        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except ssl.SSLCertVerificationError as error:
                _say(f"its certificate does not hold: {error.verify_message}", said)
                raise
            except ssl.SSLError as error:
                reason = _TELLING.get(error.reason or "")
                if reason is not None:
                    _say(reason, said)
                raise

    context.sslobject_class = Watched


def _say(reason: str, said: set[str]) -> None:
    if reason not in said:
        said.add(reason)
        logger.warning("ocpp: a charger was refused at the door: %s (said once)", reason)
