"""What was measured, and how it is printed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long something took, ms.

    Attributes:
        samples: how often it was measured.
    """

    samples: int
    p50: float
    p95: float
    p99: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f}  p95 {self.p95:.2f}  p99 {self.p99:.2f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFigures:
    """One way between stations and CSMS.

    Attributes:
        exchanges_per_s: CALLs with their CALLRESULTs, with as many in flight as there are connections.
        hub_cpu_us: CPU time of the hub's process for each of them; None where the hub is not in the way.
        latency: of a CALL that the CSMS answers, at 20 a second.
        profile: of a SetChargingProfile of 96 periods from the CSMS until its answer, which the hub gives itself, for
            the transaction that runs.
        kept_profile: of one that has to outlive a restart, so that the hub has it on disk before it answers; None where
            nothing is kept.
    """

    exchanges_per_s: float
    hub_cpu_us: float | None
    latency: Spread
    profile: Spread
    kept_profile: Spread | None = None

    @property
    def messages_per_s(self) -> float:
        """CALL and CALLRESULT are a message each (OCPP-J 1.6 and 2.1 part 4 par. 4.2); relayed, each counts once."""
        return 2 * self.exchanges_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleFigures:
    """With many idle stations.

    Attributes:
        kib_each: memory of the hub for each, with its connection to the CSMS; None where the system does not tell.
        latency: as before, with all of them connected.
    """

    stations: int
    kib_each: float | None
    latency: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of it.

    Attributes:
        direct: from station to CSMS.
        exchange: through the message exchange alone, without TLS as ``direct``.
        hub: through endpoint, session, policy and outbox, with TLS towards the station.
        overload: from a meter reading of an overload until the station has the lower limit.
        broken_rules: sentences on what a peer saw the hub do against the standard.
    """

    connections: int
    direct: PathFigures
    exchange: PathFigures
    hub: PathFigures
    overload: Spread
    idle: IdleFigures
    broken_rules: tuple[str, ...]


def spread(seconds: Sequence[float]) -> Spread:
    """Of at least one sample."""
    ordered = sorted(seconds)

    def at(part: float) -> float:
        return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    return Spread(samples=len(ordered), p50=at(0.50), p95=at(0.95), p99=at(0.99))


def _rate(path: PathFigures, direct: PathFigures) -> str:
    cpu = "" if path.hub_cpu_us is None else f", {path.hub_cpu_us:.0f} us of CPU for each exchange"
    ratio = path.exchanges_per_s / direct.exchanges_per_s
    return f"{path.exchanges_per_s:.0f} exchanges/s, {path.messages_per_s:.0f} messages/s ({ratio:.0%} of direct{cpu})"


def table(figures: Figures) -> list[str]:
    """Lines for people; what is aimed for stands in brackets."""
    direct = figures.direct
    lines = [
        f"{figures.connections} connections, one CALL in flight on each; all on this machine.",
        "An exchange is a CALL with its CALLRESULT: two messages (OCPP-J par. 4.2); a relayed one counts once.",
    ]
    for name, path, aim in (
        ("direct", direct, ""),
        ("exchange", figures.exchange, ""),
        ("hub", figures.hub, " [> 5000 messages/s]"),
    ):
        lines.append(f"{name:9} {_rate(path, direct)}{aim}")
        added = "" if path is direct else f"; adds {path.latency.p95 - direct.latency.p95:.2f} at p95 [< 10]"
        lines.append(f"{'':9} answer of the CSMS     {path.latency}{added}")
        lines.append(f"{'':9} 96-period profile      {path.profile} [p95 < 5]")
        if path.kept_profile is not None:
            lines.append(f"{'':9}   kept on disk first   {path.kept_profile}")
    memory = "" if figures.idle.kib_each is None else f", {figures.idle.kib_each:.0f} KiB each"
    lines += [
        f"overload  new limit at station   {figures.overload} [p99 < 50]",
        f"idle      {figures.idle.stations} more stations{memory}; answer of the CSMS {figures.idle.latency}",
    ]
    lines += [f"A rule was broken: {rule}." for rule in figures.broken_rules]
    return lines
