"""Parameters: names, defaults, flows."""

import copy
import pickle

import pytest

from daskloop.define.parameter import REQUIRED, Parameter
from tests.define.writing import writing


def test_a_parameter_adds_itself_to_the_flow_that_is_written():
    alone = Parameter("alone")
    with writing() as graph:
        p = Parameter("p")
    assert graph.tasks == graph.parameters() == {p}
    assert alone not in graph


@pytest.mark.parametrize(
    ("options", "required", "default"),
    [
        ({}, True, REQUIRED),
        ({"default": None}, False, None),
        ({"default": 5}, False, 5),
        ({"required": False}, False, None),
        ({"default": 5, "required": True}, True, 5),
    ],
)
def test_a_parameter_is_required_unless_it_has_a_default(options, required, default):
    p = Parameter("p", **options)
    assert p.required is required
    assert p.default is default


def test_f02_a_parameter_cannot_be_run():
    with pytest.raises(NotImplementedError, match=r"flow.run\(p=...\)"):
        Parameter("p").run()


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(TypeError, match="required='yes'"):
        Parameter("p", required="yes")
    with pytest.raises(TypeError, match="cannot be changed"):
        Parameter("p").copy(name="q")
    with writing(), pytest.raises(TypeError, match="has no inputs"):
        Parameter("p")(task_args={"name": "q"})


def test_a_required_parameter_stays_required_through_copies_and_pickles():
    p = Parameter("p")
    for same in (copy.deepcopy(p), pickle.loads(pickle.dumps(p.default))):
        assert getattr(same, "default", same) is REQUIRED
    assert repr(REQUIRED) == "<required>"


def test_p01_a_parameter_takes_what_fits_its_type():
    assert Parameter("n", type=int).accept("3") == 3
    assert Parameter("n", default="4", type=int).default == 4
    with pytest.raises(ValueError, match="'three' is not a whole number"):
        Parameter("n", type=int).accept("three")


def test_p01_none_is_taken_where_it_is_the_default():
    assert Parameter("n", default=None, type=int).accept(None) is None
    assert Parameter("n", required=False, type=int).accept(None) is None
    with pytest.raises(ValueError, match="None is not a whole number"):
        Parameter("n", default=1, type=int).accept(None)


def test_p01_a_default_of_another_type_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match="Parameter 'n': its default.*'x' is not a whole number"):
        Parameter("n", default="x", type=int)
    with pytest.raises(TypeError, match="Parameter 'n': type='int'"):
        Parameter("n", type="int")


def test_p05_a_secret_default_is_not_quoted():
    with pytest.raises(ValueError, match="the value is not a whole number") as refused:
        Parameter("n", default="hunter2", type=int, secret=True)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None
