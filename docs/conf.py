"""How Sphinx builds these pages: `bash ci/docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

import daskloop  # noqa: E402

project = "daskloop"
author = "daskloop developers"
copyright = author
version = release = daskloop.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "links",
    "pictures",
]
exclude_patterns = ["_ext", "_static"]

# Only pages of this site are linked to, so that a build needs no network.
nitpicky = True
nitpick_ignore_regex = [("py:obj", r"(?!daskloop\.).*")]
default_role = "autolink"

autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"daskloop {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "search_as_you_type": True,
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "tutorial/index": []}
