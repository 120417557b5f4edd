"""Which way power flows between grid, home and car, and what colour it has."""

from dataclasses import dataclass

from homeapp.model.live import Snapshot
from ui.theme import Tone
from ui.view import Seen, View

_NOTICEABLE_W = 50.0


@dataclass(frozen=True, slots=True)
class Pipe:
    """Power in one pipe.

    Attributes:
        tone: the colour of its source, or of charging; LINE where nothing flows.
        forward: away from the grid.
        flows: something flows.
    """

    tone: Tone
    forward: bool
    flows: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """The whole picture.

    Attributes:
        grid, home, evce: what each has to say.
        to_grid, to_home, to_car: the pipes, the last from meter over charger to car.
        car: colour of charger and car.
    """

    grid: Seen
    home: Seen
    evce: Seen
    to_grid: Pipe
    to_home: Pipe
    to_car: Pipe
    car: Tone


def flow(snapshot: Snapshot, view: View) -> Flow:
    """Work out the pipes; a stale figure flows nowhere."""
    grid, home, evce = (view.seen(figure) for figure in (snapshot.grid_w, snapshot.home_w, snapshot.evce_w))
    feeding, charging = _power(evce) < -_NOTICEABLE_W, _power(evce) > _NOTICEABLE_W
    buying, selling = _power(grid) > _NOTICEABLE_W, _power(grid) < -_NOTICEABLE_W
    car = Tone.VIOLET if feeding else Tone.GREEN if charging else Tone.TEXT3
    to_grid = Tone.BLUE if buying else Tone.VIOLET if feeding else Tone.AMBER
    mostly_car = feeding and -_power(evce) > _power(grid)
    to_home = Tone.VIOLET if mostly_car else Tone.BLUE
    return Flow(
        grid,
        home,
        evce,
        to_grid=_pipe(to_grid, forward=not selling, flows=buying or selling),
        to_home=_pipe(to_home, forward=True, flows=_power(home) > _NOTICEABLE_W and (buying or feeding)),
        to_car=_pipe(car, forward=not feeding, flows=charging or feeding),
        car=car,
    )


def unknown() -> Flow:
    """Nothing is known yet."""
    nothing, still = Seen(None, None, stale=True), Pipe(Tone.LINE, forward=True, flows=False)
    return Flow(nothing, nothing, nothing, to_grid=still, to_home=still, to_car=still, car=Tone.TEXT3)


def _pipe(tone: Tone, *, forward: bool, flows: bool) -> Pipe:
    return Pipe(tone if flows else Tone.LINE, forward, flows)


def _power(seen: Seen) -> float:
    return 0.0 if seen.value is None or seen.stale else seen.value
