"""``homeapp demo --check``: the use case from end to end, each item with what its peer saw."""

from homeapp.demo.check.run import Check
from homeapp.demo.check.scene import Report, StepSeen

__all__ = ["Check", "Report", "StepSeen"]
