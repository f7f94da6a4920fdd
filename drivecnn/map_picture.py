"""Pictures of maps: roads, markings, junctions and driving directions from above."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from highway_env.road.lane import LineType
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from drivecnn.policy.checkpoint import replace_file
from drivecnn_envs.roads import SampledLane, TownNetwork, summarise

Array = NDArray[np.float64]

DPI = 100
WIDTH = 16.0  # inch
MAP_HEIGHTS = (5.0, 15.0)  # inch, least and most
HEADER, BORDER = 1.1, 0.3  # inch, above and around the map
NAME_BELOW, NUMBERS_BELOW, BAR_BELOW = 0.25, 0.68, 0.86  # inch from the upper edge
MARGIN = 8.0  # m around the lanes
SURFACE_OVERLAP = 0.15  # m, lanes are drawn this much wider than they are, or gaps would show
MARKING_WIDTH = 0.22  # m
LEAST_MARKING, MOST_MARKING = 0.45, 2.0  # px
ARROW_SPACING = 130.0  # px along a lane, at least
LEAST_ARROW = 7.0  # px
SCALE_BARS = (100.0, 50.0, 20.0, 10.0)  # m, the first that fits
WIDEST_BAR = 0.45  # share of the map's width

PAPER, INK, FAINT = "#f6f5f1", "#1c2430", "#6b7480"
ROAD, JUNCTION, PAVED = "#aab1bb", "#dfc6a0", "#d2d5d7"
MARKING, ARROW, BRANCH = "#ffffff", "#46505d", "#b58a4c"


def draw_map(network: TownNetwork, path: Path) -> None:
    """Draw a network as a PNG, 1600 px wide.

    The file appears under its name when it is complete; its folder is made if missing.

    Raises:
        MapError: if the network has no lane.
        OSError: if the file cannot be written.
    """
    points = np.concatenate([lane.points for lane in network.lanes.values()])
    low, high = points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN
    width, height = high - low
    inner = WIDTH - 2 * BORDER
    map_height = float(np.clip(inner * height / width, *MAP_HEIGHTS))
    inch_per_metre = min(inner / width, map_height / height)
    total = map_height + HEADER + BORDER
    figure = Figure(figsize=(WIDTH, total), dpi=DPI, facecolor=PAPER)  # Agg: it needs no display
    axes = figure.add_axes((BORDER / WIDTH, BORDER / total, inner / WIDTH, map_height / total))
    axes.set_aspect("equal")
    axes.set_axis_off()
    middle, half = (low + high) / 2, np.array([inner, map_height]) / inch_per_metre / 2
    axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
    axes.set_ylim(middle[1] - half[1], middle[1] + half[1])
    _draw_lanes(axes, network, DPI * inch_per_metre)
    _draw_scale_bar(figure, inch_per_metre)
    _draw_title(figure, network)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content.getvalue())


def _draw_lanes(axes: Axes, network: TownNetwork, px_per_metre: float) -> None:
    """Draw the surface, the markings and the driving directions."""
    lanes = list(network.lanes.values())
    outside = [_outline(lane.points, lane.widths) for lane in lanes if lane.junction is None]
    inside = [_outline(lane.points, lane.widths) for lane in lanes if lane.junction is not None]
    paved = [_outline(strip.points, strip.widths) for strip in network.paved]
    for order, (polygons, colour) in enumerate(
        ((paved, PAVED), (outside, ROAD), (inside, JUNCTION))
    ):
        axes.add_collection(PolyCollection(polygons, facecolors=colour, linewidths=0, zorder=order))
    branches = [lane.points for lane in lanes if lane.junction is not None]
    axes.add_collection(LineCollection(branches, colors=BRANCH, linewidths=0.5, zorder=4))
    thickness = 72 / DPI * float(np.clip(MARKING_WIDTH * px_per_metre, LEAST_MARKING, MOST_MARKING))
    for style, kinds in (
        ("solid", (LineType.CONTINUOUS, LineType.CONTINUOUS_LINE)),
        ((0, (3.0 / MARKING_WIDTH, 4.5 / MARKING_WIDTH)), (LineType.STRIPED,)),
    ):
        edges = [
            lane.edge(side)
            for lane in lanes
            for side, line in enumerate(lane.line_types)
            if line in kinds
        ]
        axes.add_collection(
            LineCollection(
                edges, colors=MARKING, linewidths=thickness, linestyles=[style], zorder=5
            )
        )
    arrows = [arrow for lane in lanes for arrow in _arrows(lane, px_per_metre)]
    axes.add_collection(PolyCollection(arrows, facecolors=ARROW, linewidths=0, zorder=6))


def _outline(points: Array, widths: Array) -> Array:
    """The polygon (2N, 2) around a centre line (N, 2) with widths (N,) [m]."""
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    normals = np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
    aside = normals * (np.asarray(widths)[:, None] / 2 + SURFACE_OVERLAP)
    return np.concatenate([points + aside, (points - aside)[::-1]])


def _arrows(lane: SampledLane, px_per_metre: float) -> Iterator[Array]:
    """Triangles (3, 2) [m] that point along a lane, far apart; none inside junctions."""
    spacing = ARROW_SPACING / px_per_metre
    count = round(lane.length / spacing)
    if lane.junction is not None or (count == 0 and lane.length < 0.4 * spacing):
        return
    for station in (np.arange(max(count, 1)) + 0.5) * lane.length / max(count, 1):
        length = max(0.55 * lane.width_at(station), LEAST_ARROW / px_per_metre)
        triangle = length * np.array([[0.5, 0.0], [-0.5, 0.32], [-0.5, -0.32]])
        heading = lane.heading_at(station)
        cos, sin = np.cos(heading), np.sin(heading)
        turned = triangle @ np.array([[cos, sin], [-sin, cos]])
        yield lane.position(station, 0.0) + turned


def _draw_scale_bar(figure: Figure, inch_per_metre: float) -> None:
    """Draw a bar of known length into the upper right corner."""
    width, height = figure.get_size_inches()
    fitting = (bar for bar in SCALE_BARS if bar * inch_per_metre <= WIDEST_BAR * width)
    length = next(fitting, SCALE_BARS[-1])
    right, base, tick = width - BORDER, height - BAR_BELOW, 0.06
    left = right - length * inch_per_metre
    bar = np.array([[left, left, right, right], [base + tick, base, base, base + tick]])
    x, y = bar / np.array([[width], [height]])
    figure.add_artist(Line2D(x, y, color=INK, linewidth=1.6, solid_joinstyle="miter"))
    middle, above = (left + right) / 2 / width, (base + tick + 0.05) / height
    figure.text(middle, above, f"{length:.0f} m", color=INK, fontsize=13, ha="center")


def _draw_title(figure: Figure, network: TownNetwork) -> None:
    """Write the name and the summary of a network into the upper left corner."""
    summary = summarise(network)
    numbers = (
        f"{summary.width_m:,.0f} x {summary.height_m:,.0f} m",
        f"{summary.lanes:,} lanes",
        f"{summary.junctions:,} junctions",
        f"{summary.lane_km:.1f} lane km and {summary.junction_lane_km:.1f} km inside junctions",
    )
    width, height = figure.get_size_inches()
    left, name, below = BORDER / width, 1 - NAME_BELOW / height, 1 - NUMBERS_BELOW / height
    figure.text(left, name, network.name, fontsize=24, color=INK, va="top", weight="bold")
    figure.text(left, below, "   ·   ".join(numbers), fontsize=13, color=FAINT, va="top")
