"""The files of a cache: their keys, their age, and what is damaged."""

import os
import threading

import pytest

from daskloop.errors import ResultError
from daskloop.results.cache_entry import Head, pack_entry, unpack_entry
from daskloop.results.cache_key import cache_key
from daskloop.results.content import token
from daskloop.results.path_claim import claim_path
from daskloop.results.serializers import JSONSerializer, PickleSerializer

HEAD = Head("key", "task[1]", 100.0, 160.0)
FILE = pack_entry(HEAD, b"value")


def test_what_was_packed_comes_back():
    assert unpack_entry(FILE, "key", "x") == (HEAD, b"value")


def test_a_file_that_was_cut_off_is_never_taken():
    for length in range(len(FILE)):
        with pytest.raises(ResultError, match="'x'.*Remove the file"):
            unpack_entry(FILE[:length], "key", "x")


def test_a_file_that_was_changed_is_never_taken():
    for place in range(len(FILE)):
        changed = FILE[:place] + bytes([FILE[place] ^ 1]) + FILE[place + 1 :]
        with pytest.raises(ResultError, match="Cannot use the cached value 'x'"):
            unpack_entry(changed, "key", "x")


def test_the_value_of_another_key_is_never_taken():
    with pytest.raises(ResultError, match="another key"):
        unpack_entry(FILE, "other", "x")


def key(source="s", serializer=None, **arguments):
    return cache_key(source, serializer or PickleSerializer(), arguments)


@pytest.mark.parametrize(
    "other",
    [{"x": 2}, {"x": "1"}, {"x": 1.0}, {"x": True}, {"x": [1]}, {"y": 1}, {}, {"x": 1, "y": 1}],
    ids=repr,
)
def test_other_inputs_have_another_key(other):
    assert key(x=1) == key(x=1)
    assert key(x=1) != key(**other)


def test_other_sources_and_serializers_have_another_key():
    assert key(x=1) != key("t", x=1)
    assert key(x=1) != key(serializer=JSONSerializer(), x=1)


def test_a_serializer_of_the_users_is_known_by_its_class():
    class Own:
        pass

    assert key(serializer=Own(), x=1) == key(serializer=Own(), x=1)


def test_an_argument_that_cannot_be_told_from_others_is_named():
    with pytest.raises(ResultError, match=r"argument 'lock'.*_thread.lock.*cache_key="):
        key(x=1, lock=threading.Lock())


def test_tables_and_arrays_are_told_apart_by_content():
    numpy = pytest.importorskip("numpy")
    assert token(numpy.arange(3)) == token(numpy.arange(3))
    assert token(numpy.arange(3)) != token(numpy.arange(4))


def test_the_second_to_claim_a_path_is_told_of_the_first(tmp_path):
    folder = str(tmp_path)
    claim_path(folder, "run", "/x", "save[0]")
    claim_path(folder, "run", "/x", "save[0]")
    claim_path(folder, "run", "/y", "save[1]")
    claim_path(folder, "other", "/x", "save[1]")
    with pytest.raises(ResultError, match=r"'save\[1\]' and 'save\[0\]'.*'/x'"):
        claim_path(folder, "run", "/x", "save[1]")
    assert len(os.listdir(tmp_path)) == 3


def test_a_claim_that_cannot_be_written_is_told_with_its_path_and_folder(tmp_path):
    folder = str(tmp_path / "gone")
    with pytest.raises(ResultError, match=f"Cannot claim 's3://...@/x' in '{folder}': .*No such"):
        claim_path(folder, "run", "s3://me:secret@/x", "save[0]")
    (tmp_path / "gone").write_bytes(b"")
    with pytest.raises(ResultError, match="Not a directory"):
        claim_path(folder, "run", "/x", "save[0]")
