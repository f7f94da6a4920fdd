"""The carriageway: where there is road, its markings, and where wheels have run.

Lanes are drawn piece by piece, each texel once: a piece reaches from one point of the centre line
to the next, between the lines across the lane at both, so pieces of a bend neither gap nor overlap.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.canvas import BAND, DRIVEN, PAVED, SWEPT, Canvas
from drivecnn_envs.markings import Marks, paint_at
from drivecnn_envs.materials import RESOLUTION, Material
from drivecnn_envs.roads import SampledLane, TownNetwork

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

LANE_OVERLAP = 0.15  # m, lanes are drawn this much wider than they are, or gaps would show
CLOSED_GAP = 1.5  # m, islands of land narrower than twice this become road
LEAST_ISLAND = 80.0  # m2, smaller ones do too: junctions are paved between their lanes
PARKING_GAP = 0.55  # m that parked cars keep from lanes, with some slack for the texels' size
SWEEP = 6.0  # m more of it per 1/m of curvature: a turning vehicle's front swings out
WIDEST_SWEEP = 1.2  # m
TRACK_LATERAL, TRACK_HALF_WIDTH = 0.8, 0.5  # m, of wheel tracks
OIL_HALF_WIDTH = 0.6  # m
NOWHERE = 1e12  # m, east of everything
_FLAT = 1e-9  # slopes below count as none
_CENTRE = int(Material.ROAD_CENTRE)


class Strips(NamedTuple):
    """Lanes and paved strips in flat arrays, for kernels; lengths in metres."""

    points: Array  # (N, 2) centre lines
    tangents: Array  # (N, 2) unit vectors along them
    stations: Array  # (N,)
    half_widths: Array  # (N,)
    offset: NDArray[np.int64]  # (L + 1,) of a strip's first point
    extents: Array  # (L, 4) west, south, east, north of all that a strip draws

    @classmethod
    def of(cls, lanes: Sequence[SampledLane]) -> Self:
        """The lanes in one table; there is at least one."""
        headings = np.concatenate([lane.headings for lane in lanes])
        reach = [lane.widths.max() / 2 + PARKING_GAP + WIDEST_SWEEP for lane in lanes]
        low = [lane.points.min(axis=0) - far for lane, far in zip(lanes, reach, strict=True)]
        high = [lane.points.max(axis=0) + far for lane, far in zip(lanes, reach, strict=True)]
        return cls(
            np.concatenate([lane.points for lane in lanes]),
            np.stack([np.cos(headings), np.sin(headings)], axis=1),
            np.concatenate([lane.stations for lane in lanes]),
            np.concatenate([lane.widths for lane in lanes]) / 2,
            np.cumsum([0, *(len(lane.points) for lane in lanes)]),
            np.concatenate([low, high], axis=1),
        )


def lay_road(canvas: Canvas, network: TownNetwork, marks: NDArray[np.void]) -> None:
    """Fill the canvas' uses and distances, and draw what belongs to lanes.

    Until the ground is finished, texels of lanes have: paint in their third byte, in their shade
    how near they are to a wheel track, and in their height how near to the lane's middle.

    Args:
        canvas: empty, changed in place.
        network: lanes and paved strips.
        marks: (L + P,) of dtype `MARKS`, of all lanes and strips.
    """
    strips = [SampledLane(*strip) for strip in network.paved]
    _draw_strips(canvas, Strips.of([*network.lanes.values(), *strips]), marks)
    near = distance_to((canvas.uses & PAVED) > 0) <= CLOSED_GAP
    canvas.uses[distance_to(~near) > CLOSED_GAP] |= PAVED
    _pave_islands(canvas)
    canvas.distance[:] = distance_to((canvas.uses & PAVED) > 0)


def _pave_islands(canvas: Canvas) -> None:
    """Make road of the land that road encloses, where it is small."""
    land = ((canvas.uses & PAVED) == 0).view(np.uint8)
    _, islands, stats, _ = cv2.connectedComponentsWithStats(land, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] * RESOLUTION**2 < LEAST_ISLAND
    small[0] = False  # the road itself
    canvas.uses[small[islands]] |= PAVED


def distance_to(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Metres (R, C) from each texel to the nearest one of the mask, 0 on it."""
    away = np.asarray(
        cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32
    )
    away *= RESOLUTION  # in place: a fresh array of this size costs more than the product
    return away


@njit(parallel=True, nogil=True, cache=True)
def _draw_strips(canvas: Canvas, strips: Strips, marks: NDArray[np.void]) -> None:
    """Draw all strips, one thread a band of rows."""
    rows = canvas.uses.shape[0]
    for band in prange((rows + BAND - 1) // BAND):
        span = band * BAND, min(rows, band * BAND + BAND)
        south = (canvas.south + span[0]) * RESOLUTION
        north = (canvas.south + span[1]) * RESOLUTION
        for number in range(len(marks)):
            if strips.extents[number, 1] > north or strips.extents[number, 3] < south:
                continue
            begin, end = strips.offset[number], strips.offset[number + 1]
            for i in range(begin, end - 1):
                _draw_piece(canvas, strips, i, marks[number], span)
            for i in (begin, end - 1):
                _draw_end(canvas, strips, i, marks[number], span)


@njit()
def _draw_piece(
    canvas: Canvas,
    strips: Strips,
    i: int,
    marks: Marks,
    span: tuple[int, int],
) -> None:
    """Draw the strip between points i and i + 1 into a span of rows."""
    (ax, ay), (bx, by) = strips.points[i], strips.points[i + 1]
    half_a, half_b = strips.half_widths[i], strips.half_widths[i + 1]
    length = strips.stations[i + 1] - strips.stations[i]
    start, end = strips.tangents[i], strips.tangents[i + 1]
    turn = abs(start[0] * end[1] - start[1] * end[0]) / length
    gap = PARKING_GAP + min(SWEEP * turn, WIDEST_SWEEP)
    reach = max(half_a, half_b) + gap
    low = int(np.floor((min(ay, by) - reach) / RESOLUTION)) - canvas.south
    high = int(np.ceil((max(ay, by) + reach) / RESOLUTION)) - canvas.south
    east, north = (bx - ax) / length, (by - ay) / length
    for row in range(max(low, span[0]), min(high, span[1])):
        y = (canvas.south + row + 0.5) * RESOLUTION
        left, right = _columns(strips, i, reach, y)
        first = max(0, int(np.ceil(left / RESOLUTION - 0.5)) - canvas.west)
        last = int(np.floor(right / RESOLUTION - 0.5)) - canvas.west
        for column in range(first, min(last + 1, canvas.uses.shape[1])):
            x = (canvas.west + column + 0.5) * RESOLUTION
            after = (x - ax) * start[0] + (y - ay) * start[1]
            before = (bx - x) * end[0] + (by - y) * end[1]
            if after < 0.0 or before <= 0.0:
                continue
            share = after / (after + before)
            lateral = (y - ay) * east - (x - ax) * north
            half = half_a + share * (half_b - half_a)
            canvas.uses[row, column] |= _use(abs(lateral) - half, gap, marks.is_lane)
            if marks.is_lane and abs(lateral) < half + LANE_OVERLAP + RESOLUTION:
                station = strips.stations[i] + share * length
                _draw_texel(canvas.texels[row, column], marks, station, lateral, half)


@njit(forceinline=True)
def _columns(strips: Strips, i: int, reach: float, y: float) -> tuple[float, float]:
    """From where to where [m] a row at y [m] lies in piece i, `reach` metres to both sides."""
    (ax, ay), (bx, by) = strips.points[i], strips.points[i + 1]
    length = strips.stations[i + 1] - strips.stations[i]
    east, north = (bx - ax) / length, (by - ay) / length
    start, end = strips.tangents[i], strips.tangents[i + 1]
    left, right = -NOWHERE, NOWHERE
    for side in range(4):  # inside, value + slope x >= 0
        if side == 0:
            value, slope = (y - ay) * start[1] - ax * start[0], start[0]
        elif side == 1:
            value, slope = (by - y) * end[1] + bx * end[0], -end[0]
        elif side == 2:
            value, slope = reach - (y - ay) * east - ax * north, north
        else:
            value, slope = reach + (y - ay) * east + ax * north, -north
        if slope > _FLAT:
            left = max(left, -value / slope)
        elif slope < -_FLAT:
            right = min(right, -value / slope)
        elif value < 0.0:
            right = -NOWHERE
    return left, right


@njit(forceinline=True)
def _use(beyond: float, gap: float, is_lane: bool) -> int:
    """The use of a texel so many metres beyond a strip's edge; parked cars keep a gap [m]."""
    use = PAVED if beyond <= LANE_OVERLAP else 0
    if is_lane:
        use |= (DRIVEN if beyond <= 0.0 else 0) | (SWEPT if beyond <= gap else 0)
    return use


@njit(forceinline=True)
def _draw_texel(
    texel: Bytes,
    marks: Marks,
    station: float,
    lateral: float,
    half: float,
) -> None:
    """Draw paint and traces of wheels at lane coordinates [m]; see `lay_road`."""
    track = 1.0 - abs(abs(lateral) - TRACK_LATERAL) / TRACK_HALF_WIDTH
    texel[1] = max(texel[1], np.uint8(max(track, 0.0) * 255.0))
    middle = 1.0 - abs(lateral) / OIL_HALF_WIDTH
    texel[3] = max(texel[3], np.uint8(max(middle, 0.0) * 255.0))
    paint, is_centre = paint_at(marks, station, lateral, half)
    level = np.uint8(paint * 255.0)
    if level > texel[2] or (level == texel[2] > 0 and is_centre):
        texel[2] = level
        texel[0] = _CENTRE if is_centre else 0


@njit()
def _draw_end(
    canvas: Canvas,
    strips: Strips,
    i: int,
    marks: Marks,
    span: tuple[int, int],
) -> None:
    """Round off a strip at point i, its first or last: a disc of use."""
    (x, y), half = strips.points[i], strips.half_widths[i]
    reach = half + PARKING_GAP
    low = int(np.floor((y - reach) / RESOLUTION)) - canvas.south
    high = int(np.ceil((y + reach) / RESOLUTION)) - canvas.south
    left = int(np.floor((x - reach) / RESOLUTION)) - canvas.west
    right = int(np.ceil((x + reach) / RESOLUTION)) - canvas.west
    for row in range(max(low, span[0]), min(high, span[1])):
        for column in range(max(left, 0), min(right, canvas.uses.shape[1])):
            dx = (canvas.west + column + 0.5) * RESOLUTION - x
            dy = (canvas.south + row + 0.5) * RESOLUTION - y
            canvas.uses[row, column] |= _use(np.hypot(dx, dy) - half, PARKING_GAP, marks.is_lane)
