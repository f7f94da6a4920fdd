"""Where ways come so close that two vehicles cannot pass: crossings and merges of strands.

Strands that part from one another overlap too, but those who drive there follow each other, so
that nobody has to give way; such places are left out.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from drivecnn_envs.cells import Cells, cells_near, things_in
from drivecnn_envs.states import RouteTable
from drivecnn_envs.strands import Strands, piece_at, station_of

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

REACH = 2.35  # m between two centre lines, closer ones overlap: half a car and half a bus
# A vehicle's corners swing out in a curve, m for each 1/m of it. The ego is steered by its middle,
# so that its front swings out far: 0.8 m at a radius of 10 m.
SWING, EGO_SWING = 2.0, 10.0
SWING_LASTS = 4  # m, half the way over which the ego's front comes back after a curve
CELL = 5.0  # m, of the grid that strand points are found by; more than two ways ever need
SELF = 20  # points; a strand is not its own foe so near by
BREAK = 4.0  # m without overlap that part one overlap from the next
FORK = 1.2  # m, a strand that begins this near to another way forks from it
ALONG = 0.7  # cosine, ways that differ less in direction are driven one behind the other
MERGE = 15.0  # m, the part of an overlap along another way that decides who goes first


class Overlaps(NamedTuple):
    """Overlaps of ways with strands, in the order in which each way meets them.

    The first ways are the L strands, the others are routes.
    """

    begin: Floats  # (N,) m along the way
    end: Floats  # (N,) m
    foe: Ints  # (N,) the strand
    foe_begin: Floats  # (N,) m along the strand
    foe_end: Floats  # (N,) m
    rank: NDArray[np.int8]  # (N,) priority of the way there, less the strand's
    merge: NDArray[np.bool_]  # (N,) whether both go the same way from there
    offset: Ints  # (Q + 1,) of a way's first overlap

    @classmethod
    def of(cls, strands: Strands, routes: RouteTable, worlds: Ints) -> "Overlaps":
        """Overlaps of strands and of routes through worlds (R,) with the strands of their world."""
        worlds_points = strands.offset[strands.world_offset]
        points = Cells.of(strands.x, strands.y, worlds_points, CELL)
        ways = _Ways.of(strands, routes, worlds)
        _take_priorities(ways, strands, points)
        rows = np.zeros((0, 7), np.float32)
        offset = np.zeros(len(ways.length) + 1, np.int32)
        while (found := _find(ways, strands, points, rows, offset)) > len(rows):
            rows = np.zeros((found, 7), np.float32)  # now that is known how many there are
        way = np.repeat(np.arange(len(ways.length)), np.diff(offset))
        rows = rows[np.lexsort((rows[:, 2], rows[:, 0], way))]
        begin, end, foe, foe_begin, foe_end, rank, merge = np.ascontiguousarray(rows.T)
        return cls(
            *(begin, end, foe.astype(np.int32), foe_begin, foe_end, rank.astype(np.int8)),
            *(merge > 0, offset),
        )


class _Ways(NamedTuple):
    """Lines that may overlap strands: strands themselves, then routes."""

    x: Floats  # (N,) m
    y: Floats  # (N,) m
    yaw: Floats  # (N,) rad
    swing: Floats  # (N,) m that vehicles need beside the way, more than on a straight one
    priority: NDArray[np.int8]  # (N,)
    offset: Ints  # (Q + 1,) of a way's first point
    length: Floats  # (Q,) m
    world: Ints  # (Q,)

    @classmethod
    def of(cls, strands: Strands, routes: RouteTable, worlds: Ints) -> "_Ways":
        """All strands, and routes through worlds (R,)."""
        owners = np.repeat(np.arange(len(strands.world_offset) - 1), np.diff(strands.world_offset))
        x, y, yaw = (
            np.concatenate([getattr(strands, name), getattr(routes, name)]).astype(np.float32)
            for name in ("x", "y", "yaw")
        )
        of_routes = np.split(EGO_SWING * np.abs(routes.curvature), routes.offset[1:-1])
        of_routes = [
            maximum_filter1d(route, 2 * SWING_LASTS + 1, mode="nearest", origin=SWING_LASTS - 1)
            for route in of_routes
        ]
        swing = np.concatenate([SWING * np.abs(strands.curvature), *of_routes])
        priority = np.concatenate([strands.priority, np.zeros(len(routes.x), np.int8)])
        offset = np.concatenate([strands.offset, strands.offset[-1] + routes.offset[1:]])
        lengths = np.concatenate([strands.length, np.diff(routes.offset) - 1.0])
        return cls(
            *(
                x,
                y,
                yaw,
                swing.astype(np.float32),
                priority,
                offset.astype(np.int32),
                lengths.astype(np.float32),
            ),
            np.concatenate([owners, worlds]).astype(np.int32),
        )


_BEGIN, _END, _FOE_BEGIN, _FOE_END, _COSINES, _COUNT, _FORK, _LISTED = range(8)  # of a run


@njit(cache=True)
def _take_priorities(ways: _Ways, strands: Strands, points: Cells) -> None:
    """Give each point of the routes the priority of the strand it follows, in place."""
    for way in range(len(strands.length), len(ways.length)):
        world = ways.world[way]
        for i in range(ways.offset[way], ways.offset[way + 1]):
            nearest = CELL**2
            left, right, bottom, top = cells_near(points, world, ways.x[i], ways.y[i], CELL)
            for row in range(bottom, top):
                begin, end = things_in(points, world, row, left, right)
                for p in points.thing[begin:end]:
                    gap = (ways.x[i] - strands.x[p]) ** 2 + (ways.y[i] - strands.y[p]) ** 2
                    if gap < nearest and np.cos(ways.yaw[i] - strands.yaw[p]) > ALONG:
                        nearest = gap
                        ways.priority[i] = strands.priority[p]


@njit(cache=True)
def _find(ways: _Ways, strands: Strands, points: Cells, rows: Floats, offset: Ints) -> int:
    """Fill rows (N, 7) with overlaps, as far as there is room; returns how many there are.

    A row is begin, end, foe, foe_begin, foe_end, rank and merge; `offset` is filled as well.
    """
    runs = np.zeros((len(strands.length), 8), np.float32)
    touched = np.empty(len(strands.length), np.int32)
    count = 0
    for way in range(len(ways.length)):
        offset[way] = count
        world = ways.world[way]
        spacing = ways.length[way] / (ways.offset[way + 1] - ways.offset[way] - 1)
        seen = 0
        for i in range(ways.offset[way], ways.offset[way + 1]):
            station = (i - ways.offset[way]) * spacing
            left, right, bottom, top = cells_near(points, world, ways.x[i], ways.y[i], CELL)
            for row in range(bottom, top):
                begin, end = things_in(points, world, row, left, right)
                for p in points.thing[begin:end]:
                    foe = strands.owner[p]
                    gap = (ways.x[i] - strands.x[p]) ** 2 + (ways.y[i] - strands.y[p]) ** 2
                    reach = REACH + ways.swing[i] + ways.swing[p]
                    if gap > reach * reach or (foe == way and abs(p - i) < SELF):
                        continue
                    run = runs[foe]
                    if run[_LISTED] == 0.0:
                        run[_LISTED] = 1.0
                        touched[seen] = foe
                        seen += 1
                    if station - run[_END] > BREAK:
                        count = _close(ways, strands, (way, foe), run, rows, count)
                    _add(ways, strands, (i, p, foe), station, run)
                    if gap < FORK**2 and (i == ways.offset[way] or p == strands.offset[foe]):
                        run[_FORK] = 1.0
        for foe in touched[:seen]:
            count = _close(ways, strands, (way, foe), runs[foe], rows, count)
            runs[foe] = 0.0
    offset[len(ways.length)] = count
    return count


@njit(forceinline=True)
def _add(
    ways: _Ways, strands: Strands, meeting: tuple[int, int, int], station: float, run: Floats
) -> None:
    """Lengthen a run by a way's point and a foe's point that are close."""
    i, p, foe = meeting
    at = station_of(strands, foe, p)
    if run[_COUNT] == 0.0:
        run[_BEGIN], run[_FOE_BEGIN], run[_FOE_END] = station, at, at
    run[_END] = station
    run[_FOE_BEGIN], run[_FOE_END] = min(run[_FOE_BEGIN], at), max(run[_FOE_END], at)
    run[_COSINES] += np.cos(ways.yaw[i] - strands.yaw[p])
    run[_COUNT] += 1.0


@njit(cache=True)
def _close(
    ways: _Ways, strands: Strands, pair: tuple[int, int], run: Floats, rows: Floats, count: int
) -> int:
    """Write a finished run of overlap as a row if somebody may have to give way there.

    Returns the number of rows; the run is empty afterwards.
    """
    way, foe = pair
    along = run[_COUNT] > 0.0 and run[_COSINES] > ALONG * run[_COUNT]
    if run[_COUNT] > 0.0 and not (along and run[_FORK] > 0.0):
        if count < len(rows):
            reach = MERGE if along else np.inf
            begin, foe_begin = run[_BEGIN], run[_FOE_BEGIN]
            row = rows[count]
            row[0], row[1], row[2] = begin, min(run[_END], begin + reach), foe
            row[3], row[4] = foe_begin, min(run[_FOE_END], foe_begin + reach)
            i, _ = piece_at(ways.offset, ways.length, way, begin)
            p, _ = piece_at(strands.offset, strands.length, foe, foe_begin)
            row[6] = along
            row[5] = ways.priority[i] - strands.priority[p]
        count += 1
    run[:_LISTED] = 0.0
    return count
