"""Checks of place and grid connection: the clock, and that what was written holds."""

from homeapp import api
from homeapp.commissioning.answers import pending
from homeapp.commissioning.home import Finding, Home
from homeapp.commissioning.record import Record
from homeapp.model.commissioning import Step
from homeapp.settings import Settings

CLOCK_OFF_S = 120.0
APPLY = "Apply the settings, on the screen or with: homeapp setup --apply. Then run this check again."
_CLOCK = "Compared the hub's clock with a watch, with the earliest time that can be, and with providers' messages."
_ANSWER_FIRST = "Answer the step first: language and time zone."


async def clock(home: Home, record: Record) -> Finding:
    """The hub's clock can be right."""
    if record.place is None:
        return Finding(good=False, tried=_CLOCK, seen="Nobody has said where the home is.", advice=_ANSWER_FIRST)
    by_doctor = next(check for check in await home.doctor() if check.name == "Clock")
    if by_doctor.level is not api.CheckLevel.OK:
        return Finding(good=False, tried=_CLOCK, seen=by_doctor.finding, advice=by_doctor.advice)
    off_s = record.clock_off_s
    if off_s is not None and abs(off_s) > CLOCK_OFF_S:
        seen = f"The hub's clock is {abs(off_s) / 60:.0f} min {'ahead of' if off_s > 0 else 'behind'} the watch."
        advice = (
            "Switch on time synchronization of the machine (NTP) or set its clock, check the time zone, and answer "
            "the step again."
        )
        return Finding(good=False, tried=_CLOCK, seen=seen, advice=advice)
    compared = "not compared with a watch" if off_s is None else f"{abs(off_s):.0f} s from the watch"
    return Finding(good=True, tried=_CLOCK, seen=f"{by_doctor.finding}; {compared}.")


async def grid_in_force(home: Home, written: Settings) -> Finding:
    """The grid connection that was entered is the one that the fuse guard works with."""
    tried = "Compared the grid connection in settings.toml with the one that the hub works with."
    site, limit = written.site, written.grid_limit
    stale = pending(Step.PLACE, home.settings, written) or pending(Step.GRID, home.settings, written)
    export = "no export" if not site.feed_allowed else "export as the fuse carries"
    if site.feed_allowed and site.feed_cap_a is not None:
        export = f"export of {site.feed_cap_a:g} A at most"
    seen = (
        f"{site.phases} x {site.fuse_a:g} A, of which {site.fuse_margin:.0%} is used; charger {site.max_current_a:g} "
        f"A, {site.safe_current_a:g} A without the hub; {export}; {limit.failsafe_w:g} W when the operator is lost "
        f"under a limit, never below {limit.dso_floor_w:g} W; {site.time_zone}"
    )
    if stale:
        return Finding(good=False, tried=tried, seen=f"Written, but not in force yet: {seen}.", advice=APPLY)
    return Finding(good=True, tried=tried, seen=f"In force: {seen}.")
