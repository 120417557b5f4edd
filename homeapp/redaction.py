"""Keeps secrets out of the log: every secret that is loaded is registered here, and a filter replaces it."""

import base64
import json
import logging
import re
import sys
import threading
from types import TracebackType
from urllib.parse import quote, quote_plus

logger = logging.getLogger(__name__)

MARK = "[secret]"
SHORTEST = 6
"""Shorter ones would turn half of the log into marks."""

_BASE64_WORD = re.compile(r"[A-Za-z0-9+/_-]+=*")
_STANDARD = str.maketrans("-_", "+/")


class _Register:
    """All registered secrets, in all the forms that a log may show them in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plain: tuple[str, ...] = ()
        self._within_base64: frozenset[str] = frozenset()

    def add(self, secret: str) -> None:
        parts = [secret, *(line for line in secret.splitlines() if not line.startswith("-----"))]
        parts = [part for part in parts if len(part) >= SHORTEST]
        with self._lock:
            self._add_plain({form for part in parts for form in _plain_forms(part)})
            self._within_base64 |= {core for part in parts for core in _cores(part.encode())}

    def add_bytes(self, secret: bytes) -> None:
        with self._lock:
            self._add_plain(set(_hexadecimal(secret)))
            self._within_base64 |= set(_cores(secret))

    def _add_plain(self, forms: set[str]) -> None:
        # The longest first: one may be a part of another.
        self._plain = tuple(sorted(forms.union(self._plain), key=len, reverse=True))

    def clean(self, text: str) -> str:
        for form in self._plain:
            if form in text:
                text = text.replace(form, MARK)
        if self._has_encoded(text):
            text = _BASE64_WORD.sub(lambda word: MARK if self._has_encoded(word[0]) else word[0], text)
        return text

    def _has_encoded(self, text: str) -> bool:
        standard = text.translate(_STANDARD)
        return any(core in standard for core in self._within_base64)


_REGISTER = _Register()


def redact(secret: str) -> None:
    """Never let ``secret`` into the log again: neither as it is nor URL-quoted, JSON-escaped, hexadecimal, or within
    Base64 text.

    Of a secret of several lines each long line counts by itself. Those shorter than six characters are left alone.
    """
    _REGISTER.add(secret)


def redact_bytes(secret: bytes) -> None:
    """The same of bytes, such as the secret number of a key: neither hexadecimal nor within Base64 text."""
    _REGISTER.add_bytes(secret)


def redacted(text: str) -> str:
    """``text`` with a mark in place of every registered secret."""
    return _REGISTER.clean(text)


def install() -> None:
    """Put the filter on all handlers that the root logger has now; doing it again changes nothing.

    What nobody catches is logged too: Python itself would print it as it is.
    """
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    for handler in logging.getLogger().handlers:
        if not any(isinstance(present, SecretFilter) for present in handler.filters):
            handler.addFilter(SecretFilter())


class SecretFilter(logging.Filter):
    """Replaces registered secrets in the message, its arguments and the traceback of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
            # The handler would print the arguments as they are; and what is raised here would reach who logs.
            record.msg, record.args = "(a log line whose arguments do not fit its text was left out)", ()
            return True
        clean = redacted(message)
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        if record.stack_info:
            record.stack_info = redacted(record.stack_info)
        return True


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logger.critical("a fault of the program", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        name = failed.thread.name if failed.thread else "?"
        logger.critical(
            "a fault of the program, in thread %s",
            name,
            exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback),
        )


def _plain_forms(part: str) -> set[str]:
    quoted = {quote(part, safe=""), quote(part), quote_plus(part), json.dumps(part)[1:-1], repr(part)[1:-1]}
    return {part, *quoted, *_hexadecimal(part.encode())}


def _hexadecimal(secret: bytes) -> tuple[str, str]:
    return secret.hex(), secret.hex().upper()


def _cores(secret: bytes) -> tuple[str, ...]:
    return tuple(_within_base64(secret, shift) for shift in range(3))


def _within_base64(secret: bytes, shift: int) -> str:
    """What Base64 text (RFC 4648, standard alphabet) contains when it encodes ``secret`` after ``shift`` (mod 3) bytes.

    Characters at either edge also depend on the neighbouring bytes and are left out.
    """
    encoded = base64.b64encode(b"\0" * shift + secret).decode().rstrip("=")
    unsure_before = (0, 2, 3)[shift]
    unsure_after = 0 if (shift + len(secret)) % 3 == 0 else 1
    return encoded[unsure_before : len(encoded) - unsure_after]
