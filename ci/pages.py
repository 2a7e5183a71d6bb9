"""Refuse built pages that would fetch something from the network, or link to nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHING = {
    "audio": {"src"},
    "embed": {"src"},
    "iframe": {"src"},
    "image": {"href", "xlink:href"},
    "img": {"src", "srcset"},
    "link": {"href"},
    "object": {"data"},
    "script": {"src"},
    "source": {"src", "srcset"},
    "use": {"href", "xlink:href"},
    "video": {"src", "poster"},
}
"""Attributes by which an element makes a browser fetch something; an `a` only leads somewhere."""

NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "author", "license"}
"""Values of `rel` of a `link` that only says something."""

ELSEWHERE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class Page(HTMLParser):
    """Collects what a page would fetch from elsewhere, and the files that it names.

    Parameters
    ----------
    path : Path
        Where it lies.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._folder = path.parent
        self.wrong: list[str] = []
        self.feed(path.read_text(encoding="utf-8", errors="replace"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        said = {name: (value or "").strip() for name, value in attrs}
        only_said = tag == "link" and set(said.get("rel", "").split()) & NOT_FETCHED
        for name in FETCHING.get(tag, set()) & said.keys():
            if ELSEWHERE.match(said[name]) and not only_said:
                self.wrong.append(f"fetches <{tag} {name}={said[name]!r}>")
        self.wrong += [f"fetches {url}" for url in IN_STYLES.findall(said.get("style", ""))]
        for name in {"href", "src"} & said.keys():
            parts = urlsplit(said[name])
            here = parts.path if not parts.scheme and not parts.netloc else ""
            if not (self._folder / unquote(here)).exists():
                self.wrong.append(f"<{tag} {name}={said[name]!r}> leads to nothing")


def wrong_in(path: Path) -> Iterator[str]:
    """Say what is wrong in a page or a style sheet."""
    if path.suffix == ".html":
        yield from Page(path).wrong
    else:
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (f"fetches {url}" for url in IN_STYLES.findall(text))


def main(folder: str) -> int:
    """Check all pages and style sheets of a folder; return 1 if something is wrong."""
    files = [one for end in ("html", "css") for one in sorted(Path(folder).rglob(f"*.{end}"))]
    pages = [one for one in files if one.suffix == ".css" or "_static" not in one.parts]
    if not pages:
        print(f"ci/pages.py: there is no page in {folder}")
        return 1
    found = [f"{path}: {one}" for path in pages for one in wrong_in(path)]
    said = f"{len(pages)} pages and style sheets: none needs the network, no link leads to nothing"
    print("\n".join(found) or said)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
