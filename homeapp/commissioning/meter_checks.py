"""Checks of the smart meter: found and adopted, read, and counting the right way."""

from homeapp.commissioning.home import Finding, Home, until
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.readings import MeterReading

FOUND_WITHIN_S = 30.0
READING_WITHIN_S = 30.0
FRESH_S = 15.0
LOAD_WITHIN_S = 120.0
LEAST_STEP_W = 700.0
"""A kettle or a hair dryer makes more; what a home does by itself in two minutes is mostly less."""
METER_CLOCK_OFF_S = 120.0
_BY_ADDRESS = "Or look for the meter at the address that the router shows, with: homeapp devices look ADDRESS"


def meters(home: Home) -> tuple[DeviceView, ...]:
    """Adopted and found ones."""
    return tuple(device for device in home.devices() if device.kind is DeviceKind.METER)


async def meter_found(home: Home) -> Finding:
    """A meter is adopted and online; where none is, why it may not be found."""
    tried = f"Listened for {FOUND_WITHIN_S:.0f} s for meters that announce themselves on the home network (mDNS)."

    def online() -> DeviceView | None:
        return next((meter for meter in meters(home) if meter.adopted and meter.link is DeviceLink.ONLINE), None)

    meter = online() or (await until(home, online, FOUND_WITHIN_S) if _adopted(home) else None)
    if meter is not None:
        return Finding(good=True, tried=tried, seen=f"{meter.product} ({meter.device_id}) at {meter.address}.")
    await until(home, lambda: meters(home), FOUND_WITHIN_S)
    found = meters(home)
    if (adopted := next((meter for meter in found if meter.adopted), None)) is not None:
        advice = adopted.problem or "Check its power and that it is on the same network as the hub."
        return Finding(good=False, tried=tried, seen=f"{adopted.name} is adopted, but {adopted.link}.", advice=advice)
    if found:
        return _not_adopted(tried, found)
    return _nothing_found(home, tried)


async def meter_reading(home: Home) -> Finding:
    """Fresh readings come, and the meter's clock agrees with the hub's."""
    tried = f"Waited up to {READING_WITHIN_S:.0f} s for a reading."
    reading: MeterReading | None = await until(home, lambda: fresh(home), READING_WITHIN_S)
    if reading is None:
        advice = "Look at the meter: is it on, and is its link under Devices online? Then run this check again."
        return Finding(good=False, tried=tried, seen="No reading came.", advice=advice)
    phases = "" if reading.phase_power_w is None else f", {len(reading.phase_power_w)} phases told apart"
    seen = f"{reading.power_w:.0f} W at the grid connection{phases}"
    if reading.phase_power_w is not None and len(reading.phase_power_w) < home.settings.site.phases:
        advice = "Correct the number of phases of the grid connection, or use a meter that measures all of them."
        site = f"the grid connection was entered with {home.settings.site.phases}"
        return Finding(good=False, tried=tried, seen=f"{seen}; {site}.", advice=advice)
    if reading.meter_time is not None:
        off_s = (reading.meter_time - reading.received_at).total_seconds()
        if abs(off_s) > METER_CLOCK_OFF_S:
            seen = f"{seen}; the meter's clock and the hub's are {abs(off_s) / 60:.0f} min apart."
            advice = "Compare the hub's clock and time zone with a watch, mend what is wrong, and run this check again."
            return Finding(good=False, tried=tried, seen=seen, advice=advice)
        seen = f"{seen}; its clock agrees within {abs(off_s):.0f} s"
    return Finding(good=True, tried=tried, seen=f"{seen}.")


async def meter_direction(home: Home) -> Finding:
    """A load that is switched on makes the import rise."""
    tried = f"Waited up to {LOAD_WITHIN_S:.0f} s for a load of about 1 kW or more to be switched on."
    first: MeterReading | None = await until(home, lambda: fresh(home), READING_WITHIN_S)
    if first is None:
        return Finding(good=False, tried=tried, seen="The meter told nothing.", advice="Run the check before again.")

    def step_w() -> float:
        latest = fresh(home)
        return 0.0 if latest is None else latest.power_w - first.power_w

    await until(home, lambda: abs(step_w()) >= LEAST_STEP_W, LOAD_WITHIN_S)
    rise_w = step_w()
    if rise_w >= LEAST_STEP_W:
        return Finding(good=True, tried=tried, seen=f"The import rose by {rise_w:.0f} W.")
    if rise_w <= -LEAST_STEP_W:
        return Finding(
            good=False,
            tried=tried,
            seen=f"The import fell by {-rise_w:.0f} W.",
            advice="If a load was switched on just then, the meter counts backwards: have its clamps or its import and "
            "export terminals exchanged. If something was switched off, run this check again.",
        )
    return Finding(
        good=False,
        tried=tried,
        seen=f"The import changed by {rise_w:.0f} W only.",
        advice="Run this check again and switch on a kettle or a hair dryer at once. If nothing changes again, the "
        "meter does not measure this home's connection.",
    )


def backwards(rise_w: float, charger_rise_w: float) -> bool:
    """The import has fallen by about as much as the charger has drawn more."""
    return charger_rise_w >= LEAST_STEP_W and rise_w <= -charger_rise_w / 2


def _adopted(home: Home) -> bool:
    return any(meter.adopted for meter in meters(home))


def fresh(home: Home) -> MeterReading | None:
    """The meter's newest reading, or None where that is too old to go by."""
    reading = home.meter()
    if reading is None or (home.clock.now() - reading.received_at).total_seconds() > FRESH_S:
        return None
    return reading


def _not_adopted(tried: str, found: tuple[DeviceView, ...]) -> Finding:
    meter = found[0]
    seen = f"Found, but not adopted: {', '.join(f'{item.product} at {item.address}' for item in found)}."
    if meter.problem:
        return Finding(good=False, tried=tried, seen=seen, advice=meter.problem)
    if meter.properties.get("api_enabled") == "0":
        advice = 'Its local API is off: switch on "Local API" in the maker\'s app, then adopt it.'
        return Finding(good=False, tried=tried, seen=seen, advice=advice)
    advice = f"Adopt it, under Devices or with: homeapp devices adopt {meter.device_id}"
    return Finding(good=False, tried=tried, seen=seen, advice=advice)


def _nothing_found(home: Home, tried: str) -> Finding:
    network = home.network(home.settings.discovery.interfaces)
    looked = ", ".join(network.addresses) or "no network interface"
    seen = f"No meter announced itself. The hub listens on: {looked}."
    if not network.addresses:
        advice = "Connect the hub to the home network by cable or WLAN, then run this check again."
    elif network.deaf:
        words = "; ".join(f"{address}: {problem}" for address, problem in network.deaf.items())
        seen += f" Multicast does not work ({words})."
        advice = (
            "Without multicast no device can be found: allow UDP port 5353 in the machine's firewall, and use "
            f"the host's network where the hub runs in a container. {_BY_ADDRESS}"
        )
    else:
        advice = (
            'Switch on "Local API" in the meter maker\'s app; put meter and hub on the same network (no guest WLAN, no '
            "client isolation, multicast let through by the access point); check that the meter has power. "
            f"Then run this check again. {_BY_ADDRESS}"
        )
    return Finding(good=False, tried=tried, seen=seen, advice=advice)
