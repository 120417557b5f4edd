"""The audit log: whatever is changed in it afterwards is found."""

import asyncio
import hashlib
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp import __main__ as program
from homeapp.audit import (
    FIRST_PREV,
    HEAD_NAME,
    AuditRow,
    Head,
    Verdict,
    examine,
    read_head,
    read_rows,
    row_hash,
    verify,
)
from homeapp.errors import StoreUnavailable
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from kit.clocks import StandingClock

pytestmark = pytest.mark.usecase("W6")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COLUMNS = ("seq", "at", "kind", "subject", "detail", "prev", "hash")
TEXTS = st.tuples(st.text(), st.text(max_size=9), st.text(max_size=9), st.text(max_size=20))


def sealed(seq: int, prev: str, texts: tuple[str, str, str, str]) -> AuditRow:
    at, kind, subject, detail = texts
    digest = row_hash(seq=seq, at=at, kind=kind, subject=subject, detail=detail, prev=prev)
    return AuditRow(seq=seq, at=at, kind=kind, subject=subject, detail=detail, prev=prev, hash=digest)


def chained(contents: list[tuple[str, str, str, str]]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for seq, texts in enumerate(contents, start=1):
        rows.append(sealed(seq, rows[-1].hash if rows else FIRST_PREV, texts))
    return rows


def head_of(rows: list[AuditRow]) -> Head:
    return Head(seq=rows[-1].seq, hash=rows[-1].hash, at="2026-11-23T12:00:00+00:00")


CHAINS = st.lists(TEXTS, min_size=1, max_size=6).map(chained)


def test_the_hash_is_the_one_that_is_documented() -> None:
    """Anybody can recompute it without this program."""
    body = '{"at":"2026-11-23","detail":"{\\"a\\":1}","kind":"offer","prev":"' + "0" * 64 + '","seq":1,"subject":"é"}'
    digest = row_hash(seq=1, at="2026-11-23", kind="offer", subject="é", detail='{"a":1}', prev=FIRST_PREV)
    assert digest == hashlib.sha256(body.encode()).hexdigest()


@given(CHAINS, st.data())
def test_an_untouched_chain_is_unbroken_whichever_of_its_rows_the_head_names(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    known = data.draw(st.integers(1, len(rows)))
    assert verify(rows, head_of(rows[:known])) == Verdict(len(rows))


@given(CHAINS, st.data())
def test_any_flipped_byte_in_any_column_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from([name for name in COLUMNS if getattr(rows[place], name) != ""]))
    mask = data.draw(st.integers(1, 255))
    stored = getattr(rows[place], column)
    if isinstance(stored, int):
        changed: int | str = stored ^ (mask << 8 * data.draw(st.integers(0, 6)))
    else:
        content = bytearray(stored.encode())
        content[data.draw(st.integers(0, len(content) - 1))] ^= mask
        changed = bytes(content).decode("utf-8", "surrogateescape")
    flipped = [*rows[:place], AuditRow(**{**asdict(rows[place]), column: changed}), *rows[place + 1 :]]
    verdict = verify(sorted(flipped, key=lambda row: row.seq), head_of(rows))
    assert verdict.problem
    assert verdict.first_bad is not None
    if column != "seq":
        assert verdict.first_bad == place + 1
        assert verdict.count == place


@given(CHAINS, st.data())
def test_a_missing_row_is_named_be_it_the_last(rows: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    verdict = verify(rows[:place] + rows[place + 1 :], head_of(rows))
    assert (verdict.count, verdict.first_bad) == (place, place + 1)
    assert verdict.problem.startswith(f"Row {place + 1} is missing")


@given(CHAINS, st.data())
def test_a_truncated_log_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(rows) - 1))
    assert verify(rows[:kept], head_of(rows)).first_bad == kept + 1


@given(st.lists(TEXTS, min_size=2, max_size=6, unique=True).map(chained), st.data(), st.booleans())
def test_swapped_rows_are_found_also_with_their_numbers_exchanged(
    rows: list[AuditRow], data: st.DataObject, numbers: bool
) -> None:
    one, other = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2)))
    swapped = list(rows)
    swapped[one], swapped[other] = rows[other], rows[one]
    if numbers:
        swapped = [replace(row, seq=seq) for seq, row in enumerate(swapped, start=1)]
    assert verify(swapped, head_of(rows)).first_bad == one + 1


@given(CHAINS, TEXTS, st.data())
def test_an_inserted_row_is_found_however_well_it_is_made(
    rows: list[AuditRow], texts: tuple[str, str, str, str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    forged = sealed(place + 1, rows[place].prev, texts)
    later = [replace(row, seq=row.seq + 1) for row in rows[place:]]
    verdict = verify([*rows[:place], forged, *later], head_of(rows))
    assert verdict.first_bad in (place + 1, place + 2)


@given(CHAINS, TEXTS)
def test_a_chain_that_was_made_anew_from_some_row_on_does_not_fit_the_head(
    rows: list[AuditRow], texts: tuple[str, str, str, str]
) -> None:
    old = [(row.at, row.kind, row.subject, row.detail) for row in rows]
    anew = chained([(texts[0] + "!" + old[0][0], *texts[1:]), *old[1:]])
    assert verify(anew, None).count == len(rows)
    verdict = verify(anew, head_of(rows))
    assert (verdict.first_bad, HEAD_NAME in verdict.problem) == (len(rows), True)


def test_without_a_head_nobody_can_say_that_the_end_is_there() -> None:
    rows = chained([("a", "b", "c", "d")])
    verdict = verify(rows, None)
    assert (verdict.count, verdict.first_bad) == (1, None)
    assert "missing" in verdict.problem
    assert verify([], None) == Verdict(0)


def keep(data_dir: Path, *values: str, clock: StandingClock | None = None) -> tuple[str, ...]:
    """A hub's life that keeps ``values`` under one key; what had to be repaired."""

    async def main() -> tuple[str, ...]:
        used = clock or StandingClock(NOON)
        async with Database(data_dir, used.now) as database:
            ledger = Ledger(database, used)
            for value in values:
                await ledger.keep_value("charging_mode", value)
            return database.repairs

    return asyncio.run(main())


def tamper(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / "ledger.db")) as database, database:
        database.execute("DROP TRIGGER audit_is_not_changed")
        database.execute("DROP TRIGGER audit_is_not_deleted")
        database.execute(statement)


def test_a_mode_that_changes_is_in_the_log_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    keep(tmp_path, "now", "now", "pause")
    assert [(row.kind, row.subject, row.detail) for row in read_rows(tmp_path)] == [
        ("value_changed", "charging_mode", '{"value":"now"}'),
        ("value_changed", "charging_mode", '{"value":"pause"}'),
    ]
    assert examine(tmp_path) == Verdict(2)


def test_a_change_that_fails_leaves_no_row(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            ledger = Ledger(database, StandingClock(NOON))
            await ledger.keep_value("charging_mode", "now")
            await database.ledger.write(
                lambda connection: connection.execute(
                    "CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
            )
            with pytest.raises(sqlite3.IntegrityError, match="full"):
                await ledger.keep_value("charging_mode", "pause")
            assert await ledger.value("charging_mode") == "now"

    asyncio.run(main())
    assert examine(tmp_path) == Verdict(1)


def test_the_head_is_noted_at_most_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    async def main() -> list[int]:
        clock, noted = StandingClock(NOON), []
        async with Database(tmp_path, clock.now) as database:
            ledger = Ledger(database, clock)
            for seconds in (0, 30, 59, 60, 61, -3600):
                clock.at = NOON + timedelta(seconds=seconds)
                await ledger.keep_value("charging_mode", str(seconds))
                head = read_head(tmp_path)
                noted.append(head.seq if head else 0)
            await ledger.keep_value("charging_mode", "last")
            clock.at += timedelta(minutes=1)
            await ledger.value("charging_mode")
            head = read_head(tmp_path)
            noted.append(head.seq if head else 0)
            await ledger.keep_value("charging_mode", "stop")
        return noted

    assert asyncio.run(main()) == [1, 1, 1, 4, 4, 6, 7]
    assert read_head(tmp_path) == Head(
        seq=8, hash=list(read_rows(tmp_path))[-1].hash, at=(NOON - timedelta(seconds=3540)).isoformat()
    )
    assert stat.S_IMODE((tmp_path / HEAD_NAME).stat().st_mode) == 0o600


def test_the_log_is_read_while_a_hub_writes_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            ledger = Ledger(database, StandingClock(NOON))
            await ledger.keep_value("charging_mode", "now")
            rows = read_rows(tmp_path)
            assert next(rows).seq == 1
            await ledger.keep_value("charging_mode", "pause")
            assert list(rows) == []
            assert examine(tmp_path) == Verdict(2)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE audit SET detail = '{}' WHERE seq = 2", 2),
        ("UPDATE audit SET subject = CAST(x'ff' AS TEXT) WHERE seq = 2", 2),
        ("UPDATE audit SET seq = 9 WHERE seq = 3", 3),
        ("UPDATE audit SET seq = -1 WHERE seq = 3", -1),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("DELETE FROM audit", 1),
        ("DROP TABLE audit", 1),
    ],
)
def test_what_is_done_to_the_file_is_found(tmp_path: Path, statement: str, first_bad: int) -> None:
    keep(tmp_path, "1", "2", "3")
    tamper(tmp_path, statement)
    assert examine(tmp_path).first_bad == first_bad


def test_a_new_start_does_not_paper_over_deleted_rows(tmp_path: Path) -> None:
    keep(tmp_path, "1", "2", "3")
    noted = read_head(tmp_path)
    tamper(tmp_path, "DELETE FROM audit WHERE seq > 1")
    assert examine(tmp_path).first_bad == 2
    (sentence,) = keep(tmp_path, "4", "5", "6")
    assert "homeapp audit verify" in sentence
    assert read_head(tmp_path) == noted, "it is the evidence"
    assert examine(tmp_path).first_bad == 3
    (tmp_path / HEAD_NAME).unlink()
    assert keep(tmp_path, "7") == ()
    assert examine(tmp_path) == Verdict(5)


def test_a_damaged_head_is_told_and_left_alone(tmp_path: Path) -> None:
    keep(tmp_path, "1")
    (tmp_path / HEAD_NAME).write_bytes(b'{"seq":\xff')
    (sentence,) = keep(tmp_path, "2")
    assert "damaged" in sentence
    with pytest.raises(StoreUnavailable, match="damaged"):
        examine(tmp_path)


def test_a_head_that_cannot_be_written_refuses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "audit-head.part").mkdir()
    keep(tmp_path, "1")
    assert [row.seq for row in read_rows(tmp_path)] == [1]
    assert HEAD_NAME in caplog.text


@pytest.fixture
def homeapp(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setattr(program, "_log_to_stderr", lambda **_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.main(["audit", *arguments, "--data-dir", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_command_says_unbroken_or_names_the_row(
    homeapp: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    keep(tmp_path, "1", "2\x1b[2J\u202e")
    assert homeapp("verify") == (0, "2 rows, unbroken.\n", "")
    code, out, _ = homeapp("verify", "--json")
    assert (code, json.loads(out)) == (0, {"count": 2, "first_bad": None, "problem": ""})
    code, out, _ = homeapp("export")
    assert code == 0
    assert [AuditRow(**json.loads(line)) for line in out.splitlines()] == list(read_rows(tmp_path))
    assert out.replace("\n", "").isprintable()
    tamper(tmp_path, "UPDATE audit SET kind = 'offer' WHERE seq = 2")
    assert homeapp("verify") == (1, "The audit log is broken: Row 2 was changed after it was written.\n", "")
    code, out, _ = homeapp("verify", "--json")
    assert (code, json.loads(out)["first_bad"]) == (1, 2)


@pytest.mark.parametrize("verb", ["verify", "export"])
def test_what_cannot_be_read_is_a_sentence(
    homeapp: Callable[..., tuple[int, str, str]], tmp_path: Path, verb: str
) -> None:
    assert homeapp(verb)[0] == 1
    assert not (tmp_path / "ledger.db").exists()
    (tmp_path / "ledger.db").write_bytes(b"this is no database, whatever its name says" * 30)
    code, out, err = homeapp(verb)
    assert (code, out) == (1, "")
    assert "is damaged" in err
    (tmp_path / "ledger.db").unlink()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("CREATE TABLE audit (number INTEGER PRIMARY KEY, at, kind, subject, detail)")
    code, out, _ = homeapp(verb, "--json")
    assert (code, json.loads(out)["error"]["kind"]) == (1, "StoreUnavailable")
