"""What is kept of a commissioning: one small file, written whole after every step, so that any end can be resumed."""

import json
from datetime import datetime
from pathlib import Path

import msgspec

from homeapp.errors import EnvironmentProblem
from homeapp.identity.files import write_whole
from homeapp.model.commissioning import Answer, CarAnswer, CheckId, CheckView, PlaceAnswer
from homeapp.model.plan import ChargingMode

FILE_NAME = "commissioning.json"
_VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One home's.

    Attributes:
        answers: the newest of each step that was answered.
        clock_off_s: by how much the hub's clock was ahead of a watch when the place was answered, s; None where nobody
            has compared them.
        found: by check; what is not in it is open.
        mode_before: how the car was to be charged before a test changed that, or None.
    """

    version: int = _VERSION
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    report_digest: str = ""
    answers: tuple[Answer, ...] = ()
    clock_off_s: float | None = None
    found: dict[CheckId, CheckView] = {}
    mode_before: ChargingMode | None = None

    @property
    def place(self) -> PlaceAnswer | None:
        """Where the home is, as answered."""
        return next((answer for answer in self.answers if isinstance(answer, PlaceAnswer)), None)

    @property
    def car(self) -> CarAnswer | None:
        """What is known of the car, as answered."""
        return next((answer for answer in self.answers if isinstance(answer, CarAnswer)), None)

    def answer_like(self, answer: Answer) -> Answer | None:
        """The one of the same step."""
        return next((known for known in self.answers if type(known) is type(answer)), None)

    def with_answer(self, answer: Answer, clock_off_s: float | None) -> "Record":
        """With this one in place of an older one of the same step."""
        others = tuple(known for known in self.answers if type(known) is not type(answer))
        return msgspec.structs.replace(self, answers=(*others, answer), clock_off_s=clock_off_s)

    def with_found(self, view: CheckView) -> "Record":
        """With this result, and without the report that did not know it."""
        return msgspec.structs.replace(self, found={**self.found, view.check: view}, finished_at=None, report_digest="")

    def without(self, *checks: CheckId) -> "Record":
        """With these checks open again."""
        found = {check: view for check, view in self.found.items() if check not in checks}
        return msgspec.structs.replace(self, found=found, finished_at=None, report_digest="")


def load_record(data_dir: Path) -> Record:
    """Read it; blocks. No file is a commissioning that has not begun.

    Raises:
        EnvironmentProblem: it cannot be read, or is damaged.
    """
    path = data_dir / FILE_NAME
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return Record()
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}. Mend its rights.") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise EnvironmentProblem(f"{path} is damaged. Move it away and begin the commissioning anew.") from error
    if record.version != _VERSION:
        raise EnvironmentProblem(f"{path} was written by a newer hub. Use that one, or move the file away.")
    return record


def keep_record(data_dir: Path, record: Record) -> None:
    """Write it; blocks, durable on return.

    Raises:
        EnvironmentProblem: it cannot be written; what was kept before stays.
    """
    text = json.dumps(msgspec.to_builtins(record), indent=1)
    write_whole(data_dir / FILE_NAME, text + "\n")
