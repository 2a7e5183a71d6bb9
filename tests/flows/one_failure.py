"""A run in which one task alone is to fail."""

from __future__ import annotations

from daskloop import task


@task
def fine(value=1):
    return value + 1


def check_that_only_this_failed(flow, bad, executor, *words, beside=None, **parameters):
    """Run the flow; `bad` must have failed with a message of these words, `beside` not."""
    state = flow.run(executor=executor, **parameters)
    failed = state.result[bad]
    assert failed.is_failed(), failed
    assert type(failed).__name__ == "Failed"
    assert isinstance(failed.result, BaseException)
    for word in words:
        assert word.lower() in failed.message.lower(), failed.message
    if beside is not None:
        assert state.result[beside].result == 2
    return failed
