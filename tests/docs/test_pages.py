"""The check of built pages: it finds what a browser would fetch, and links that lead to nothing."""

from __future__ import annotations

import importlib.util

import pytest

from tests.docs.blocks import ROOT

spec = importlib.util.spec_from_file_location("pages", ROOT / "ci" / "pages.py")
assert spec is not None
assert spec.loader is not None
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)

FETCHED = [
    "<script src='https://cdn.example/a.js'></script>",
    "<link rel='stylesheet' href='//fonts.example/a.css'>",
    "<link rel='preload stylesheet' href='http://fonts.example/a.css'>",
    "<img src='https://img.example/a.png'>",
    "<source srcset='https://img.example/a.png 2x'>",
    "<svg><image href='https://img.example/a.png'/></svg>",
    "<iframe src='HTTPS://video.example/'></iframe>",
    "<div style='background:url(https://img.example/a.png)'></div>",
]
NOT_FETCHED = [
    "<a href='https://www.dask.org'>Dask</a>",
    "<script src='a.html?v=1#top'></script>",
    "<a href='#top'>top</a>",
    "<link rel='canonical' href='https://docs.example/'>",
    "<img src='data:image/png;base64,AAAA'>",
    "<p>https://www.dask.org</p>",
]


@pytest.mark.parametrize("html", FETCHED)
def test_what_a_page_fetches_is_found(html, tmp_path, capsys):
    (tmp_path / "a.html").write_text(html)
    assert pages.main(str(tmp_path)) == 1
    assert "a.html" in capsys.readouterr().out


@pytest.mark.parametrize("html", NOT_FETCHED)
def test_what_only_leads_somewhere_is_not(html, tmp_path):
    (tmp_path / "a.html").write_text(html)
    assert pages.main(str(tmp_path)) == 0


@pytest.mark.parametrize("html", ["<a href='gone.html#top'></a>", "<img src='gone%20too.png'>"])
def test_a_link_to_nothing_is_found(html, tmp_path, capsys):
    (tmp_path / "a.html").write_text(html)
    assert pages.main(str(tmp_path)) == 1
    assert "leads to nothing" in capsys.readouterr().out


def test_what_a_style_sheet_fetches_is_found(tmp_path, capsys):
    (tmp_path / "a.css").write_text("@import 'https://fonts.example/a.css';")
    assert pages.main(str(tmp_path)) == 1
    assert "fonts.example" in capsys.readouterr().out


def test_a_folder_without_pages_is_no_success(tmp_path):
    assert pages.main(str(tmp_path)) == 1
