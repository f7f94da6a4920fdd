"""Routes: where to drive, as points one metre apart with heading, curvature and a fitting speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.curves import stations as stations_of
from drivecnn_envs.roads import LaneIndex, SampledLane, TownNetwork
from drivecnn_envs.vehicle import MAX_CURVATURE, speed_profile

Array = NDArray[np.float64]

SPACING = 1.0  # m between two points of a route
LANE_CHANGE_LENGTH = 30.0  # m
RUN_OUT = 30.0  # m a route goes on beyond its goal, for the cameras' and the expert's look ahead
MAX_ATTEMPTS = 400  # random walks tried for one route
COMMAND_AHEAD = 30.0  # m before a junction from which on a navigator tells which way to take
TURN = 0.5  # rad, from which on a way is no longer straight on
FOLLOW, LEFT, STRAIGHT, RIGHT = range(4)  # what a navigator tells
LANE_CHANGE_CHANCE = 0.1  # per lane of a random walk
LAP = 150.0  # m within which a random walk that comes back to a fork is given up


@dataclass(frozen=True)
class Route:
    """A way through the lanes.

    Attributes:
        x, y: (N,) m, one point every `SPACING`.
        yaw: (N,) rad, unwrapped.
        width: (N,) m, of the lane.
        length: m to the goal; the points go on for `RUN_OUT` beyond.
        junctions: (start, end) [m] of each junction on the way that offers more than one branch.
        lanes: the lanes in order.
        entered_from: the lane that leads into each of the junctions.
    """

    x: Array
    y: Array
    yaw: Array
    width: Array
    length: float
    junctions: tuple[tuple[float, float], ...]
    lanes: tuple[LaneIndex, ...]
    entered_from: tuple[LaneIndex, ...] = ()

    @cached_property
    def curvature(self) -> Array:
        """(N,) 1/m, left positive, averaged over three points."""
        rough = np.gradient(self.yaw, SPACING, edge_order=2)
        smooth = np.convolve(np.pad(rough, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
        return np.clip(smooth, -MAX_CURVATURE, MAX_CURVATURE)

    @cached_property
    def command(self) -> NDArray[np.uint8]:
        """(N,) what a navigator tells at each point: `FOLLOW`, or which way the next junction."""
        told = np.full(len(self.x), FOLLOW, np.uint8)
        for start, end in reversed(self.junctions):  # the nearer one is what counts
            first, last = int(start / SPACING), min(int(end / SPACING) + 1, len(self.x) - 1)
            turn = self.yaw[last] - self.yaw[first]
            way = STRAIGHT if abs(turn) < TURN else LEFT if turn > 0 else RIGHT
            told[max(first - int(COMMAND_AHEAD / SPACING), 0) : last + 1] = way
        return told

    @cached_property
    def speed(self) -> Array:
        """(N,) m/s that suits the curves."""
        return np.asarray(speed_profile(self.curvature, SPACING))


def plan(network: TownNetwork, start: LaneIndex, goal: LaneIndex) -> tuple[LaneIndex, ...]:
    """The shortest way from one lane to another, lane changes included.

    Raises:
        MapError: if the goal cannot be reached.
    """
    try:
        return tuple(nx.shortest_path(network.lane_graph, start, goal, weight="weight"))
    except nx.NetworkXNoPath:
        raise MapError(
            f"{network.name}: no way from lane {start} to lane {goal}: choose lanes that are joined"
        ) from None


def follow(
    network: TownNetwork,
    lanes: Sequence[LaneIndex],
    start: float = 0.0,
    length: float | None = None,
) -> Route:
    """The route along joined lanes.

    Args:
        network: the lanes' network.
        lanes: each continues the one before or lies beside it (a lane change).
        start: m along the first lane.
        length: m to the goal; by default as far as the lanes go, less `RUN_OUT`.
    """
    points, spans = _concatenate(network, lanes, start)
    stations = stations_of(points[:, :2])
    even = np.arange(0.0, stations[-1], SPACING)
    if len(even) < 3:
        raise MapError(f"{network.name}: a route of {stations[-1]:.1f} m, expected at least 3 m")
    resampled = resample(points, stations, even)
    length = max(float(even[-1]) - RUN_OUT, 0.5 * float(even[-1])) if length is None else length
    length = min(length, float(even[-1]))
    resampled = resampled[:, : int((length + RUN_OUT) / SPACING) + 1]
    x, y, width = resampled
    tangents = np.gradient(resampled[:2], axis=1, edge_order=2)
    within = [
        (float(stations[first]), float(stations[last]), before)
        for first, last, before in spans
        if stations[first] > 1.0 and stations[last] < length
    ]
    junctions = tuple((start, end) for start, end, _ in within)
    entered_from = tuple(lane for _, _, lane in within)
    yaw = np.unwrap(np.arctan2(tangents[1], tangents[0]))
    return Route(x, y, yaw, width, length, junctions, tuple(lanes), entered_from)


def _concatenate(
    network: TownNetwork, lanes: Sequence[LaneIndex], start: float
) -> tuple[Array, list[tuple[int, int, LaneIndex]]]:
    """Points along lanes, (N, 3) x, y and width [m], and where choices begin and end.

    The second is a list of point numbers (first, last) of each junction entered by a lane that
    could have been left another way, and that lane.
    """
    pieces: list[Array] = []
    spans: list[tuple[int, int, LaneIndex]] = []
    count, offset, entered, before = 0, start, -1, lanes[0]
    for number, index in enumerate(lanes):
        lane = network.lanes[index]
        after = lanes[number + 1] if number + 1 < len(lanes) else None
        if lane.junction is not None and entered < 0 and number > 0:
            before = lanes[number - 1]
            entered = count if len(network.followers(before)) > 1 else -1
        if after is not None and network.lane_graph.edges[index, after]["change"]:
            still = _changes_from(network, lanes[number:])
            last = lane.length if still == 1 else offset + (lane.length - offset) / still
            end = min(offset + LANE_CHANGE_LENGTH, last)
            pieces.append(_lane_change(lane, network.lanes[after], offset, end))
            offset = end * network.lanes[after].length / lane.length
        else:
            line = np.column_stack([lane.points, lane.widths])
            pieces.append(line[lane.stations >= offset - 1e-9])
            offset = 0.0
        if len(pieces) > 1:
            pieces[-1] = beyond(pieces[-2][-1], pieces[-1])
        count += len(pieces[-1])
        if entered >= 0 and (after is None or network.lanes[after].junction is None):
            spans.append((entered, count - 1, before))
            entered = -1
    return np.concatenate(pieces), spans


def _changes_from(network: TownNetwork, lanes: Sequence[LaneIndex]) -> int:
    """How many changes to the lane beside follow each other, from the first of the lanes on."""
    edges = network.lane_graph.edges
    changes = (edges[pair]["change"] for pair in pairwise(lanes))
    return sum(1 for _ in takewhile(bool, changes))


def resample(line: Array, stations: Array, even: Array) -> Array:
    """A line's columns (K, M) at even stations (M,) [m]; points (N, K) may lie on each other."""
    keep = np.concatenate([[True], np.diff(stations) > 1e-6])
    return np.stack([np.interp(even, stations[keep], column) for column in line[keep].T])


def beyond(last: Array, piece: Array) -> Array:
    """The points of a piece (N, 3) that lie ahead of a last point (3,): lanes may overlap a bit."""
    if len(piece) < 2:
        return piece
    steps = np.gradient(piece[:, :2], axis=0)
    ahead = ((piece[:, :2] - last[:2]) * steps).sum(axis=1) > 0
    return piece[np.argmax(ahead) :] if ahead.any() else piece[-1:]


def _lane_change(lane: SampledLane, beside: SampledLane, start: float, end: float) -> Array:
    """A glide from a lane to its neighbour between two stations [m]; (N, 3) x, y and width [m]."""
    along = np.linspace(start, end, max(int(end - start), 2))
    blend = (along - start) / max(end - start, 1e-6)
    blend = (blend**2 * (3 - 2 * blend))[:, None]
    here, there = (
        np.column_stack([np.interp(stations, road.stations, axis) for axis in columns])
        for road, stations, columns in (
            (lane, along, (*lane.points.T, lane.widths)),
            (beside, along * beside.length / lane.length, (*beside.points.T, beside.widths)),
        )
    )
    return np.asarray(here + blend * (there - here))


def random_routes(
    network: TownNetwork, count: int, rng: np.random.Generator, length: float, junctions: int = 0
) -> list[Route]:
    """Routes of a given length [m] through at least so many junctions that offer a choice.

    Raises:
        MapError: if the network has no such route.
    """
    routes: list[Route] = []
    starts = [index for index, lane in network.lanes.items() if lane.junction is None]
    starts = starts or list(network.lanes)
    for _ in range(MAX_ATTEMPTS * count):
        if len(routes) == count:
            break
        route = _random_walk(network, starts[rng.integers(len(starts))], rng, length)
        if route is not None and len(route.junctions) >= junctions:
            routes.append(route)
    if len(routes) < count:
        raise MapError(
            f"{network.name} has no route of {length:g} m with {junctions} junctions "
            f"(found {len(routes)} of {count}): ask for shorter routes or fewer junctions"
        )
    return routes


def _random_walk(
    network: TownNetwork, start: LaneIndex, rng: np.random.Generator, length: float
) -> Route | None:
    """A route that turns at random, None where the road ends too soon.

    None, too, where it comes back to a fork at once, as all the way round a roundabout: a route map
    shows both ways to take there and no order.
    """
    begin = float(rng.uniform(0.0, 0.5)) * network.lanes[start].length
    lanes, driven = [start], network.lanes[start].length - begin
    left: dict[LaneIndex, float] = {}  # m driven when each lane was last left
    while driven < length + RUN_OUT + 2 * SPACING:
        index = lanes[-1]
        options = network.followers(index)
        changes = network.changes(index)
        long_enough = network.lanes[index].length >= LANE_CHANGE_LENGTH + begin
        fresh = len(lanes) < 2 or lanes[-2] not in changes
        if changes and long_enough and fresh and (not options or rng.random() < LANE_CHANGE_CHANCE):
            lanes.append(changes[rng.integers(len(changes))])
            continue
        if not options or (len(options) > 1 and driven - left.get(index, -LAP) < LAP):
            return None
        left[index] = driven
        lanes.append(options[rng.integers(len(options))])
        driven += network.lanes[lanes[-1]].length
    return follow(network, lanes, begin, length)
