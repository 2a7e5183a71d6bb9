"""Serializers give back the very value, or refuse it."""

import math
import os
import pickle

import pytest

from daskloop.engine.results import FileResult
from daskloop.engine.serializers import (
    CompressedSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)
from daskloop.errors import ResultError

VALUES = [None, True, 0, 2**70, 1.5, "ä", [], {}, {"a": [1, {"b": None}]}]
EVERY = [
    PickleSerializer(),
    JSONSerializer(),
    *(CompressedSerializer(JSONSerializer(), one) for one in ("zlib", "gzip", "bz2", "lzma")),
    CompressedSerializer(PickleSerializer()),
]


@pytest.mark.parametrize("serializer", EVERY, ids=repr)
def test_what_is_written_comes_back(serializer):
    for value in VALUES:
        again = serializer.deserialize(serializer.serialize(value))
        assert again == value
        assert type(again) is type(value)


@pytest.mark.parametrize("serializer", EVERY, ids=repr)
def test_a_serializer_travels_and_is_known_again(serializer):
    assert isinstance(serializer, Serializer)
    assert pickle.loads(pickle.dumps(serializer)) == serializer
    assert serializer.serialize({"a": 1}) == serializer.serialize({"a": 1})


def test_a_pickle_is_one_that_anybody_can_read():
    assert pickle.loads(PickleSerializer().serialize({1, 2})) == {1, 2}


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: "a"}, {"a": (1,)}, [math.nan], math.inf, {1, 2}, b"a", Text("a"), object],
    ids=repr,
)
def test_json_refuses_what_would_come_back_as_something_else(value):
    with pytest.raises(TypeError, match="JSON would not give back"):
        JSONSerializer().serialize(value)


def test_json_says_which_part_it_refuses():
    with pytest.raises(TypeError, match=r"\['a'\]\[1\], a tuple"):
        JSONSerializer().serialize({"a": [0, ()]})


def test_compression_that_is_unknown_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match="format='zip'"):
        CompressedSerializer(JSONSerializer(), format="zip")
    with pytest.raises(TypeError, match="serializer="):
        CompressedSerializer(JSONSerializer)


@pytest.mark.parametrize("serializer", EVERY, ids=repr)
def test_bytes_that_are_no_value_are_an_error(serializer):
    for data in (b"", b"garbage", b"\x80\x05K"):
        with pytest.raises(Exception):  # noqa: B017, PT011, each format has errors of its own
            serializer.deserialize(data)


class TestPandas:
    pandas = pytest.importorskip("pandas")

    @pytest.fixture
    def table(self):
        return self.pandas.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.1, math.nan]})

    @pytest.mark.parametrize(
        ("file_type", "options"),
        [("pickle", {}), ("json", {"orient": "split"}), ("csv", {"index": False})],
    )
    def test_a_table_comes_back(self, table, file_type, options):
        reading = {"orient": "split"} if file_type == "json" else None
        one = PandasSerializer(file_type, options, reading)
        again = pickle.loads(pickle.dumps(one)).deserialize(one.serialize(table))
        self.pandas.testing.assert_frame_equal(again, table)

    @pytest.mark.parametrize("file_type", ["parquet", "feather"])
    def test_a_table_comes_back_by_arrow(self, table, file_type):
        pytest.importorskip("pyarrow")
        one = PandasSerializer(file_type)
        self.pandas.testing.assert_frame_equal(one.deserialize(one.serialize(table)), table)

    def test_a_table_that_would_come_back_otherwise_is_refused(self, table):
        with pytest.raises(TypeError, match="csv would not give back the table"):
            PandasSerializer("csv").serialize(table)

    def test_what_is_no_table_is_refused(self, table):
        with pytest.raises(TypeError, match="not a list"):
            PandasSerializer("csv").serialize([1])
        with pytest.raises(TypeError, match="Series cannot be written as parquet"):
            PandasSerializer("parquet").serialize(table["a"])
        assert PandasSerializer("pickle").serialize(table["a"])


@pytest.mark.parametrize("made", ["text", None, [1]])
def test_what_a_serializer_makes_has_to_be_bytes(made, tmp_path):
    class Own:
        def serialize(self, value):
            return made

        def deserialize(self, data):
            return data

        def __repr__(self):
            return "Own()"

    place = FileResult(tmp_path, serializer=Own())
    kind = type(made).__name__
    with pytest.raises(ResultError, match=rf"Cannot write .*/x': Own\(\) made a {kind} of it, not"):
        place.write("x", 1)
    assert not place.exists("x")
    with pytest.raises(ResultError, match="There is no result at"):
        place.read("x")
    assert os.listdir(tmp_path) == []
