"""The road network every map becomes: highway-env's own type, with one kind of lane.

Axes are right-handed (x east, y north), so a positive lateral offset is to the LEFT of a lane.
Lanes of one edge are ordered from left to right, as in highway-env: lane 0 is the leftmost.
"""

from functools import cached_property
from typing import Any, NamedTuple, Self

import networkx as nx
import numpy as np
from highway_env.road.lane import AbstractLane, LineType
from highway_env.road.road import RoadNetwork
from numpy.typing import ArrayLike, NDArray

from drivecnn_envs.errors import MapError
from drivecnn_envs.polylines import (
    Polylines,
    interpolate,
    lanes_within,
    locate,
    nearest_lane,
    place,
)

Array = NDArray[np.float64]
LaneIndex = tuple[str, str, int]

JOIN_GAP = 0.2  # m
LANE_CHANGE_COST = 50.0  # m, what a lane change costs a route planner


class SampledLane(AbstractLane):
    """A lane of any shape: a centre line, sampled every half metre or so, and its widths.

    Positions beyond either end continue straight, as highway-env's own lanes do.
    """

    def __init__(
        self,
        points: ArrayLike,
        widths: ArrayLike,
        line_types: tuple[int, int] = (LineType.NONE, LineType.NONE),
        *,
        speed_limit: float = 13.9,
        junction: str | None = None,
        forbidden: bool = False,
        priority: int = 0,
    ) -> None:
        """Build the lane from its centre line.

        Args:
            points: (N, 2) centre line [m], N >= 2, no point twice in a row.
            widths: (N,) lane width [m] at each point, or one number.
            line_types: highway-env `LineType` of the right and the left edge.
            speed_limit: m/s.
            junction: name of the junction this lane crosses, None outside junctions.
            forbidden: whether vehicles may not change to this lane.
            priority: right-of-way priority, higher goes first.

        Raises:
            MapError: if the centre line has fewer than two distinct points or is not finite.
        """
        self.points: Array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        self.widths: Array = np.broadcast_to(
            np.asarray(widths, dtype=np.float64), len(self.points)
        ).copy()
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        if len(steps) == 0 or not (np.isfinite(self.points).all() and (steps > 0).all()):
            raise MapError(
                f"a lane needs at least 2 distinct finite points, got {len(self.points)} points "
                f"from {self.points[:1].tolist()}: remove the lane or mend its centre line"
            )
        self.stations: Array = np.concatenate([[0.0], np.cumsum(steps)])  # (N,) m along the lane
        tangents = _tangents(self.points, self.stations)
        self.headings: Array = np.unwrap(np.arctan2(tangents[:, 1], tangents[:, 0]))
        self.length = float(self.stations[-1])
        self.line_types = list(line_types)
        self.speed_limit = speed_limit
        self.junction = junction
        self.forbidden = forbidden
        self.priority = priority

    def position(self, longitudinal: float, lateral: float) -> Array:
        """World position (2,) [m] of lane coordinates, lateral positive to the left."""
        return np.array(place(self.points, self.stations, self.headings, longitudinal, lateral))

    def local_coordinates(self, position: Array) -> tuple[float, float]:
        """Lane coordinates (longitudinal, lateral) [m] of a world position."""
        longitudinal, lateral = locate(self.points, self.stations, position[0], position[1])
        return longitudinal, lateral

    def heading_at(self, longitudinal: float) -> float:
        """Heading [rad] of the centre line, counter-clockwise from x."""
        heading: float = interpolate(longitudinal, self.stations, self.headings)
        return heading

    def width_at(self, longitudinal: float) -> float:
        """Lane width [m]."""
        width: float = interpolate(longitudinal, self.stations, self.widths)
        return width

    def edge(self, side: int) -> Array:
        """The right (side 0) or left (side 1) edge of the lane, (N, 2) [m]."""
        normals = np.stack([-np.sin(self.headings), np.cos(self.headings)], axis=1)
        return self.points + normals * (side - 0.5) * self.widths[:, None]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A lane from what `to_config` wrote."""
        return cls(**config)

    def to_config(self) -> dict[str, Any]:
        """JSON-serialisable description, read back by highway-env's `lane_from_config`."""
        return {
            "class_path": f"{type(self).__module__}.{type(self).__name__}",
            "config": {
                "points": self.points.tolist(),
                "widths": self.widths.tolist(),
                "line_types": self.line_types,
                "speed_limit": self.speed_limit,
                "junction": self.junction,
                "forbidden": self.forbidden,
                "priority": self.priority,
            },
        }


def _tangents(points: Array, stations: Array) -> Array:
    """Derivative (N, 2) of a line by its length, second order also at its ends."""
    if len(points) == 2:
        return np.asarray(np.gradient(points, stations, axis=0))
    return np.asarray(np.gradient(points, stations, axis=0, edge_order=2))


class PavedStrip(NamedTuple):
    """Road surface that is no traffic lane: parking, turning strips, paved shoulders."""

    points: Array  # (N, 2) m, centre line
    widths: Array  # (N,) m


class TownNetwork(RoadNetwork):
    """highway-env's `RoadNetwork` of sampled lanes, with a spatial index and a lane graph."""

    graph: dict[str, dict[str, list[SampledLane]]]

    def __init__(
        self, name: str = "town", join_gap: float = JOIN_GAP, *, left_hand: bool = False
    ) -> None:
        """Make an empty network.

        Args:
            name: for people.
            join_gap: m, a lane that starts this near to another's end continues it.
            left_hand: whether traffic keeps to the left.
        """
        super().__init__()
        self.name = name
        self.join_gap = join_gap
        self.left_hand = left_hand
        self.paved: list[PavedStrip] = []

    def add_lane(self, _from: str, _to: str, lane: AbstractLane) -> None:
        """Add a lane from one node to another, to the right of those already there."""
        super().add_lane(_from, _to, lane)
        for derived in ("lanes", "lane_graph", "_closest"):
            self.__dict__.pop(derived, None)

    @cached_property
    def lanes(self) -> dict[LaneIndex, SampledLane]:
        """All lanes by index."""
        lanes: dict[LaneIndex, SampledLane] = self.lanes_dict()
        if not lanes:
            raise MapError(f"{self.name} has no driving lane: give a map with at least one road")
        return lanes

    @cached_property
    def lane_graph(self) -> "nx.DiGraph[LaneIndex]":
        """Which lane can follow which. Nodes are lane indices.

        Edge attributes: `weight` [m] is the length of the lane left plus what the change costs,
        `change` tells a move to the neighbouring lane from going on at the lane's end.
        """
        graph: nx.DiGraph[LaneIndex] = nx.DiGraph()
        graph.add_nodes_from(self.lanes)
        for index, lane in self.lanes.items():
            start, end, number = index
            for after, parallel in self.graph.get(end, {}).items():
                for position, follower in enumerate(parallel):
                    if self._is_joined(lane, follower):
                        graph.add_edge(
                            index, (end, after, position), weight=lane.length, change=False
                        )
            for neighbour in (number - 1, number + 1):
                if 0 <= neighbour < len(self.graph[start][end]) and lane.junction is None:
                    graph.add_edge(
                        index, (start, end, neighbour), weight=LANE_CHANGE_COST, change=True
                    )
        return graph

    def _is_joined(self, lane: SampledLane, after: SampledLane) -> bool:
        """Whether a lane begins where another ends, and does not turn back on the spot."""
        gap = np.linalg.norm(after.points[0] - lane.points[-1])
        return bool(gap <= self.join_gap and np.cos(after.headings[0] - lane.headings[-1]) > 0)

    def followers(self, index: LaneIndex) -> list[LaneIndex]:
        """The lanes that begin where this one ends."""
        return [after for after, edge in self.lane_graph[index].items() if not edge["change"]]

    def changes(self, index: LaneIndex) -> list[LaneIndex]:
        """The lanes beside this one that lead the same way."""
        return [beside for beside, edge in self.lane_graph[index].items() if edge["change"]]

    @cached_property
    def _closest(self) -> "_ClosestLane":
        return _ClosestLane(self.lanes_dict())

    def lanes_near(self, position: ArrayLike, radius: float) -> list[LaneIndex]:
        """Indices of all lanes within a radius [m] of a position (2,) [m], and of some more."""
        x, y = np.asarray(position, dtype=np.float64)
        return self._closest.near(x, y, radius)

    def get_closest_lane_index(
        self, position: ArrayLike, heading: float | None = None
    ) -> LaneIndex:
        """The lane nearest to a position (2,) [m] and heading [rad], just as highway-env says."""
        x, y = np.asarray(position, dtype=np.float64)
        return self._closest.to(x, y, heading)


class _ClosestLane:
    """Finds lanes by place: sampled lanes all at once, lanes of any other kind one by one."""

    def __init__(self, lanes: dict[LaneIndex, AbstractLane]) -> None:
        self.order = {index: number for number, index in enumerate(lanes)}
        sampled = {index: lane for index, lane in lanes.items() if isinstance(lane, SampledLane)}
        self.sampled = list(sampled)
        self.others = {index: lane for index, lane in lanes.items() if index not in sampled}
        self.polylines = Polylines.of(
            [(lane.points, lane.stations, lane.headings) for lane in sampled.values()]
        )

    def to(self, x: float, y: float, heading: float | None) -> LaneIndex:
        """The lane closest to a pose [m, rad]; of equally close ones the first."""
        found = []
        if self.sampled:
            asked = np.nan if heading is None else float(heading)
            number, distance = nearest_lane(self.polylines, x, y, asked)
            found.append((distance, self.sampled[number]))
        for index, lane in self.others.items():
            found.append((lane.distance_with_heading(np.array([x, y]), heading), index))
        return min(found, key=lambda item: (item[0], self.order[item[1]]))[1]

    def near(self, x: float, y: float, radius: float) -> list[LaneIndex]:
        """All sampled lanes within a radius [m], and some more."""
        within = lanes_within(self.polylines, x, y, radius)
        return [self.sampled[number] for number in np.flatnonzero(within)]


class MapSummary(NamedTuple):
    """What a map holds, for people."""

    width_m: float
    height_m: float
    lanes: int
    junctions: int
    lane_km: float  # outside junctions
    junction_lane_km: float


def summarise(network: TownNetwork) -> MapSummary:
    """Size, lanes, junctions and lane kilometres of a network."""
    points = np.concatenate([lane.points for lane in network.lanes.values()])
    width, height = np.ptp(points, axis=0)
    outside = [lane.length for lane in network.lanes.values() if lane.junction is None]
    inside = [lane.length for lane in network.lanes.values() if lane.junction is not None]
    junctions = {lane.junction for lane in network.lanes.values()} - {None}
    return MapSummary(
        float(width),
        float(height),
        len(network.lanes),
        len(junctions),
        sum(outside) / 1000,
        sum(inside) / 1000,
    )
