"""The HTML report: one self-contained page with the figures inline; the figures as PNG files beside it."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from sim.figures.plots import FIGURES
from sim.figures.table import ORIGINS
from sim.results import Result, write_text

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
{warnings}
<h2>Epochs</h2><div class="scroll">{epochs}</div>
{rejections}
{figures}
<h2>Scenario</h2><pre>{scenario}</pre>
<h2>Provenance</h2><pre>{provenance}</pre>
</html>
"""
EPOCH_FORMATS = {
    "r_target": "{:.6f}".format,
    "difficulty": "{:.2f}".format,
    "hit_probability": "{:.4f}".format,
    "success_rate": "{:.4f}".format,
    "success_low": "{:.4f}".format,
    "success_high": "{:.4f}".format,
    "gossip_delay_median_seconds": "{:.3f}".format,
}
EPOCH_COLUMNS = [
    "epoch",
    "r_target",
    "difficulty",
    "tried",
    "valid",
    "success_rate",
    "success_low",
    "success_high",
    "hit_probability",
    "accepted",
    "rejected",
    "gossip_delay_median_seconds",
]


def write_report(result: Result, folder: Path) -> Path:
    """Write `figures/*.png` and `report.html` into the folder; return the page."""
    figures = {name: draw(result) for name, draw in FIGURES.items()} if len(result.epochs) else {}
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=150)
    page = folder / "report.html"
    write_text(page, _build_page(result, figures))
    return page


def _build_page(result: Result, figures: dict[str, Figure]) -> str:
    import json

    summary, provenance = result.summary, result.provenance
    title = result.scenario_yaml.splitlines()[0].removeprefix("name:").strip()
    lead = (
        f"{summary['nonces_tried']} nonces tried, {summary['nonces_valid']} valid; "
        f"{summary['distances_computed']} distances {ORIGINS[provenance['work']['kind']]}, "
        f"{summary['distances_shared']} shared; "
        f"status: {provenance['status']}."
    )
    return PAGE.format(
        title=escape(title),
        lead=escape(lead),
        warnings="".join(f"<p><strong>Warning:</strong> {escape(text)}</p>" for text in summary["warnings"]),
        epochs=_build_epochs(result),
        rejections=_build_rejections(result),
        figures="\n".join(f"<figure>{_to_svg(figure)}</figure>" for figure in figures.values()),
        scenario=escape(result.scenario_yaml),
        provenance=escape(json.dumps(provenance, indent=2)),
    )


def _build_epochs(result: Result) -> str:
    table: str = result.epochs[EPOCH_COLUMNS].to_html(index=False, border=0, formatters=EPOCH_FORMATS, na_rep="")
    return table.replace("gossip_delay_median_seconds", "gossip s").replace("_", " ")


def _build_rejections(result: Result) -> str:
    rows = "".join(
        f"<tr><td>{row['epoch']}</td><td>{escape(row['participant'])}</td><td>{escape(row['strategy'])}</td>"
        f"<td>{escape(row['reason'])}</td></tr>"
        for row in result.summary["rejections"]
    )
    if not rows:
        return ""
    head = "<tr><th>epoch</th><th>participant</th><th>strategy</th><th>reason</th></tr>"
    return f'<h2>Rejected claims</h2><div class="scroll"><table>{head}{rows}</table></div>'


def _to_svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "powsim"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
