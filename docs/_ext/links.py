"""Let pages say where files of the project are: what is no page is named, not linked to.

The pages are read as files of the repository too, where such links lead to the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

__all__ = ["setup"]

DOCS = Path(__file__).resolve().parent.parent


class NamedFiles(SphinxTransform):
    """Put a name in the place of each link to a file that is no page."""

    default_priority = 5  # before Sphinx looks for what is linked to

    def apply(self, **options: Any) -> None:
        """Look at every link of a page."""
        for node in list(self.document.findall(_is_of_the_project)):
            text = node.astext()
            node.replace_self(nodes.literal(text, text))


def _is_of_the_project(node: nodes.Node) -> bool:
    if isinstance(node, download_reference):  # what lies among the pages is copied
        return not (DOCS / node["reftarget"]).resolve().is_relative_to(DOCS)
    if isinstance(node, pending_xref) and node.get("reftype") == "myst":
        target = urlsplit(node["reftarget"]).path
        return target.startswith("../") or (DOCS / target).is_dir()
    if isinstance(node, nodes.reference):
        target = node.get("refuri", "")
        return bool(target) and not urlsplit(target).scheme and not target.startswith("#")
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, and read the language of Mermaid as plain text."""
    app.add_transform(NamedFiles)
    app.add_lexer("mermaid", TextLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
