"""Lanes across places: which lanes are joined, and a path between them that can be driven."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from drivecnn_envs.maps.curves import arc, connect, stations
from drivecnn_envs.maps.osm.junctions import (
    MAX_CURVATURE,
    MIN_LANE,
    MOST_CUT,
    Arm,
    Movement,
    Place,
    Plan,
    Rules,
    movements,
)
from drivecnn_envs.maps.osm.lanes import Pose, StreetLanes
from drivecnn_envs.maps.osm.smooth import ease, even, sharpest
from drivecnn_envs.maps.osm.turns import Exit, link_lanes

Array = NDArray[np.float64]

STEP = 0.5  # m between points of a connection
TURN_BACK = 2.6  # rad, a sharper turn is one back and made only where there is no other way
MOST_APART = 9.0  # m between the streets inside a place and a direct path that stands for them
GROWTH = 1.5  # m by which a junction grows while one of its turns is too tight
GROWTHS = 12
UNDRIVABLE = 0.25  # 1/m, a turn tighter than that is left out
STRAIGHT_END = 1.5  # m of a path along the streets inside a place, in line with the lane
BYPASS = 12.0  # m from either end, where a path along the streets inside may lead back
CHAMFER = 6.0  # m of the streets inside, at either end, that a path cuts off
LOOP_RADIUS = 6.2  # m of a loop at a dead end
LOOP_CLEARANCE = 3.5  # m between the middle of a loop's lane and other streets


@dataclass
class Connection:
    """A lane across a place.

    Attributes:
        origin: arm that it comes from, and number of the lane there.
        target: arm that it leads to, and number of the lane there.
        inside: streets driven within the place, each with whether it is driven backward.
        points: (N, 2) m, evenly sampled; empty until needed.
        curvature: 1/m, the sharpest on the way; -1 where not yet known.
    """

    origin: tuple[Arm, int]
    target: tuple[Arm, int]
    inside: list[tuple[int, bool]]
    points: Array = field(default_factory=lambda: np.empty((0, 2)))
    curvature: float = -1.0

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """Both arms."""
        return self.origin[0], self.target[0]

    @property
    def is_loop(self) -> bool:
        """Whether it turns round at the end of a street, by a path of its own."""
        return self.origin[0] == self.target[0] and not self.inside


class Connector:
    """Joins the lanes at places; places grow into their streets where turns are too tight."""

    def __init__(self, plan: Plan, lanes: StreetLanes, rules: Rules) -> None:
        self.plan = plan
        self.lanes = lanes
        self.rules = rules
        self._tree = cKDTree(np.concatenate(plan.lines))
        self._widest = max(street.layout.width for street in plan.streets)
        self._owners = np.repeat(np.arange(len(plan.lines)), [len(line) for line in plan.lines])

    def connect(self, place: Place) -> list[Connection]:
        """The lanes across a place. May lengthen the cuts of its arms."""
        found: list[Connection] = []
        for arm in place.arms:
            if self.plan.has_lanes(arm, arriving=True):
                ways = self._ways(place, arm)
                if ways:
                    found += self._links(arm, ways)
                elif self.plan.has_lanes(arm, arriving=False):
                    found += self._loop(arm)
        self._grow(found)
        found = self._relink(place, found)
        for link in found:
            if len(link.points) == 0:
                link.points = self._path(link)
        return found

    def _relink(self, place: Place, links: Sequence[Connection]) -> list[Connection]:
        """The connections that can be driven; lanes share those ways that at least one can drive.

        Near a way that cannot be driven its lanes are linked anew, as if it were none.
        """
        drivable = {link.arms for link in links if link.curvature <= UNDRIVABLE}
        tight = {link.arms for link in links} - drivable
        for arm in {origin for origin, _ in tight}:
            ways = [way for way in self._ways(place, arm) if (arm, way.target) in drivable]
            if ways:
                links = [link for link in links if link.origin[0] != arm] + self._links(arm, ways)
        for link in links:
            if link.curvature < 0.0:
                self._measure(link)
        return [link for link in links if link.curvature <= UNDRIVABLE]

    def _ways(self, place: Place, arm: Arm) -> list[Movement]:
        """The ways from an arm, those that the map forbids or that turn back only if need be."""
        for rules in (self.rules, Rules(())):
            ways = movements(self.plan, place, rules, arm)
            onward = [way for way in ways if way.target != arm and abs(way.turn) < TURN_BACK]
            if onward:
                return sorted(onward, key=lambda way: -way.turn)
        around = [way for way in ways if way.inside or way.target != arm]
        return around[:1]

    def _links(self, arm: Arm, ways: Sequence[Movement]) -> list[Connection]:
        """The lanes from an arm along its ways."""
        layout = self.plan.streets[arm.street].layout
        turns = layout.forward if arm.at_end else layout.backward
        exits = [Exit(way.turn, len(self.lanes.leaving(way.target))) for way in ways]

        def shift(way: int, lane: int, target: int) -> float:
            here = self.lanes.end_pose(arm, lane)
            gap = self.lanes.start_pose(ways[way].target, target).point - here.point
            return float(gap[1] * np.cos(here.heading) - gap[0] * np.sin(here.heading))

        return [
            Connection(
                (arm, link.lane), (ways[link.exit].target, link.target), ways[link.exit].inside
            )
            for link in link_lanes(turns, exits, shift)
        ]

    def _measure(self, link: Connection) -> None:
        """Find out how sharp a connection is, with its path if there is no shorter way to tell."""
        start, end = self.lanes.end_pose(*link.origin), self.lanes.start_pose(*link.target)
        link.points = np.empty((0, 2))
        link.curvature = -1.0 if link.inside else _fillet_curvature(*start, *end)
        if not 0.0 <= link.curvature <= MAX_CURVATURE:
            link.points = self._path(link)
            link.curvature = sharpest(link.points)

    def _path(self, link: Connection) -> Array:
        """A smooth path (N, 2) [m] from lane to lane."""
        inside = link.inside
        start, end = self.lanes.end_pose(*link.origin), self.lanes.start_pose(*link.target)
        direct = connect(start.point, start.heading, end.point, end.heading)
        if inside:
            guide = self._guide(inside, start, end)
            ring = any(self.plan.streets[number].layout.ring for number, _ in inside)
            apart, _ = cKDTree(direct).query(guide)
            if ring or apart.max() > MOST_APART:
                return ease(guide, STEP, MAX_CURVATURE, pinned=3)
        if sharpest(direct) > MAX_CURVATURE:
            eased = ease(_straight_ends(start, end), STEP, MAX_CURVATURE, pinned=3)
            if sharpest(eased) < sharpest(direct):
                return eased
        return even(direct, STEP)

    def _guide(self, inside: Sequence[tuple[int, bool]], start: Pose, end: Pose) -> Array:
        """The way along the streets inside a place, from a pose to another; (N, 2) m."""
        middle = []
        for number, backward in inside:
            layout = self.plan.streets[number].layout
            line = self.plan.lines[number][:: -1 if backward else 1]
            if layout.forward and layout.backward:
                tangents = np.gradient(line, axis=0)
                tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
                side = 1.0 if self.lanes.left_hand else -1.0
                line = line + side * layout.width / 4 * np.stack(
                    [-tangents[:, 1], tangents[:, 0]], axis=1
                )
            middle.append(line)
        line = np.concatenate(middle)
        along = stations(line)
        rounding = min(CHAMFER, along[-1] / 3)
        line = line[(along >= rounding) & (along <= along[-1] - rounding)]
        ends = _straight_ends(start, end)
        ahead = (line - ends[1]) @ (ends[1] - ends[0]) > 0
        short = (line - ends[-2]) @ (ends[-2] - ends[-1]) > 0
        near = np.minimum(*(np.linalg.norm(line - point, axis=1) for point in ends[[1, -2]]))
        kept = line[(ahead | (near > BYPASS)) & (short | (near > BYPASS))]
        return np.concatenate([ends[:2], kept, ends[-2:]])

    def _grow(self, links: Sequence[Connection]) -> None:
        """Lengthen the cuts of arms while turns between them are too tight and there is room."""
        for link in links:
            if link.curvature < 0.0:
                self._measure(link)
        looped = {link.origin[0] for link in links if link.is_loop}
        for _ in range(GROWTHS):
            tight = {
                arm
                for link in links
                if link.curvature > MAX_CURVATURE
                for arm in link.arms
                if arm not in looped and self._room(arm) > GROWTH
            }
            if not tight:
                break
            for arm in tight:
                self.plan.cuts[arm] += GROWTH
            for link in links:
                if tight & set(link.arms):
                    self._measure(link)

    def _room(self, arm: Arm) -> float:
        """How much longer [m] an arm's cut could be."""
        other = Arm(arm.street, not arm.at_end)
        taken = self.plan.cuts[arm] + self.plan.cuts[other]
        left = self.plan.length(arm.street) - taken - MIN_LANE
        return min(left, MOST_CUT - self.plan.cuts[arm])

    def _loop(self, arm: Arm) -> list[Connection]:
        """A loop back into the street at a dead end, if there is room for one."""
        side = -1.0 if self.lanes.left_hand else 1.0
        inner = (len(self.lanes.arriving(arm)) - 1, len(self.lanes.leaving(arm)) - 1)
        here, there = inner if self.lanes.left_hand else (0, 0)
        aside = abs(self.lanes.arriving(arm)[here].offset) + LOOP_RADIUS
        reach = float(np.sqrt((2 * LOOP_RADIUS) ** 2 - min(aside, 2 * LOOP_RADIUS - 0.5) ** 2))
        before = self.plan.cuts[arm]
        for cut in (reach + LOOP_RADIUS, reach):
            self.plan.cuts[arm] = before
            if self._room(arm) < cut - before:
                continue
            self.plan.cuts[arm] = cut
            start, end = self.lanes.end_pose(arm, here), self.lanes.start_pose(arm, there)
            path = _teardrop(start, end, side)
            if sharpest(path) <= MAX_CURVATURE and self._is_free(path, arm):
                return [Connection((arm, here), (arm, there), [], path, 1 / LOOP_RADIUS)]
        self.plan.cuts[arm] = before
        return []

    def _is_free(self, path: Array, arm: Arm) -> bool:
        """Whether a path keeps clear of all streets but its own."""
        reach = LOOP_CLEARANCE + self._widest / 2
        near = {number for found in self._tree.query_ball_point(path, reach) for number in found}
        for number in near:
            owner = self._owners[number]
            gap = np.linalg.norm(path - self._tree.data[number], axis=1).min()
            if owner != arm.street and gap < LOOP_CLEARANCE + (
                self.plan.streets[owner].layout.width / 2
            ):
                return False
        return True


def _straight_ends(start: Pose, end: Pose) -> Array:
    """Two poses, each with a point `STRAIGHT_END` in front of or behind it; (4, 2) m."""
    first = np.array([np.cos(start.heading), np.sin(start.heading)])
    last = np.array([np.cos(end.heading), np.sin(end.heading)])
    length = min(STRAIGHT_END, float(np.linalg.norm(end.point - start.point)) / 3)
    return np.stack(
        [start.point, start.point + length * first, end.point - length * last, end.point]
    )


def _teardrop(start: Pose, end: Pose, side: float) -> Array:
    """A loop from a pose to one beside it, around to the left (side 1) or right; (N, 2) m."""
    axis = (start.point + end.point) / 2
    ahead = np.array([np.cos(start.heading), np.sin(start.heading)])
    across = side * np.array([-ahead[1], ahead[0]])
    aside = float((axis - start.point) @ across)
    reach = np.sqrt(max((2 * LOOP_RADIUS) ** 2 - (aside + LOOP_RADIUS) ** 2, 1.0))
    lean = np.arctan2(reach, aside + LOOP_RADIUS)  # rad, of the first bend away from the axis
    right = np.array([0.0, -aside - LOOP_RADIUS])
    out = arc(right, LOOP_RADIUS, np.pi / 2, np.pi / 2 - lean)
    around = arc(np.array([reach, 0.0]), LOOP_RADIUS, -np.pi / 2 - lean, np.pi / 2 + lean)
    back = (out * (1.0, -1.0))[::-1]
    local = np.concatenate([out, around[1:], back[1:]])
    path = even(axis + local[:, :1] * ahead + local[:, 1:] * across, STEP)
    share = np.linspace(0.0, 1.0, len(path))[:, None]  # in a bend the poses are not quite abreast
    moved = (1.0 - share) * (start.point - path[0]) + share * (end.point - path[-1])
    return np.asarray(path + moved)


@njit(cache=True)
def _fillet_curvature(start: Array, heading: float, end: Array, last_heading: float) -> float:
    """Curvature [1/m] of the arc by which `connect` joins two poses, -1 where it uses none."""
    turn = (last_heading - heading + np.pi) % (2 * np.pi) - np.pi
    sine = np.sin(turn)
    if abs(turn) <= 0.25 or abs(sine) < 1e-6:
        return -1.0
    gap_x, gap_y = end[0] - start[0], end[1] - start[1]
    ahead = (gap_x * np.sin(last_heading) - gap_y * np.cos(last_heading)) / sine
    behind = (np.cos(heading) * gap_y - np.sin(heading) * gap_x) / sine
    if ahead <= 0.5 or behind <= 0.5:
        return -1.0
    return float(np.tan(abs(turn) / 2) / min(ahead, behind))
