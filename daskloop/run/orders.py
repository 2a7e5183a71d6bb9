"""Make the jobs of attempts: what they share once per task, what is theirs alone each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daskloop.errors import PayloadError, StoreError
from daskloop.executors.session import Job
from daskloop.keys import key_text
from daskloop.plan.plan import Constant, Emitted, Group, Handed, Node, Ref, Source
from daskloop.record.claims import Claims
from daskloop.record.sealed import Sealed
from daskloop.run.arguments import origin_of
from daskloop.run.attempt import attempt, attempt_here
from daskloop.run.attempt_log import log_order
from daskloop.run.closing import Closing, digest
from daskloop.run.failures import why_over
from daskloop.run.folding import folded_tree
from daskloop.run.handing import closing_inputs, handed
from daskloop.run.keep_order import keep_tree
from daskloop.run.order import (
    NO_INPUTS,
    Attempt,
    Own,
    Shared,
    Tree,
    attempt_size,
    collection_tree,
    flat_tree,
    pack_own,
    pack_shared,
    value_tree,
)
from daskloop.run.packing import Pack, may_run_ahead
from daskloop.run.parameter_orders import (
    NO_FILE,
    SHARED,
    all_parameters,
    parameter_tree,
    small_enough,
)
from daskloop.run.placing import Placing
from daskloop.run.result_orders import child_tree
from daskloop.run.spreading import spread_inputs
from daskloop.run.standing import Child, Element, NodeStanding, Standing

__all__ = ["Orders"]

_FUNCTION = 16_384  # bytes of a function that travel with each attempt
_REDUCE = 1_048_576  # bytes of a map's results that travel together
_MESSAGE = 2_000_000  # bytes of attempts that travel in one future

Name = str | Callable[[], str]
"""How to call a value in an error, or what makes that."""


class Orders:
    """Makes jobs.

    Parameters
    ----------
    standing : Standing
        Where the values are that tasks hand on.
    closing : Closing
        Closes the values that are in the driver's hands.
    run : str
        Name of the run.
    context : mapping
        What the user gave to ``flow.run(context=...)``.
    claims : Claims or None
        Where attempts have to claim their start, if they have to.
    here, whole : bool
        True if attempts run in the user's own thread; if workers tell each iteration, not a count.
    around : Orders, optional
        Those of the flow around it, if it is for one iteration of a loop flow.

    Raises
    ------
    PayloadError
        If a parameter or a value of the context cannot be pickled.
    """

    def __init__(
        self,
        standing: Standing,
        closing: Closing,
        run: str,
        context: Mapping[str, Any],
        *,
        claims: Claims | None,
        here: bool,
        whole: bool = True,
        around: Orders | None = None,
    ) -> None:
        self._standing = standing
        self._closing = closing
        self._run = run
        self._around = around
        self._here = here
        self._claims = claims
        self._whole = whole
        self._function = attempt_here if here else attempt
        self._shared: dict[int, bytes] = {}
        self._nodes: dict[int, Tree] = {}
        self._given: dict[tuple[int, str], Tree] = {}
        self._placing: Placing
        self._functions: dict[str, Sealed]
        self._has_secrets: bool
        self._context: Tree | None
        self._parameters: Tree | None
        if around is not None:  # what is the same in all iterations is made once
            self._placing, self._functions = around._placing, around._functions
            self._context, self._parameters = around._context, around._parameters
            self._has_secrets = around._has_secrets
        else:
            self._placing, self._functions = Placing(), {}
            self._context = self.value(dict(context), "context", SHARED) if context else None
            self._parameters = all_parameters(standing, closing, self._node_tree)
            self._has_secrets = any(node.is_secret for node in standing.nodes)

    def job(self, pack: Pack, now: float) -> tuple[Job | None, dict[Child, Exception | None]]:
        """Make the job of a future.

        Parameters
        ----------
        pack : Pack
            The children that travel in it.
        now : float
            Seconds since the epoch.

        Returns
        -------
        job : Job or None
            None if nothing of it can travel.
        refused : dict
            For each child that cannot travel, why; None if it is too much for one message.
        """
        children = list(pack.members.values())
        if children[0].node.standing is not self._standing:
            return self.inside(children[0].node.standing).job(pack, now)
        refused: dict[Child, Exception | None] = {}
        try:
            shared = self._shared_of(children[0].node)
        except (PayloadError, StoreError) as error:
            return None, dict.fromkeys(children, error)
        attempts: list[Attempt] = []
        size = 0
        for child in children:
            if size > _MESSAGE:
                refused[child] = None
                continue
            try:
                attempts.append(self._attempt(child, now))
                size += attempt_size(attempts[-1])
            # What cannot travel fails its own task and no other.
            except (PayloadError, StoreError) as error:
                refused[child] = error
        if not attempts:
            return None, refused
        first = next(child for child in children if child not in refused)
        own = Own(key_text(pack.key), pack.seconds, pack.most, attempts)
        priority, demand = self._placing.of(first)
        return Job(pack.key, self._function, shared, pack_own(own), priority, demand), refused

    def inside(self, standing: Standing) -> Orders:
        """Return the orders for an iteration of a loop flow."""
        if standing.orders is None:
            assert standing.outer is not None
            outside = standing.outer.node.standing
            standing.orders = Orders(
                standing,
                self._closing,
                self._run,
                {},
                claims=self._claims,
                here=self._here,
                whole=self._whole,
                around=self if outside is self._standing else self.inside(outside),
            )
        return standing.orders

    def given(self, child: Child, name: str) -> Tree:
        """Stand for what a loop flow was given for one of its arguments."""
        origin, what = origin_of(child, name), f"argument '{name}' of '{child.name}'"
        if origin.is_own:
            return self.element(origin.element, what)
        key = child.node.plan.number, name
        if key not in self._given:
            tree = self.element(origin.element, what, SHARED)
            self._given[key] = flat_tree(tree) if origin.is_flat else tree
        return self._given[key]

    def _attempt(self, child: Child, now: float) -> Attempt:
        progress, limit = child.progress, child.node.plan.task.limits.max_time
        left = None if limit is None else (progress.begun or now) + limit - now
        is_late = left is not None and left <= 0 and child.block is None
        over = why_over(child.rules, progress) if is_late else progress.over
        # What ends an iteration of a loop flow needs no payload: its tasks have taken it.
        best = progress.best or progress
        payload = best.payload if over else None if child.block else progress.payload
        return Attempt(
            child.index,
            progress.iteration,
            progress.run_count,
            progress.submission,
            None if payload is None else value_tree(payload),
            NO_INPUTS if over else self._own_inputs(child),
            left,
            progress.resumed,
            child.label,
            over,
        )

    def _shared_of(self, node: NodeStanding) -> bytes:
        number = node.plan.number
        if number not in self._shared:
            self._shared[number] = pack_shared(self._make_shared(node))
        return self._shared[number]

    def _make_shared(self, node: NodeStanding) -> Shared:
        plan = node.plan
        function = self._function_of(plan)
        store = self._closing.store
        return Shared(
            run_id=self._run,
            flow_name=self._standing.plan.flow_name,
            task_name=plan.name,
            task_slug=plan.slug,
            function=value_tree(function),
            digest=digest(function.data or str(function.name).encode()),
            inputs=NO_INPUTS if plan.body else self._common_inputs(node),
            context=self._context,
            parameters=self._parameters,
            store=None if store is None else store.url,
            durable=store is not None and store.durable,
            verify=0 if store is None else store.verify,
            inline_limit=self._closing.limit,
            timeout=plan.task.limits.timeout,
            claims=None if self._claims is None else self._claims.directory,
            cuts=[int(cut) for cut in plan.cuts],
            max_loops=plan.task.limits.max_loops,
            ahead=may_run_ahead(plan),
            whole=self._whole,
            keeping=keep_tree(plan, self._standing.plan, self._closing),
            returns=plan.task.limits.on_limit == "return",
            measured=plan.task.goal.is_set,
            around=self._standing.path,
            log=log_order(plan.task),
            has_secrets=self._has_secrets,
        )

    def _common_inputs(self, node: NodeStanding) -> Mapping[str, Tree]:
        """Stand for the arguments that all children of a node have in common."""
        inputs: dict[str, Tree] = {}
        for one in (one for one in node.plan.inputs if one.name is not None and not one.mapped):
            tree = self.tree(one.source, f"argument '{one.name}' of '{node.plan.name}'")
            inputs[str(one.name)] = flat_tree(tree) if one.flattened else tree
        return inputs

    def _function_of(self, plan: Node) -> Sealed:
        if plan.path not in self._functions:
            retry = plan.task.retry
            bundle = (plan.task.shipped, retry.retry_on, retry.retry_if)
            what = f"the function of task '{plan.name}'"
            self._functions[plan.path] = self._closing.close(bundle, what, _FUNCTION)
        return self._functions[plan.path]

    def value(self, value: Any, what: Name, limit: int | None = None) -> Tree:
        """Stand for a value that is in the driver's hands."""
        shut = self._closing.shut(value, what, limit)
        return shut if isinstance(shut, bytes) else value_tree(shut)

    def _own_inputs(self, child: Child) -> Mapping[str, Tree]:
        return spread_inputs(self, child) if child.block is None else closing_inputs(self, child)

    def element(self, element: Element, what: Name, limit: int | None = None) -> Tree:
        """Stand for what one child is given alone."""
        if isinstance(element, Sealed):
            return value_tree(element)
        if isinstance(element, Child):
            return child_tree(self._closing, element)
        return self.tree(element, what, self._closing.limit if limit is None else limit)

    def tree(self, source: Source, what: Name, limit: int = SHARED) -> Tree:
        match source:
            case Constant(value, secret):
                return self.value(value, what, NO_FILE if secret else limit)
            case Ref(number):
                return self._node_tree(number)
            case Emitted(node):
                items = self._standing.nodes[node].emitted
                return collection_tree("list", [*map(value_tree, items)])
            case Handed(name):
                assert self._around is not None
                return handed(self._around, self._standing, name)
            case Group(kind, keys, items):
                closed = None if keys is None else self.value(list(keys), what)
                return collection_tree(kind, [self.tree(i, what) for i in items], closed)

    def _node_tree(self, number: int) -> Tree:
        """Stand for the whole result of a closed node."""
        if number not in self._nodes:
            self._nodes[number] = self._make_node_tree(self._standing.nodes[number])
        return self._nodes[number]

    def _make_node_tree(self, node: NodeStanding) -> Tree:
        if node.plan.parameter is not None:
            return parameter_tree(self._standing, self._closing, node)
        if not node.fanned_out:
            return folded_tree(node, self.tree) or child_tree(self._closing, node.child)
        children = [child_tree(self._closing, child) for child in node.children]
        tree, what = collection_tree("list", children), f"the results of '{node.plan.name}'"
        size = sum(len(child.value.data or b"") for child in node.children if child.value)
        return small_enough(self._closing, tree, size, _REDUCE, what)
