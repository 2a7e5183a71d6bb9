"""What becomes of an attempt that cannot even begin, or whose end cannot be told."""

from __future__ import annotations

from daskloop.errors import PayloadError, StoreError
from daskloop.keys import full_name
from daskloop.record.sealed import ErrorText
from daskloop.run.envelope import Entry
from daskloop.run.error_words import error_text
from daskloop.run.outcome import Judge, failed

__all__ = ["broken", "hopeless"]


def broken(judge: Judge, error: BaseException, what: str | None) -> Entry:
    """Make the entry of an attempt of which something cannot be opened here.

    Parameters
    ----------
    judge : Judge
        Knows the attempt.
    error : BaseException
        Why it cannot.
    what : str or None
        The function or an argument; None for the payload.
    """
    cause = error_text(error)
    advice = ""
    if what is None:
        what = f"the payload of iteration {judge.mine.iteration - 1}"
        # Of a collection in the cluster, which is no file, the error says it all itself.
        if judge.order.durable and isinstance(error, StoreError) and error.errno is not None:
            advice = _way_back(judge)
    if isinstance(error, ImportError):
        advice = (
            "; the worker cannot import it: install the module there, upload it with "
            "client.upload_file, or define the task in the script itself"
        )
    refused = PayloadError(
        f"{what} of {judge.name()!r} cannot be opened on worker "
        f"{judge.worker}: {cause.class_name}: {cause.text}{advice}"
    )
    return failed(judge, refused, 0.0, "failed", False)


def hopeless(worker: str, error: BaseException) -> Entry:
    """Make the entry of an attempt whose outcome could not even be described."""
    kind = type(error).__name__
    text = f"the attempt could not be brought to an end: its values or errors raised {kind}"
    return Entry("failed", text, None, ErrorText(kind, text, ""), False, worker=worker)


def _way_back(judge: Judge) -> str:
    """Say how a resumed run does without the payload; only a task of the flow can be named then."""
    mine = judge.mine
    first, *inside = judge.order.address(mine.child, mine.iteration)
    name = full_name(first.slug, first.child) if inside else judge.name()
    last = first.iteration if inside else mine.iteration - 1
    more = f", or up to {last} where the payload before is left" if last > 1 else ""
    return f"; to go without it, resume the run with only={name!r} and from_iteration=1{more}"
