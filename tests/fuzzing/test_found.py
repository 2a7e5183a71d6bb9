"""What fuzzing has found, each by itself."""

from __future__ import annotations

import hashlib

import dask
import pytest
from click.testing import CliRunner

from daskloop import config
from daskloop.cli.exit_codes import Usage
from daskloop.cli.main import main
from daskloop.cli.targets import find_target
from daskloop.define.limits import duration
from daskloop.errors import ResultError
from daskloop.record.names_of_children import index_of
from daskloop.results import cache_entry
from daskloop.testing.journal_samples import header

MANY_DIGITS = "9" * 5000
"""More than Python makes a number of."""


def test_an_iteration_or_a_child_of_thousands_of_digits_is_refused():
    marks = header("quiet-heron-7f3a9c12").tasks
    for text in (f"{marks[0].slug}@{MANY_DIGITS}", f"{marks[0].slug}[{MANY_DIGITS}]"):
        with pytest.raises(Usage):
            find_target(text, marks, "quiet-heron-7f3a9c12")
    assert index_of(MANY_DIGITS, []) is None


@pytest.mark.parametrize("text", ["", " ", "1e400", "9" * 400])
def test_a_duration_that_is_empty_or_endless_is_refused(text):
    with pytest.raises(ValueError, match="timeout="):
        duration(text, "timeout")
    config.setting("drain")  # defaults that are registered within `dask.config.set` go with it
    with dask.config.set({"daskloop.drain": text}), pytest.raises(ValueError, match="no duration"):
        config.seconds("drain")
    result = CliRunner().invoke(main, ["runs", "--prune", "--older-than", text])
    assert result.exit_code == 2 and "is no duration" in result.output


def test_an_endless_size_is_refused():
    config.setting("inline-limit")
    with (
        dask.config.set({"daskloop.inline-limit": "1e400"}),
        pytest.raises(ValueError, match="is no size"),
    ):
        config.size("inline-limit")


@pytest.mark.parametrize(
    "rest", [b"", b"\xff", b"\1\0\0\0\0\0\0\0\xff", b"\2\0\0\0\0\0\0\0{}", b"[" * 100]
)
def test_a_cached_value_with_a_head_of_another_kind_is_refused_though_its_checksum_is_right(rest):
    checksum = hashlib.blake2b(rest, digest_size=cache_entry._SUM).digest()
    with pytest.raises(ResultError, match="Remove the file to compute it again"):
        cache_entry.unpack_entry(cache_entry._MAGIC + checksum + rest, "k", "somewhere")
