"""The HTML report: one self-contained page with the figures inline; the figures as PNG files beside it."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from sim.figures.page import build_figure, build_page, build_section, build_text_section, build_warning, save_report
from sim.figures.plots import FIGURES
from sim.figures.table import describe_origin
from sim.results import Result

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
    return save_report(folder, figures, lambda: _build_page(result, figures))


def _build_page(result: Result, figures: dict[str, Figure]) -> str:
    summary, provenance = result.summary, result.provenance
    title = result.name
    lead = (
        f"{summary['nonces_tried']} nonces tried, {summary['nonces_valid']} valid; "
        f"{summary['distances_computed']} distances {describe_origin(provenance['work']['kind'])}, "
        f"{summary['distances_shared']} shared; "
        f"status: {provenance['status']}."
    )
    parts = (
        *(build_warning(text) for text in summary["warnings"]),
        build_section("Epochs", _build_epochs(result)),
        build_section("Rejected claims", _build_rejections(result)),
        *(build_figure(figure) for figure in figures.values()),
        build_text_section("Scenario", result.scenario_yaml),
        build_text_section("Provenance", json.dumps(provenance, indent=2)),
    )
    return build_page(title, lead, parts)


def _build_epochs(result: Result) -> str:
    table: str = result.epochs[EPOCH_COLUMNS].to_html(index=False, border=0, formatters=EPOCH_FORMATS, na_rep="")
    return table.replace("gossip_delay_median_seconds", "gossip s").replace("_", " ")


def _build_rejections(result: Result) -> str:
    rows = "".join(
        f"<tr><td>{row['epoch']}</td><td>{escape(row['participant'])}</td><td>{escape(row['strategy'])}</td>"
        f"<td>{escape(row['reason'])}</td></tr>"
        for row in result.summary["rejections"]
    )
    head = "<tr><th>epoch</th><th>participant</th><th>strategy</th><th>reason</th></tr>"
    return f"<table>{head}{rows}</table>" if rows else ""
