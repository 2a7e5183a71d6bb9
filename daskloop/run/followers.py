"""What has to be done again when others are: the children that took what these had made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from daskloop.keys import is_inside
from daskloop.plan.plan import Plan
from daskloop.record.entries import FORGOTTEN, Past, Recorded, Submitted
from daskloop.run.emissions import first_gone
from daskloop.run.standing import Standing

__all__ = ["followers"]

Name = tuple[str, "int | None"]
"""A child: the slug of its task, and its index."""


def followers(plan: Plan, chosen: Mapping[Name, int], past: Past) -> set[Name]:
    """Find every child that took, directly or not, what a chosen one had made.

    Parameters
    ----------
    plan : Plan
        The flow.
    chosen : mapping
        Children that are taken back, and to which iterations.
    past : Past
        What was written down of the run.
    """
    family = _Family(plan, past)
    found: set[Name] = set()
    pending = [name for name in chosen if name[0] in family.numbers]
    while pending:
        name = pending.pop()
        for one in family.below(name, chosen.get(name, FORGOTTEN)):
            if one not in found:
                found.add(one)
                pending.append(one)
    return found


class _Family:
    """Who goes on from whom, among the children that are known."""

    def __init__(self, plan: Plan, past: Past) -> None:
        self.numbers = {node.slug: node.number for node in plan.nodes}
        self._plan = plan
        self._past = past
        self._standing = Standing(plan, {})
        self._children: dict[int, set[int | None]] = {}
        sent: list[Recorded | Submitted] = [*past.records, *past.submitted]
        for one in sent:
            place = one.address[-1]
            if place.slug in self.numbers and not is_inside(one.address):
                self._children.setdefault(self.numbers[place.slug], set()).add(place.child)

    def below(self, name: Name, iteration: int) -> Iterator[Name]:
        """List the children that took what a child had made from an iteration on."""
        slug, index = name
        number, standing = self.numbers[slug], self._standing
        for below in self._plan.nodes[number].downstream:
            if self._plan.nodes[below].stream == number:
                first = first_gone(self._past.records, name, iteration)
                known = self._children.get(below, ())
                yield from self._named(below, (n for n in known if n is not None and n >= first))
                yield from self._takers(below)
                continue
            # A map that takes the whole of another as well depends on each of its children.
            whole = number in standing.nodes[below].waits_to_close
            linked = index is not None and below in standing.links[number] and not whole
            yield from self._named(below, [index] if linked else self._children.get(below, ()))

    def _named(self, number: int, indices: Iterable[int | None]) -> Iterator[Name]:
        known = self._children.get(number, set())
        yield from [(self._plan.nodes[number].slug, one) for one in indices if one in known]

    def _takers(self, number: int) -> Iterator[Name]:
        """List the children of what takes a map, or what goes on from its children, as a whole."""
        for taker in self._standing.waiting[number]:
            yield from self._named(taker, self._children.get(taker, ()))
        for below in (*self._standing.links[number], *self._standing.streams[number]):
            yield from self._takers(below)
