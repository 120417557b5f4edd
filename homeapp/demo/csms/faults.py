"""What is wrong with the demo CSMS, on demand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CsmsFaults:
    """Faults that last until others are set.

    Attributes:
        refuse: HTTP status with which every websocket is refused at the door, e.g. 503; None to let them in.
        silent: it takes nothing in and answers nothing, but its sockets stay open and answer pings.
        slow_s: seconds of the street's clock that each answer takes longer.
        call_error: code of the CALLERROR that answers every CALL, which then has no effect; None for real answers.
        lose_answers: every CALL of a transaction takes effect, and then the socket is cut instead of the answer.
    """

    refuse: int | None = None
    silent: bool = False
    slow_s: float = 0.0
    call_error: str | None = None
    lose_answers: bool = False
