"""Take ended children back, so that a resumed run does them again: those that failed, or one.

A loop goes back to the iteration that it failed at, or to the one that is asked for. What took
its result, directly or not, is forgotten, and decided anew::

    name[3] ──► taken back to iteration 9        other[3], total ──► as if they had never begun
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from daskloop import states
from daskloop.errors import ResumeError, StoreError
from daskloop.keys import Place, full_name, is_inside
from daskloop.plan.plan import Plan
from daskloop.record.entries import FORGOTTEN, LOST, TAKEN_BACK, Past, Recorded, Submitted
from daskloop.record.names_of_children import index_of, names_by_slug
from daskloop.record.store import PayloadStore
from daskloop.run.followers import followers
from daskloop.run.options import RunOptions
from daskloop.run.register import Registered
from daskloop.run.reopening import reopened

__all__ = ["take_back"]

Name = tuple[str, "int | None"]
"""A child: the slug of its task, and its index."""

_FAILED = frozenset(
    name
    for name in states.__all__
    if issubclass(getattr(states, name), states.Failed) and name != "TriggerFailed"
)

_STORE_ERROR = f"{StoreError.__module__}.{StoreError.__qualname__}"


def take_back(plan: Plan, options: RunOptions, registered: Registered) -> Registered:
    """Take back what a resumed run is to do again, if anything, and write that down.

    Parameters
    ----------
    plan : Plan
        The flow.
    options : RunOptions
        Its `only` and `from_iteration` name one child and one iteration.
    registered : Registered
        The run; one that is new is returned as it is.

    Raises
    ------
    ResumeError
        If there is no such child or iteration, or its payload is gone.
    """
    past = registered.past
    if past is None:
        return registered
    try:
        chosen = _chosen(plan, options, registered, past)
        again = options.from_iteration is not None
        records = _records(plan, chosen, past, again)
        if records:
            registered.ledger.commit(records, ())
    except BaseException:  # the run is let go of, whatever came between; raised again
        registered.ledger.close()
        raise
    if not records:
        return registered
    summary = replace(past.summary, status="interrupted")
    return replace(registered, past=replace(past, summary=summary, records=past.records + records))


def _chosen(
    plan: Plan, options: RunOptions, registered: Registered, past: Past
) -> Mapping[Name, int]:
    """Find the children to be taken back, and the iteration to which."""
    last = _last(past)
    if options.only is None:
        if options.from_iteration is not None:
            raise ResumeError(
                f"from_iteration={options.from_iteration}: of which loop? Name it by only=, like "
                "only='train[3]'"
            )
        ended = past.summary.status == "failed"
        return {
            name: _iteration(record)
            for name, record in last.items()
            if record.state in _FAILED and (ended or _was_without_room(record))
        }
    name = _named(plan, options.only, last, names_by_slug(past.records))
    if last[name].state == "Mapped":
        raise ResumeError(
            f"only={options.only!r} is a map of {last[name].width} children. Say which of them, "
            f"like only='{options.only}[0]'"
        )
    iteration = options.from_iteration or _iteration(last[name])
    if iteration != FORGOTTEN:
        _check_iteration(options.only, name, iteration, past, registered)
    return {name: iteration}


def _last(past: Past) -> dict[Name, Recorded]:
    """Return the last record of each child that has ended or begun."""
    found: dict[Name, Recorded] = {}
    for record in past.records:
        if record.state != LOST and _is_own(record):
            found[_name(record.address[-1])] = record
    return found


def _is_own(one: Recorded | Submitted) -> bool:
    """Tell whether a child is one of the flow itself, and not of the body of a loop flow."""
    return not is_inside(one.address)


def _name(place: Place) -> Name:
    return place.slug, place.child


def _was_without_room(record: Recorded) -> bool:
    """Tell whether a child failed since its value could not be kept: its code was not at fault.

    Where the store is full, the journal often is as well, and then cannot say how the run ended.
    """
    return record.error is not None and record.error.class_name == _STORE_ERROR


def _iteration(record: Recorded) -> int:
    """Return where a child is taken back to; one that never ran, to its beginning."""
    ran = record.attempted or record.state == "Crashed" or record.address[-1].iteration > 1
    return _reached(record) if ran else FORGOTTEN


def _reached(record: Recorded) -> int:
    """Return the iteration that a child had come to when this was recorded."""
    return record.address[-1].iteration + (record.state == "Looped")


def _named(
    plan: Plan, text: str, last: Mapping[Name, Recorded], names: Mapping[str, Sequence[str]]
) -> Name:
    """Find the child that a text means: a task's name or slug, with a name or index in brackets."""
    word, label = text, None
    for task in {word for node in plan.nodes for word in (node.name, node.slug)}:
        if text.startswith(f"{task}[") and text.endswith("]"):
            word, label = task, text[len(task) + 1 : -1]
    slugs = [node.slug for node in plan.nodes if word in (node.name, node.slug)]
    if len(slugs) > 1:
        raise ResumeError(
            f"only={text!r}: flow '{plan.flow_name}' has several tasks of that name. Say which: "
            f"{', '.join(slugs)}"
        )
    slug = slugs[0] if slugs else word
    index = None if label is None else index_of(label, names.get(slug, ()))
    name = (slug, index)
    if name not in last or (label is not None and index is None):
        known = [_title(slug, child, names) for slug, child in last]
        near = difflib.get_close_matches(text, known, n=5, cutoff=0.3) or known[:5]
        raise ResumeError(
            f"only={text!r}: the run has recorded nothing of that name. "
            f"It has, among others: {', '.join(near) or 'nothing at all'}"
        )
    return name


def _title(slug: str, child: int | None, names: Mapping[str, Sequence[str]]) -> str:
    own = names.get(slug, ())
    return full_name(slug, own[child] if child is not None and child < len(own) else child)


def _check_iteration(
    text: str, name: Name, iteration: int, past: Past, registered: Registered
) -> None:
    """Refuse an iteration that was never reached, or whose payload is no longer there."""
    own = filter(_is_own, past.records)
    reached = [r for r in own if _name(r.address[-1]) == name and r.state != TAKEN_BACK]
    most = max((_reached(record) for record in reached), default=1)
    if not 1 <= iteration <= most:
        raise ResumeError(f"{text} has reached iteration {most}; it cannot go on from {iteration}")
    place = registered.store or registered.ledger.place
    stored = set() if place is None else set(PayloadStore(place, create=False).names())
    payloads = {_reached(r): r.value for r in reached if r.state == "Looped" and r.value}
    there = [1, *(n for n, one in payloads.items() if one.name is None or one.name in stored)]
    if iteration > 1 and iteration not in there:
        raise ResumeError(
            f"{text} cannot go on from iteration {iteration}: the payload of iteration "
            f"{iteration - 1} was large, and was removed when it was no longer needed. "
            f"It can go on from iteration {max(there)}"
        )


def _records(
    plan: Plan, chosen: Mapping[Name, int], past: Past, again: bool
) -> tuple[Recorded, ...]:
    """Make the records that take children back, and forget what followed from them.

    With `again`, iterations of loop flows are done again as a whole; else what failed in them.
    """
    forgotten = followers(plan, chosen, past)
    numbers: dict[Name, int] = {}
    sent: list[Recorded | Submitted] = [*past.records, *past.submitted]
    for one in filter(_is_own, sent):
        name = _name(one.address[-1])
        numbers[name] = max(numbers.get(name, 0), one.submission)
    now = time.time()
    wanted = {**chosen, **dict.fromkeys(forgotten, FORGOTTEN)}
    wanted.update(dict.fromkeys(reopened(plan, _last(past), wanted), FORGOTTEN))
    inside = _records_inside(plan, chosen, wanted, past, again)
    return inside + tuple(
        Recorded(
            (Place(slug, child, iteration),),
            1,
            numbers[slug, child] + 1,
            TAKEN_BACK,
            "to be done again" if iteration else "to be decided again",
            attempted=False,
            at=now,
        )
        for (slug, child), iteration in wanted.items()
        if (slug, child) in numbers
    )


def _records_inside(
    plan: Plan, chosen: Mapping[Name, int], wanted: Mapping[Name, int], past: Past, again: bool
) -> tuple[Recorded, ...]:
    """Take back what is in the bodies of loop flows that are taken back themselves."""
    bodies = {node.slug: node.body for node in plan.nodes if node.body is not None}
    sent: list[Recorded | Submitted] = [*past.records, *past.submitted]
    found: list[Recorded] = []
    for path in dict.fromkeys(one.address[0] for one in sent if not _is_own(one)):
        name = _name(path)
        if name not in wanted or path.slug not in bodies:
            continue
        inside, iteration = _inside(past, path), max(chosen.get(name, FORGOTTEN), 1)
        last = _last(inside)
        if name in chosen and not again and path.iteration == iteration:
            inner = {n: _iteration(one) for n, one in last.items() if one.state in _FAILED}
            made = _records(bodies[path.slug].plan, inner, inside, False)
        elif name not in chosen or path.iteration >= iteration:
            every = dict.fromkeys(last, FORGOTTEN)
            made = _records(bodies[path.slug].plan, every, inside, True)
        else:
            continue
        found += [replace(one, address=(path, *one.address)) for one in made]
    return tuple(found)


def _inside(past: Past, path: Place) -> Past:
    """Return what is known of one iteration of a loop flow, as if that were the run."""
    records = [one for one in past.records if one.address[0] == path and not _is_own(one)]
    submitted = [one for one in past.submitted if one.address[0] == path and not _is_own(one)]
    return replace(
        past,
        records=tuple(replace(one, address=one.address[1:]) for one in records),
        submitted=tuple(replace(one, address=one.address[1:]) for one in submitted),
    )
