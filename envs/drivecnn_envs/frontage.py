"""Frontage: places along both sides of every road, where houses, trees, lamps and cars may stand.

Places are where lanes cross the lines of a grid that belongs to the map's axes. So a piece of a
town has the same ones as the whole, wherever its lanes begin.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.canvas import DRIVEN, PAVED, Canvas, place_bits, place_key
from drivecnn_envs.carriageway import Strips
from drivecnn_envs.materials import RESOLUTION
from drivecnn_envs.noise import mix
from drivecnn_envs.roads import SampledLane

SPACING = 2.0  # m between grid lines
FAST = 26.0  # m/s, a motorway: nobody lives or parks beside it
BLOCK = 90.0  # m, streets change their character at this distance
SIDES = np.dtype(
    [
        ("x", np.float64),  # m, on the road's edge
        ("y", np.float64),  # m
        ("along_x", np.float64),  # unit vector along the lane
        ("along_y", np.float64),
        ("out", np.float64),  # 1 if the roadside is to the left of that vector, -1 to the right
        ("lane", np.float64),  # m from there to the edge of the nearest lane
        ("half", np.float64),  # m, half that lane's width
        ("fast", np.bool_),  # whether the lane is part of a motorway
        ("line", np.int64),  # number of the grid line
        ("key", np.uint64),  # random, by place
        ("street", np.uint64),  # random, the same for all places nearby along one street
    ]
)
Side: TypeAlias = Any  # a record of dtype SIDES, which has no static type

WIDEST_SHOULDER = 8.0  # m of pavement without lanes beside a lane
_STEP = 0.5 * RESOLUTION  # m, in which a road's edge is looked for
_NOT_FOUND = -1.0
_MINGLE = 1_000_003


def sides_of(canvas: Canvas, lanes: Sequence[SampledLane]) -> NDArray[np.void]:
    """Places (M,) of dtype `SIDES` on the edges of the road, about every `SPACING` metres.

    Args:
        canvas: with its road laid.
        lanes: outside junctions, at least one.
    """
    strips = Strips.of(lanes)
    fast = np.array([lane.speed_limit > FAST for lane in lanes])
    sides = np.zeros(2 * _count_crossings(strips), SIDES)
    return sides[: _find_sides(canvas, strips, fast, sides)]


@njit(forceinline=True)
def _lines(strips: Strips, i: int) -> tuple[int, int, int]:
    """The axis that piece i follows most, and the first and last grid line across it there."""
    dx = strips.points[i + 1, 0] - strips.points[i, 0]
    dy = strips.points[i + 1, 1] - strips.points[i, 1]
    axis = 0 if abs(dx) >= abs(dy) else 1
    one, other = strips.points[i, axis] / SPACING, strips.points[i + 1, axis] / SPACING
    return axis, int(np.ceil(min(one, other))), int(np.ceil(max(one, other))) - 1


@njit(cache=True)
def _count_crossings(strips: Strips) -> int:
    """How often lanes cross grid lines."""
    count = 0
    for number in range(len(strips.extents)):
        for i in range(strips.offset[number], strips.offset[number + 1] - 1):
            _, first, last = _lines(strips, i)
            count += last - first + 1
    return count


@njit(cache=True)
def _find_sides(
    canvas: Canvas, strips: Strips, fast: NDArray[np.bool_], sides: NDArray[np.void]
) -> int:
    """Fill `sides` with the places on the road's edges. Returns how many there are."""
    found = 0
    for number in range(len(strips.extents)):
        for i in range(strips.offset[number], strips.offset[number + 1] - 1):
            axis, first, last = _lines(strips, i)
            start, end = strips.points[i], strips.points[i + 1]
            length = strips.stations[i + 1] - strips.stations[i]
            east, north = (end[0] - start[0]) / length, (end[1] - start[1]) / length
            for line in range(first, last + 1):
                share = (line * SPACING - start[axis]) / (end[axis] - start[axis])
                half = strips.half_widths[i]
                half += share * (strips.half_widths[i + 1] - half)
                for out in (-1.0, 1.0):
                    away = -out * north, out * east
                    x = start[0] + share * (end[0] - start[0]) + half * away[0]
                    y = start[1] + share * (end[1] - start[1]) + half * away[1]
                    lane = _to_edge(canvas, x, y, away)
                    if lane == _NOT_FOUND:
                        continue
                    side = sides[found]
                    side.x, side.y = x + lane * away[0], y + lane * away[1]
                    side.along_x, side.along_y, side.out = east, north, out
                    side.lane, side.half, side.line = lane, half, line
                    side.fast = fast[number]
                    side.key = place_key(canvas.seed, x, y)
                    side.street = _street(canvas.seed, x, y, axis)
                    found += 1
    return found


@njit(forceinline=True)
def _to_edge(canvas: Canvas, x: float, y: float, away: tuple[float, float]) -> float:
    """Metres from a lane's edge to the road's, `_NOT_FOUND` if there is another lane between."""
    rows, columns = canvas.uses.shape
    for step in range(1, int(WIDEST_SHOULDER / _STEP)):
        beyond = step * _STEP
        column = int(np.floor((x + beyond * away[0]) / RESOLUTION)) - canvas.west
        row = int(np.floor((y + beyond * away[1]) / RESOLUTION)) - canvas.south
        if not (0 <= row < rows and 0 <= column < columns):
            break
        use = canvas.uses[row, column]
        if use & PAVED == 0:
            return beyond
        if use & DRIVEN and beyond > RESOLUTION:
            break
    return _NOT_FOUND


@njit(forceinline=True)
def _street(seed: np.uint64, x: float, y: float, axis: int) -> np.uint64:
    """A key for a stretch of a street that follows an axis."""
    i, j = int(np.floor(x / BLOCK)), int(np.floor(y / BLOCK))
    return mix(mix(seed, 2 * _MINGLE + axis), int(place_bits(seed, i, j)))
