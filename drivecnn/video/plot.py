"""The plot of a steering distribution: its density, its axis, and pins at curvatures."""

import numpy as np
import torch

from drivecnn.policy import SteeringDistribution
from drivecnn.video.drawing import (
    FAINT,
    LINE,
    PANEL,
    ROUTE,
    Box,
    Bytes,
    Colour,
    disc,
    polygon,
    polyline,
    write,
)
from drivecnn_envs.vehicle import MAX_CURVATURE

AXIS = 40  # px that the axis takes, below the density
PLOT_REACH = 1.4 * MAX_CURVATURE  # 1/m, at the plot's edges
PLOT_BEND = 0.03  # 1/m, below it the axis is even; beyond, it shrinks as a logarithm does
TICKS = (0.2, 0.1, 0.05, 0.02, 0.0, -0.02, -0.05, -0.1, -0.2)  # 1/m
FINE = 4  # points of the density for each pixel column
_BENT_REACH = float(np.arcsinh(PLOT_REACH / PLOT_BEND))


def column_of(curvature: float, width: int) -> float:
    """The column [px] of a curvature [1/m] in a plot: left turns are left."""
    return float(0.5 * width * (1 - np.arcsinh(curvature / PLOT_BEND) / _BENT_REACH))


def fill_density(plot: Bytes, distribution: SteeringDistribution) -> None:
    """Draw a distribution's density, its peak near the upper edge."""
    height, width = plot.shape[:2]
    columns = (np.arange(FINE * width) + 0.5) / FINE
    grid = PLOT_BEND * np.sinh(_BENT_REACH * (1 - 2 * columns / width))
    curvature = torch.from_numpy(grid.astype(np.float32)).to(distribution.mean.device)
    log_density = distribution.log_prob(curvature[:, None])[:, 0].double().cpu().numpy()
    density = np.exp(log_density - log_density.max())  # of the highest point in the plot
    rows = height + 1.0 - 0.86 * height * density
    curve = np.stack([columns, rows], axis=1)
    fill = np.add(PANEL, 0.4 * np.subtract(ROUTE, PANEL)).astype(int).tolist()
    polygon(plot, np.concatenate([[[0.0, height + 1.0]], curve, [[width, height + 1.0]]]), fill)
    polyline(plot, curve, ROUTE, 2)


def mark(plot: Bytes, curvature: float, colour: Colour, height: float) -> None:
    """Draw a pin at a curvature [1/m], its head at a share of the plot's height."""
    x, y = column_of(curvature, plot.shape[1]), (1.0 - height) * plot.shape[0]
    polyline(plot, np.array([[x, y], [x, plot.shape[0]]]), colour, 2)
    disc(plot, (x, y), 5.0, colour)


def draw_axis(canvas: Bytes, box: Box) -> None:
    """Draw the curvature axis at the foot of a box, its ticks up to the upper edge."""
    base = box.top + box.height - AXIS
    canvas[base : base + 1, box.left : box.left + box.width] = FAINT
    for tick in TICKS:
        x = box.left + round(column_of(tick, box.width))
        canvas[box.top : base, x : x + 1] = LINE
        write(canvas, f"{tick:+g}" if tick else "0", (x, base + 17), 14, FAINT, 0.5)
    for text, anchor in (("left", 0.0), ("curvature, 1/m", 0.5), ("right", 1.0)):
        place = (box.left + 10 + int(anchor * (box.width - 20)), base + 34)
        write(canvas, text, place, 14, FAINT, anchor)
