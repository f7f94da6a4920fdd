"""The lanes of streets: beside the street's line, cut where junctions begin, with markings."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from highway_env.road.lane import LineType
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import stations
from drivecnn_envs.maps.osm.junctions import MAX_CURVATURE, STEP, Arm, Plan
from drivecnn_envs.maps.osm.smooth import ease, sharpest
from drivecnn_envs.maps.osm.tags import Layout

Array = NDArray[np.float64]

NO_LINE, STRIPED_LINE, SOLID_LINE = (
    int(kind) for kind in (LineType.NONE, LineType.STRIPED, LineType.CONTINUOUS_LINE)
)
LEAST_STEP = 0.1  # m between the points of a lane, as a share of the step along the street's line
HEADING_REACH = 0.5  # m before and after a place that its heading is taken from


class Pose(NamedTuple):
    """Where a lane begins or ends."""

    point: Array  # (2,) m
    heading: float  # rad


@dataclass(frozen=True)
class StreetLane:
    """A lane from node to node, in driving direction.

    Attributes:
        points: (N, 2) m.
        along: (N,) m, where on the street's line each point lies, from the end driven from.
        width: m.
        line_types: of the right and the left edge.
        speed_limit: m/s.
        offset: m that the lane lies to the left of the line as driven.
    """

    points: Array
    along: Array
    width: float
    line_types: tuple[int, int]
    speed_limit: float
    offset: float

    def pose(self, station: float) -> Pose:
        """Where the lane is and heads to at a station of the street's line."""
        x, y, heading = _pose(self.points, self.along, station)
        return Pose(np.array([x, y]), heading)

    def _point(self, station: float) -> Array:
        return np.array(_place(self.points, self.along, station))

    def between(self, start: float, end: float) -> Array:
        """The lane's points (N, 2) [m] from one station of the street's line to another."""
        kept = (self.along > start + LEAST_STEP) & (self.along < end - LEAST_STEP)
        return np.concatenate([[self._point(start)], self.points[kept], [self._point(end)]])


@njit(cache=True)
def _place(points: Array, along: Array, station: float) -> tuple[float, float]:
    """Where a lane is at a station of the street's line."""
    after = min(max(int(np.searchsorted(along, station)), 1), len(along) - 1)
    share = (station - along[after - 1]) / max(along[after] - along[after - 1], 1e-9)
    share = min(max(share, 0.0), 1.0)
    x, y = points[after - 1] + share * (points[after] - points[after - 1])
    return x, y


@njit(cache=True)
def _pose(points: Array, along: Array, station: float) -> tuple[float, float, float]:
    """Where a lane is at a station of the street's line, and where it heads to [rad]."""
    x, y = _place(points, along, station)
    before = _place(points, along, max(station - HEADING_REACH, 0.0))
    after = _place(points, along, min(station + HEADING_REACH, along[-1]))
    return x, y, np.arctan2(after[1] - before[1], after[0] - before[0])


class StreetLanes:
    """All lanes of a map's streets, made when first asked for."""

    def __init__(self, plan: Plan, *, left_hand: bool) -> None:
        self.plan = plan
        self.left_hand = left_hand
        self._made: dict[tuple[int, bool], list[StreetLane]] = {}

    def of(self, street: int, *, backward: bool) -> list[StreetLane]:
        """The lanes of one direction of a street, from left to right."""
        key = street, backward
        if key not in self._made:
            self._made[key] = self._make(street, backward)
        return self._made[key]

    def arriving(self, arm: Arm) -> list[StreetLane]:
        """The lanes that lead into a place by an arm."""
        return self.of(arm.street, backward=not arm.at_end)

    def leaving(self, arm: Arm) -> list[StreetLane]:
        """The lanes that lead out of a place by an arm."""
        return self.of(arm.street, backward=arm.at_end)

    def end_pose(self, arm: Arm, lane: int) -> Pose:
        """Where an arriving lane ends."""
        return self.arriving(arm)[lane].pose(self.plan.length(arm.street) - self.plan.cuts[arm])

    def start_pose(self, arm: Arm, lane: int) -> Pose:
        """Where a leaving lane starts."""
        return self.leaving(arm)[lane].pose(self.plan.cuts[arm])

    def _make(self, street: int, backward: bool) -> list[StreetLane]:
        layout = self.plan.streets[street].layout
        line = self.plan.lines[street]
        if backward:
            line = line[::-1]
        lines = line_types(layout, backward=backward, left_hand=self.left_hand)
        lanes = []
        for number, offset in enumerate(
            layout.offsets(backward=backward, left_hand=self.left_hand)
        ):
            left = -offset if backward else offset
            points, along = beside(line, left)
            speed = layout.speeds[int(backward)]
            lanes.append(StreetLane(points, along, layout.lane_width, lines[number], speed, left))
        return lanes


def beside(line: Array, left: float) -> tuple[Array, Array]:
    """Points (M, 2) [m] at a distance to the left of a line, and where on the line (M,) [m].

    Inside a bend tighter than the distance the points would run back: there they are left out.
    """
    along = stations(line)
    tangents = np.gradient(line, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    points = line + left * np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
    forward = (np.diff(points, axis=0) * tangents[:-1]).sum(axis=1) > LEAST_STEP * STEP
    if not forward.all() and len(points) > 3:
        kept = np.concatenate([[True], forward[:-1], [True]])
        points, along = points[kept], along[kept]
    if len(points) > 4 and sharpest(points) > MAX_CURVATURE:
        share = along[-1]
        points = ease(points, STEP, MAX_CURVATURE, pinned=2)
        along = stations(points)
        along *= share / along[-1]
    return points, along


def line_types(layout: Layout, *, backward: bool, left_hand: bool) -> list[tuple[int, int]]:
    """Line types of the right and left edge of each lane of a direction, from left to right.

    A line that two lanes share is drawn by the left edge of one of them.
    """
    count = len(layout.backward if backward else layout.forward)
    edge = SOLID_LINE if layout.painted else NO_LINE
    inner = edge
    if layout.forward and layout.backward:
        busy = max(len(layout.forward), len(layout.backward)) > 1
        inner = SOLID_LINE if busy or layout.median else STRIPED_LINE
        if not layout.divided or (backward and not layout.median):
            inner = NO_LINE
    first, last = (edge, inner) if left_hand else (inner, edge)
    return [
        (
            last if number == count - 1 else NO_LINE,
            first if number == 0 else STRIPED_LINE,
        )
        for number in range(count)
    ]
