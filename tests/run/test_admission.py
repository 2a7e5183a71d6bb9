"""Whose turn it is."""

from __future__ import annotations

from daskloop.define.graph import TaskGraph
from daskloop.run.admission import Admission
from daskloop.run.packing import PLACE
from daskloop.run.progress import Phase, Progress
from daskloop.run.standing import Child
from tests.run.driven import Driven, Plain


def children(count: int) -> list[Child]:
    """Make children that nothing has happened to."""
    graph = TaskGraph("f")
    Plain(name="m").bind(flow=graph)
    node = Driven(graph).machine.standing.nodes[0]
    return [Child(node, index) for index in range(count)]


def pop(admission: Admission) -> Child | None:
    """Take the next child, which shares its future with nobody."""
    company = admission.pop(lambda child: 1, lambda one, other: False)
    assert len(company) < 2
    return company[0] if company else None


def test_equals_go_in_the_order_in_which_they_became_ready():
    admission = Admission(1)
    queued = children(5)
    for child in queued:
        admission.push((child,))
    assert [pop(admission) for _ in range(6)] == [*queued, None]


def test_b4_what_continues_goes_first():
    admission = Admission(1)
    queued = children(4)
    queued[1].continuing = queued[3].continuing = True
    for child in queued:
        admission.push((child,))
    assert [pop(admission) for _ in range(4)] == [queued[n] for n in (1, 3, 0, 2)]


def test_w08_a_higher_priority_goes_before_what_continues():
    admission = Admission(1)
    plain, continuing = children(2)
    continuing.continuing = True
    graph = TaskGraph("f")
    Plain(name="urgent", priority=1).bind(flow=graph)
    urgent = Child(Driven(graph).machine.standing.nodes[0], 0)
    for child in (plain, continuing, urgent):
        admission.push((child,))
    assert [pop(admission) for _ in range(4)] == [urgent, continuing, plain, None]


def test_b4_nobody_goes_while_the_window_is_full():
    admission = Admission(2)
    (child,) = children(1)
    admission.push((child,))
    admission.out = admission.window * PLACE
    assert admission.window == 40 and pop(admission) is None
    admission.out -= PLACE
    assert pop(admission) is child


def test_who_has_ended_meanwhile_is_passed_over():
    admission = Admission(1)
    first, second, third = children(3)
    for child in (first, second, third):
        admission.push((child,))
    first.progress = third.progress = Progress(Phase.ENDED)
    assert pop(admission) is second and pop(admission) is None


def test_b2_those_behind_go_along_as_far_as_they_may_share_a_future():
    admission = Admission(1)
    queued = children(6)
    for child in queued:
        admission.push((child,))
    queued[1].progress = Progress(Phase.ENDED)
    taken = admission.pop(lambda child: 3, lambda one, other: other.index != 4)
    assert taken == [queued[n] for n in (0, 2, 3)]
    assert admission.pop(lambda child: 9, lambda one, other: False) == [queued[4]]
    assert admission.pop(lambda child: 9, lambda one, other: True) == [queued[5]]


def test_b2_those_who_continue_are_not_mixed_with_those_who_begin():
    admission = Admission(1)
    queued = children(4)
    queued[1].continuing = queued[2].continuing = True
    for child in queued:
        admission.push((child,))
    taken = [admission.pop(lambda child: 9, lambda one, other: True) for _ in range(3)]
    assert taken == [[queued[1], queued[2]], [queued[0], queued[3]], []]


def test_everybody_is_taken_off_the_queue_at_once():
    admission = Admission(1)
    first, second = children(2)
    admission.push((first,))
    admission.push((second,))
    second.progress = Progress(Phase.ENDED)
    assert admission.drain() == [first] and admission.drain() == []


def at_stake(child: Child) -> Child:
    """Let so many workers have been lost under a child that the next one is its end."""
    most = child.node.plan.task.limits.max_worker_losses
    child.progress = Progress(Phase.READY, losses=most)
    return child


def test_r08_those_that_the_next_loss_would_end_go_one_at_a_time():
    admission = Admission(4)
    first, second, third, plain = children(4)
    queued = [at_stake(first), at_stake(second), at_stake(third), plain]
    admission.push(queued)
    assert pop(admission) is first
    admission.enter(first)
    assert [pop(admission), pop(admission)] == [plain, None]
    assert admission.waiting == 2
    admission.leave(first)
    assert pop(admission) is second
    admission.enter(second)
    assert pop(admission) is None
    assert admission.drain() == [third]
    assert admission.waiting == 0


def test_r08_where_no_worker_may_be_lost_nobody_waits_for_another():
    admission = Admission(4)
    graph = TaskGraph("f")
    Plain(name="m", max_worker_losses=0).bind(flow=graph)
    node = Driven(graph).machine.standing.nodes[0]
    queued = [Child(node, index) for index in range(3)]
    admission.push(queued)
    for child in queued:
        assert pop(admission) is child
        admission.enter(child)
