"""The HTML report: one self-contained page with the figures inline; the figures as PNG files beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sim.figures import page
from sim.figures.plots import FIGURES
from sim.figures.table import describe_origin
from sim.results import Result

EPOCH_COLUMNS = {
    "epoch": "{}",
    "r_target": "{:.6f}",
    "difficulty": "{:.2f}",
    "tried": "{}",
    "valid": "{}",
    "success_rate": "{:.4f}",
    "success_low": "{:.4f}",
    "success_high": "{:.4f}",
    "hit_probability": "{:.4f}",
    "accepted": "{}",
    "rejected": "{}",
    "gossip_delay_median_seconds": "{:.3f}",
}


def write_report(result: Result, folder: Path) -> Path:
    """Write `figures/*.png` and `report.html` into the folder; return the page."""
    figures = {name: draw(result) for name, draw in FIGURES.items()} if len(result.epochs) else {}
    return page.save_report(folder, figures, lambda: _build_page(result, figures))


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
        *(page.build_warning(text) for text in summary["warnings"]),
        page.build_section("Epochs", _build_epochs(result)),
        page.build_section("Rejected claims", _build_rejections(result)),
        *(page.build_figure(figure) for figure in figures.values()),
        page.build_text_section("Scenario", result.scenario_yaml),
        page.build_text_section("Provenance", json.dumps(provenance, indent=2)),
    )
    return page.build_page(title, lead, parts)


def _build_epochs(result: Result) -> str:
    formatters = {name: layout.format for name, layout in EPOCH_COLUMNS.items()}
    table = page.build_table(result.epochs[list(EPOCH_COLUMNS)], formatters=formatters)
    return table.replace("gossip_delay_median_seconds", "gossip s").replace("_", " ")


def _build_rejections(result: Result) -> str:
    rejections = pd.DataFrame(result.summary["rejections"])
    return "" if rejections.empty else page.build_table(rejections)
