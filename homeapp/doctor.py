"""What ``homeapp doctor`` looks at, and the advice that goes with each finding."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

from homeapp.api import Check, CheckLevel
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.live import LinkState, Snapshot
from homeapp.ports import Clock
from homeapp.secrets import SecretStore
from homeapp.settings import SecretPlace, Settings

LEAST_FREE_BYTES = 200 * 1024 * 1024
_EARLIEST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)


async def examine(
    *,
    data_dir: Path,
    settings: Settings,
    secrets: SecretStore,
    snapshot: Snapshot,
    devices: tuple[DeviceView, ...],
    clock: Clock,
) -> tuple[Check, ...]:
    """All checks, in the order in which a person would go through them."""
    free = (await asyncio.to_thread(shutil.disk_usage, data_dir)).free
    return (
        _clock(clock.now()),
        _disk(free),
        _secrets(secrets.place),
        _device(devices, DeviceKind.METER, "Smart meter"),
        _device(devices, DeviceKind.EVCE, "Charger"),
        _prices(snapshot),
        *_providers(settings, snapshot),
    )


def _clock(now: datetime) -> Check:
    if now < _EARLIEST_PLAUSIBLE:
        return Check(
            name="Clock",
            level=CheckLevel.ERROR,
            finding=f"The clock says {now:%Y-%m-%d}.",
            advice="Set the time: prices, deadlines and signatures depend on it.",
        )
    return Check(name="Clock", level=CheckLevel.OK, finding=f"{now:%Y-%m-%d %H:%M} UTC")


def _disk(free: int) -> Check:
    finding = f"{free // 1024**2} MB free"
    if free < LEAST_FREE_BYTES:
        return Check(
            name="Disk", level=CheckLevel.ERROR, finding=finding, advice="Make room, or answers can no longer be kept."
        )
    return Check(name="Disk", level=CheckLevel.OK, finding=finding)


def _secrets(place: SecretPlace) -> Check:
    if place is SecretPlace.MACHINE_FILE:
        return Check(
            name="Secrets",
            level=CheckLevel.WARNING,
            finding="kept in a file that anyone with this disk can open",
            advice="Prefer a systemd credential or a keyring; see docs/security.md.",
        )
    return Check(name="Secrets", level=CheckLevel.OK, finding=f"kept in: {place}")


def _device(devices: tuple[DeviceView, ...], kind: DeviceKind, name: str) -> Check:
    ours = [device for device in devices if device.kind is kind]
    adopted = [device for device in ours if device.adopted]
    if not adopted:
        seen = ", ".join(device.device_id for device in ours)
        advice = f"Adopt it: homeapp devices adopt {ours[0].device_id}" if ours else _nothing_seen(kind)
        return Check(
            name=name, level=CheckLevel.WARNING, finding=f"none adopted; seen: {seen or 'none'}", advice=advice
        )
    worst = next((device for device in adopted if device.link is not DeviceLink.ONLINE), None)
    if worst is None:
        return Check(name=name, level=CheckLevel.OK, finding=f"online: {', '.join(d.name for d in adopted)}")
    advice = worst.problem or "Check its power and its network."
    return Check(name=name, level=CheckLevel.ERROR, finding=f"{worst.name} is {worst.link}", advice=advice)


def _nothing_seen(kind: DeviceKind) -> str:
    if kind is DeviceKind.METER:
        return 'Switch on "Local API" in the meter maker\'s app and put meter and hub on the same network.'
    return "Set the charger's OCPP address to this hub (wss://<hub>:<port>/ocpp/<charger id>)."


def _prices(snapshot: Snapshot) -> Check:
    if snapshot.price is None:
        return Check(
            name="Prices",
            level=CheckLevel.WARNING,
            finding="no price is known for now",
            advice="Check the link to the electricity network provider. Charging goes on without prices.",
        )
    return Check(name="Prices", level=CheckLevel.OK, finding=f"{snapshot.price} {snapshot.currency}/kWh now")


def _providers(settings: Settings, snapshot: Snapshot) -> list[Check]:
    wanted = {"grid_sp": settings.grid_sp, "evc_sp": settings.evc_sp, "pev_sp": settings.pev_sp}
    links = {link.sp_id: link for link in snapshot.providers}
    checks: list[Check] = []
    for sp_id, configured in wanted.items():
        if configured is None:
            continue
        link = links.get(sp_id)
        up = link is not None and link.state is LinkState.UP
        finding = "connected" if up else "not connected"
        waiting = f", {link.waiting} answers wait" if link is not None and link.waiting else ""
        advice = "" if up else (link.problem if link and link.problem else "Check the internet connection.")
        level = CheckLevel.OK if up else CheckLevel.ERROR
        checks.append(Check(name=configured.name, level=level, finding=finding + waiting, advice=advice))
    return checks
