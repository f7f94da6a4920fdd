"""highway-env's own scenarios as maps: its networks are y-down, ours are right-handed."""

import networkx as nx
import numpy as np
from highway_env import envs as scenarios
from highway_env.envs import racetrack_env
from highway_env.road.lane import AbstractLane
from highway_env.road.road import RoadNetwork

from drivecnn_envs.errors import MapError
from drivecnn_envs.roads import SampledLane, TownNetwork

SAMPLE_SPACING = 0.5  # m
JOIN_GAP = 1.5  # m, the racetracks' lanes do not meet any closer
MAX_JUNCTION_LANE = 60.0  # m, a longer lane between two branchings is a road of its own

SCENARIOS = {
    "exit": scenarios.ExitEnv,
    "highway": scenarios.HighwayEnv,
    "intersection": scenarios.IntersectionEnv,
    "lane-keeping": scenarios.LaneKeepingEnv,
    "merge": scenarios.MergeEnv,
    "racetrack": scenarios.RacetrackEnv,
    "racetrack-large": racetrack_env.RacetrackEnvLarge,
    "racetrack-oval": racetrack_env.RacetrackEnvOval,
    "roundabout": scenarios.RoundaboutEnv,
    "two-way": scenarios.TwoWayEnv,
    "u-turn": scenarios.UTurnEnv,
}


def mirror_scenario(name: str) -> TownNetwork:
    """The network of a highway-env scenario, mirrored into right-handed axes.

    Raises:
        MapError: if highway-env has no scenario of that name.
    """
    if name not in SCENARIOS:
        raise MapError(
            f"highway-env has no scenario {name!r}: choose one of {', '.join(sorted(SCENARIOS))}"
        )
    source: RoadNetwork = SCENARIOS[name]().road.network
    network = TownNetwork(f"highway:{name}", JOIN_GAP)
    junctions = _junctions(source)
    for (start, end, _), lane in source.lanes_dict().items():
        network.add_lane(start, end, _mirror(lane, junctions.get((start, end))))
    return network


def _mirror(lane: AbstractLane, junction: str | None) -> SampledLane:
    """The lane with y negated, sampled. What was its lateral -1 side is its +1 side now."""
    stations = np.linspace(0.0, lane.length, max(int(lane.length / SAMPLE_SPACING), 2) + 1)
    points = np.array([lane.position(station, 0.0) for station in stations])
    right, left = lane.line_types[1], lane.line_types[0]
    return SampledLane(
        points * (1.0, -1.0),
        [lane.width_at(station) for station in stations],
        (right, left),
        speed_limit=lane.speed_limit or 13.9,
        junction=junction,
        forbidden=lane.forbidden,
        priority=lane.priority,
    )


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
