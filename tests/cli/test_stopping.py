"""A third signal ends the process; what it says last is not kept from the terminal."""

from __future__ import annotations

import signal

import pytest

from daskloop.cli.stopping import Stopper


class Ended(Exception):
    """Stands for the end of the process."""


def test_before_the_last_words_of_a_process_the_terminal_is_let_go(monkeypatch, capfd):
    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr("os._exit", end)
    said: list[str] = []
    stopper = Stopper(inline=False)
    stopper.before_last_words = lambda: said.append(capfd.readouterr().err)
    stopper._hear(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):  # there is no run yet that could be stopped
        stopper._hear(signal.SIGINT, None)
    assert not said
    with pytest.raises(Ended, match="130"):
        stopper._hear(signal.SIGINT, None)
    assert "stopping now" in said[0] and "ended at once" not in said[0]
    assert "ended at once; what was recorded is safe" in capfd.readouterr().err
