"""The two files: opened, checked, backed up, mended, refused."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homeapp.errors import DataDirectoryBusy, StoreUnavailable
from homeapp.store import connection as connection_module
from homeapp.store.connection import DatabaseFile
from homeapp.store.database import Database
from homeapp.store.lock import lock_data_directory


def _put(file: DatabaseFile, key: str, value: str) -> asyncio.Future[None]:
    def write(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO kept_values (key, value) VALUES (?, ?)", (key, value))

    return asyncio.ensure_future(file.write(write))


async def _keys(file: DatabaseFile) -> list[str]:
    return await file.read(
        lambda connection: [row[0] for row in connection.execute("SELECT key FROM kept_values ORDER BY key")]
    )


def _on(day: int) -> datetime:
    return datetime(2026, 11, day, 12, tzinfo=UTC)


def _ruin(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"this is no longer a database, whatever its name says")


def test_both_files_survive_closing_and_have_their_modes(tmp_path: Path) -> None:
    async def first() -> tuple[object, ...]:
        async with Database(tmp_path) as database:
            await _put(database.ledger, "mode", "now")
            pragmas = ("PRAGMA journal_mode", "PRAGMA synchronous")
            read = [
                await file.read(lambda connection, pragma=pragma: connection.execute(pragma).fetchone()[0])
                for file in (database.ledger, database.telemetry)
                for pragma in pragmas
            ]
            return tuple(read)

    async def second() -> list[str]:
        async with Database(tmp_path) as database:
            assert database.repairs == ()
            return await _keys(database.ledger)

    assert asyncio.run(first()) == ("wal", 2, "wal", 1), "FULL for the ledger, NORMAL for telemetry"
    assert asyncio.run(second()) == ["mode"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> list[str]:
        def half(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO kept_values (key, value) VALUES ('half', '1')")
            raise ZeroDivisionError

        async with Database(tmp_path) as database:
            with pytest.raises(ZeroDivisionError):
                await database.ledger.write(half)
            await _put(database.ledger, "whole", "1")
            return await _keys(database.ledger)

    assert asyncio.run(main()) == ["whole"]


def test_appended_rows_are_kept_together_and_on_closing(tmp_path: Path) -> None:
    def insert(ts: int) -> connection_module.Work[object]:
        return lambda connection: connection.execute("INSERT INTO samples (ts) VALUES (?)", (ts,))

    def committed() -> int:
        with closing(sqlite3.connect(tmp_path / "telemetry.db")) as other:
            return int(other.execute("SELECT count(*) FROM samples").fetchone()[0])

    async def main() -> list[int]:
        seen = []
        async with Database(tmp_path) as database:
            await database.telemetry.append(insert(1), commit=False)
            await database.telemetry.append(insert(2), commit=False)
            seen.append(committed())
            await database.telemetry.append(insert(3), commit=True)
            seen.append(committed())
            await database.telemetry.append(insert(4), commit=False)
        return [*seen, committed()]

    assert asyncio.run(main()) == [0, 3, 4]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    async def open_once() -> None:
        async with Database(tmp_path):
            pass

    asyncio.run(open_once())
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger, ledger:
        ledger.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ledger', '0099', 'later')"
        )
    with pytest.raises(StoreUnavailable, match=r"newer version of homeapp \(schema 0099\)"):
        asyncio.run(open_once())


@pytest.mark.parametrize("how", ["header", "truncated", "page"])
def test_damaged_telemetry_is_set_aside_and_begun_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "telemetry.db"

    async def fill() -> None:
        async with Database(tmp_path) as database:
            rows = [(number, 230) for number in range(5000)]
            await database.telemetry.write(
                lambda connection: connection.executemany("INSERT INTO samples (ts, grid_w) VALUES (?, ?)", rows)
            )

    async def reopen() -> tuple[tuple[str, ...], int]:
        async with Database(tmp_path, lambda: _on(23)) as database:
            count = await database.telemetry.read(
                lambda connection: connection.execute("SELECT count(*) FROM samples").fetchone()[0]
            )
            return database.repairs, count

    asyncio.run(fill())
    size = path.stat().st_size
    if how == "header":
        _ruin(path)
    else:
        with path.open("r+b") as file:
            if how == "truncated":
                file.truncate(size // 2)
            else:
                file.seek(size // 2)
                file.write(b"\xff" * 8192)
    repairs, count = asyncio.run(reopen())
    assert count == 0
    assert len(repairs) == 1
    aside = tmp_path / "telemetry.damaged-20261123T120000Z.db"
    assert aside.name in repairs[0]
    assert aside.stat().st_size > 0


def test_a_damaged_ledger_comes_back_from_its_newest_sound_backup(tmp_path: Path) -> None:
    async def day(number: int) -> None:
        async with Database(tmp_path, lambda: _on(number)) as database:
            await _put(database.ledger, f"day{number}", "")

    async def reopen() -> tuple[tuple[str, ...], list[str]]:
        async with Database(tmp_path, lambda: _on(28)) as database:
            return database.repairs, await _keys(database.ledger)

    for number in (20, 21, 22, 23):
        asyncio.run(day(number))
    assert sorted(path.name for path in tmp_path.glob("*.backup.db")) == [
        f"ledger.2026-11-{number}.backup.db" for number in (21, 22, 23)
    ], "three are kept"
    _ruin(tmp_path / "ledger.db")
    _ruin(tmp_path / "ledger.2026-11-23.backup.db")
    repairs, keys = asyncio.run(reopen())
    assert keys == ["day20", "day21"], "the backup of the 22nd was made before that day's first write"
    assert len(repairs) == 1
    assert "ledger.2026-11-22.backup.db" in repairs[0]
    assert (tmp_path / "ledger.damaged-20261128T120000Z.db").exists()


def test_a_ledger_that_vanished_comes_back_too(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with Database(tmp_path, lambda: _on(20)) as database:
            await _put(database.ledger, "one", "")
        async with Database(tmp_path, lambda: _on(21)):
            pass
        (tmp_path / "ledger.db").unlink()
        async with Database(tmp_path, lambda: _on(21)) as database:
            return await _keys(database.ledger)

    assert asyncio.run(main()) == ["one"]


def test_a_damaged_ledger_without_backup_is_refused_and_left_alone(tmp_path: Path) -> None:
    async def open_once() -> None:
        async with Database(tmp_path):
            pass

    path = tmp_path / "ledger.db"
    path.write_bytes(b"x" * 8192)
    with pytest.raises(StoreUnavailable, match="damaged and there is no backup"):
        asyncio.run(open_once())
    assert path.read_bytes() == b"x" * 8192


def test_the_first_write_of_a_day_makes_a_backup(tmp_path: Path) -> None:
    today = [_on(20)]

    async def main() -> list[str]:
        async with Database(tmp_path, lambda: today[0]) as database:
            await _put(database.ledger, "one", "")
            today[0] = _on(21)
            await _put(database.ledger, "two", "")
        with closing(sqlite3.connect(tmp_path / "ledger.2026-11-21.backup.db")) as backup:
            return [row[0] for row in backup.execute("SELECT key FROM kept_values")]

    assert asyncio.run(main()) == ["one"]


def test_a_backup_that_finds_no_room_leaves_none_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it would take the room that the owner's answers need."""

    def full(self: Path, _target: Path) -> Path:
        assert self.exists()
        raise OSError(28, "No space left on device")

    async def main() -> list[str]:
        async with Database(tmp_path, lambda: _on(20)) as database:
            await _put(database.ledger, "one", "")
            return await _keys(database.ledger)

    monkeypatch.setattr(Path, "replace", full)
    assert asyncio.run(main()) == ["one"]
    assert list(tmp_path.glob("*backup*")) == []


def test_a_full_disk_is_a_sentence_and_goes_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            pages = await database.ledger.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
            await database.ledger.read(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
            with pytest.raises(StoreUnavailable, match="The disk is full"):
                await _put(database.ledger, "large", "x" * 100_000)
            await database.ledger.read(lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
            await _put(database.ledger, "large", "x" * 100_000)
            assert await _keys(database.ledger) == ["large"]

    asyncio.run(main())


def test_a_locked_file_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "BUSY_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with Database(tmp_path) as database:
            with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreUnavailable, match="in use by another program"):
                    await _put(database.ledger, "one", "")
            await _put(database.ledger, "one", "")

    asyncio.run(main())


def test_a_read_only_file_is_a_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            await database.ledger.read(lambda connection: connection.execute("PRAGMA query_only = ON"))
            with pytest.raises(StoreUnavailable, match="cannot be written"):
                await _put(database.ledger, "one", "")

    asyncio.run(main())


def test_a_missing_directory_is_a_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path / "nowhere"):
            pass

    with pytest.raises(StoreUnavailable, match="cannot be written"):
        asyncio.run(main())


def test_after_closing_it_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            pass
        with pytest.raises(StoreUnavailable, match="is stopping"):
            await _put(database.ledger, "one", "")

    asyncio.run(main())


def test_the_audit_trail_cannot_be_rewritten(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            await database.ledger.write(
                lambda connection: connection.execute(
                    "INSERT INTO audit (seq, at, kind, subject, detail, prev, hash) "
                    "VALUES (1, 'now', 'offer', 'a', '{}', '', '')"
                )
            )
            for statement in ("DELETE FROM audit", "UPDATE audit SET subject = 'b'"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    await database.ledger.write(lambda connection, text=statement: connection.execute(text))

    asyncio.run(main())


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the data directory."""
    program = (
        "import sys, pathlib\nfrom homeapp.store.lock import lock_data_directory\n"
        "with lock_data_directory(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_hub_is_told_that_the_directory_is_taken(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(DataDirectoryBusy, match="Another hub already works"), lock_data_directory(tmp_path):
        pass
    holder.kill()
    holder.wait(timeout=10)
    with lock_data_directory(tmp_path):
        pass
