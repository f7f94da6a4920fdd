"""The picture of an uncertainty report: calibration, junctions and broken cameras at a glance."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drivecnn.calibration import LEVELS, PIT_BINS, Calibration
from drivecnn.policy.checkpoint import replace_file
from drivecnn.uncertainty import UncertaintyReport

DPI = 110
SIZE = (13.0, 3.9)  # inch
PAPER, INK, FAINT = "#f6f5f1", "#1c2430", "#6b7480"
KNOWN, NEW, ENSEMBLE = "#2f6db5", "#d9822b", "#5a9e6f"


def draw_uncertainty(report: UncertaintyReport, path: Path) -> None:
    """Draw a report as a PNG; the file appears under its name when it is complete.

    Raises:
        OSError: if the file cannot be written.
    """
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor=PAPER, layout="constrained")
    reliability, histogram, detection = figure.subplots(1, 3)
    looks = (("looks of the training", report.calibration, KNOWN), ("new", report.new_looks, NEW))
    _draw_reliability(reliability, looks)
    _draw_pit(histogram, looks)
    _draw_detection(detection, report)
    for axes in (reliability, histogram, detection):
        axes.set_facecolor(PAPER)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=FAINT)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, image.getvalue())


def _draw_reliability(axes: Axes, looks: tuple[tuple[str, Calibration, str], ...]) -> None:
    """How much of what happened lies in central intervals, against what they claim."""
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
    for name, result, colour in looks:
        label = f"{name}, largest error {100 * result.coverage_error:.1f} points"
        levels, covered = (0.0, *LEVELS, 1.0), (0.0, *result.coverage, 1.0)
        axes.plot(levels, covered, "o-", color=colour, markersize=4, label=label)
    axes.set_title("central intervals", color=INK)
    axes.set_xlabel("probability claimed", color=INK)
    axes.set_ylabel("share that came true", color=INK)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _draw_pit(axes: Axes, looks: tuple[tuple[str, Calibration, str], ...]) -> None:
    """The PIT histogram: even if calibrated, a valley if too sure, a hill if not sure enough."""
    edges = np.linspace(0.0, 1.0, PIT_BINS + 1)
    for _, result, colour in looks:
        axes.stairs(PIT_BINS * np.array(result.pit), edges, color=colour, linewidth=1.5)
    axes.axhline(1.0, color=FAINT, linewidth=1, linestyle=":")
    axes.set_ylim(bottom=0.0)
    axes.set_title("probability integral transform", color=INK)
    axes.set_xlabel("predicted probability of less than the expert did", color=INK)
    axes.set_ylabel("density", color=INK)


def _draw_detection(axes: Axes, report: UncertaintyReport) -> None:
    """How well entropy tells broken cameras."""
    names = list(report.entropy_auroc)
    rows = np.arange(len(names))[::-1]
    series = [("entropy", report.entropy_auroc, KNOWN)]
    if report.ensemble_auroc is not None:
        series.append(("of an ensemble", report.ensemble_auroc, ENSEMBLE))
    height = 0.7 / len(series)
    for number, (label, areas, colour) in enumerate(series):
        places = rows + height * (0.5 * (len(series) - 1) - number)
        values = [areas[name] for name in names]
        axes.barh(places, values, 0.9 * height, color=colour, label=label)
        for place, value in zip(places, values, strict=True):
            axes.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=8, color=INK)
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle=":")
    axes.set_xlim(0.0, 1.12)
    axes.set_yticks(rows, [name.replace("_", " ") for name in names])
    axes.set_title("broken cameras told from working ones", color=INK)
    axes.set_xlabel("AUROC", color=INK)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
