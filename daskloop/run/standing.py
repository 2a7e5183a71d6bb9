"""How the whole run stands: each node, each child, what waits for what.

Depth first: child i of a map over a map waits for child i above it alone. All other tasks wait
until the tasks above them have closed, which for a map means its last child.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daskloop.define.hooks import Hooks
from daskloop.define.parameter import Parameter
from daskloop.define.throttle import Throttle
from daskloop.executors.session import Key
from daskloop.keys import Address, Place, full_name
from daskloop.plan.branches import needs, tolerant_above
from daskloop.plan.plan import Emitted, Input, Node, Plan, Ref, Source, refs_of
from daskloop.record.sealed import Sealed
from daskloop.run.decide import Rules
from daskloop.run.losing import Rungs
from daskloop.run.progress import Phase, Progress
from daskloop.states import Mapped, Pending, State

if TYPE_CHECKING:
    from daskloop.run.opening import Opening
    from daskloop.run.orders import Orders
    from daskloop.run.packing import Pack

__all__ = ["Child", "Element", "NodeStanding", "Standing"]


_FRESH = Progress()
_PENDING = Pending()


class Child:
    """One child of a map, a task that is not mapped, or the parent of a map's children."""

    __slots__ = (
        "admitted",
        "alone",
        "announced",
        "block",
        "continuing",
        "index",
        "inside",
        "key",
        "missing",
        "node",
        "pack",
        "parts",
        "payloads",
        "progress",
        "reached",
        "state",
        "value",
        "weight",
        "worker",
    )

    def __init__(self, node: NodeStanding, index: int | None) -> None:
        self.node = node
        self.index = index
        self.progress = _FRESH
        self.admitted = False
        """True while it takes a place in the window."""
        self.inside = False
        """True while it has a place behind the gate of its task."""
        self.weight = 0
        """What it takes of the window, once it was admitted."""
        self.alone = 0
        """Through which iteration each attempt has a future of its own, since one was lost."""
        self.pack: Pack | None = None
        """The future in which its attempt is in flight."""
        self.block: Standing | None = None
        """The tasks of its present iteration, if it is a loop flow that has begun."""
        self.missing = 0
        """Children above that have yet to end."""
        self.announced: State = _PENDING
        """The state that handlers have seen last."""
        self.state: State | None = None
        """The final state."""
        self.value: Sealed | None = None
        """The closed value of the final state, if its result came closed."""
        self.parts: Mapping[int, tuple[Sealed, ...] | str] = {}
        """The result cut into elements, see `Entry.parts`."""
        self.payloads: Sequence[Sealed] = ()
        """The last good payload of a loop that failed, and the best one; those of its history."""
        self.key: Key | None = None
        """The key of the attempt in flight."""
        self.continuing = False
        """True if it goes on with something begun, and so goes first."""
        self.reached = 1
        """The last iteration that was submitted."""
        self.worker: str | None = None
        """Where its last iteration ran."""

    @property
    def name(self) -> str:
        """The full name; in the body of a loop flow, with that of the iteration before it."""
        own = full_name(self.node.plan.name, self.index if self.label is None else self.label)
        outer, path = self.node.standing.outer, self.node.standing.path
        return own if outer is None else f"{outer.name}@{path[-1].iteration}/{own}"

    @property
    def label(self) -> str | None:
        """Its own name among the children, if they have names."""
        names = self.node.names
        return None if names is None or self.index is None else names[self.index]

    @property
    def address(self) -> Address:
        """Where the present iteration is in the flow."""
        return self.address_at(self.progress.iteration)

    def address_at(self, iteration: int) -> Address:
        """Where one of its iterations is in the flow."""
        return (*self.node.standing.path, Place(self.node.plan.slug, self.index, iteration))

    @property
    def origins(self) -> list[Child]:
        """The children of other maps that it goes on from."""
        if (index := self.index) is None:
            return []
        above = [origins[index] for _, _, origins in self.node.spread if origins]
        return [one for one in above if one is not None]

    @property
    def rules(self) -> Rules:
        """What the user asked for."""
        task = self.node.plan.task
        return Rules(self, task.retry, task.limits, bool(task.hooks.state_handlers), task.goal)

    @property
    def is_suspect(self) -> bool:
        """True while it travels alone, to find out whether it is what takes workers down."""
        return self.progress.iteration <= self.alone

    @property
    def ended(self) -> bool:
        """True once it has its final state."""
        return self.progress.phase is Phase.ENDED


Element = Source | Sealed | Child
"""Where one child's own element comes from."""


class NodeStanding:
    """One task of the flow, with its children."""

    __slots__ = (
        "child",
        "children",
        "closed",
        "emitted",
        "failed",
        "grows",
        "is_gated",
        "is_silent",
        "loops",
        "may_grow",
        "names",
        "opened",
        "plan",
        "priority",
        "rungs",
        "running",
        "spread",
        "standing",
        "stopping",
        "waits_to_close",
        "waits_to_open",
    )

    def __init__(self, plan: Node, standing: Standing) -> None:
        self.plan = plan
        self.standing = standing
        """What it is a part of: the run, or one iteration of a loop flow."""
        self.is_silent = plan.task.hooks == Hooks()
        """True if no function of the user's is called about its states."""
        self.child = Child(self, None)
        """The task itself, or the parent of its children."""
        self.children: list[Child] = []
        self.priority = plan.task.placement.priority or 0
        """The user's; higher goes first."""
        self.is_gated = plan.task.throttle != Throttle()
        """True if its own limits may hold children back."""
        self.emitted: list[Sealed] = []
        """The items that its children have emitted, in the order in which these came to stand."""
        self.loops: tuple[NodeStanding, ...] = ()
        """The loops that its children come from, through other maps too: it is as good as these."""
        self.may_grow = False
        """True if it is mapped over what a loop emits, or goes on from such a map's children."""
        self.grows = False
        """True while it may be given more children."""
        self.rungs = Rungs(plan.task.goal)
        """How good its children are beside one another, if that matters."""
        self.running = 0
        """Children that have not ended."""
        self.failed = 0
        """Children that have failed."""
        self.stopping: str | None = None
        """Why no more children begin, if so."""
        self.opened = False
        """True once it is known how many children there are."""
        self.closed = False
        """True once it, and every child, has its final state."""
        self.waits_to_open: set[int] = set()
        """Maps above whose width is all that matters here."""
        self.waits_to_close: set[int] = set()
        """Nodes above that have to close first."""
        self.spread: list[tuple[Input, Sequence[Element], Sequence[Child | None]]] = []
        """For each mapped input: the children's elements, and the children that made them."""
        self.names: Sequence[str] | None = None
        """The children's names, if they have some; else they are known by their numbers."""

    @property
    def state(self) -> State:
        """The state, once there is one."""
        return self.child.state or Pending()

    @property
    def is_secret(self) -> bool:
        """True if it is a parameter whose value must not be written to any file."""
        return isinstance(self.plan.task, Parameter) and self.plan.task.secret

    @property
    def fanned_out(self) -> bool:
        """True if its state stands for children."""
        return self.plan.mapped and isinstance(self.state, Mapped)


class Standing:
    """Every node of a run, or of one iteration of a loop flow.

    Parameters
    ----------
    plan : Plan
        The flow, or the body of the loop flow.
    parameters : mapping
        A value for each parameter, by name.
    outer : Child, optional
        The loop flow's child that the iteration is of.
    """

    def __init__(
        self, plan: Plan, parameters: Mapping[str, Any], outer: Child | None = None
    ) -> None:
        self.plan = plan
        self.parameters = parameters
        self.outer = outer
        self.path: Address = () if outer is None else outer.address
        """Where it is: the iterations around it, from the outside in."""
        self.opening: Opening
        self.orders: Orders | None = None
        """Of an iteration: kept here, so that they go when it does."""
        self.nodes = [NodeStanding(node, self) for node in plan.nodes]
        self.links: list[list[int]] = [[] for _ in plan.nodes]
        """For each node, the maps whose children go on from its children."""
        self.waiting: list[list[int]] = [[] for _ in plan.nodes]
        """For each node, those that wait for it to close."""
        self.heads = any(node.task.throttle.max_branches is not None for node in plan.nodes)
        """True if some map limits its branches."""
        self.streams: list[list[int]] = [[] for _ in plan.nodes]
        """For each node, the maps over what it emits."""
        for node in self.nodes:
            linked, others = needs(node.plan, plan.nodes)
            if node.plan.stream is not None:
                self.streams[node.plan.stream].append(node.plan.number)
            grown = any(self.nodes[one].may_grow for one in linked)
            node.may_grow = grown or node.plan.stream is not None
            node.loops = self._loops_behind(node.plan)
            others = others.union(*(tolerant_above(one, plan.nodes) for one in others))
            node.waits_to_open, node.waits_to_close = linked - others, others
            for above in linked:
                self.links[above].append(node.plan.number)
            for above in others:
                self.waiting[above].append(node.plan.number)

    def _loops_behind(self, plan: Node) -> tuple[NodeStanding, ...]:
        """Find the loops that a map's children come from; one that loops may come from another."""
        found: list[NodeStanding] = []
        for one in plan.inputs:
            if isinstance(one.source, Emitted):
                loop = self.nodes[one.source.node]
                found += (loop, *loop.loops)
            elif one.mapped and isinstance(one.source, Ref):
                found += self.nodes[one.source.node].loops
        return tuple(dict.fromkeys(found))

    def is_linked(self, one: Input) -> bool:
        """Tell whether children of a map take this input from the children of another."""
        return (
            one.mapped
            and not one.flattened
            and isinstance(one.source, Ref)
            and self.nodes[one.source.node].fanned_out
        )

    def is_taken_whole(self, node: NodeStanding) -> bool:
        """Tell whether another task takes the whole result of a node as an argument."""
        number = node.plan.number
        below = (self.nodes[one].plan for one in node.plan.downstream)
        return any(not i.mapped and number in refs_of(i) for plan in below for i in plan.inputs)
