"""Refuse built pages that would fetch anything from the network when they are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

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

IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class Fetches(HTMLParser):
    """Collects what a page would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        said = {name: value or "" for name, value in attrs}
        if tag == "link" and set(said.get("rel", "").split()) & NOT_FETCHED:
            return
        for name in FETCHING.get(tag, set()) & said.keys():
            if re.match(r"(?:https?:)?//", said[name].strip(), re.IGNORECASE):
                self.found.append(f"<{tag} {name}={said[name]!r}>")
        self.found += IN_STYLES.findall(said.get("style", ""))


def fetched(path: Path) -> Iterator[str]:
    """Say what one file would fetch from elsewhere."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        parser = Fetches()
        parser.feed(text)
        yield from parser.found
    else:
        yield from IN_STYLES.findall(text)


def main(folder: str) -> int:
    """Check all pages and style sheets of a folder; return 1 if one fetches something."""
    files = sorted(one for end in ("html", "css") for one in Path(folder).rglob(f"*.{end}"))
    if not files:
        print(f"ci/offline.py: there is no page in {folder}")
        return 1
    found = [f"{path}: {one}" for path in files for one in fetched(path)]
    print("\n".join(found) or f"{len(files)} pages and style sheets, none needs the network")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
