"""The pages, built and opened in a browser: every one of them, from the disk, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import open_browser, screenshot
from tests.docs.blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages."""
    for module in ("sphinx", "myst_parser", "numpydoc", "pydata_sphinx_theme"):
        pytest.importorskip(module, reason="bash ci/setup docs installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", folder / "trees"]
    made = subprocess.run(
        [*command, ROOT / "docs", folder / "html"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return folder / "html"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_opens_from_the_disk_without_an_error_and_without_a_network(site, tmp_path):
    pages = sorted(one for one in site.rglob("*.html") if "_static" not in one.parts)
    assert len(pages) > 30
    with open_browser() as browser:
        for path in pages:
            browser.page.goto(path.as_uri())
            assert browser.page.locator("h1, #search-results, .genindex-jumpbox").count(), path
        browser.page.goto((site / "index.html").as_uri())
        chart = browser.page.locator("figure svg")
        assert chart.locator("rect title").count() == 6 + 11 + 16 + 16 + 2  # two that failed
        screenshot(browser, "site", tmp_path)
        browser.page.goto((site / "tutorial/index.html").as_uri())
        drawn = browser.page.locator("figure svg").text_content()
        assert "compute_large_fibonacci x4" in drawn
        assert "4 Success" in drawn
