"""Check that a journal keeps every promise of the interface."""

from __future__ import annotations

from collections.abc import Callable

from daskloop.record.journal import Journal
from daskloop.testing.journal_bench import Bench
from daskloop.testing.journal_keeping import KEEPING
from daskloop.testing.journal_running import RUNNING

__all__ = ["check_journal"]


def check_journal(make_journal: Callable[[], Journal]) -> None:
    """Run a journal through everything that it promises.

    Parameters
    ----------
    make_journal : callable
        Called without arguments; returns a fresh, empty journal each time.

    Raises
    ------
    AssertionError
        On the first promise that is not kept; the text names it.

    Examples
    --------
    >>> import tempfile
    >>> from daskloop.record.folder_journal import FolderJournal
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fresh = (f"{folder}/{number}" for number in range(100))
    ...     check_journal(lambda: FolderJournal(next(fresh)))
    """
    for promise in (*KEEPING, *RUNNING):
        says = (promise.__doc__ or "").rstrip(".")
        bench = Bench(make_journal())
        try:
            promise(bench)
        except AssertionError as error:
            raise AssertionError(f"The journal breaks a promise. {says}: {error}") from error
        # A journal may raise anything: which promise it was is what helps.
        except Exception as error:
            text = f"The journal breaks a promise. {says}: {type(error).__name__}: {error}"
            raise AssertionError(text) from error
        finally:
            bench.close()
