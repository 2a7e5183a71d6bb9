"""A run as OpenTelemetry traces: one for each child, with a span for each attempt.

::

    run ◄── link ── child ─┬─ iteration 1, try 1
                           ├─ iteration 1, try 2
                           └─ iteration 2, try 1
"""

from __future__ import annotations

from collections.abc import Hashable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from daskloop.events import (
    EVERY_ATTEMPT,
    AttemptEnded,
    AttemptLost,
    ChildEnded,
    ChildPaused,
    Event,
    RetryScheduled,
    RunEnded,
    RunStarted,
)
from daskloop.keys import Address
from daskloop.plain_text import one_line
from daskloop.states import State

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Tracing"]

_LONGEST = 500  # columns of a message
_FAILED = frozenset({"failed", "timed_out", "trigger_failed"})


class Tracing:
    """Makes a trace of each child of a run, and a span of each attempt.

    Parameters
    ----------
    tracer_provider : opentelemetry.trace.TracerProvider, optional
        Where spans go; the global one of OpenTelemetry if not given.

    Raises
    ------
    ModuleNotFoundError
        If ``opentelemetry-api`` is not installed: ``pip install "daskloop[opentelemetry]"``.

    Notes
    -----
    The span of a child begins with its first attempt and lasts until its final state; retries,
    losses and pauses are events in it. The run is a trace of its own, to which they are linked. A
    child that never ran has no trace. Times of attempts are by the clocks of their workers.

    One object serves any number of runs. It wants an event of each attempt, which are not made
    otherwise.

    Examples
    --------
    >>> flow.run(notify=[Tracing()])  # doctest: +SKIP
    """

    level = EVERY_ATTEMPT

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import trace
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "Tracing() needs the package opentelemetry-api. Install it: "
                'python -m pip install "daskloop[opentelemetry]"'
            ) from error
        self._trace = trace
        self._tracer = trace.get_tracer("daskloop", version("daskloop"), tracer_provider)
        self._runs: dict[str, Span] = {}
        self._children: dict[Hashable, Span] = {}

    def hear(self, event: Event) -> None:
        """Begin and end the spans that an event is about."""
        match event:
            case RunStarted():
                self._runs[event.run] = self._tracer.start_span(
                    f"run {one_line(event.flow)}",
                    context=self._root(),
                    attributes={"daskloop.run": event.run, "daskloop.flow": event.flow},
                    start_time=_nanoseconds(event.at),
                )
            case AttemptEnded():
                self._attempt(event)
            case RetryScheduled():
                fields: dict[str, Any] = {
                    "daskloop.attempt": event.run_count,
                    "daskloop.delay": event.delay,
                }
                self._note(event, event.address, "retry scheduled", fields)
            case AttemptLost():
                if event.charged:  # it had begun, though nothing of it came back
                    self._child(event, event.at)
                fields = {
                    "daskloop.reason": _short(event.reason),
                    "daskloop.charged": event.charged,
                }
                self._note(event, event.address, "attempt lost", fields)
            case ChildPaused():
                fields = {"daskloop.message": _short(event.message)}
                self._note(event, event.address, "paused", fields)
            case ChildEnded():
                span = self._children.pop(_key(event.run, event.address), None)
                if span is not None:
                    self._end(span, event.state, event.at)
            case RunEnded():
                self._run_ended(event)

    def _root(self) -> Any:
        """Return a context in which a span begins a trace, whatever is current."""
        from opentelemetry.context import Context

        return Context()

    def _attempt(self, event: AttemptEnded) -> None:
        begun = event.started or event.at
        if event.ahead:
            begun -= event.ahead_seconds
        child = self._child(event, begun)
        place = event.address[-1]
        about = {**_about(event), "daskloop.worker": event.worker}
        if event.ahead:
            first = place.iteration - event.ahead
            name = f"iterations {first} to {place.iteration - 1}"
            many = {**about, "daskloop.iteration": first, "daskloop.iterations": event.ahead}
            ends = event.started or event.at
            self._span(name, child, many, begun, ends)
        name = f"iteration {place.iteration}, try {event.run_count}"
        about |= {
            "daskloop.iteration": place.iteration,
            "daskloop.attempt": event.run_count,
            "daskloop.ended": event.kind,
        }
        error = event.message if event.kind in _FAILED else None
        self._span(name, child, about, event.started or event.at, event.ended or event.at, error)

    def _child(self, event: AttemptEnded | AttemptLost, begun: float) -> Span:
        """Return the span of a child, which begins with its first attempt."""
        key = _key(event.run, event.address)
        span = self._children.get(key)
        if span is None:
            run = self._runs.get(event.run)
            links = [] if run is None else [self._trace.Link(run.get_span_context())]
            span = self._children[key] = self._tracer.start_span(
                one_line(event.name),
                context=self._root(),
                links=links,
                attributes=_about(event),
                start_time=_nanoseconds(begun),
            )
        return span

    def _span(
        self,
        name: str,
        parent: Span,
        attributes: dict[str, Any],
        begun: float,
        ended: float,
        error: str | None = None,
    ) -> None:
        span = self._tracer.start_span(
            name,
            context=self._trace.set_span_in_context(parent, self._root()),
            attributes=attributes,
            start_time=_nanoseconds(begun),
        )
        if error is not None:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, _short(error)))
        span.end(_nanoseconds(ended))

    def _note(self, event: Event, address: Address, name: str, fields: dict[str, Any]) -> None:
        span = self._children.get(_key(event.run, address))
        if span is not None:  # else nothing of it has begun
            span.add_event(name, fields, _nanoseconds(event.at))

    def _run_ended(self, event: RunEnded) -> None:
        for key in [key for key in self._children if key[0] == event.run]:  # type: ignore[index]
            self._children.pop(key).end(_nanoseconds(event.at))
        span = self._runs.pop(event.run, None)
        if span is not None:
            span.set_attributes(
                {
                    "daskloop.iterations": event.iterations,
                    "daskloop.retries": event.retries,
                    "daskloop.losses": event.losses,
                }
            )
            self._end(span, event.state, event.at)

    def _end(self, span: Span, state: State, at: float) -> None:
        span.set_attribute("daskloop.state", type(state).__name__)
        if state.is_failed():
            code = self._trace.StatusCode.ERROR
            span.set_status(self._trace.Status(code, _short(state.message or "")))
        span.end(_nanoseconds(at))


def _key(run: str, address: Address) -> tuple[str, Address, str, int | None]:
    last = address[-1]
    return run, address[:-1], last.slug, last.child


def _about(event: AttemptEnded | AttemptLost) -> dict[str, Any]:
    found = {
        "daskloop.run": event.run,
        "daskloop.child": one_line(event.name),
        "daskloop.map_index": event.address[-1].child,
    }
    return {name: value for name, value in found.items() if value is not None}


def _short(text: str) -> str:
    return one_line(text, _LONGEST)


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)
