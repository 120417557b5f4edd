"""The way out of the home (the communication operator's data service): its state, its budget, its use."""

from dataclasses import dataclass

from homeapp.model.consent import DataClass


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """What one provider has used of the link this month, for one kind of data.

    Attributes:
        data_class: None for what comes in.
        budget_bytes: None where nothing is set.
    """

    sp_id: str
    data_class: DataClass | None
    messages: int
    size_bytes: int
    budget_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkView:
    """How the way out stands.

    Attributes:
        metered: it costs by volume: what can wait is sent sparingly.
        throttled: providers whose messages are held back because there are too many of them.
    """

    metered: bool
    use: tuple[BudgetUse, ...]
    throttled: tuple[str, ...]
