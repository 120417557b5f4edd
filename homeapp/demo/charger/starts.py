"""Starts of the simulated station that wait: for their authorisation, or for the car to be plugged in."""

from collections.abc import Callable
from dataclasses import dataclass

from homeapp.demo.charger.dialect import Call, Dialect
from homeapp.demo.charger.local_list import LocalList
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.demo.charger.transaction import IdToken
from homeapp.demo.ocpp.schemas import Json
from homeapp.ports import Clock

_ACCEPTED = "Accepted"


@dataclass(slots=True, kw_only=True)
class Start:
    """One of them.

    Attributes:
        trigger: triggerReason of 2.x.
        until: when it lapses, by the monotonic clock.
        profile: a TxProfile that came with it, or None.
        may_feed: the CSMS allows that the car feeds.
    """

    token: IdToken
    trigger: str
    until: float
    remote_start_id: int | None = None
    profile: Json | None = None
    authorised: bool = False
    may_feed: bool = True


class Starts:
    """At most one start waits.

    Args:
        connected: there is a connection to ask over.
        changed: called when a start has been authorised or refused.
        note: takes a line for the history.
    """

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        outbox: Outbox,
        settings: Settings,
        tokens: LocalList,
        *,
        connected: Callable[[], bool],
        changed: Callable[[], None],
        note: Callable[[str], None],
    ) -> None:
        self._dialect = dialect
        self._clock = clock
        self._outbox = outbox
        self._settings = settings
        self._tokens = tokens
        self._connected = connected
        self._changed = changed
        self._note = note
        self._waiting: Start | None = None

    @property
    def ready(self) -> Start | None:
        """The start that only waits for the car, or None."""
        return self._waiting if self._waiting is not None and self._waiting.authorised else None

    def forget(self) -> None:
        """Nobody waits any more."""
        self._waiting = None

    def tick(self) -> None:
        """Let a start lapse whose car has not come."""
        if self._waiting is not None and self._clock.monotonic() > self._waiting.until:
            self._waiting = None
            self._note("the start has lapsed: no car was plugged in")

    def from_afar(self, token: IdToken, remote_start_id: int | None, profile: Json | None) -> None:
        """RequestStartTransaction."""
        start = Start(
            token=token,
            trigger="RemoteStart",
            until=self._deadline(),
            remote_start_id=remote_start_id,
            profile=profile,
        )
        self._waiting = start
        if self._settings.flag(Knob.AUTHORIZE_REMOTE):
            self._authorise(start)
        else:
            start.authorised = True

    def card(self, value: str) -> None:
        """A card at the reader."""
        token = IdToken(value=value, kind="ISO14443")
        self._waiting = Start(token=token, trigger="Authorized", until=self._deadline())
        self._authorise(self._waiting)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._settings.seconds(Knob.CONNECT_TIMEOUT)

    def _authorise(self, start: Start) -> None:
        if self._locally(start):
            # A list says nothing of feeding.
            start.authorised, start.may_feed = True, False
            self._note("authorised by the station itself")
        elif self._connected():
            self._ask(start)
        else:
            self._refuse()

    def _locally(self, start: Start) -> bool:
        listed = self._tokens.status(start.token.value) if self._settings.flag(Knob.LOCAL_LIST) else None
        if self._connected():
            return listed == _ACCEPTED and self._settings.flag(Knob.PRE_AUTHORIZE)
        if listed is None:
            return self._settings.flag(Knob.UNKNOWN_OFFLINE)
        return listed == _ACCEPTED and self._settings.flag(Knob.AUTHORIZE_OFFLINE)

    def _ask(self, start: Start) -> None:
        def authorised(answer: Json) -> None:
            if self._waiting is not start:
                return
            if self._dialect.accepted(answer):
                start.authorised, start.may_feed = True, self._dialect.feeding_allowed(answer)
                self._changed()
            else:
                self._refuse()

        call: Call = self._dialect.authorize(start.token)
        self._outbox.put(Message(*call, authorised))

    def _refuse(self) -> None:
        self._waiting = None
        self._note("not authorised")
        self._changed()
