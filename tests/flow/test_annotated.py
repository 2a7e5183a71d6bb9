"""Values of parameters against the annotations of the arguments that they go to."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, Task, flatten, task
from daskloop.flow.annotated import check_annotations, check_defaults


@task
def count(n: int, names: list[str] | None = None, top: int = None):  # noqa: RUF013
    return n


@task
def free(x, y: "no.such.type" = 1):  # noqa: F821, UP037
    return x


class Add(Task):
    def run(self, x: float):
        return x


def flow_of(**written):
    with Flow("f") as flow:
        count(**{name: Parameter(name) if one is ... else one for name, one in written.items()})
    return flow


def test_p02_a_value_of_another_type_is_refused_by_name():
    says = (
        r"Parameter 'n' of flow 'f': '3' is not a whole number \(int\), as argument 'n' of task "
        r"'count' is annotated. Pass flow.run\(n=...\) such a value"
    )
    with pytest.raises(ValueError, match=says):
        check_annotations(flow_of(n=...), {"n": "3"})
    check_annotations(flow_of(n=...), {"n": 3})


def test_p02_a_value_is_checked_and_never_changed():
    values = {"n": 3.0, "names": ("a", "b")}
    check_annotations(flow_of(n=..., names=...), values)
    assert values == {"n": 3.0, "names": ("a", "b")} and type(values["n"]) is float


def test_p02_none_passes_where_it_is_a_default():
    check_annotations(flow_of(n=1, top=...), {"top": None})
    with Flow("f") as flow:
        count(Parameter("n", default=None))
    check_annotations(flow, {"n": None})
    with pytest.raises(ValueError, match="None is not a whole number"):
        check_annotations(flow_of(n=...), {"n": None})


def test_p02_each_element_of_a_map_is_held_against_it():
    with Flow("f") as flow:
        count.map(Parameter("ns"))
    check_annotations(flow, {"ns": [1, 2]})
    check_annotations(flow, {"ns": range(3)})
    check_annotations(flow, {"ns": 5})  # the map says that
    with pytest.raises(ValueError, match=r"Parameter 'ns'.*its \[1\] is 'x', not a whole number"):
        check_annotations(flow, {"ns": [1, "x", 3]})


def test_p02_what_does_not_go_there_directly_is_not_looked_at():
    with Flow("f") as flow:
        p = Parameter("p")
        count([p])
        count.map(flatten(p))
        free(p, p)
    check_annotations(flow, {"p": "x"})


def test_p02_the_run_of_a_class_is_annotated_too():
    with Flow("f") as flow:
        Add()(Parameter("x"))
    with pytest.raises(ValueError, match="'x' of task 'Add' is annotated"):
        check_annotations(flow, {"x": "1"})


def test_p05_a_secret_value_is_not_quoted():
    with Flow("f") as flow:
        count(Parameter("n", secret=True))
    with pytest.raises(ValueError, match="Parameter 'n'.*the value is not a whole") as refused:
        check_annotations(flow, {"n": "hunter2"})
    assert "hunter2" not in str(refused.value) and refused.value.__context__ is None


def test_p03_validate_looks_at_defaults():
    with Flow("f") as flow:
        count(Parameter("n", default="x"), Parameter("names", default=None))
    with pytest.raises(ValueError, match="Parameter 'n' of flow 'f': 'x' is not a whole number"):
        check_defaults(flow)
    with pytest.raises(ValueError, match="Parameter 'n' of flow 'f'"):
        flow.validate()
    flow_of(n=..., top=...).validate()
