"""`mapped`, `unmapped` and `flatten` around arguments."""

import pytest

from daskloop.define.annotations import flatten, mapped, read_annotations, unmapped
from daskloop.define.decorator import task
from tests.define.writing import writing


@task
def add(x, y=0):
    return x + y


@pytest.mark.parametrize("wrap", [lambda x: flatten(unmapped(x)), lambda x: unmapped(flatten(x))])
def test_m09_annotations_nest_in_both_orders(wrap):
    assert read_annotations(wrap([1]), default=True) == ([1], False, True, False)


def test_annotations_decide_over_the_default():
    assert read_annotations([1], default=False) == ([1], False, False, False)
    assert read_annotations([1], default=True) == ([1], True, False, False)
    assert read_annotations(mapped([1]), default=False) == ([1], True, False, False)
    assert read_annotations(flatten([1]), default=True) == ([1], True, True, False)


def test_mapped_and_unmapped_around_one_argument_are_refused():
    with pytest.raises(ValueError, match="keep one of them"):
        read_annotations(mapped(unmapped([1])), default=True)


def test_mapped_in_a_plain_call_maps_that_argument_alone():
    with writing() as graph:
        call = graph.call_of(add([1, 2], mapped([3, 4])))
    assert [argument.mapped for argument in call.arguments] == [False, True]
    assert call.is_mapped


def test_an_annotation_inside_a_collection_is_refused():
    with writing(), pytest.raises(TypeError, match="put it around the whole argument"):
        add([unmapped(1)])
