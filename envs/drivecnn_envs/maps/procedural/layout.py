"""Layouts of procedural towns: how far junctions reach, circles that fit, and room between streets.

All circles here - roundabouts and the turning circles of dead ends - are entered and left on arcs
that touch both the arm's lane and the circle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from drivecnn_envs.maps.curves import arc, stations, trim
from drivecnn_envs.maps.procedural.config import TownConfig
from drivecnn_envs.maps.procedural.plan import Plan, straighten
from drivecnn_envs.maps.procedural.streets import Arm, Ends, Node, Street, arms_of
from drivecnn_envs.roads import PavedStrip

Array = NDArray[np.float64]

LEAST_REACH, MAX_REACH = 7.0, 24.0  # m, of a junction into a street
MAX_FITTED_REACH = 34.0  # m, where only the arms that need it are cut back as far
STRAIGHT_BEYOND = 1.0  # m a street goes on straight outside its junction
STREET_RADIUS = 9.0  # m, of the innermost edge of a street in its curves, at least
STRAIGHTENING_ROUNDS = 6  # of making curved streets straighter
LEAST_STREET = 8.0  # m between two junctions
FLAT_ANGLE = 0.8 * np.pi  # rad, arms farther apart form no corner
TIGHTEST_RADIUS = 6.2  # m, of turns round acute corners in towns of wider ones
BEND_RADIUS = 16.0  # m, where a street goes on round a bend
ROUNDABOUT_ENTRY = 9.0  # m, radius of the arcs to and from a roundabout
CIRCLE_STEP, LARGEST_CIRCLE = 0.5, 19.0  # m, radii tried for a roundabout
BETWEEN_ARMS = 3.0  # m of a roundabout between an arm and the next, at least
TURNING_RADIUS, TURNING_ENTRY = 7.5, 8.0  # m, of a dead end's circle and of the arcs to it
DISC_SLICES = 12  # of a turning circle's surface
STREET_GAP = 2.0  # m of land between two streets, at least
CIRCLE_HALF_WIDTH = 2.0  # m, of the lane of a circle
NEAR_JUNCTION = 12.0  # m beyond a junction, at least, where its streets may be near each other
CHECK_SPACING = 2.0  # m between the points that are checked


class UnfitError(Exception):
    """A plan cannot be built: draw another one."""


@dataclass(frozen=True)
class Circle:
    """A circular lane, driven counter-clockwise, and the arcs that join its arms.

    Attributes:
        centre: (2,) m.
        radius, entry: m, of the circle and of the arcs.
    """

    centre: Array
    radius: float
    entry: float

    def reach(self, lateral: float) -> float:
        """How far [m] from the centre the arc of a lane `lateral` [m] off the axis ends."""
        return float(np.sqrt((self.radius + self.entry) ** 2 - (lateral + self.entry) ** 2))

    def angle(self, lateral: float) -> float:
        """Angle [rad] at the centre between an arm and the point where its arc meets the circle."""
        return float(np.arcsin((lateral + self.entry) / (self.radius + self.entry)))

    def way_in(self, heading: float, lateral: float) -> Array:
        """The arc from an arm's lane to the circle, (N, 2) m; the arm leaves with `heading`."""
        centre = self._arc_centre(heading, lateral, side=1.0)
        turned = self.angle(lateral) - np.pi
        return arc(centre, self.entry, heading - np.pi / 2, heading + turned)

    def way_out(self, heading: float, lateral: float) -> Array:
        """The arc from the circle to an arm's lane, (N, 2) m."""
        centre = self._arc_centre(heading, lateral, side=-1.0)
        turned = np.pi - self.angle(lateral)
        return arc(centre, self.entry, heading + turned, heading + np.pi / 2)

    def _arc_centre(self, heading: float, lateral: float, side: float) -> Array:
        ahead, left = self.reach(lateral), side * (lateral + self.entry)
        cos, sin = np.cos(heading), np.sin(heading)
        offset = [ahead * cos - left * sin, ahead * sin + left * cos]
        return np.asarray(self.centre + np.array(offset))


class Layout(NamedTuple):
    """A plan whose junctions are fitted.

    Attributes:
        plan: what was planned.
        arms: of each node, by neighbour.
        circles: roundabouts and dead ends.
        reaches: m, how far the junction at the first node reaches into a street to the second.
        curves: (N, 2) m, between its junctions, of each street.
        paved: road surface in junctions and turning circles besides the lanes.
    """

    plan: Plan
    arms: dict[Node, dict[Node, Arm]]
    circles: dict[Node, Circle]
    reaches: dict[Ends, float]
    curves: dict[Ends, Array]
    paved: list[PavedStrip]


def lay_out(plan: Plan, config: TownConfig) -> Layout:
    """Fit circles and junctions to a plan, and cut its streets back to them.

    Streets that would be too curved are straightened in the plan.

    Raises:
        UnfitError: if streets stay too curved, are too short or too near each other.
    """
    if not config.fitted_junctions:
        return _even_junctions(plan)
    for _ in range(STRAIGHTENING_ROUNDS):
        layout = _fitted_junctions(plan)
        curved = [
            ends for ends, curve in layout.curves.items() if _is_curved(curve, plan.streets[ends])
        ]
        if not curved:
            _refuse_crowding(layout)
            return layout
        straighten(plan, curved)
    raise UnfitError


def _even_junctions(plan: Plan) -> Layout:
    """Junctions that reach equally far into all their streets, as the sharpest right turn needs."""
    half_lane = max(street.lane_width for street in plan.streets.values()) / 2
    curves = {ends: street.curve() for ends, street in plan.streets.items()}
    headings: dict[Node, list[float]] = {node: [] for node in plan.position}
    for (start, end), curve in curves.items():
        for node, step in ((start, curve[1] - curve[0]), (end, curve[-2] - curve[-1])):
            headings[node].append(float(np.arctan2(step[1], step[0])))
    reach = {
        node: (half_lane + plan.corner_radius[node]) / np.tan(_sharpest(around) / 2)
        for node, around in headings.items()
    }
    arms = {node: arms_of(node, plan.streets) for node in plan.position}
    reaches = {
        (node, there): float(np.clip(reach[node], LEAST_REACH, MAX_REACH))
        for node, around in arms.items()
        for there in around
    }
    trimmed = {
        ends: trim(curve, reaches[ends], reaches[ends[::-1]]) for ends, curve in curves.items()
    }
    return Layout(plan, arms, {}, reaches, trimmed, [])


def _fitted_junctions(plan: Plan) -> Layout:
    """Circles where planned, and junctions that reach into each street as far as it needs."""
    arms = {node: arms_of(node, plan.streets) for node in plan.position}
    circles: dict[Node, Circle] = {}
    reaches: dict[Ends, float] = {}
    for node, around in arms.items():
        circle = _circle(plan, node, around)
        if circle is not None:
            circles[node] = circle
            reaches |= {(node, there): circle.reach(_aside(arm)) for there, arm in around.items()}
        else:
            reaches |= {
                (node, there): reach + plan.setbacks.get((node, there), 0.0)
                for there, reach in _fit(around, plan.corner_radius[node]).items()
            }
    paved = [
        _disc(circles[node].centre, circles[node].radius)
        for node, around in arms.items()
        if len(around) == 1
    ]
    for node, around in arms.items():
        if node not in circles and len(around) > 2:
            paved += _mouths(plan.position[node], node, around, reaches)
    layout = Layout(plan, arms, circles, reaches, {}, paved)
    for ends in plan.streets:
        cuts = reaches[ends], reaches[ends[::-1]]
        curve = _whole(layout, ends)
        if stations(curve)[-1] < sum(cuts) + LEAST_STREET:
            raise UnfitError
        layout.curves[ends] = trim(curve, *cuts)
    return layout


def _mouths(
    middle: Array, node: Node, arms: dict[Node, Arm], reaches: dict[Ends, float]
) -> Iterator[PavedStrip]:
    """The surface of a junction's arms, as wide as their streets, and of its middle (2,) [m]."""
    yield _disc(middle, min(arm.side for arm in arms.values()))
    for there, arm in arms.items():
        along = np.array([[min(arm.side, reaches[node, there] / 2)], [reaches[node, there]]])
        points = middle + along * np.array([np.cos(arm.heading), np.sin(arm.heading)])
        yield PavedStrip(points, np.full(2, 2 * arm.side))


def _disc(centre: Array, radius: float) -> PavedStrip:
    """The surface inside a circle with a centre (2,) [m] and a radius [m]."""
    across = np.linspace(-1.0, 1.0, DISC_SLICES + 1) * radius
    middle = np.column_stack([across, np.zeros(len(across))])
    return PavedStrip(centre + middle, 2 * np.sqrt(np.maximum(radius**2 - across**2, 0.0)))


def _whole(layout: Layout, ends: Ends) -> Array:
    """The curve (N, 2) [m] of a street from node to node, straight as far as junctions reach."""
    cuts = layout.reaches[ends], layout.reaches[ends[::-1]]
    return layout.plan.streets[ends].curve((cuts[0] + STRAIGHT_BEYOND, cuts[1] + STRAIGHT_BEYOND))


def _is_curved(curve: Array, street: Street) -> bool:
    """Whether the innermost lane of a street along a curve (N, 2) [m] would be too sharp."""
    steps = np.diff(curve, axis=0)
    turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
    radius = np.linalg.norm(steps, axis=1)[1:] / np.maximum(np.abs(turns), 1e-9)
    return bool(radius.min() < STREET_RADIUS + street.half_width())


def _sharpest(headings: list[float]) -> float:
    """The least angle [rad] between neighbouring arms, `FLAT_ANGLE` at most."""
    around = sorted(heading % (2 * np.pi) for heading in headings)
    gaps = np.diff([*around, around[0] + 2 * np.pi])
    return min(float(gaps.min()), FLAT_ANGLE)


def _wedges(arms: dict[Node, Arm]) -> Iterator[tuple[Node, Node, float]]:
    """Each arm, the next one counter-clockwise, and the angle [rad] between them."""
    around = sorted(arms, key=lambda there: arms[there].heading % (2 * np.pi))
    for here, after in zip(around, [*around[1:], around[0]], strict=True):
        angle = (arms[after].heading - arms[here].heading) % (2 * np.pi)
        yield here, after, angle if len(around) > 1 else 2 * np.pi


def _fit(arms: dict[Node, Arm], corner_radius: float) -> dict[Node, float]:
    """How far [m] each arm of a junction is cut back, so that every corner can be driven."""
    wanted = BEND_RADIUS if len(arms) == 2 else corner_radius
    reach = dict.fromkeys(arms, LEAST_REACH)
    for here, after, angle in _wedges(arms):
        if angle >= FLAT_ANGLE:
            continue
        tightest = min(TIGHTEST_RADIUS, corner_radius)
        radius = max(tightest, wanted * min(1.0, angle / (np.pi / 2)))
        tangent = radius / np.tan(angle / 2)
        for a, b in _corner(arms[here], arms[after]):
            for there, own, other in ((here, a, b), (after, b, a)):
                corner = (own * np.cos(angle) + other) / np.sin(angle)
                reach[there] = max(reach[there], corner + tangent)
        sides = arms[here].side, arms[after].side
        ends = [
            (there, (own * np.cos(angle) + other) / np.sin(angle))
            for there, own, other in ((here, *sides), (after, *sides[::-1]))
        ]
        if all(reach[there] < end for there, end in ends):
            reach |= dict(ends)
    if max(reach.values()) > MAX_FITTED_REACH:
        raise UnfitError
    return reach


def _corner(arm: Arm, after: Arm) -> Iterator[tuple[float, float]]:
    """How far [m] into the wedge between two arms lie the lanes of the turns around it.

    The right turn from the first arm to the next one counter-clockwise, the left turn back.
    """
    if arm.arriving and after.leaving:
        yield arm.arriving[-1], -after.leaving[-1]
    if after.arriving and arm.leaving:
        yield arm.leaving[0], -after.arriving[0]


def _aside(arm: Arm) -> float:
    """How far [m] off its axis the one lane a direction of an arm lies, 0 if it is one-way."""
    return abs([*arm.leaving, *arm.arriving][0])


def _circle(plan: Plan, node: Node, arms: dict[Node, Arm]) -> Circle | None:
    """The circle at a node: a dead end's, a roundabout's if one fits, else None."""
    if len(arms) == 1:
        return Circle(plan.position[node], TURNING_RADIUS, TURNING_ENTRY)
    if node not in plan.roundabouts:
        return None
    for radius in np.arange(plan.roundabouts[node], LARGEST_CIRCLE, CIRCLE_STEP):
        circle = Circle(plan.position[node], float(radius), ROUNDABOUT_ENTRY)
        if all(
            circle.angle(_aside(arms[here])) + circle.angle(_aside(arms[after]))
            <= angle - BETWEEN_ARMS / radius
            for here, after, angle in _wedges(arms)
        ):
            return circle
    return None


def _refuse_crowding(layout: Layout) -> None:
    """Check that streets meet in junctions only.

    Raises:
        UnfitError: if not.
    """
    numbers = {node: number for number, node in enumerate(layout.arms)}
    strips: list[Array] = []  # each (N, 5): x, y, half width, street, and the junction it is at
    across = 2 * max(street.half_width() for street in layout.plan.streets.values()) + STREET_GAP
    for number, (ends, street) in enumerate(layout.plan.streets.items()):
        cuts = layout.reaches[ends], layout.reaches[ends[::-1]]
        curve = _whole(layout, ends)
        along = stations(curve)
        even = np.arange(0.0, along[-1], CHECK_SPACING)
        x, y = (np.interp(even, along, axis) for axis in curve.T)
        near = [max(cut + NEAR_JUNCTION, across) for cut in cuts]
        junction = np.where(even <= near[0], numbers[ends[0]], -1)
        junction[even >= along[-1] - near[1]] = numbers[ends[1]]
        half = np.full(len(even), street.half_width())
        strips.append(np.column_stack([x, y, half, np.full(len(even), number), junction]))
    for node, circle in layout.circles.items():
        x, y = arc(circle.centre, circle.radius, 0.0, 2 * np.pi).T
        rest = np.tile([CIRCLE_HALF_WIDTH, -1.0 - numbers[node], numbers[node]], (len(x), 1))
        strips.append(np.column_stack([x, y, rest]))
    points = np.concatenate(strips)
    pairs = cKDTree(points[:, :2]).query_pairs(across, output_type="ndarray")
    one, other = points[pairs[:, 0]], points[pairs[:, 1]]
    near = np.hypot(*(one - other)[:, :2].T) < one[:, 2] + other[:, 2] + STREET_GAP
    joined = (one[:, 3] == other[:, 3]) | ((one[:, 4] == other[:, 4]) & (one[:, 4] >= 0))
    if (near & ~joined).any():
        raise UnfitError
