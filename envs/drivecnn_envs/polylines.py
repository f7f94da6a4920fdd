"""Lane coordinates of polylines, and the nearest of thousands of them, as kernels.

One kernel computes lane coordinates wherever they are needed, so a lane asked alone and a lane
found by the index give the same bits.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLOCK = 16  # segments that share a bounding box
ROUNDING = 1.0 + 1e-12  # boxes this little too far are looked into all the same


class Polylines(NamedTuple):
    """L lanes in flat arrays, for kernels, with a bounding box for every `BLOCK` segments."""

    points: Array  # (N, 2) m
    stations: Array  # (N,) m, from each lane's start
    headings: Array  # (N,) rad
    offset: NDArray[np.int64]  # (L + 1,) of a lane's first point
    extents: Array  # (L, 4) west, south, east, north of each lane [m]
    boxes: Array  # (K, 4) the same of each block
    box_offset: NDArray[np.int64]  # (L + 1,) of a lane's first block

    @classmethod
    def of(cls, lines: Sequence[tuple[Array, Array, Array]]) -> Self:
        """Lines in flat arrays, each given as points (N, 2), stations (N,) and headings (N,)."""
        none = np.empty((0, 2)), np.empty(0), np.empty(0)
        points, stations, headings = zip(none, *lines, strict=True)
        boxes = [_boxes(line) for line in points[1:]]
        return cls(
            np.concatenate(points),
            np.concatenate(stations),
            np.concatenate(headings),
            np.cumsum([len(line) for line in points]),
            np.array([_extent(of_line) for of_line in boxes]).reshape(-1, 4),
            np.concatenate([np.empty((0, 4)), *boxes]),
            np.cumsum([0, *map(len, boxes)]),
        )


def _extent(boxes: Array) -> Array:
    """The box (4,) around boxes (K, 4)."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _boxes(points: Array) -> Array:
    """West, south, east and north (K, 4) [m] of every `BLOCK` segments of a line (N, 2)."""
    starts = np.arange(0, len(points) - 1, BLOCK)
    ends = np.minimum(starts + BLOCK, len(points) - 1)
    low = np.minimum(np.minimum.reduceat(points[:-1], starts), points[ends])
    high = np.maximum(np.maximum.reduceat(points[:-1], starts), points[ends])
    return np.concatenate([low, high], axis=1)


@njit(cache=True)
def interpolate(station: float, stations: Array, values: Array) -> float:
    """The value at a station [m], linear between `stations` (N,) and constant beyond them."""
    if station <= stations[0]:
        return float(values[0])
    if station >= stations[-1]:
        return float(values[-1])
    k = np.searchsorted(stations, station, side="right") - 1
    share = (station - stations[k]) / (stations[k + 1] - stations[k])
    return float(values[k] + share * (values[k + 1] - values[k]))


@njit(cache=True)
def place(
    points: Array, stations: Array, headings: Array, longitudinal: float, lateral: float
) -> tuple[float, float]:
    """World position [m] of lane coordinates [m]; the line goes straight on beyond its ends."""
    heading = interpolate(longitudinal, stations, headings)
    beyond = longitudinal - min(max(longitudinal, 0.0), stations[-1])
    cos, sin = np.cos(heading), np.sin(heading)
    return (
        interpolate(longitudinal, stations, points[:, 0]) + beyond * cos - lateral * sin,
        interpolate(longitudinal, stations, points[:, 1]) + beyond * sin + lateral * cos,
    )


@njit(cache=True)
def locate(points: Array, stations: Array, x: float, y: float) -> tuple[float, float]:
    """Lane coordinates (longitudinal, lateral) [m] of a position [m], lateral positive left.

    The absolute lateral is the distance to the line, or to its straight continuation beyond an end.
    """
    nearest, _ = _nearest_segment(points, stations, x, y, 0, len(points) - 1)
    return _coordinates(points, stations, x, y, nearest)


@njit(cache=True)
def _nearest_segment(
    points: Array, stations: Array, x: float, y: float, first: int, end: int
) -> tuple[int, float]:
    """Number of the nearest segment in a range, the first of equals, and its squared distance."""
    best, nearest = np.inf, first
    for k in range(first, end):
        span = stations[k + 1] - stations[k]
        dx, dy = points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1]
        px, py = x - points[k, 0], y - points[k, 1]
        share = min(max((px * dx + py * dy) / span, 0.0), span) / span
        gap = (px - share * dx) ** 2 + (py - share * dy) ** 2
        if gap < best:
            best, nearest = gap, k
    return nearest, best


@njit(cache=True)
def _coordinates(
    points: Array, stations: Array, x: float, y: float, nearest: int
) -> tuple[float, float]:
    """Lane coordinates [m] of a position, given the segment nearest to it."""
    span = stations[nearest + 1] - stations[nearest]
    dx = points[nearest + 1, 0] - points[nearest, 0]
    dy = points[nearest + 1, 1] - points[nearest, 1]
    px, py = x - points[nearest, 0], y - points[nearest, 1]
    along, lateral = (px * dx + py * dy) / span, (dx * py - dy * px) / span
    if along < 0.0 and nearest > 0:  # nearest to a corner of the line
        return stations[nearest], np.copysign(np.hypot(px, py), lateral)
    if along > span and nearest < len(points) - 2:
        return stations[nearest + 1], np.copysign(np.hypot(px - dx, py - dy), lateral)
    return stations[nearest] + along, lateral


@njit(cache=True)
def nearest_lane(lanes: Polylines, x: float, y: float, heading: float) -> tuple[int, float]:
    """Number of the lane nearest to a pose, and how far it is, as highway-env weighs it.

    That is metres beside the lane plus metres beyond its ends plus radians off its heading; a
    heading that is not a number does not count. The first of equally near lanes is taken. No lane
    is nearer than the boxes around it, so most lanes are never looked at closely.
    """
    count = len(lanes.extents)
    bounds = np.empty(count)  # squared
    seed, closest = 0, np.inf
    for number in range(count):
        bounds[number] = _squared_distance(lanes.extents[number], x, y)
        if bounds[number] < closest:
            bounds[number] = _bound(lanes, number, x, y)
            if bounds[number] < closest:
                seed, closest = number, bounds[number]
    best, distance = seed, _distance(lanes, seed, x, y, heading)
    for number in range(count):
        limit = distance**2 * ROUNDING
        if bounds[number] <= limit and number != seed and _bound(lanes, number, x, y) <= limit:
            other = _distance(lanes, number, x, y, heading)
            if other < distance or (other == distance and number < best):
                best, distance = number, other
    return best, distance


@njit(cache=True)
def lanes_within(lanes: Polylines, x: float, y: float, radius: float) -> NDArray[np.bool_]:
    """Which lanes (L,) have a block within a radius [m]: all that are so near, and some more."""
    near = np.zeros(len(lanes.extents), np.bool_)
    for number in range(len(near)):
        if _squared_distance(lanes.extents[number], x, y) <= radius**2:
            near[number] = _bound(lanes, number, x, y) <= radius**2
    return near


@njit(cache=True)
def _bound(lanes: Polylines, number: int, x: float, y: float) -> float:
    """The squared distance [m2] to the nearest block of a lane."""
    closest = np.inf
    for k in range(lanes.box_offset[number], lanes.box_offset[number + 1]):
        closest = min(closest, _squared_distance(lanes.boxes[k], x, y))
    return closest


@njit(forceinline=True)
def _squared_distance(box: Array, x: float, y: float) -> float:
    dx = max(box[0] - x, x - box[2], 0.0)
    dy = max(box[1] - y, y - box[3], 0.0)
    return float(dx * dx + dy * dy)


@njit(cache=True)
def _distance(lanes: Polylines, number: int, x: float, y: float, heading: float) -> float:
    """What highway-env's `distance_with_heading` says of one lane, in the same operations."""
    part = slice(lanes.offset[number], lanes.offset[number + 1])
    points, stations = lanes.points[part], lanes.stations[part]
    nearest, best = 0, np.inf
    for k in range(lanes.box_offset[number + 1] - lanes.box_offset[number]):
        box = lanes.boxes[lanes.box_offset[number] + k]
        if _squared_distance(box, x, y) <= best * ROUNDING:
            end = min((k + 1) * BLOCK, len(points) - 1)
            segment, gap = _nearest_segment(points, stations, x, y, k * BLOCK, end)
            if gap < best:
                nearest, best = segment, gap
    longitudinal, lateral = _coordinates(points, stations, x, y, nearest)
    distance = abs(lateral) + max(longitudinal - stations[-1], 0.0) + max(-longitudinal, 0.0)
    if np.isnan(heading):
        return float(distance)
    off = heading - interpolate(longitudinal, stations, lanes.headings[part])
    return float(distance + abs((off + np.pi) % (2 * np.pi) - np.pi))
