"""How Sphinx builds the documentation site: `make docs` writes it to out/docs.

The pages are the Markdown files of this folder, which are readable on GitHub as they are. Nothing
is loaded from the network, in the build or by the built pages.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "foretell"
author = "The foretell developers"
project_copyright = "the foretell developers, Apache License 2.0"
version = release = version_of("foretell")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "repository_pages",
    "commands_page",
    "settings_page",
]
root_doc = "index"
exclude_patterns = ["_extensions"]

# Anchors as GitHub makes them, down to the fourth level: links between pages are the same on both.
myst_heading_anchors = 4
# The options of a command are a definition list.
myst_enable_extensions = ["deflist"]

# Every reference has to lead somewhere, except to classes of other packages, whose pages are on the
# network, and to internal types of foretell, which stand in some signatures.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(np|npt|numpy|pathlib|collections|typing|types|sklearn|keras)\..*"),
    (r"py:.*", r"Path|NotFittedError"),
    (
        r"py:class",
        r"foretell\.(annotation|artifacts|cluster|data|export|runtime|surveying|text)\..*",
    ),
    (r"py:class", r"foretell\.classifier\..*|Format|OutFormat|Sources"),
    (r"py:class", r"Examples|Reading|LabelsRuntime|Journal"),
]
# `name` in a docstring is code, as in Markdown.
default_role = "code"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Names of classes without the module: foretell.TextClassifier is short already.
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"foretell {version}"
html_static_path = ["_static"]
html_css_files = ["foretell.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
