"""Settings of Sphinx; `make docs` builds the pages."""

from __future__ import annotations

import sim

project = "powsim"
author = "The powsim authors"
copyright = author
release = version = sim.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"powsim {release}"
html_copy_source = False

default_role = "code"  # single backticks in docstrings are code, as in Markdown
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"exclude-members": "model_config"}
python_maximum_signature_line_length = 100
smartquotes = False
