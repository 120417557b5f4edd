"""Checks of car, tariff, providers, the owner's part, PINs, and the whole."""

from homeapp import api
from homeapp.commissioning.answers import pending
from homeapp.commissioning.home import Finding, Home, until
from homeapp.commissioning.record import Record
from homeapp.commissioning.site_checks import APPLY
from homeapp.doctor import ProviderStanding
from homeapp.model.commissioning import Step
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferCase, OfferState
from homeapp.settings import Settings

PRICE_WITHIN_S = 60.0
LINK_WITHIN_S = 120.0
REQUEST_WITHIN_S = 120.0
_EXAMINED_EVERY_S = 5.0
_UNANSWERED = frozenset({OfferState.RECEIVED, OfferState.INVALID, OfferState.PENDING})
DOCTORS_LINE = "Commissioning"
"""The doctor's own check of the commissioning."""


async def car_known(home: Home, record: Record, written: Settings) -> Finding:
    """What is known of the car, and from where."""
    tried = "Looked at what the settings, the charger and the car's data link tell of the car."
    if record.car is None:
        advice = "Answer the step: the car's usable battery in kWh, and from where that is known."
        return Finding(good=False, tried=tried, seen="Nobody has said which battery the car has.", advice=advice)
    if pending(Step.CAR, home.settings, written):
        return Finding(good=False, tried=tried, seen="What was entered is not in force yet.", advice=APPLY)
    charger, pev = home.charger(), written.pev.address
    soc = None if charger is None else charger.soc_pct
    known = [f"Battery {written.goal.capacity_kwh:g} kWh (from: {record.car.source})"]
    known.append(f"state of charge {soc:.0f} % (from the charger)" if soc is not None else "state of charge not told")
    known.append(f"data link at {pev}" if pev else "no data link")
    return Finding(good=True, tried=tried, seen=f"{'; '.join(known)}.")


async def tariff(home: Home, written: Settings) -> Finding:
    """There is a price for now."""
    tried = f"Waited up to {PRICE_WITHIN_S:.0f} s for a price that holds now."
    if pending(Step.PROVIDERS, home.settings, written):
        return Finding(good=False, tried=tried, seen="The contract that was entered does not hold yet.", advice=APPLY)
    await until(home, lambda: home.snapshot().price is not None, PRICE_WITHIN_S)
    snapshot = home.snapshot()
    if snapshot.price is None:
        advice = (
            "Enter the contract's price, or the address of the grid operator's server under [grid_sp] of the settings, "
            "or import prices: homeapp prices import FILE. Charging goes on without prices."
        )
        return Finding(good=False, tried=tried, seen="No price is known.", advice=advice)
    return Finding(
        good=True, tried=tried, seen=f"{snapshot.price} {snapshot.currency}/kWh now ({written.tariff.kind})."
    )


async def providers_linked(home: Home) -> Finding:
    """Every provider that the home is paired with, and has agreed to, is connected; one at least is."""
    tried = f"Waited up to {LINK_WITHIN_S:.0f} s for the links to all providers that the owner has agreed to."
    known = await home.standings()
    if not known:
        advice = "Pair with a provider by its descriptor (homeapp providers pair FILE), or skip this check."
        return Finding(good=False, tried=tried, seen="This home is paired with no provider.", advice=advice)
    agreed = [item for item in known if item.agreed]
    ready = [item for item in agreed if not item.obstacle]
    await until(home, lambda: all(_is_up(home, item) for item in ready), LINK_WITHIN_S)
    # Where the owner has agreed to none, what is in the way of each is all that there is to tell.
    faults = [f"{item.name}: {item.obstacle}. {item.advice}" for item in agreed or known if item.obstacle]
    faults += [f"{item.name}: {_problem(home, item)}" for item in ready if not _is_up(home, item)]
    up = [item.name for item in ready if _is_up(home, item)]
    seen = f"Connected: {', '.join(up) or 'none'}. Not connected: {len(agreed or known) - len(up)}."
    if agreed and (others := [item.name for item in known if not item.agreed]):
        seen = f"{seen} The owner has not agreed to: {', '.join(others)}."
    return Finding(good=not faults, tried=tried, seen=seen, advice=" ".join(faults))


async def dry_run(home: Home, record: Record) -> Finding:
    """A request of a provider has come in since, and its answer has gone out."""
    tried = f"Waited up to {REQUEST_WITHIN_S:.0f} s for a request of a provider and the answer to it."

    def since() -> list[OfferCase]:
        begun_at = record.begun_at
        return [case for case in home.cases() if begun_at is None or case.offer.issued_at >= begun_at]

    def answered() -> OfferCase | None:
        return next((case for case in since() if case.state not in _UNANSWERED and case.transport is not None), None)

    case: OfferCase | None = await until(home, answered, REQUEST_WITHIN_S)
    if case is not None:
        seen = f"“{case.offer.title}” of {case.offer.sp_name} came in; the answer went out: {case.state}."
        return Finding(good=True, tried=tried, seen=seen)
    if since():
        waiting = since()[0]
        seen = f"“{waiting.offer.title}” of {waiting.offer.sp_name} came in: {waiting.state}."
        return Finding(good=False, tried=tried, seen=seen, advice="Answer it, then run this check again.")
    advice = "Ask a provider for a request to try it with, then run this check again; or skip it."
    return Finding(good=False, tried=tried, seen="No request came.", advice=advice)


async def wishes(home: Home) -> Finding:
    """What the owner wants of the car makes sense."""
    tried = "Looked at floor, target and departure."
    schedule = await home.ask(api.GetSchedule())
    ready_by = schedule.ready_by or "no fixed time"
    seen = f"Never below {schedule.floor_pct:g} %; {schedule.target_pct:g} % by {ready_by}"
    if schedule.floor_pct > schedule.target_pct:
        advice = "The floor is above the target. Set one of them anew under Schedule."
        return Finding(good=False, tried=tried, seen=f"{seen}.", advice=advice)
    return Finding(good=True, tried=tried, seen=f"{seen}, {len(schedule.weekly)} weekly departures.")


async def consents(home: Home) -> Finding:
    """The owner has decided about every provider."""
    tried = "Looked at what the owner lets each provider have."
    sharing = await home.ask(api.GetSharing())
    open_ones = [item.name for item in sharing if all(entry.changed_at is None for entry in item.entries)]
    granted = [
        f"{item.name}: {', '.join(entry.data_class for entry in item.entries if entry.granted) or 'nothing'}"
        for item in sharing
    ]
    seen = f"{'; '.join(granted)}." if granted else "There is no provider who asks for anything."
    if open_ones:
        advice = f"The owner has to decide under Sharing what may leave for: {', '.join(open_ones)}."
        return Finding(good=False, tried=tried, seen=seen, advice=advice)
    return Finding(good=True, tried=tried, seen=seen)


async def pins(home: Home) -> Finding:
    """Owner and installer have PINs."""
    tried = "Looked at which roles have a PIN."
    has = home.pins()
    seen = f"With a PIN: {', '.join(has) or 'nobody'}."
    missing = [role for role in (api.Role.OWNER, api.Role.INSTALLER) if role not in has]
    if missing:
        advice = f"Set the PIN of {' and of '.join(missing)}: homeapp pin set {missing[0]}"
        return Finding(good=False, tried=tried, seen=seen, advice=advice)
    return Finding(good=True, tried=tried, seen=seen)


async def test_run(home: Home) -> Finding:
    """The doctor finds no error in the whole."""
    tried = (
        f"Had the hub examine itself for up to {LINK_WITHIN_S:.0f} s, until clock, disk, secrets, devices, prices and "
        "providers were without an error."
    )
    deadline = home.clock.monotonic() + LINK_WITHIN_S
    while errors := [check for check in await home.doctor() if check.level is api.CheckLevel.ERROR]:
        if home.clock.monotonic() >= deadline:
            break
        await home.clock.sleep(_EXAMINED_EVERY_S)
    checks = [check for check in await home.doctor() if check.name != DOCTORS_LINE]
    warnings = [check.name for check in checks if check.level is api.CheckLevel.WARNING]
    seen = f"{len(checks)} looked at, {len(errors)} errors, warnings: {', '.join(warnings) or 'none'}."
    advice = " ".join(f"{check.name}: {check.finding.rstrip('.')}. {check.advice}" for check in errors)
    return Finding(good=not errors, tried=tried, seen=seen, advice=advice)


def _is_up(home: Home, standing: ProviderStanding) -> bool:
    links = {link.sp_id: link for link in home.snapshot().providers}
    link = links.get(standing.sp_id)
    return link is not None and link.state is LinkState.UP


def _problem(home: Home, standing: ProviderStanding) -> str:
    links = {link.sp_id: link for link in home.snapshot().providers}
    link = links.get(standing.sp_id)
    return (link.problem if link is not None else None) or "Check the internet connection."
