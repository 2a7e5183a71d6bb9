"""The values of parameters: all there, none too many, no default shared between runs."""

import math

import pytest

from daskloop.define.parameter import Parameter
from daskloop.flow.parameters import parameter_values


def test_values_come_from_the_dict_the_keywords_and_the_defaults():
    parameters = [Parameter("a"), Parameter("b"), Parameter("c", default=3)]
    assert parameter_values("f", parameters, {"a": 1}, {"b": 2}) == {"a": 1, "b": 2, "c": 3}
    assert parameter_values("f", parameters, {"a": 1, "c": None}, {"b": 2})["c"] is None


def test_f01_all_missing_parameters_are_named_at_once():
    parameters = [Parameter("a"), Parameter("b"), Parameter("c", default=3), Parameter("d")]
    with pytest.raises(ValueError, match=r"Flow 'f'.*'a', 'd'\..*flow\.run\(a=\.\.\., d="):
        parameter_values("f", parameters, None, {"b": 1})


def test_f01_a_parameter_with_a_default_can_be_required_all_the_same():
    with pytest.raises(ValueError, match="no value for the parameter 'a'"):
        parameter_values("f", [Parameter("a", default=1, required=True)], None, {})


@pytest.mark.parametrize("given", [({"M1": 1}, {}), (None, {"M1": 1})])
def test_f01_an_unknown_parameter_is_refused_with_the_nearest_name(given):
    with pytest.raises(ValueError, match=r"no parameter 'M1' \(did you mean 'M'\?\); it has 'M'"):
        parameter_values("f", [Parameter("M")], *given)


def test_f01_a_misspelt_option_is_recognised():
    with pytest.raises(ValueError, match=r"'exectuor' \(did you mean 'executor'\?\).*has none"):
        parameter_values("f", [], None, {"exectuor": 1}, options=("executor", "workers"))


def test_f01_an_unknown_name_comes_before_a_missing_one():
    with pytest.raises(ValueError, match="did you mean 'rate'"):
        parameter_values("f", [Parameter("rate")], None, {"rat": 1})


def test_a_value_given_twice_is_refused():
    with pytest.raises(ValueError, match="'a' twice"):
        parameter_values("f", [Parameter("a")], {"a": 1}, {"a": 1})


@pytest.mark.parametrize("given", [5, "text", [1]])
def test_parameters_that_are_no_dict_are_refused(given):
    with pytest.raises(TypeError, match="give a dict"):
        parameter_values("f", [], given, {})


def test_row37_a_default_is_a_new_object_for_each_run():
    parameters = [Parameter("a", default={"deep": [1]})]
    first = parameter_values("f", parameters, None, {})
    first["a"]["deep"].append(2)
    assert parameter_values("f", parameters, None, {}) == {"a": {"deep": [1]}}


def test_row37_a_default_that_cannot_be_copied_is_named():
    with pytest.raises(ValueError, match="default of Parameter 'a' cannot be copied"):
        parameter_values("f", [Parameter("a", default=(n for n in [1]))], None, {})


@pytest.mark.parametrize("value", [math.inf, 10**400, b"\x00\xff", "\ud800", None, "", [[]]])
def test_values_of_any_kind_are_handed_on_as_they_are(value):
    assert parameter_values("f", [Parameter("a")], None, {"a": value})["a"] is value


def test_p01_values_become_the_types_that_are_asked_for():
    parameters = [Parameter("n", type=int), Parameter("xs", default=["1"], type=list[float])]
    assert parameter_values("f", parameters, None, {"n": "3"}) == {"n": 3, "xs": [1.0]}
    assert parameter_values("f", parameters, None, {"xs": (2,)}, known={"n": "4"}) == {
        "n": 4,
        "xs": [2.0],
    }


def test_p01_all_values_that_do_not_fit_are_named():
    parameters = [Parameter("n", type=int), Parameter("xs", type=list[float])]
    says = (
        r"Flow 'f' has a value that its parameter does not take: 'n': 'x' is not a whole number "
        r"\(int\); 'xs': its \[1\] is None, not a number \(float\). Pass another"
    )
    with pytest.raises(ValueError, match=says):
        parameter_values("f", parameters, None, {"n": "x", "xs": [1, None]})


def test_p05_a_secret_value_that_does_not_fit_is_not_quoted():
    with pytest.raises(ValueError, match="'n': the value is not a whole number") as refused:
        parameter_values("f", [Parameter("n", type=int, secret=True)], None, {"n": "hunter2"})
    assert "hunter2" not in str(refused.value) and refused.value.__context__ is None
