"""Files are read whole and written whole, here and behind URLs."""

import os
import stat
import threading

import fsspec
import pytest

from daskloop.errors import ResultError
from daskloop.results import files
from tests.results import slow_files  # noqa: F401 - fsspec knows slow:// by that


@pytest.fixture
def slow(tmp_path):
    """A URL on a file system that does not write whole files at once."""
    return f"slow://{tmp_path}/new/folder"


@pytest.fixture(params=["path", "file", "local", "memory", "slow"])
def place(request, tmp_path):
    if request.param == "slow":
        yield f"slow://{tmp_path}/new/folder"
    elif request.param == "memory":
        yield "memory://tests-of-files"
        fsspec.filesystem("memory").store.clear()
    else:
        yield f"{'' if request.param == 'path' else request.param + '://'}{tmp_path}/new/folder"


def test_a_file_that_is_not_there_is_none(place):
    path = files.joined(files.absolute(place), "a/b.pkl")
    assert files.read(path) is None
    assert not files.exists(path)


def test_what_was_written_is_read_and_replaced(place):
    path = files.joined(files.absolute(place), "a/b.pkl")
    files.write(path, b"one")
    files.write(path, b"two" * 1000)
    assert files.read(path) == b"two" * 1000
    assert files.exists(path)


def test_nothing_else_is_left_in_the_folder(tmp_path):
    files.write(f"{tmp_path}/a", b"one")
    with pytest.raises(ResultError, match=f"Cannot write 3 bytes to '{tmp_path}/a/b'"):
        files.write(f"{tmp_path}/a/b", b"two")
    os.mkdir(tmp_path / "c")
    with pytest.raises(ResultError, match="c': Is a directory"):
        files.write(f"{tmp_path}/c", b"three")
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x", b"breaks off", "No space left on device"),
        ("in use", b"another", "it is in use"),
        ("x/y", b"another", "File exists|Not a directory"),
    ],
)
def test_k5_of_a_write_that_breaks_off_elsewhere_nothing_is_left(
    slow, name, data, reason, tmp_path
):
    files.write(f"{slow}/x", b"the old one")
    with pytest.raises(ResultError, match=f"Cannot write .* to '{slow}/{name}': ({reason})"):
        files.write(f"{slow}/{name}", data)
    assert files.read(f"{slow}/x") == b"the old one"
    assert os.listdir(tmp_path / "new" / "folder") == ["x"]


@pytest.mark.parametrize("scheme", ["", "slow://", "unheard-of://"])
def test_what_cannot_be_looked_for_is_told_with_its_path(slow, scheme, tmp_path):
    (tmp_path / "x").write_bytes(b"")
    path = f"{scheme}{tmp_path}/x/y"
    if scheme == "slow://":  # fsspec says that it is not there
        assert not files.exists(path)
        return
    with pytest.raises(ResultError, match=f"Cannot look for '{path}'"):
        files.exists(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "below a file"])
def test_what_cannot_be_read_is_told_with_its_path(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"")
        path /= "y"
    with pytest.raises(ResultError, match=f"Cannot read '{path}'"):
        files.read(str(path))


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_a_private_file_is_for_its_owner_alone(tmp_path, scheme):
    path = files.absolute(f"{scheme}{tmp_path}/new/x")
    files.write(path, b"one", private=True)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(f"{tmp_path}/new").st_mode) == 0o700
    assert files.read(path, private=True) == b"one"
    os.chmod(path, 0o622)
    with pytest.raises(ResultError, match="chmod 600"):
        files.read(path, private=True)


def test_nobody_reads_half_a_file(tmp_path):
    path = f"{tmp_path}/x"
    contents = [bytes([n]) * 300_000 for n in range(2)]
    files.write(path, contents[0])
    done = threading.Event()

    def write():
        for turn in range(60):
            files.write(path, contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert files.read(path) in contents
    writer.join()
    assert os.listdir(tmp_path) == ["x"]


def test_a_url_is_told_without_its_password():
    with pytest.raises(ResultError) as caught:
        files.read("nowhere://me:secret@host/x")
    assert "secret" not in str(caught.value)
    assert "nowhere://...@host/x" in str(caught.value)


def test_where_the_current_folder_was_removed_a_whole_path_is_asked_for(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ResultError, match=r"Cannot tell where 'a/b' is: .* or give the whole path"):
        files.absolute("a/b")
    files.write(files.absolute(f"{tmp_path}/a"), b"whole")
    assert files.read(f"{tmp_path}/a") == b"whole"
