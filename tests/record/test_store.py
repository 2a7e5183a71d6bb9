"""Payload files: whole or not at all, nobody else's business, gone when they should be."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import pickle
import random
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daskloop.errors import StoreError
from daskloop.record import folder
from daskloop.record.bucket import Bucket
from daskloop.record.sealed import seal, unseal
from daskloop.record.store import PayloadStore, open_store, temporary_store

MEGABYTE = 1 << 20
ROOT = Path(__file__).resolve().parents[2]


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start another interpreter that can import the package."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def answer(code: str, *arguments: str, given: bytes | None = None) -> str:
    """Run code in another interpreter and return what it printed."""
    with python(code, *arguments, stdin=subprocess.PIPE) as process:
        said, _ = process.communicate(given, timeout=60)
    assert process.returncode == 0
    return said.decode().strip()


@pytest.fixture(params=["folder", "file URL", "memory URL", "renaming file system"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PayloadStore]:
    """Each kind of place in turn: all keep the same promises."""
    if request.param == "memory URL":
        made = PayloadStore(f"memory://{tmp_path.name}")
        yield made
        made.remove_all()
        return
    made = PayloadStore(f"file://{tmp_path}/run" if "URL" in request.param else tmp_path / "run")
    if "renaming" in request.param:
        from fsspec.implementations.local import LocalFileSystem

        made._place = Bucket(LocalFileSystem(), str(tmp_path / "run" / "payloads"), create=True)
    yield made


@pytest.fixture
def local(tmp_path: Path) -> PayloadStore:
    """A store in a folder."""
    return PayloadStore(tmp_path / "run")


def files(store: PayloadStore) -> list[str]:
    """List everything in the folder of payloads, also what `names` hides."""
    return sorted(store._place.names())


# The same for every place


def test_frames_come_back_as_one_run_of_bytes(store: PayloadStore) -> None:
    name = store.put([b"ab", memoryview(b"cd"), bytearray(b"ef")], "a-1")
    assert bytes(store.get(name)) == b"abcdef"
    assert store.names() == [name]


def test_a_name_is_the_digest_of_the_content_and_the_tag(store: PayloadStore) -> None:
    assert store.put([b"abc"], "a-1") == hashlib.sha256(b"abc").hexdigest()[:32] + "-a-1"


@pytest.mark.parametrize("size", [0, 1, MEGABYTE - 1, MEGABYTE, 3 * MEGABYTE + 5])
def test_every_size_comes_back(store: PayloadStore, size: int) -> None:
    content = np.random.default_rng(size).bytes(size)
    assert bytes(store.get(store.put([content], "a"), verify=True)) == content


@pytest.mark.parametrize(("offset", "size"), [(0, 7), (5, None), (4096, 2 * MEGABYTE), (4099, 9)])
def test_a_part_can_be_read(store: PayloadStore, offset: int, size: int | None) -> None:
    content = np.random.default_rng(0).bytes(3 * MEGABYTE)
    name = store.put([content], "a")
    wanted = content[offset:] if size is None else content[offset : offset + size]
    assert bytes(store.get(name, offset, size)) == wanted
    assert bytes(store.get(name, offset, size, verify=True)) == wanted


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(("offset", "size"), [(0, 4), (2, 2), (4, None), (9, 0)])
def test_a_part_that_is_not_there_is_refused(
    store: PayloadStore, offset: int, size: int | None, verify: bool
) -> None:
    name = store.put([b"abc"], "a")
    with pytest.raises(StoreError, match="of a payload of 3 bytes"):
        store.get(name, offset, size, verify)


def test_no_bytes_at_the_very_end_are_no_error(store: PayloadStore) -> None:
    name = store.put([b"abc"], "a")
    assert bytes(store.get(name, 3)) == b""
    assert bytes(store.get(name, 3, 0)) == b""


@pytest.mark.parametrize("size", [10, 2 * MEGABYTE])
def test_spoiling_what_was_read_harms_nobody(store: PayloadStore, size: int) -> None:
    name = store.put([bytes(size)], "a")
    mine, other = store.get(name), store.get(name)
    mine[:3] = b"xyz"
    assert bytes(other[:3]) == bytes(3)
    assert bytes(store.get(name, verify=True)) == bytes(size)


def test_removing_one_writers_file_leaves_anothers_of_equal_content(store: PayloadStore) -> None:
    first, second = store.put([b"same"], "a-1"), store.put([b"same"], "a-2")
    store.remove(first)
    assert store.names() == [second]
    assert bytes(store.get(second)) == b"same"


def test_removing_twice_is_fine(store: PayloadStore) -> None:
    name = store.put([b"abc"], "a")
    store.remove(name)
    store.remove(name)
    assert store.names() == []


def test_putting_twice_leaves_one_file(store: PayloadStore) -> None:
    assert store.put([b"abc"], "a") == store.put([b"abc"], "a")
    assert len(files(store)) == 1


def test_reading_a_missing_file_says_so(store: PayloadStore) -> None:
    with pytest.raises(StoreError, match="does not share the folder") as caught:
        store.get("0" * 32 + "-a")
    assert caught.value.errno == errno.ENOENT


BAD_NAMES = [
    "",
    "a",
    "../../etc/passwd",
    "/etc/passwd",
    "0" * 32,
    "0" * 32 + "-",
    "0" * 32 + "-A",
    "0" * 32 + "-a/../../b",
    "0" * 32 + "-a\n",
    "0" * 32 + "-a\0",
    "0" * 31 + "\N{DIGIT ZERO}\N{FULLWIDTH DIGIT ONE}-a",
    "." + "0" * 32 + "-a",
    "0" * 32 + "-" + "a" * 65,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_try_to_be_paths_are_refused(store: PayloadStore, name: str) -> None:
    for act in (store.get, store.remove, store.shares):
        with pytest.raises(ValueError, match=r"Not the name of a payload.*put\(\)"):
            act(name)


@pytest.mark.parametrize("tag", ["", "A", "a_b", "a/b", "..", "a\n", "a" * 65, "é"])
def test_tags_that_would_make_bad_names_are_refused(store: PayloadStore, tag: str) -> None:
    with pytest.raises(ValueError, match="tag of a payload"):
        store.put([b"abc"], tag)
    assert files(store) == []


def test_negative_offsets_are_refused(store: PayloadStore) -> None:
    name = store.put([b"abc"], "a")
    with pytest.raises(ValueError, match="must not be negative"):
        store.get(name, -1)
    with pytest.raises(ValueError, match="must not be negative"):
        store.get(name, 0, -1)


def test_whoever_reads_the_marker_shares_the_store(store: PayloadStore) -> None:
    marker = store.put([b"marker"], "marker")
    assert store.shares(marker)
    assert store.names() == [marker]
    assert not store.shares("0" * 32 + "-marker")


def test_arrays_travel_out_of_band(store: PayloadStore) -> None:
    array = np.asfortranarray(np.arange(600_000.0).reshape(3, -1))
    empty = np.empty((0, 4))
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps([array, empty], protocol=5, buffer_callback=buffers.append)
    frames: list[bytes | memoryview] = [head, *(buffer.raw() for buffer in buffers)]
    view, parts, start = store.get(store.put(frames, "a")), [], 0
    for frame in frames:
        size = memoryview(frame).nbytes
        parts.append(view[start : start + size])
        start += size
    back, nothing = pickle.loads(parts[0], buffers=parts[1:])
    back += 1
    assert np.array_equal(back, array + 1)
    assert nothing.shape == (0, 4)


def test_frames_of_any_shape_are_taken_as_bytes(store: PayloadStore) -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert bytes(store.get(store.put([array.data], "a"))) == array.tobytes()


def test_an_interrupted_write_leaves_nothing(
    store: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if isinstance(store._place, Bucket):
        part = "pipe_file" if store._place._writes_whole else "mv"
        monkeypatch.setattr(store._place._system, part, interrupted, raising=False)
    else:
        monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put([bytes(2 * MEGABYTE)], "a")
    assert files(store) == []


def test_remove_all_leaves_nothing_to_read(store: PayloadStore) -> None:
    name = store.put([b"abc"], "a")
    store.remove_all()
    store.remove_all()
    with pytest.raises(StoreError):
        store.get(name)


# Whole or not at all


WRITER = """
import sys
from daskloop.record.store import PayloadStore
store = PayloadStore(sys.argv[1])
content = bytes(range(256)) * (int(sys.argv[2]) * 1024 * 4)
while True:
    store.remove(store.put([content], "writer"))
"""


@pytest.mark.parametrize(
    ("kills", "megabytes"), [(3, 50), pytest.param(10, 200, marks=pytest.mark.slow)]
)
def test_a_writer_killed_at_any_byte_never_leaves_half_a_file(
    kills: int, megabytes: int, tmp_path: Path
) -> None:
    draw, size, parts_seen = random.Random(7), megabytes * MEGABYTE, 0
    for _ in range(kills):
        store = PayloadStore(tmp_path / "run")
        instant = draw.randrange(size)
        with python(WRITER, store.url, str(megabytes)) as process:
            while max(_part_sizes(store), default=0) <= instant and process.poll() is None:
                pass
            process.kill()
        assert process.returncode == -9
        parts_seen += len(_part_sizes(store))
        for name in store.names():
            assert store.get(name, verify=True).nbytes == size
        store.remove_all()
    assert parts_seen > 0  # else no kill came in the middle of a write


def _part_sizes(store: PayloadStore) -> list[int]:
    found = []
    for entry in os.scandir(store._place.path):
        if entry.name.endswith(".part"):
            try:
                found.append(entry.stat().st_size)
            except FileNotFoundError:
                continue  # it got its final name while we looked
    return found


LIMITED = """
import resource, sys
from daskloop.errors import StoreError
from daskloop.record.store import PayloadStore
store = PayloadStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    store.put([b"x" * 5_000_000], "a")
except StoreError as error:
    print(error.errno, error)
"""


def test_a_write_beyond_the_limit_leaves_nothing_and_says_why(local: PayloadStore) -> None:
    said = answer(LIMITED, local.url)
    assert said.startswith(str(errno.EFBIG))
    assert "Cannot write a payload of 5000000 bytes: File too large. Raise the limit" in said
    assert local.url in said
    assert files(local) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs Linux and root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this root may not mount (a container without CAP_SYS_ADMIN)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("size", [5 * MEGABYTE, 5_000_000])
def test_a_full_disk_leaves_nothing_and_says_why(small_disk: Path, size: int) -> None:
    store = PayloadStore(small_disk / "run")
    kept = store.put([b"k" * MEGABYTE], "kept")
    with pytest.raises(StoreError, match=r"No space left.*bytes are free.*store=") as caught:
        store.put([b"x" * size], "a")
    assert caught.value.errno == errno.ENOSPC
    assert files(store) == [kept]
    assert bytes(store.get(kept, verify=True)) == b"k" * MEGABYTE


def test_a_payload_whose_bytes_were_changed_is_told_when_asked(local: PayloadStore) -> None:
    name = local.put([b"abc"], "a")
    Path(local.url, "payloads", name).write_bytes(b"abd")
    assert bytes(local.get(name)) == b"abd"
    with pytest.raises(StoreError, match="does not fit its name"):
        local.get(name, verify=True)
    with pytest.raises(StoreError, match="does not fit its name"):
        local.shares(name)


def test_a_durable_write_syncs_the_file_and_its_name(
    local: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    local.put([b"abc"], "a")
    assert synced == []
    local.put([b"abc"], "b", durable=True)
    assert synced == [False, True]


# Nobody else's business


def test_folders_and_files_are_for_their_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = PayloadStore(tmp_path / "run")
        name = store.put([b"abc"], "a")
    finally:
        os.umask(before)
    root = tmp_path / "run"
    for path in (root, root / "payloads", root / "claims"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "payloads" / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("part", ["payloads", "claims"])
def test_a_folder_that_is_a_symbolic_link_is_refused(tmp_path: Path, part: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "run" / part).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="a symbolic link"):
        PayloadStore(tmp_path / "run")
    opened = PayloadStore(tmp_path / "run", create=False)
    claims = opened.claims()
    assert claims is not None
    with pytest.raises(StoreError, match="a symbolic link"):
        if part == "claims":
            claims.start("key", "me")
        else:
            opened.put([b"abc"], "a")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_store_reached_through_a_symbolic_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = PayloadStore(tmp_path / "link" / "run")
    assert bytes(store.get(store.put([b"abc"], "a"))) == b"abc"


def test_a_payload_that_is_a_symbolic_link_is_not_followed(
    local: PayloadStore, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    name = "0" * 32 + "-a"
    Path(local.url, "payloads", name).symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="symbolic link, which is never followed"):
        local.get(name)
    local.remove(name)
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_write_replaces_a_symbolic_link_and_spares_its_target(
    local: PayloadStore, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_bytes(b"victim")
    name = local.put([b"abc"], "a")
    local.remove(name)
    Path(local.url, "payloads", name).symlink_to(tmp_path / "victim")
    local.put([b"abc"], "a")
    assert bytes(local.get(name)) == b"abc"
    assert (tmp_path / "victim").read_bytes() == b"victim"


def test_a_pipe_in_place_of_a_payload_does_not_hang(local: PayloadStore) -> None:
    name = "0" * 32 + "-a"
    os.mkfifo(Path(local.url, "payloads", name))
    with pytest.raises(StoreError, match="not a plain file"):
        local.get(name)


@pytest.mark.parametrize("part", ["", "payloads", "claims"])
def test_a_folder_that_all_may_write_to_is_refused(tmp_path: Path, part: str) -> None:
    PayloadStore(tmp_path / "run")
    (tmp_path / "run" / part).chmod(0o777)
    with pytest.raises(StoreError, match=r"every user may write.*chmod"):
        PayloadStore(tmp_path / "run")


def test_a_store_may_lie_in_a_sticky_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o1777)
    assert PayloadStore(tmp_path / "run").put([b"abc"], "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_another_users_folder_is_not_used_to_make_a_store(tmp_path: Path) -> None:
    name = PayloadStore(tmp_path / "run").put([b"abc"], "a")
    os.chown(tmp_path / "run" / "payloads", 12345, 12345)
    with pytest.raises(StoreError, match="belongs to user 12345"):
        PayloadStore(tmp_path / "run")
    opened = PayloadStore(tmp_path / "run", create=False)
    assert bytes(opened.get(name)) == b"abc"  # a container's root opens what the driver made


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"Permission denied.*store=") as caught:
        PayloadStore(tmp_path / "run")
    assert caught.value.errno == errno.EACCES


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "payloads").write_bytes(b"")
    with pytest.raises(StoreError, match="not a directory"):
        PayloadStore(tmp_path / "run")


def test_the_password_of_a_url_is_not_shown() -> None:
    store = PayloadStore("memory://user:hidden@place/run")
    assert "hidden" not in repr(store)
    store.remove_all()


# What is mapped, what is read


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_many_views_at_once_do_not_use_up_the_open_files(local: PayloadStore) -> None:
    name = local.put([bytes(2 * MEGABYTE)], "a")
    before = len(os.listdir("/proc/self/fd"))
    views = [local.get(name) for _ in range(folder._MAPS_AT_ONCE + 20)]
    assert len(os.listdir("/proc/self/fd")) - before <= folder._MAPS_AT_ONCE
    assert {view.nbytes for view in views} == {2 * MEGABYTE}


def test_a_view_stays_valid_when_its_file_is_removed(local: PayloadStore) -> None:
    content = np.random.default_rng(0).bytes(2 * MEGABYTE)
    name = local.put([content], "a")
    view = local.get(name)
    local.remove_all()
    assert bytes(view) == content


def test_files_that_a_network_may_take_away_are_read_not_mapped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(folder, "is_local", lambda _: False)
    monkeypatch.setattr(folder, "_map", lambda *_: pytest.fail("it was mapped"))
    store = PayloadStore(tmp_path / "run")
    content = np.random.default_rng(0).bytes(3 * MEGABYTE)
    name = store.put([content], "a")
    assert bytes(store.get(name)) == content
    assert bytes(store.get(name, 5, 2 * MEGABYTE)) == content[5 : 5 + 2 * MEGABYTE]


# Other processes


def test_a_pickled_store_is_its_url_and_opens_in_another_process(local: PayloadStore) -> None:
    name = local.put([b"from here"], "a")
    code = (
        "import pickle, sys; store = pickle.loads(sys.stdin.buffer.read());"
        "print(bytes(store.get(sys.argv[1])).decode(), store.put([b'from there'], 'b'))"
    )
    pickled = pickle.dumps(local)
    assert len(pickled) < len(local.url) + 100
    said, _, there = answer(code, name, given=pickled).rpartition(" ")
    assert said == "from here"
    assert bytes(local.get(there)) == b"from there"


def test_a_process_opens_each_store_once(local: PayloadStore) -> None:
    assert open_store(local.url) is open_store(local.url)
    assert pickle.loads(pickle.dumps(local)) is open_store(local.url)


def test_opening_makes_nothing_where_the_folder_is_not_shared(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "of-another-machine" / "run"))
    assert not store.shares("0" * 32 + "-marker")
    with pytest.raises(StoreError, match="does not share the folder"):
        store.put([b"abc"], "a")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_means_the_same_in_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert PayloadStore("run").url == str(tmp_path / "run")


def test_claims_lie_beside_the_payloads(local: PayloadStore) -> None:
    claims = local.claims()
    assert claims is not None
    assert claims.directory == os.path.join(local.url, "claims")
    claims.start("key", "me")
    assert local.names() == []


def test_a_url_without_exclusive_files_has_no_claims() -> None:
    store = PayloadStore("memory://without-claims")
    assert store.claims() is None
    store.remove_all()


# Gone when they should be


def test_a_temporary_store_goes_with_its_object() -> None:
    store = temporary_store()
    root = Path(store.url)
    assert re.match("daskloop-", root.name)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    name = store.put([bytes(2 * MEGABYTE)], "a")
    view = store.get(name)
    del store
    gc.collect()
    assert not root.exists()
    assert bytes(view[:3]) == bytes(3)


def test_a_temporary_store_goes_with_its_process() -> None:
    code = (
        "from daskloop.record.store import temporary_store as make;"
        "store = make(); store.put([b'abc'], 'a'); print(store.url)"
    )
    root = Path(answer(code))
    assert root.is_absolute()
    assert not root.exists()


def test_a_forked_child_leaves_its_parents_temporary_store() -> None:
    code = """
import os, sys
from daskloop.record.store import temporary_store
store = temporary_store()
name = store.put([b"abc"], "a")
child = os.fork()
if child:
    os.waitpid(child, 0)
    print(bytes(store.get(name)).decode())
"""
    assert answer(code) == "abc"


def test_a_temporary_store_goes_where_it_is_told(tmp_path: Path) -> None:
    store = temporary_store(str(tmp_path / "scratch"))
    assert Path(store.url).parent == tmp_path / "scratch"
    store.remove_all()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_place_for_temporary_stores_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="Cannot make a temporary store"):
        temporary_store(str(tmp_path / "file"))


def test_remove_all_keeps_what_else_is_in_the_users_folder(tmp_path: Path) -> None:
    store = PayloadStore(tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    store.put([b"abc"], "a")
    store.remove_all()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


def test_remove_all_of_a_temporary_store_comes_before_its_finalizer() -> None:
    store = temporary_store()
    root = store.url
    store.remove_all()
    assert not os.path.exists(root)
    os.mkdir(root)  # somebody else's now
    del store
    gc.collect()
    assert os.path.exists(root)
    os.rmdir(root)


def test_temporary_stores_lie_in_the_systems_place() -> None:
    store = temporary_store()
    assert os.path.dirname(store.url) == os.path.abspath(tempfile.gettempdir())


@pytest.mark.parametrize("kept", [0, 3, 500, 999])
def test_v10_a_value_that_is_cut_is_told_with_its_path_once_it_cannot_be_opened(
    local: PayloadStore, kept: int
) -> None:
    sealed = seal(["x" * 1000], "it", 10, local, "a")
    assert sealed.name is not None
    path = Path(local.url, "payloads", sealed.name)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StoreError, match="does not fit its name") as caught:
        unseal(sealed, local)
    assert str(path) in str(caught.value)


def test_a_value_whose_class_refuses_to_be_opened_says_so_itself(local: PayloadStore) -> None:
    sealed = seal(Unopened(), "it", 10, local, "a")
    with pytest.raises(ValueError, match="not to be opened"):
        unseal(sealed, local)


class Unopened:
    def __reduce__(self) -> tuple[object, ...]:
        return _refuse, ("x" * 1000,)


def _refuse(text: str) -> None:
    raise ValueError("not to be opened")
