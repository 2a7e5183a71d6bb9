"""Rows: what goes in comes out, readable where it can be, and every change is found."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from typing import Any

import pytest

from daskloop.errors import JournalError
from daskloop.keys import Place
from daskloop.record import rows
from daskloop.record.checksums import SIZE, Signer, storable
from daskloop.record.entries import Recorded
from daskloop.record.schema import TABLES
from daskloop.record.sealed import Sealed
from daskloop.testing import journal_samples as samples
from tests.record.run_files import configured


def through_sqlite(row: tuple[Any, ...]) -> list[Any]:
    """Write a record's row to the table that it is for, and read it back."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(TABLES["records"])
        marks = ", ".join("?" * len(row))
        query = f"INSERT INTO records ({rows.RECORD_COLUMNS}, checksum) VALUES ({marks}, x'00')"
        connection.execute(query, row)
        return list(connection.execute(f"SELECT {rows.RECORD_COLUMNS} FROM records").fetchone())


@pytest.mark.parametrize("one", samples.records(), ids=lambda one: one.address[-1].slug)
def test_a_record_comes_back_as_it_was_and_its_checksum_is_the_same(one: Recorded) -> None:
    row, checksum = Signer().sign(b"records", b"", rows.record_row(7, 2, one))
    found = through_sqlite(row)
    assert found == list(row)
    assert Signer().checksum(b"records", b"", found) == checksum
    back = rows.record_of(found)
    assert back == one
    assert repr(back.value) == repr(one.value)
    assert type(back.address[-1]) is Place


def test_json_is_kept_as_text_and_a_pickle_as_bytes() -> None:
    def column(value: Sealed) -> Any:
        record = Recorded(samples.at(), 1, 0, "Looped", "", value)
        return dict(
            zip(rows.RECORD_COLUMNS.split(", "), rows.record_row(1, 1, record), strict=True)
        )

    assert column(samples.plain({"n": 1, "é": None}))["value"] == '{"n":1,"é":null}'
    assert type(column(samples.pickled({1}))["value"]) is bytes
    stored = column(samples.stored(3))
    assert stored["value"] is None and stored["stored_offset"] == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\0\0\0",
        b"\x01\0\0\0" + (5).to_bytes(8, "little") + b"[1]",
        b"\x01\0\0\0" + (3).to_bytes(8, "little") + b"[\xff]",
        b"[1]",
    ],
)
def test_bytes_that_only_look_like_json_come_back_unchanged(data: bytes) -> None:
    record = Recorded(samples.at(), 1, 0, "Looped", "", Sealed(data, None, 0, len(data), ""))
    assert rows.record_of(through_sqlite(rows.record_row(1, 1, record))) == record


def test_whole_numbers_and_minus_zero_as_times_do_not_spoil_the_checksum() -> None:
    record = Recorded(samples.at(), 1, 0, "Retrying", "", start_time=7, started=-0.0, ended=3, at=4)
    row, checksum = Signer().sign(b"records", b"", rows.record_row(1, 1, record))
    assert Signer().checksum(b"records", b"", through_sqlite(row)) == checksum


def test_a_header_comes_back_as_it_was() -> None:
    head = samples.header("a-run")
    given = [storable(rows.given_row(n, one)) for n, one in enumerate(head.parameters, 1)]
    marks = [storable(rows.mark_row(n, one)) for n, one in enumerate(head.tasks, 1)]
    assert rows.header_of(rows.header_row(head, False), given, marks) == head


@pytest.mark.parametrize("number", range(len(rows.RECORD_COLUMNS.split(", "))))
def test_a_change_of_any_column_changes_the_checksum(number: int) -> None:
    row = rows.record_row(1, 1, samples.records()[-2])
    for other in (None, "changed", b"changed", 12345, 0.5):
        changed = (*row[:number], other, *row[number + 1 :])
        assert changed == row or _checksum(changed) != _checksum(row)


def _checksum(row: tuple[Any, ...], kind: bytes = b"records", before: bytes = b"") -> bytes:
    return Signer().checksum(kind, before, row)


def test_a_text_is_not_taken_for_bytes_nor_one_table_for_another() -> None:
    row = rows.record_row(1, 1, samples.records()[0])
    assert _checksum(row) != _checksum(row, b"submitted")
    assert _checksum(row) != _checksum(row, before=b"x")
    assert _checksum(("ab",)) != _checksum((b"ab",))
    assert _checksum(("ab", "c")) != _checksum(("a", "bc"))


def test_only_a_key_makes_the_checksums_of_that_key() -> None:
    row = rows.record_row(1, 1, samples.records()[0])
    found = {None: _checksum(row)}
    for key in ("a", "b", "b" * 1000, "surrogate \udc80"):
        with configured("journal-key", key):
            found[key] = Signer.from_config().checksum(b"records", b"", row)
    assert len(set(found.values())) == 5
    assert {len(one) for one in found.values()} == {SIZE}
    assert not Signer.from_config().signs
    assert "key" not in repr(Signer(b"secret"))


@pytest.mark.parametrize("key", ["", 12345, True, ["a"], b"a"])
def test_a_key_that_is_no_text_is_refused_without_being_shown(key: Any) -> None:
    with (
        configured("journal-key", key),
        pytest.raises(JournalError, match="journal-key must be a text") as caught,
    ):
        Signer.from_config()
    assert "12345'" not in str(caught.value).replace("'\"12345\"'", "")


def test_every_field_of_a_record_has_a_value_in_some_sample() -> None:
    default = Recorded(samples.at(), 1, 0, "Looped", "")
    # A stretch comes back unfolded, as records of their own: see test_stretch.
    for field in (one for one in dataclasses.fields(Recorded) if one.name != "stretch"):
        values = [getattr(one, field.name) for one in samples.records()]
        assert any(value != getattr(default, field.name) for value in values), field.name
