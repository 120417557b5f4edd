"""What went wrong, what the person in front of it read, and how it went on."""

from dataclasses import dataclass, field


@dataclass
class FaultTable:
    """Rows in the order in which they were met.

    Attributes:
        went_on: by fault, in words.
    """

    read: dict[str, str] = field(default_factory=dict)
    went_on: dict[str, str] = field(default_factory=dict)

    def met(self, fault: str, *sentences: str) -> None:
        """This was read."""
        self.read[fault] = " ".join(" ".join(sentence.split()) for sentence in sentences)

    def mended(self, fault: str, how: str) -> None:
        """It went on."""
        assert fault in self.read, fault
        self.went_on[fault] = " ".join(how.split())

    def __str__(self) -> str:
        width = max(map(len, self.read), default=0)
        lines = [f"{'fault':{width}} | what the installer reads | how it went on"]
        lines += [f"{fault:{width}} | {read} | {self.went_on.get(fault, '-')}" for fault, read in self.read.items()]
        return "\n".join(lines)
