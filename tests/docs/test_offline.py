"""The check that built pages need no network: it finds what a browser would fetch."""

from __future__ import annotations

import importlib.util

import pytest

from tests.docs.blocks import ROOT

spec = importlib.util.spec_from_file_location("offline", ROOT / "ci" / "offline.py")
assert spec is not None
assert spec.loader is not None
offline = importlib.util.module_from_spec(spec)
spec.loader.exec_module(offline)

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
    "<script src='_static/a.js?v=1'></script>",
    "<link rel='canonical' href='https://docs.example/'>",
    "<img src='data:image/png;base64,AAAA'>",
    "<p>https://www.dask.org</p>",
]


@pytest.mark.parametrize("html", FETCHED)
def test_what_a_page_fetches_is_found(html, tmp_path, capsys):
    (tmp_path / "a.html").write_text(html)
    assert offline.main(str(tmp_path)) == 1
    assert "a.html" in capsys.readouterr().out


@pytest.mark.parametrize("html", NOT_FETCHED)
def test_what_only_leads_somewhere_is_not(html, tmp_path):
    (tmp_path / "a.html").write_text(html)
    assert offline.main(str(tmp_path)) == 0


def test_what_a_style_sheet_fetches_is_found(tmp_path, capsys):
    (tmp_path / "a.css").write_text("@import 'https://fonts.example/a.css';")
    assert offline.main(str(tmp_path)) == 1
    assert "fonts.example" in capsys.readouterr().out


def test_a_folder_without_pages_is_no_success(tmp_path):
    assert offline.main(str(tmp_path)) == 1
