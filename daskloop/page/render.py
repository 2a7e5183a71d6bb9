"""Turn the content of a page into HTML that loads nothing and runs only its own script."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from daskloop.page.content import Content
from daskloop.page.pulse_svg import pulse_svg

if TYPE_CHECKING:
    import jinja2

__all__ = ["html_of"]

_HERE = Path(__file__).parent
_STYLE = "page.css"
_SCRIPTS = ("data.js", "raster.js", "table.js", "page.js")
"""In the order in which the browser reads them."""


def html_of(content: Content) -> str:
    """Write a page.

    Parameters
    ----------
    content : Content
        What it says.

    Returns
    -------
    str
        The whole file. Its Content-Security-Policy allows this style and this script, by their
        digests, and no request at all.
    """
    style, script = _asset(_STYLE), _script()
    allowed = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}"
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=content,
            pulse=pulse_svg(content.pulse),
            style=style,
            script=script,
            policy=f"{allowed}; base-uri 'none'; form-action 'none'",
        )
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Other alphabets as they are: half the size. Signs that mean something in HTML are escaped.
    environment.policies["json.dumps_kwargs"] = {
        "ensure_ascii": False,
        "separators": (",", ":"),
        "allow_nan": False,
    }
    return environment


def _script() -> str:
    return "(() => {\n" + "\n".join(map(_asset, _SCRIPTS)) + "})();\n"


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{found}'"
