"""``daskloop debug``: make one attempt of a recorded run again, here, under pdb."""

from __future__ import annotations

import asyncio
import pdb
import sys
import traceback
from bdb import BdbQuit
from collections.abc import Awaitable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import ExitCode, Usage, refusals
from daskloop.cli.journals import open_shelf
from daskloop.cli.rebuild import Call, rebuild
from daskloop.cli.resume import recorded_flow
from daskloop.cli.targets import find_target
from daskloop.cli.trusting import check_trusted, trusting
from daskloop.cli.values import parameter_values as typed_values
from daskloop.cli.wording import line
from daskloop.contexts import context
from daskloop.define.again import Again
from daskloop.define.signature import is_async
from daskloop.flow.flow import Flow
from daskloop.flow.parameters import parameter_values
from daskloop.page.secret_texts import spellings, without_cut_ones
from daskloop.plain_text import hidden
from daskloop.record.entries import Past
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.pickling import preview
from daskloop.record.sealed import unseal
from daskloop.record.store import PayloadStore
from daskloop.run.body import invoke
from daskloop.signals import FAIL, LOOP, TRIGGERFAIL, Signal

__all__ = ["debug"]

_AROUND = (__name__, "pdb", "bdb", "asyncio.runners", "asyncio.base_events", "daskloop.run.body")
_LONGEST = 5_000  # characters of a value that are printed


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("target", metavar="TASK[N]@ITERATION")
@click.argument("flow", metavar="[FILE[:FLOW]]", required=False)
@click.option("--no-pdb", is_flag=True, help="Only call it, and print what came.")
@options.parameters
@options.trust
@options.journal
def debug(
    run: str,
    target: str,
    flow: str | None,
    no_pdb: bool,
    given: tuple[str, ...],
    trust: bool,
    journal: str | None,
) -> None:
    """Make one attempt of a run again, in this process.

    It gets the arguments and the payload that it had, and daskloop.context says what it said.
    Nothing of it is recorded; what it does to the world, it does again. Without [N] the task is
    not mapped; without @ITERATION it is the last that was begun.

    \b
    daskloop debug quiet-heron-7f3a9c12 'train[3]@9'
    """
    with trusting(trust), refusals():
        shelf = open_shelf(journal, run)
        past = shelf.journal.read(run)
        marks, names = past.summary.header.tasks, names_by_slug(past.records)
        found = find_target(target, marks, run, names)
        if found.mark.mapped and found.child is None:
            raise Usage(f"{target!r} is mapped: say which child, like '{found.mark.name}[0]'")
        check_trusted(shelf, run, "debug")
        loaded = recorded_flow(shelf, run, flow)
        store = PayloadStore(shelf.journal.place(run), create=False)
        values = _values(loaded.flow, past, given)
        call = rebuild(loaded.flow, found, past, values, store)
    said = _Said(spellings(values[one.name] for one in loaded.flow.parameters() if one.secret))
    click.echo(_heading(call, said))
    raised = _make(call, no_pdb, said)
    click.get_current_context().exit(int(ExitCode.FAILED if raised else ExitCode.SUCCESS))


def _values(flow: Flow, past: Past, given: tuple[str, ...]) -> dict[str, Any]:
    """Take the values of parameters that are typed, else those that are recorded."""
    recorded = past.summary.header.parameters
    known = {one.name: unseal(one.value, None) for one in recorded if one.value is not None}
    try:
        return parameter_values(
            flow.name, flow.parameters(), None, typed_values(flow, given), known=known
        )
    except ValueError as error:
        raise Usage(f"{error}\nOn the command line: -p NAME=VALUE, or -p NAME=@FILE") from error


@dataclass(frozen=True, slots=True)
class _Said:
    """How values and texts are printed: what is secret is hidden before they are cut."""

    secrets: tuple[str, ...]

    def text(self, text: str) -> str:
        """Return a text of any length."""
        return without_cut_ones(hidden(text, self.secrets), self.secrets)

    def line(self, text: str | None, longest: int = 200) -> str:
        """Return a message as one line."""
        return line(self.text(str(text or "")), longest)

    def preview(self, value: Any, longest: int) -> str:
        """Show a value in a few words."""
        return self.line(preview(value), longest)

    def whole(self, value: Any) -> str:
        """Show a value, all of it if it is not very large."""
        try:
            text = self.text(repr(value))
        # A repr of user code may raise anything.
        except Exception:
            return self.text(preview(value))
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _heading(call: Call, said: _Said) -> str:
    arguments = ", ".join(f"{name}={said.preview(v, 60)}" for name, v in call.arguments.items())
    text = f"{call.name} at iteration {call.iteration}, try {call.run_count}: ({arguments})"
    if "task_loop_result" in call.context:
        text += f"\npayload: {said.preview(call.context['task_loop_result'], 300)}"
    if call.recorded is not None:
        text += f"\nrecorded: {call.recorded.state}: {said.line(call.recorded.message, 300)}"
    return text


class _Debugger(pdb.Pdb):
    """A debugger that knows whether it was left by `quit`: its calls return None then."""

    left = False

    def set_quit(self) -> None:
        self.left = True
        super().set_quit()

    def run_task(self, call: Call) -> Any:
        """Call a function from its first line on; of one that is async, its coroutine's."""
        if is_async(call.function):
            return asyncio.run(self._awaited(call.function(**call.arguments)))
        return self.runcall(call.function, **call.arguments)

    async def _awaited(self, coroutine: Awaitable[Any]) -> Any:
        """Do what `runcall` does, inside of asyncio, whose own lines are of no interest."""
        self.reset()
        sys.settrace(self.trace_dispatch)
        try:
            return await coroutine
        except BdbQuit:
            return None
        finally:
            self.quitting = True
            sys.settrace(None)


def _make(call: Call, no_pdb: bool, said: _Said) -> bool:
    """Call the function and print what came; True if that is a failure."""
    debugger = None if no_pdb else _Debugger()
    with context.only(call.context):
        try:
            if debugger is None:
                result = invoke(call.function, call.arguments)
            else:
                result = debugger.run_task(call)
        except LOOP as signal:
            return _goes_on(said, "LOOP", signal.message, signal.result)
        except Signal as signal:
            click.echo(f"{type(signal).__name__}: {said.line(signal.message)}")
            return isinstance(signal, (FAIL, TRIGGERFAIL))
        except KeyboardInterrupt:  # somebody has had enough of it
            raise
        # Whatever user code raises is what was asked for, an exit included.
        except BaseException as error:
            trace = _own_frames(error.__traceback__)
            lines = traceback.format_exception(type(error), error, trace)
            click.echo(said.text("".join(lines)).rstrip())
            if not no_pdb:
                pdb.post_mortem(trace)
            return True
    if type(result) is Again:
        return _goes_on(said, "again", result.message, result.fields)
    left = debugger is not None and debugger.left
    click.echo("left the debugger" if left else f"returned: {said.whole(result)}")
    return False


def _goes_on(said: _Said, word: str, message: str | None, payload: Any) -> bool:
    click.echo(f"{word}: {said.line(message)}")
    click.echo(f"payload of the next iteration: {said.whole(payload)}")
    return False


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that are this file's, and the debugger's."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in _AROUND:
        trace = trace.tb_next
    return trace
