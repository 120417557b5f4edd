"""Calls about commissioning; what an installer does besides (devices, providers, PINs) has calls of its own."""

from dataclasses import dataclass

from homeapp.api.base import Call, Role
from homeapp.model.commissioning import Answer, CheckId, CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCommissioning(Call[CommissioningView]):
    """How it stands."""

    method = "commissioning.get"
    role = Role.INSTALLER
    answer = CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStep(Call[CommissioningView]):
    """Keep an answer; settings are written into ``settings.toml`` and hold from ``ApplySettings`` or a start on.

    The checks that depend on it are open again, and a report that was made before is out of date.

    Raises:
        SettingsInvalid: it contradicts itself or the other settings; says what would do. Nothing was written.
        EnvironmentProblem: it cannot be written.
    """

    step_answer: Answer

    method = "commissioning.answer"
    role = Role.INSTALLER
    answer = CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck(Call[CommissioningView]):
    """Run a check, or wait for the one that runs; answers when it is over, after 30 s at the latest.

    Where it still runs then, the same call waits for it again.

    Raises:
        WrongState: another check runs, or an earlier step is not settled.
        EnvironmentProblem: what was found cannot be kept.
    """

    check: CheckId

    method = "commissioning.run"
    role = Role.INSTALLER
    answer = CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class StopCheck(Call[CommissioningView]):
    """Break off a check that runs: it is open again, the charger is released, and the car's mode is as before.

    Whoever waits for the check gets the same answer.

    Raises:
        WrongState: it does not run.
        EnvironmentProblem: the mode cannot be kept; the hub's next start restores it.
    """

    check: CheckId

    method = "commissioning.stop"
    role = Role.INSTALLER
    answer = CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings(Call[None]):
    """What stands in ``settings.toml`` holds from now on: after the answer the hub begins anew, in the same process.

    Every connection is closed then; the local socket accepts again within a few seconds, where whoever had logged in
    does so again.

    Raises:
        SettingsInvalid: it cannot be read, or contradicts itself; the hub goes on as it was.
        WrongState: a check runs; wait for it, or stop it.
    """

    method = "hub.apply_settings"
    role = Role.INSTALLER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCheck(Call[CommissioningView]):
    """Leave a check out: a gap, which the report and Home tell of.

    Raises:
        WrongState: it runs, it has passed, an earlier step is not settled, or no reason is given.
        EnvironmentProblem: it cannot be kept.
    """

    check: CheckId
    reason: str

    method = "commissioning.skip"
    role = Role.INSTALLER
    answer = CommissioningView


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishCommissioning(Call[CommissioningView]):
    """Sign the report and write it into the data directory, as JSON and as PDF.

    Attributes:
        installer: who has done it, for the report.

    Raises:
        WrongState: a step is not settled.
        EnvironmentProblem: it cannot be written.
    """

    installer: str = ""

    method = "commissioning.finish"
    role = Role.INSTALLER
    answer = CommissioningView
