"""The battery for journals: ours passes it, and one that breaks a promise is told which."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daskloop.record import run_file
from daskloop.record.entries import Header, Past, Recorded, Status, Submitted, Summary
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.journal import Ledger
from daskloop.testing import check_journal
from tests.record.run_files import configured


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Path]:
    """Return another folder each time."""
    numbers = itertools.count()
    return lambda: tmp_path / str(next(numbers))


def test_the_folder_journal_keeps_every_promise(fresh: Callable[[], Path]) -> None:
    check_journal(lambda: FolderJournal(fresh()))


def test_a_signed_folder_journal_keeps_every_promise(fresh: Callable[[], Path]) -> None:
    with configured("journal-key", "a secret"):
        check_journal(lambda: FolderJournal(fresh()))


@pytest.mark.filterwarnings("ignore:The journal .* is not on a disk of this machine")
def test_a_folder_journal_on_a_network_keeps_every_promise(
    fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_file, "is_local", lambda _: False)
    check_journal(lambda: FolderJournal(fresh()))


class Wrapped:
    """A ledger that hands everything on."""

    def __init__(self, inner: Ledger) -> None:
        self.inner = inner
        self.epoch = inner.epoch
        self.place = inner.place

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        self.inner.commit(records, submitted)

    def connected(self, executor: str, scheduler: str | None) -> None:
        self.inner.connected(executor, scheduler)

    def stop_asked(self) -> bool:
        return self.inner.stop_asked()

    def finish(self, status: Status, message: str) -> None:
        self.inner.finish(status, message)

    def close(self) -> None:
        self.inner.close()


class Broken(FolderJournal):
    """A journal whose ledgers are wrapped."""

    wrap: type[Wrapped] = Wrapped

    def begin(self, header: Header) -> Ledger:
        return self.wrap(super().begin(header))

    def resume(self, run: str) -> tuple[Past, Ledger]:
        past, ledger = super().resume(run)
        return past, self.wrap(ledger)


class _NoPreview(Wrapped):
    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        cut = [
            replace(one, value=one.value and one.value._replace(preview=one.value.preview[:10]))
            for one in records
        ]
        super().commit(cut, submitted)


class _Sorted(Wrapped):
    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        few = len(records) == 3
        super().commit(sorted(records, key=_iteration) if few else records, submitted)


def _iteration(one: Recorded) -> int:
    return one.address[-1].iteration


class _FirstSubmission(Wrapped):
    def __init__(self, inner: Ledger) -> None:
        super().__init__(inner)
        self.seen: set[Any] = set()

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        new = [one for one in submitted if one.address[-1].child not in self.seen]
        self.seen.update(one.address[-1].child for one in new)
        super().commit(records, new)


class _Buffered(Wrapped):
    """Writes when it is closed."""

    def __init__(self, inner: Ledger) -> None:
        super().__init__(inner)
        self.kept: list[Recorded] = []

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        self.kept += records

    def close(self) -> None:
        if self.kept:
            super().commit(self.kept, ())
        super().close()


class _DeafToStop(Wrapped):
    def stop_asked(self) -> bool:
        return False


class _SwallowsErrors(Wrapped):
    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        try:
            super().commit(records, submitted)
        except Exception:
            return


@pytest.mark.parametrize(
    ("wrap", "promise"),
    [
        (_NoPreview, "Every field of a record comes back as it was.*preview came back as"),
        (_Sorted, "Records come back in the order of the commits"),
        (_FirstSubmission, "The newest submission of each child comes back"),
        (_Buffered, "Every field of a record comes back as it was: 0 records"),
        (_DeafToStop, "A request to stop reaches the driver"),
        (_SwallowsErrors, "A ledger that was closed writes no more.*not refused"),
    ],
)
def test_a_ledger_that_breaks_a_promise_is_told_which(
    fresh: Callable[[], Path], wrap: type[Wrapped], promise: str
) -> None:
    class Journal(Broken):
        pass

    Journal.wrap = wrap
    with pytest.raises(AssertionError, match=f"^The journal breaks a promise. {promise}"):
        check_journal(lambda: Journal(fresh()))


class _OldestFirst(FolderJournal):
    def runs(self) -> Sequence[Summary]:
        return list(reversed(super().runs()))


class _ForgetsNames(FolderJournal):
    def read(self, run: str) -> Past:
        try:
            return super().read(run)
        except Exception:
            raise KeyError(run) from None


class _Opens(FolderJournal):
    """Unpickles what it reads."""

    def read(self, run: str) -> Past:
        from daskloop.record.sealed import unseal

        past = super().read(run)
        for one in past.records:
            if one.value is not None and one.value.data and len(one.value.data) > 12:
                unseal(one.value, None)
        return past


@pytest.mark.parametrize(
    ("journal", "promise"),
    [
        (_OldestFirst, "Runs are listed newest first"),
        (_ForgetsNames, "A name that is not there is refused.*KeyError"),
        (_Opens, "Nothing is unpickled.*values were unpickled"),
    ],
)
def test_a_journal_that_breaks_a_promise_is_told_which(
    fresh: Callable[[], Path], journal: type[FolderJournal], promise: str
) -> None:
    with pytest.raises(AssertionError, match=f"^The journal breaks a promise. {promise}"):
        check_journal(lambda: journal(fresh()))


def test_the_battery_also_works_where_assertions_are_left_out(tmp_path: Path) -> None:
    code = """
import sys
from daskloop.record.folder_journal import FolderJournal
from daskloop.testing import check_journal
class Journal(FolderJournal):
    def runs(self):
        return []
try:
    check_journal(lambda: Journal(sys.argv[1]))
except AssertionError as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-O", "-c", code, str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert "Every field of a header comes back as it was: runs() lists run" in said.stdout


def test_it_brings_no_test_framework_along() -> None:
    code = "import sys, daskloop.testing; sys.exit('pytest' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
