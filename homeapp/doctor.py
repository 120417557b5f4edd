"""What ``homeapp doctor`` looks at, and the advice that goes with each finding."""

import asyncio
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homeapp.api import Check, CheckLevel, Role
from homeapp.errors import HubNotRunning, SettingsInvalid
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.live import LinkState, Snapshot
from homeapp.ports import Clock
from homeapp.settings import SecretPlace, load

LEAST_FREE_BYTES = 200 * 1024 * 1024
_EARLIEST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStanding:
    """How the home stands with a provider.

    Attributes:
        obstacle: what is in the way of a link; empty where nothing is.
        agreed: the owner lets the provider have what the link needs.
    """

    sp_id: str
    name: str
    obstacle: str
    advice: str
    agreed: bool


async def examine(
    *,
    data_dir: Path,
    secrets: SecretPlace,
    snapshot: Snapshot,
    devices: tuple[DeviceView, ...],
    providers: Iterable[ProviderStanding],
    pins: Collection[Role],
    untimely: Collection[str],
    clock: Clock,
    unencrypted_port: int = 0,
) -> tuple[Check, ...]:
    """All checks, in the order in which a person would go through them.

    ``untimely`` are the names of the providers whose newest message was refused for its time.
    """
    return (
        _clock(clock.now(), untimely),
        await asyncio.to_thread(_disk, data_dir),
        await asyncio.to_thread(_rights, data_dir),
        _secrets(secrets),
        _pins(pins),
        _device(devices, DeviceKind.METER, "Smart meter"),
        _device(devices, DeviceKind.EVCE, "Charger"),
        *_open_port(unencrypted_port),
        _prices(snapshot),
        *_providers(providers, snapshot),
    )


def examine_without_hub(data_dir: Path, reason: HubNotRunning) -> tuple[Check, ...]:
    """What can be seen while no hub runs: mostly why it does not. Blocks."""
    hub, _, advice = str(reason).partition(". ")
    checks = [Check(name="Hub", level=CheckLevel.ERROR, finding=hub.rstrip(".") + ".", advice=advice)]
    if not data_dir.is_dir():
        advice = "The hub makes it at its first start; was another one meant with --data-dir?"
        finding = f"{data_dir} does not exist"
        return (*checks, Check(name="Data directory", level=CheckLevel.WARNING, finding=finding, advice=advice))
    try:
        settings = load(data_dir)
    except SettingsInvalid as error:
        finding, _, advice = str(error).partition(". ")
        checks.append(Check(name="Settings", level=CheckLevel.ERROR, finding=finding, advice=advice))
    else:
        site = settings.site
        finding = f"can be read: {site.phases} x {site.fuse_a:g} A, {site.time_zone}"
        checks.append(Check(name="Settings", level=CheckLevel.OK, finding=finding))
    return (*checks, _clock(datetime.now(UTC)), _disk(data_dir), _rights(data_dir))


def _clock(now: datetime, untimely: Collection[str] = ()) -> Check:
    if now < _EARLIEST_PLAUSIBLE:
        return Check(
            name="Clock",
            level=CheckLevel.ERROR,
            finding=f"The clock says {now:%Y-%m-%d}.",
            advice="Set the time: prices, deadlines and signatures depend on it.",
        )
    if untimely:
        return Check(
            name="Clock",
            level=CheckLevel.WARNING,
            finding=f"{now:%Y-%m-%d %H:%M} UTC; the newest message of {', '.join(untimely)} is of another time",
            advice="Compare it with a watch and set it if it is wrong; nothing is lost by that. Else ask the provider.",
        )
    return Check(name="Clock", level=CheckLevel.OK, finding=f"{now:%Y-%m-%d %H:%M} UTC")


def _disk(data_dir: Path) -> Check:
    try:
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        return Check(name="Disk", level=CheckLevel.ERROR, finding=f"{error.strerror}", advice="Check the disk.")
    finding = f"{free // 1024**2} MB free"
    if free < LEAST_FREE_BYTES:
        return Check(
            name="Disk", level=CheckLevel.ERROR, finding=finding, advice="Make room, or answers can no longer be kept."
        )
    return Check(name="Disk", level=CheckLevel.OK, finding=finding)


def _rights(data_dir: Path) -> Check:
    try:
        mode = data_dir.stat().st_mode
    except OSError as error:
        return Check(name="Data directory", level=CheckLevel.ERROR, finding=f"{error.strerror}", advice="Mend it.")
    if mode & 0o022:
        return Check(
            name="Data directory",
            level=CheckLevel.ERROR,
            finding=f"other users can change {data_dir}",
            advice=f"Whoever can, can become the hub. Close it: chmod go-w {data_dir}",
        )
    return Check(name="Data directory", level=CheckLevel.OK, finding=str(data_dir))


def _secrets(place: SecretPlace) -> Check:
    if place is SecretPlace.MACHINE_FILE:
        return Check(
            name="Secrets",
            level=CheckLevel.WARNING,
            finding="kept in a file that anyone with this disk can open",
            advice="Prefer a systemd credential or a keyring; see docs/security.md.",
        )
    return Check(name="Secrets", level=CheckLevel.OK, finding=f"kept in: {place}")


def _pins(pins: Collection[Role]) -> Check:
    if not pins:
        return Check(
            name="PIN",
            level=CheckLevel.WARNING,
            finding="none is set: anybody at the screen may change everything",
            advice="Set the owner's: homeapp pin set owner",
        )
    return Check(name="PIN", level=CheckLevel.OK, finding=f"set for: {', '.join(pins)}")


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


def _open_port(port: int) -> tuple[Check, ...]:
    if not port:
        return ()
    return (
        Check(
            name="Charger's connection",
            level=CheckLevel.WARNING,
            finding=f"chargers may connect without encryption on port {port}",
            advice="Everybody on the home network can read their passwords. Unless a charger knows no TLS, take "
            "ocpp.unencrypted_port out of the settings.",
        ),
    )


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


def _providers(standings: Iterable[ProviderStanding], snapshot: Snapshot) -> list[Check]:
    links = {link.sp_id: link for link in snapshot.providers}
    checks: list[Check] = []
    for standing in standings:
        if standing.obstacle:
            level, finding, advice = CheckLevel.WARNING, standing.obstacle, standing.advice
        else:
            link = links.get(standing.sp_id)
            up = link is not None and link.state is LinkState.UP
            waiting = f", {link.waiting} answers wait" if link is not None and link.waiting else ""
            finding = ("connected" if up else "not connected") + waiting
            advice = "" if up else (link.problem if link and link.problem else "Check the internet connection.")
            level = CheckLevel.OK if up else CheckLevel.ERROR
        checks.append(Check(name=standing.name, level=level, finding=finding, advice=advice))
    return checks
