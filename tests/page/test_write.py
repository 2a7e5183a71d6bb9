"""The file of a page."""

from __future__ import annotations

import os
import stat

import pytest

from daskloop.page.write import check_target, write_page


def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path):
    path = tmp_path / "run.html"
    before = os.umask(0)
    try:
        write_page(str(path), "é\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == "é\n".encode()


def test_a_file_that_is_there_is_replaced_and_what_it_links_to_is_not(tmp_path):
    other, path = tmp_path / "other", tmp_path / "run.html"
    other.write_text("mine")
    path.symlink_to(other)
    write_page(str(path), "page")
    assert (other.read_text(), path.read_text(), path.is_symlink()) == ("mine", "page", False)


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_page(str(tmp_path / "run.html"), "\ud800")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["/dev/null", "link"])
def test_what_is_no_file_is_not_replaced(there, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(ValueError, match="asked: that is a link or a device"):
        check_target(there, "asked")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (5, "give the name of a file"),
        ("", "give the name"),
        (".", "a folder"),
        ("a/b", "no folder"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused(given, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=f"asked: .*{says}"):
        check_target(given, "asked")
