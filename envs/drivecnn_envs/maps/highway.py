"""highway-env's own scenarios as maps: its networks are y-down, ours are right-handed."""

import networkx as nx
import numpy as np
from highway_env import envs as scenarios
from highway_env.envs import highway_env, intersection_env, merge_env, racetrack_env, roundabout_env
from highway_env.road.lane import AbstractLane, StraightLane
from highway_env.road.road import RoadNetwork
from numpy.typing import NDArray

from drivecnn_envs.errors import MapError
from drivecnn_envs.markings import DASH_PERIOD
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork

Array = NDArray[np.float64]

SAMPLE_SPACING = 0.5  # m
JOIN_GAP = 1.5  # m, the racetracks' lanes do not meet any closer
MAX_JUNCTION_LANE = 60.0  # m, a longer lane between two branchings is a road of its own
DEFAULT_SPEED = 13.9  # m/s, where a lane has no speed limit
SPOT_LENGTH = 12.0  # m, a network of lanes no longer than this is a parking lot
LOT_STRIP = 4.0  # m
LOT_MARGIN = 6.0  # m of tarmac around a lot's spots

SCENARIOS = {
    "exit": scenarios.ExitEnv,
    "highway": scenarios.HighwayEnv,
    "highway-fast": highway_env.HighwayEnvFast,
    "intersection": scenarios.IntersectionEnv,
    "intersection-multi-agent": intersection_env.MultiAgentIntersectionEnv,
    "lane-keeping": scenarios.LaneKeepingEnv,
    "merge": scenarios.MergeEnv,
    "merge-generic": merge_env.MergeGenericEnv,
    "racetrack": scenarios.RacetrackEnv,
    "racetrack-large": racetrack_env.RacetrackEnvLarge,
    "racetrack-oval": racetrack_env.RacetrackEnvOval,
    "roundabout": scenarios.RoundaboutEnv,
    "roundabout-generic": roundabout_env.RoundaboutGenericEnv,
    "two-way": scenarios.TwoWayEnv,
    "u-turn": scenarios.UTurnEnv,
}  # all that are registered, less the versions and less parking lots, which have no routes


def mirror_scenario(name: str) -> TownNetwork:
    """The network of a highway-env scenario, mirrored into right-handed axes.

    Raises:
        MapError: if highway-env has no scenario of that name.
    """
    if name not in SCENARIOS:
        raise MapError(
            f"highway-env has no scenario {name!r}: choose one of {', '.join(sorted(SCENARIOS))}"
        )
    return mirror_network(SCENARIOS[name]().road.network, f"highway:{name}")


def mirror_network(source: RoadNetwork, name: str) -> TownNetwork:
    """Any highway-env network, mirrored into right-handed axes: lanes keep their indices.

    Between the spots of a parking lot there is tarmac.
    """
    network = TownNetwork(name, JOIN_GAP)
    junctions = _junctions(source)
    for (start, end, _), lane in source.lanes_dict().items():
        network.add_lane(start, end, _mirror(lane, junctions.get((start, end))))
    if max(lane.length for lane in network.lanes.values()) <= SPOT_LENGTH:
        network.paved.extend(_lot(network))
    return network


def _mirror(lane: AbstractLane, junction: str | None) -> SampledLane:
    """The lane with y negated, sampled. What was its lateral -1 side is its +1 side now."""
    stations = np.linspace(0.0, lane.length, max(int(lane.length / SAMPLE_SPACING), 2) + 1)
    if type(lane) is StraightLane:  # at once, some are 10 km long
        points = np.asarray(lane.position(stations[:, None], 0.0))
        widths = np.full(len(stations), lane.width_at(0.0))
    else:
        points = np.array([lane.position(station, 0.0) for station in stations])
        widths = np.array([lane.width_at(station) for station in stations])
    right, left = lane.line_types[1], lane.line_types[0]
    return SampledLane(
        points * (1.0, -1.0),
        widths,
        (right, left),
        speed_limit=lane.speed_limit or DEFAULT_SPEED,
        junction=junction,
        forbidden=lane.forbidden,
        priority=lane.priority,
    )


def _lot(network: TownNetwork) -> list[PavedStrip]:
    """The tarmac under and around all lanes, in strips from west to east."""
    points = np.concatenate([lane.points for lane in network.lanes.values()])
    (west, south), (east, north) = points.min(axis=0) - LOT_MARGIN, points.max(axis=0) + LOT_MARGIN
    rows = np.arange(south, north, LOT_STRIP) + LOT_STRIP / 2
    widths = np.full(2, LOT_STRIP)
    return [PavedStrip(np.array([[west, row], [east, row]]), widths) for row in rows]


def _junctions(network: RoadNetwork) -> dict[tuple[str, str], str]:
    """The edges in a junction, with its name: short ones that begin where there is a choice.

    Edges that meet belong to one junction, which is named after its first node.
    """
    edges = [
        (start, end)
        for start, ends in network.graph.items()
        for end, lanes in ends.items()
        if len(ends) > 1 and min(lane.length for lane in lanes) <= MAX_JUNCTION_LANE
    ]
    clusters = nx.connected_components(nx.Graph(edges))
    names = {node: min(cluster) for cluster in clusters for node in cluster}
    return {edge: names[edge[0]] for edge in edges}


def crop_network(network: TownNetwork, low: Array, high: Array) -> TownNetwork:
    """The parts of all lanes inside a rectangle, for painting: from corner (2,) to corner (2,) [m].

    Parts begin at a whole number of dash periods along their lane, so that the dashes of two
    overlapping rectangles lie on each other. The network is empty where there is no lane.
    """
    cropped = TownNetwork(network.name, network.join_gap, left_hand=network.left_hand)
    cropped.paved = list(network.paved)
    for (start, end, _), lane in network.lanes.items():
        inside = ((lane.points >= low) & (lane.points <= high)).all(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
        for part, (first, after) in enumerate(edges.reshape(-1, 2)):
            begin = lane.stations[first] // DASH_PERIOD * DASH_PERIOD
            span = slice(int(np.searchsorted(lane.stations, begin)), int(after))
            if after - span.start >= 2:
                piece = SampledLane(
                    lane.points[span],
                    lane.widths[span],
                    (lane.line_types[0], lane.line_types[1]),
                    speed_limit=lane.speed_limit,
                )
                cropped.add_lane(start, f"{end}/{part}" if part else end, piece)
    return cropped
