"""What all chargers draw together when the hub is gone."""

from collections.abc import Iterable

from homeapp.model.site import Circuit, Site


def floors_too_high(circuits: Iterable[Circuit], site: Site) -> str | None:
    """Why the fuse cannot carry the safe currents of all these chargers at once, as a sentence, or None."""
    summed = [0.0] * site.phases
    for circuit in circuits:
        for phase in circuit.rotation:
            if phase < site.phases:
                summed[phase] += circuit.safe_current_a
    worst_a, carried_a = max(summed), site.fuse_a * site.fuse_margin
    if worst_a <= carried_a:
        return None
    return (
        f"The safe currents of all chargers make {worst_a:g} A on L{summed.index(worst_a) + 1}, but the main fuse "
        f"carries {carried_a:g} A there, and nobody watches over them when the hub is gone. Set a lower "
        "safe_current_a in the settings."
    )
