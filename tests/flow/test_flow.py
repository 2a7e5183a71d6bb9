"""The front door: what `Flow.run` refuses, and what it hands to the engine."""

import inspect
import warnings

import pytest

import daskloop
from daskloop import Flow, Parameter, context, task
from daskloop.define.edge import Edge
from daskloop.define.scope import current_graph
from daskloop.run.options import RunOptions
from daskloop.states import Failed, Success


@task
def give(x):
    return x


def handler(flow, old, new):
    return new


def test_the_block_is_the_scope_of_calls_and_nests():
    with Flow("outer") as outer:
        one = give(1)
        with Flow("inner") as inner:
            two = give(2)
        three = give(3)
    assert list(outer.tasks) == [one, three]
    assert list(inner.tasks) == [two]
    assert current_graph.get() is None
    assert repr(outer) == '<Flow: name="outer">'


def test_a_block_that_raises_is_left_properly():
    with pytest.raises(ZeroDivisionError), Flow("f"):
        1 / 0  # noqa: B018
    assert current_graph.get() is None


def test_a_flow_can_be_written_further_in_a_second_block():
    flow = Flow("f")
    for number in (1, 2):
        with flow:
            give(number)
    assert len(flow.tasks) == 2


def test_a_flow_can_be_made_of_tasks_and_edges():
    one, two, three = (give.copy(name=name) for name in ("one", "two", "three"))
    flow = Flow("f", tasks=[three], edges=[Edge(one, two, "x", mapped=True)], reference_tasks=[one])
    assert list(flow.tasks) == [three, two, one]
    assert flow.edges() == {Edge(one, two, "x", mapped=True)}
    assert list(flow.reference_tasks()) == [one]


@pytest.mark.parametrize("name", ["", "x" * 10_000, "a\0b", None, 5])
def test_row45_a_bad_name_is_refused(name):
    with pytest.raises((TypeError, ValueError), match="Flow name"):
        Flow(name)


def test_handlers_of_a_flow_are_looked_at_when_they_are_given():
    flow = Flow("f", state_handlers=[handler], on_failure=lambda flow, state: None)
    assert flow.state_handlers == (handler,)
    with pytest.raises(TypeError, match=r"\(flow, old_state, new_state\)"):
        Flow("f", state_handlers=[lambda state: state])
    with pytest.raises(TypeError, match=r"on_failure=.*\(flow, state\)"):
        Flow("f", on_failure=handler)


def test_f10_run_has_the_promised_signature():
    parameters = inspect.signature(Flow.run).parameters.values()
    assert [(p.name, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY] == [
        ("executor", None),
        ("workers", None),
        ("context", None),
        ("task_states", None),
        ("batch", None),
        ("journal", None),
        ("resume", False),
        ("allow_code_change", False),
        ("history", False),
        ("report", None),
        ("store", None),
        ("raise_on_failure", False),
        ("notify", None),
        ("only", None),
        ("from_iteration", None),
    ]


def test_f10_what_was_asked_for_reaches_the_engine(engine):
    with Flow("f", executor="processes") as flow:
        give([Parameter("a"), Parameter("b", default=2)])
    state = flow.run(
        {"a": 1}, workers=3, context={"site": "north"}, store="/shared", raise_on_failure=True
    )
    assert state is engine.state
    assert engine.starts == [
        (
            flow,
            {"a": 1, "b": 2},
            RunOptions(
                executor="processes",
                workers=3,
                context={"site": "north"},
                store="/shared",
                raise_on_failure=True,
            ),
        )
    ]
    flow.run(a=1, executor="inline", batch=1)
    assert engine.starts[1][2] == RunOptions(executor="inline", batch=1)


def test_f10_a_parameter_named_like_an_option_is_given_through_parameters(engine):
    with Flow("f") as flow:
        give([Parameter("store"), Parameter("parameters")])
    flow.run(parameters={"store": 1, "parameters": 2})
    assert engine.starts[0][1] == {"store": 1, "parameters": 2}


def test_raise_on_failure_raises_what_the_task_raised(engine):
    with Flow("f") as flow:
        one = give(1)
    engine.state = Failed("some failed", result={one: Failed("bad", result=KeyError("key"))})
    assert flow.run() is engine.state
    with pytest.raises(KeyError, match="key"):
        flow.run(raise_on_failure=True)


def test_f01_nothing_starts_when_parameters_are_wrong(engine):
    with Flow("f") as flow:
        give([Parameter("M"), Parameter("N")])
    with pytest.raises(ValueError, match="'M', 'N'"):
        flow.run()
    with pytest.raises(ValueError, match="did you mean 'M'"):
        flow.run(M1=1, N=2)
    with pytest.raises(ValueError, match="did you mean 'executor'"):
        flow.run(M=1, N=2, exekutor="threads")
    assert engine.starts == []


def test_f01_nothing_runs_when_an_argument_is_not_bound():
    flow = Flow("f", tasks=[give.copy()])
    with pytest.raises(ValueError, match="'x' of task 'give'"):
        flow.run(executor="inline")


def test_f02_a_run_inside_the_flows_own_block_is_refused(engine):
    with Flow("f") as flow:
        give(1)
        with pytest.raises(RuntimeError, match="still being written"):
            flow.run()
    flow.run()
    assert len(engine.starts) == 1


def test_row66_a_run_inside_a_task_is_refused(engine):
    with Flow("f") as flow:
        give(1)
    running = {"task_run_count": 1, "task_full_name": "outer[3]"}
    with context(running), pytest.raises(RuntimeError, match=r"'outer\[3\]'.*join the tasks"):
        flow.run()
    assert engine.starts == []


def test_f05_an_empty_flow_is_run_with_a_warning(engine):
    with pytest.warns(UserWarning, match="'nothing' has no tasks") as caught:
        Flow("nothing").run()
    assert caught[0].filename == __file__
    assert len(engine.starts) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"journal": 5}, "5"),
        ({"resume": 5}, "resume=5"),
        ({"resume": ""}, "resume=''"),
        ({"only": "give"}, "goes with resume"),
        ({"from_iteration": 3}, "goes with resume"),
        ({"resume": True, "only": 3}, "only=3"),
        ({"resume": True, "from_iteration": 0}, "from_iteration=0"),
        ({"report": 5}, r"report=5\): give the name of a file"),
        ({"report": ""}, "report=''.*give the name of a file"),
        ({"report": "."}, r"report='\.'\): that is a folder"),
        ({"report": "nowhere/run.html"}, "there is no folder '.*nowhere'. Make it"),
        ({"history": 1}, "give True or False"),
        ({"allow_code_change": 1}, "allow_code_change=1"),
        ({"batch": 0}, r"batch.*=0\b"),
        ({"batch": -1}, r"batch.*=-1\b"),
        ({"batch": True}, r"batch.*=True"),
        ({"batch": 1.5}, r"batch.*=1\.5"),
        ({"batch": "fast"}, r"batch.*='fast'"),
        ({"workers": 0}, "workers=0"),
        ({"workers": 2.5}, "workers=2.5"),
        ({"workers": True}, "workers=True"),
        ({"raise_on_failure": "yes"}, "raise_on_failure='yes'"),
        ({"context": [1]}, "give a dict"),
        ({"context": {1: 2}}, "keys are texts"),
    ],
    ids=repr,
)
def test_options_that_are_wrong_are_refused(options, says, engine):
    with Flow("f") as flow:
        give(1)
    with pytest.raises((TypeError, ValueError), match=says):
        flow.run(**options)
    assert engine.starts == []


@pytest.mark.parametrize("key", ["task_loop_result", "task_loop_count", "map_index", "run_id"])
def test_f07_keys_that_the_run_sets_itself_are_refused_in_a_context(key, engine):
    with Flow("f") as flow:
        give(1)
    with pytest.raises(ValueError, match=f"sets '{key}'"):
        flow.run(context={key: 1, "other": 2})


def test_a_state_that_succeeded_is_returned_also_with_raise_on_failure(engine):
    with Flow("f") as flow:
        give(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(flow.run(raise_on_failure=True), Success)


def test_the_package_offers_its_public_names():
    for name in daskloop.__all__:
        assert hasattr(daskloop, name)
    assert daskloop.__version__ == "0.1.0"
    assert daskloop.engine.signals.LOOP is daskloop.signals.LOOP
    assert daskloop.engine.state.Looped is daskloop.states.Looped
    assert daskloop.triggers.all_finished
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        daskloop.nothing  # noqa: B018
