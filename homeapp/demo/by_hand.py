"""``homeapp demo --setup``: a home that is not commissioned, and somebody there who does what the wizard asks for."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from decimal import Decimal

from homeapp.client import connect
from homeapp.demo.papers import Papers, hand_out
from homeapp.demo.street import Street
from homeapp.errors import HomeappError

KETTLE_W = 2000.0
REQUEST_TITLE = "Power feed on trial"
_REQUEST_IN, _REQUEST_FOR = timedelta(hours=1), timedelta(minutes=5)
_REQUEST_W, _REQUEST_PAYS, _REQUEST_FLOOR_PCT = 3000.0, Decimal("1.00"), 50.0
_LONGEST_LINE = 1024
_WITHIN_S = 10.0

Say = Callable[[str], None]


class StreetByHand:
    """What somebody at the home, and in the office of a provider, does while it is commissioned."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._requests = 0

    async def hand_out(self) -> dict[str, Papers]:
        """The companies get the hub's keys, and give their papers."""
        async with connect(self._street.home.socket) as client:
            commissioning = self._street.commissioning(client)
            await commissioning.introduce()
        directory = self._street.plan.directory / "papers"
        return await asyncio.to_thread(hand_out, self._street.providers, commissioning.ports, directory)

    async def press_button(self) -> None:
        """At the meter: it can be paired with for half a minute."""
        self._street.meter.press_button()

    async def switch_kettle(self) -> None:
        """On, or off again."""
        self._street.extra_load_w = 0.0 if self._street.extra_load_w else KETTLE_W

    async def plug_in(self) -> None:
        """The car comes home."""
        self._street.plug_in()

    async def send_request(self) -> None:
        """The EV charging provider asks for a power feed in an hour.

        Raises:
            HomeappError: the system operator does not pass it on, as before the home is enrolled.
        """
        self._requests += 1
        start = self._street.clock.now() + _REQUEST_IN
        await self._street.providers.evc_sp.offer_power_feed(
            start,
            start + _REQUEST_FOR,
            _REQUEST_W,
            _REQUEST_PAYS,
            _REQUEST_FLOOR_PCT,
            start,
            REQUEST_TITLE,
            offer_id=f"on-trial-{self._requests}",
        )


async def serve_by_hand(street: Street, say: Say) -> None:
    """Print the papers, then do what is typed, a line each, for ever."""
    by_hand = StreetByHand(street)
    _print(await by_hand.hand_out(), street, say)
    deeds: dict[str, tuple[Callable[[], Awaitable[None]], str]] = {
        "b": (by_hand.press_button, "The button of the meter was pressed."),
        "k": (by_hand.switch_kettle, "The kettle was switched on, or off again."),
        "c": (by_hand.plug_in, "The car is plugged in."),
        "r": (by_hand.send_request, f"The EV charging provider has sent “{REQUEST_TITLE}”."),
    }
    with _typed() as lines:
        while True:
            deed, told = deeds.get((await lines.get()).strip().lower(), (None, ""))
            if deed is None:
                say(_HELP)
                continue
            try:
                async with asyncio.timeout(_WITHIN_S):
                    await deed()
            except HomeappError as error:
                told = str(error)
            except TimeoutError:
                told = "Nothing came of it yet: the home has to be paired and enrolled with the provider first."
            say(told)


_HELP = "Type b (press the meter's button), k (kettle on or off), c (plug the car in) or r (a request), then Enter."


def _print(papers: dict[str, Papers], street: Street, say: Say) -> None:
    say("Nobody has commissioned this home: the window opens with the setup. What the companies hand out:")
    for sp_id, letter in papers.items():
        say(f"\n  {letter.company} ({sp_id})")
        say(f"    descriptor   {letter.descriptor}")
        say(f"    fingerprint  {letter.fingerprint}")
        say(f"    enrolment    user {letter.user}, password {letter.password} (holds once)")
    say(f"\nThe meter of this home is {street.meter_id}, its charger is {street.charger_id}.")
    say(_HELP)


@contextlib.contextmanager
def _typed() -> Iterator[asyncio.Queue[str]]:
    """Lines of standard input; none where it is no terminal and no pipe."""
    loop, lines, begun, standard_input = asyncio.get_running_loop(), asyncio.Queue[str](), bytearray(), 0

    def read() -> None:
        got = os.read(standard_input, _LONGEST_LINE)
        if not got:
            loop.remove_reader(standard_input)
        *whole, rest = (bytes(begun) + got).split(b"\n")
        begun[:] = rest[-_LONGEST_LINE:]
        for line in whole:
            lines.put_nowait(line.decode(errors="replace"))

    # Not every kind of file can be waited for.
    with contextlib.suppress(OSError):
        loop.add_reader(standard_input, read)
    try:
        yield lines
    finally:
        loop.remove_reader(standard_input)
