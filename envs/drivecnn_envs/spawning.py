"""Where vehicles of the traffic appear: on lanes around the ego, away from crossings."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.cells import Cells, cells_near, things_in
from drivecnn_envs.overlaps import Overlaps
from drivecnn_envs.strands import Strands

FROM_CROSSING = 14.0  # m
CELL = 40.0  # m, of the grid that places are found by
RADII = (100.0, 120.0, 140.0, 160.0)  # m around the ego; the first that holds enough lane is used


def cells_of(strands: Strands) -> Cells:
    """The cells that points of strands are found by when a vehicle is to appear."""
    return Cells.of(strands.x, strands.y, strands.offset[strands.world_offset], CELL)


def open_points(strands: Strands, overlaps: Overlaps) -> NDArray[np.bool_]:
    """Whether a vehicle may appear at each point (N,) of strands: not near a crossing."""
    crossed = np.zeros(strands.offset[-1] + 1, np.int32)
    counts = np.diff(strands.offset)
    way = np.repeat(np.arange(len(counts)), np.diff(overlaps.offset[: len(strands.offset)]))
    per_metre = ((counts - 1) / strands.length)[way]
    begin = np.ceil((overlaps.begin[: len(way)] - FROM_CROSSING) * per_metre).astype(np.int64)
    end = np.floor((overlaps.end[: len(way)] + FROM_CROSSING) * per_metre).astype(np.int64) + 1
    np.add.at(crossed, strands.offset[way] + np.clip(begin, 0, counts[way]), 1)
    np.add.at(crossed, strands.offset[way] + np.clip(end, 0, counts[way]), -1)
    return np.asarray(np.cumsum(crossed)[:-1] == 0)


@njit(forceinline=True)
def traffic_radius(
    points: Cells, world: int, x: float, y: float, density: tuple[float, int]
) -> tuple[float, float]:
    """Radius [m] around a position in which there is traffic, and how many vehicles in it.

    `density` is how many vehicles there should be for each metre of lane, and at most in all.
    """
    radius, wanted = RADII[0], 0.0
    for number in range(len(RADII)):
        radius, metres = RADII[number], 0
        left, right, bottom, top = cells_near(points, world, x, y, radius)
        for row in range(bottom, top):
            for column in range(left, right):
                east = (column + 0.5) * CELL + points.origin[world, 0] - x
                north = (row + 0.5) * CELL + points.origin[world, 1] - y
                if east * east + north * north < radius * radius:
                    first, last = things_in(points, world, row, column, column + 1)
                    metres += last - first
        wanted = metres * density[0]
        if wanted >= density[1]:
            return radius, float(density[1])
    return radius, wanted


@njit(forceinline=True)
def draw_place(points: Cells, world: int, x: float, y: float, reach: float, draw: float) -> int:
    """A strand point within about reach [m] of a position, by a draw in [0, 1); -1 if none is."""
    left, right, bottom, top = cells_near(points, world, x, y, reach)
    count = 0
    for row in range(bottom, top):
        first, last = things_in(points, world, row, left, right)
        count += last - first
    chosen = int(draw * count)
    for row in range(bottom, top):
        first, last = things_in(points, world, row, left, right)
        if chosen < last - first:
            return int(points.thing[first + chosen])
        chosen -= last - first
    return -1
