"""A hub on a disk that can be filled: a small one of its own, which nobody but the hub's processes sees mounted."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kit.hub_process import PROJECT, SETTINGS, until

SIZE_KB = 8 * 1024
_SCRIPT = (
    'mount -t tmpfs -o size="$3"k none "$1" && cp "$2" "$1/settings.toml" && exec "$0" -m homeapp hub --data-dir "$1"'
)


def can_be_mounted() -> bool:
    """Whether this machine lets a process have a file system of its own."""
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class SmallDisk:
    """The hub's data directory, as it is reached from outside."""

    data_dir: Path

    @property
    def socket(self) -> Path:
        """The hub's local socket."""
        return self.data_dir / "hub.sock"

    def fill(self) -> None:
        """Leave no room."""
        with (self.data_dir / "filler").open("ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while filler.write(b"x" * size):
                        continue
                except OSError:
                    continue

    def clear(self) -> None:
        """Make room again."""
        (self.data_dir / "filler").unlink()


@contextmanager
def hub_on_small_disk(directory: Path) -> Iterator[SmallDisk]:
    """A hub that answers; killed at the end, and its disk goes with it."""
    disk, settings, log_path = directory / "disk", directory / "settings.toml", directory / "small_disk.log"
    disk.mkdir()
    settings.write_text(SETTINGS)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c", _SCRIPT, sys.executable, str(disk), str(settings), str(SIZE_KB)],
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: b"hub is ready" in log_path.read_bytes() or process.poll() is not None)
            assert process.poll() is None, log_path.read_text()
            yield SmallDisk(Path(f"/proc/{process.pid}/root{disk}"))
        finally:
            process.kill()
            process.wait(timeout=20)
