"""Hold what attempts noted themselves against what is recorded, and against the plain results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from daskloop.keys import idempotency_key
from daskloop.record.entries import LOST, TAKEN_BACK, Recorded
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.stretch import unfolded
from tests.chaos import expected
from tests.chaos.gates import Gate, passed, read_gates
from tests.chaos.mixed_flow import FLOWS
from tests.chaos.notes import Note, read_notes

__all__ = ["Audit", "audit", "judge"]

_GOOD = ("Looped", "Success")
_NEVER_TWICE = "ring-1["


@dataclass(frozen=True)
class Audit:
    """What became of one run."""

    iterations: int
    """Recorded ones that called a function."""
    begun: int
    """Attempts that began, by their own notes."""
    again: int
    """Of these, attempts that had begun before."""
    failed: int
    """Failed attempts that are recorded."""
    charged: int
    """Losses of workers that somebody was charged for."""
    crashed: int
    """Children that must not be made twice and were lost."""
    beside: int
    """Attempts that were under way when the connection was lost, and whose body began when their
    replacement had ended."""
    wrong: tuple[str, ...]
    """Broken promises."""


def audit(notes: Path, journal: Path, run: str, flow: str, size: int) -> Audit:
    """Audit a run that has ended well.

    Parameters
    ----------
    notes, journal : Path
        Folders.
    run : str
        Its name.
    flow : str
        Which flow: careful or quick.
    size : int
        Its parameter.
    """
    records = FolderJournal(journal).read(run).records
    noted = read_notes(notes, run)
    wanted = expected.iterations(size, flow == "careful")
    found = judge(run, records, noted, wanted, read_gates(notes, run))
    wrong = [*found.wrong, *_wrong_results(journal, run, flow, size)]
    if len(read_notes(notes, run)) != len(noted):
        wrong.append("looking at a run that had ended began attempts")
    return Audit(**{**vars(found), "wrong": tuple(wrong)})


def judge(
    run: str,
    records: Sequence[Recorded],
    noted: Sequence[Note],
    wanted: set[str],
    gates: Sequence[Gate] = (),
) -> Audit:
    """Compare records and notes.

    Parameters
    ----------
    run : str
        The name of the run.
    records : sequence of Recorded
        What its journal holds.
    noted : sequence of Note
        What its attempts noted.
    wanted : set of str
        All iterations that call a function, by their idempotency keys without the run.
    gates : sequence of Gate
        Which attempts had passed their gate when.
    """
    whole = [one for record in records for one in unfolded(record)]
    named = [(_name(run, one), one) for one in whole]
    good, failed, wrong = _standing(named, wanted)
    begun = [(one.iteration.removeprefix(f"{run}/"), one) for one in noted if one.what == "begun"]
    ended = {(one.iteration.removeprefix(f"{run}/"), one.run_count) for one in noted} & {
        (one.iteration.removeprefix(f"{run}/"), one.run_count)
        for one in noted
        if one.what != "begun"
    }
    late = list(_begun_late(begun, good, failed))
    wrong += [text for text, at, note in late if not _is_excused(begun, gates, at, *note)]
    wrong += [
        f"recorded, but never ended: {name}"
        for name, one in good.items()
        if (name, one.run_count) not in ended
    ]
    crashed = {name for name, one in named if one.state == "Crashed" and name in wanted}
    allowed = {name for name in crashed if name.startswith(_NEVER_TWICE)}
    wrong += [f"lost: {name}" for name in sorted(wanted - good.keys() - allowed)]
    wrong += [f"of another flow: {name}" for name, _ in begun if name not in wanted]
    counts = Counter((name, one.run_count) for name, one in begun)
    wrong += [
        f"at_most_once began {count} times: {name}"
        for (name, _), count in counts.items()
        if count > 1 and name.startswith(_NEVER_TWICE)
    ]
    return Audit(
        iterations=len(good),
        begun=len(begun),
        again=len(begun) - len(counts),
        failed=sum(len(one) for one in failed.values()),
        charged=sum(one.state == LOST for one in whole),
        crashed=len(allowed),
        beside=sum(_is_excused(begun, gates, at, *note) for _, at, note in late),
        wrong=tuple(wrong),
    )


def _name(run: str, record: Recorded) -> str:
    return idempotency_key(run, record.address).removeprefix(f"{run}/")


def _standing(
    named: Sequence[tuple[str, Recorded]], wanted: set[str]
) -> tuple[dict[str, Recorded], dict[str, dict[int, Recorded]], list[str]]:
    """Say which record stands for each iteration, and what is recorded twice."""
    good: dict[str, Recorded] = {}
    failed: dict[str, dict[int, Recorded]] = defaultdict(dict)
    wrong = []
    for name, record in named:
        if record.state == TAKEN_BACK:
            failed.pop(name, None)  # what failed for good is made again, with a new budget
        elif not record.attempted or name not in wanted:
            continue
        elif name in good or record.run_count in failed[name]:
            wrong.append(f"recorded twice: {name}, attempt {record.run_count}")
        elif record.state in _GOOD:
            good[name] = record
        else:
            failed[name][record.run_count] = record
    return good, failed, wrong


def _begun_late(
    begun: Sequence[tuple[str, Note]],
    good: dict[str, Recorded],
    failed: dict[str, dict[int, Recorded]],
) -> Iterator[tuple[str, float, tuple[str, Note]]]:
    """Say which attempts began although how they ended was recorded, and when it was."""
    for name, one in begun:
        known = (good.get(name), failed.get(name, {}).get(one.run_count))
        before = [record.at for record in known if record is not None and record.at < one.at]
        if before:
            at = min(before)
            text = f"begun {one.at - at:.3f} s after it was recorded: {name}, {one}"
            yield text, at, (name, one)


def _is_excused(
    begun: Sequence[tuple[str, Note]], gates: Sequence[Gate], recorded: float, name: str, late: Note
) -> bool:
    """Tell whether an attempt had passed its gate before the iteration was recorded."""
    count = late.run_count
    before = [one for key, one in begun if (key, one.run_count) == (name, count)]
    return sum(one.at <= late.at for one in before) <= passed(gates, name, count, recorded)


def _wrong_results(journal: Path, run: str, flow: str, size: int) -> Iterator[str]:
    """Compare the results; nothing runs for it, since the run has ended."""
    careful = flow == "careful"
    known = FLOWS[flow]
    states = known.run(size=size, journal=journal, resume=run, executor="inline").result
    results = expected.results(size, careful)
    for task, state in states.items():
        want = results.get(task.name)
        if task.name == "ring":
            pairs = zip(state.map_states, want, strict=True)
            right = all(one.is_crashed() or one.result == number for one, number in pairs)
        else:
            right = want is None or state.result == want
        if not right:
            yield f"{task.name} is {state.result!r:.200}, not {want!r:.200}"
