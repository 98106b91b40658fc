"""A self-contained HTML page: one style for all reports, figures inline."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from sim.figures.style import save_figure
from sim.files.sums import FILES, check_file
from sim.files.writing import make_inside, refuse_link, replace_file, write_text
from sim.process import ALONE
from sim.results import PROVENANCE_FILE, read_provenance, read_stored_text

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>powsim: {title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .25rem .55rem; text-align: right; }}
tr {{ border-bottom: 1px solid #ddd; }}
.scroll {{ overflow-x: auto; }} svg {{ max-width: 100%; height: auto; }}
pre {{ background: #f6f6f4; padding: .8rem; overflow-x: auto; font-size: 13px; }}
</style>
<h1>{title}</h1>
<p>{lead}</p>
{body}
</html>
"""


def build_page(title: str, lead: str, parts: Iterable[str]) -> str:
    """Return the page; title and lead are plain text, the parts HTML."""
    return PAGE.format(title=escape(title), lead=escape(lead), body="\n".join(part for part in parts if part))


def save_report(folder: Path, figures: Mapping[str, Figure], build: Callable[[], str], *, dpi: int = 150) -> Path:
    """Write `figures/NAME.png` and `report.html` into a results folder; return the page.

    `build` makes the page, after the images: drawing a figure again may move its layout by a pixel.
    """
    refuse_link(folder)
    inside = make_inside(folder, "figures")
    for name, figure in figures.items():
        replace_file(inside / f"{name}.png", partial(save_figure, figure, format="png", dpi=dpi))
    page = folder / "report.html"
    write_text(page, build())
    return page


def build_section(heading: str, table: str) -> str:
    """A heading and a table that scrolls where it is too wide; empty where there is no table."""
    return f'<h2>{escape(heading)}</h2><div class="scroll">{table}</div>' if table else ""


def build_table(frame: pd.DataFrame, *, float_format: str = "{:.4g}", na_rep: str = "", **options: Any) -> str:
    """Return a frame as a table, without its index."""
    table: str = frame.to_html(index=False, border=0, float_format=float_format.format, na_rep=na_rep, **options)
    return table


def build_text_section(heading: str, text: str) -> str:
    """A heading and a text as it stands in its file."""
    return f"<h2>{escape(heading)}</h2><pre>{escape(text)}</pre>"


def build_files(folder: Path, files: Mapping[str, str]) -> str:
    """Return a section for each of these files, by its heading, that the folder has. Raises FileError for damage."""
    paths = {heading: folder / file for heading, file in files.items() if os.path.lexists(folder / file)}
    listed = read_provenance(folder).get(FILES, {}) if os.path.lexists(folder / PROVENANCE_FILE) else {}
    for path in paths.values():
        check_file(folder, path.name, listed)
    texts = {heading: read_stored_text(path) for heading, path in paths.items()}
    return "\n".join(build_text_section(heading, text) for heading, text in texts.items())


def build_lines(lines: Iterable[str]) -> str:
    """A paragraph for each sentence."""
    return "\n".join(f"<p>{escape(line)}</p>" for line in lines)


def build_warning(text: str) -> str:
    """One line that should not be overlooked."""
    return f"<p><strong>Warning:</strong> {escape(text)}</p>"


def build_figure(figure: Figure) -> str:
    """The figure as inline SVG; the same bytes every time."""
    buffer = io.StringIO()
    with ALONE, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "powsim"}):
        save_figure(figure, buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return f"<figure>{svg[svg.index('<svg') :]}</figure>"
