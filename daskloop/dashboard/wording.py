"""What the page says in words, as HTML in which everything from users is escaped."""

from __future__ import annotations

from html import escape

from daskloop.dashboard.shelf import Held
from daskloop.dashboard.standings import COLOURS, WORDS
from daskloop.dashboard.views import RunView

__all__ = ["headline", "legend", "run_label", "span"]


def run_label(held: Held) -> str:
    """Name a run in the list of runs."""
    view = held.view
    return f"{view.run} · {view.flow} · {view.state}"


def headline(held: Held, silent: bool) -> str:
    """Say how a run stands."""
    view = held.view
    facts = [
        _bold("state", view.state),
        _fact("took", ("in " if view.ended else "for ") + span(view.at - view.begun)),
        _fact("iterations", _many(view.iterations, "iteration")),
        _fact("retries", _many(view.retries, "retry", "retries")),
        _fact("losses", _many(view.losses, "loss", "losses")),
    ]
    if not view.ended:
        facts.append(_fact("rate", f"{_rate(held):.3g} iterations/s"))
    name = f"<b>{escape(view.flow)}</b> · run <code>{escape(view.run)}</code>"
    text = f"<div class='run'>{name} · {' · '.join(facts)}</div>"
    for note in _notes(view, silent):
        text += f"<div class='note' style='color:#6b6b6b'>{escape(note)}</div>"
    return text


def _notes(view: RunView, silent: bool) -> list[str]:
    notes = [view.message] if view.message else []
    if view.ended:
        notes.append("This run has ended; nothing here changes any more.")
    if silent:
        notes.append("Nothing has been heard of this run for a while: its program may be gone.")
    if not view.tasks and view.ended:
        notes.append("Its tasks are no longer held: newer runs have taken their place.")
    if view.more_tasks:
        notes.append(f"{view.more_tasks} more tasks are not shown.")
    return notes


def legend() -> str:
    """Explain the colours."""
    parts = [
        f"<span style='color:{colour}'>&#9632;</span> {word}"
        for word, colour in zip(WORDS, COLOURS, strict=True)
    ]
    return " &nbsp; ".join([*parts, "<span>&#215;</span> an attempt failed"])


def span(seconds: float) -> str:
    """Say a duration briefly.

    Examples
    --------
    >>> span(0.25), span(75), span(7260)
    ('0.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _rate(held: Held) -> float:
    """Return iterations per second over the last few points."""
    if len(held.rates) < 2:
        return 0.0
    first, last = held.rates[max(-6, -len(held.rates))], held.rates[-1]
    return (last[1] - first[1]) / max(last[0] - first[0], 1e-9)


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _fact(name: str, text: str) -> str:
    return f"<span class='{name}'>{escape(text)}</span>"


def _bold(name: str, text: str) -> str:
    return f"<b class='{name}'>{escape(text)}</b>"
