"""Towns from a seed: a jittered grid of curved streets with T and four-way junctions.

Right-hand traffic, one lane a direction. The same seed gives the same town on every machine.
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import networkx as nx
import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import SAMPLE_SPACING, connect, trim, wrap
from drivecnn_envs.roads import SampledLane, TownNetwork

Array = NDArray[np.float64]
Node = tuple[int, int]
Arm = tuple[Node, Node]  # (junction node, the node its street leads to)

STREAM = 1_000_003  # keeps this generator's random numbers apart from other users of the seed
BLOCKS = (3, 4)  # blocks in each direction, both included
BLOCK_SIZE = (64.0, 115.0)  # m
JITTER = 9.0  # m, how far a junction may lie from its grid point
REMOVED_STREETS = 0.13  # share of the grid's streets left out, as far as the town stays whole
BEND = 0.7  # rad, how far a curved street's end may turn away from the straight connection
MIN_ARM_ANGLE = 1.0  # rad, between neighbouring arms of a junction
CORNER_RADIUS = (6.5, 10.0)  # m, centre line of a right turn
MAX_CURVATURE = 0.185  # 1/m, a vehicle here turns at up to 0.2
LANE_WIDTH = (3.0, 4.0)  # m
MAX_CUTBACK = 24.0  # m, how far a junction reaches into a street
SPEED_LIMIT = 13.9  # m/s


class Street(NamedTuple):
    """The centre line of a street between two nodes."""

    curve: Array  # (N, 2) m, from the first node to the second
    lane_width: float
    centre_line: int
    edge_line: int


def generate_town(seed: int) -> TownNetwork:
    """A town of roughly 200-450 m a side, always the same for a seed >= 0."""
    for attempt in count():
        network = _draw_town(f"procedural:{seed}", np.random.default_rng([STREAM, seed, attempt]))
        if max(_sharpest_turn(lane) for lane in network.lanes.values()) <= MAX_CURVATURE:
            break
    return network


def _sharpest_turn(lane: SampledLane) -> float:
    """Largest curvature [1/m] of a lane's centre line, either way."""
    return float(np.abs(np.gradient(lane.headings, lane.stations)).max())


def _draw_town(name: str, rng: np.random.Generator) -> TownNetwork:
    """One attempt at a town; about one in ten has a turn too sharp to drive."""
    nodes, streets = _plan_streets(rng)
    network = TownNetwork(name)
    arms = {node: _arms(node, streets) for node in nodes}
    corner_radius = rng.uniform(*CORNER_RADIUS)
    cutbacks = {node: _cutback(arms[node], streets, corner_radius) for node in nodes}
    for (start, end), street in streets.items():
        curve = trim(street.curve, cutbacks[start], cutbacks[end])
        _add_street_lanes(network, (start, end), curve, street)
    for node in nodes:
        _connect_arms(network, node, arms[node])
    return network


def _plan_streets(rng: np.random.Generator) -> tuple[list[Node], dict[Arm, Street]]:
    """Choose the nodes, which of them a street joins, and each street's shape."""
    columns, rows = rng.integers(BLOCKS[0], BLOCKS[1] + 1, size=2)
    east = np.concatenate([[0.0], np.cumsum(rng.uniform(*BLOCK_SIZE, size=columns))])
    north = np.concatenate([[0.0], np.cumsum(rng.uniform(*BLOCK_SIZE, size=rows))])
    grid: nx.Graph[Node] = nx.grid_2d_graph(columns + 1, rows + 1)
    position = {
        node: np.array([east[node[0]], north[node[1]]]) + rng.uniform(-JITTER, JITTER, size=2)
        for node in grid
    }
    _remove_streets(grid, rng)
    lane_width = rng.uniform(*LANE_WIDTH)
    streets: dict[Arm, Street] = {}
    headings: dict[Node, list[float]] = {node: [] for node in grid}
    for start, end in grid.edges:
        curve = _street_curve(position[start], position[end], rng, headings[start], headings[end])
        streets[start, end] = Street(
            curve,
            float(np.clip(lane_width + rng.normal(0, 0.15), *LANE_WIDTH)),
            int(rng.choice([LineType.STRIPED, LineType.CONTINUOUS_LINE], p=[0.7, 0.3])),
            int(rng.choice([LineType.NONE, LineType.CONTINUOUS_LINE], p=[0.4, 0.6])),
        )
    return list(grid), streets


def _remove_streets(grid: "nx.Graph[Node]", rng: np.random.Generator) -> None:
    """Take out streets at random while every node keeps two and the town stays in one piece."""
    edges = list(grid.edges)
    target = round(REMOVED_STREETS * len(edges))
    for number in rng.permutation(len(edges)):
        start, end = edges[number]
        if target == 0:
            return
        if min(grid.degree[start], grid.degree[end]) <= 2:
            continue
        grid.remove_edge(start, end)
        if nx.has_path(grid, start, end):
            target -= 1
        else:
            grid.add_edge(start, end)


def _street_curve(
    start: Array,
    end: Array,
    rng: np.random.Generator,
    start_headings: list[float],
    end_headings: list[float],
) -> Array:
    """A cubic between two nodes that leaves room to the arms already there; (N, 2) m.

    Appends the headings at which the street leaves its two nodes to the two lists.
    """
    chord = end - start
    length = float(np.linalg.norm(chord))
    along = float(np.arctan2(chord[1], chord[0]))
    for bend in (*(BEND * rng.uniform(0.2, 1.0, size=8)), 0.0):
        turns = bend * rng.choice([-1.0, 1.0], size=2) * (rng.random(2) < 0.7)
        leave, arrive = along + turns[0], along + turns[1]
        if _is_clear(leave, start_headings) and _is_clear(arrive + np.pi, end_headings):
            break
    start_headings.append(leave)
    end_headings.append(arrive + np.pi)
    t = np.linspace(0.0, 1.0, int(length / SAMPLE_SPACING) + 2)[:, None]
    first = length * np.array([np.cos(leave), np.sin(leave)])
    last = length * np.array([np.cos(arrive), np.sin(arrive)])
    curve: Array = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * first
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * last
    )
    return curve


def _is_clear(heading: float, others: list[float]) -> bool:
    return all(abs(wrap(heading - other)) >= MIN_ARM_ANGLE for other in others)


def _arms(node: Node, streets: dict[Arm, Street]) -> dict[Node, float]:
    """The neighbours a node's streets lead to, each with the heading [rad] of leaving."""
    arms: dict[Node, float] = {}
    for (start, end), street in streets.items():
        for here, there, curve in ((start, end, street.curve), (end, start, street.curve[::-1])):
            if here == node:
                step = curve[1] - curve[0]
                arms[there] = float(np.arctan2(step[1], step[0]))
    return arms


def _cutback(arms: dict[Node, float], streets: dict[Arm, Street], radius: float) -> float:
    """How far [m] a junction reaches, so that its sharpest right turn has the given radius."""
    half_width = max(street.lane_width for street in streets.values()) / 2
    headings = sorted(heading % (2 * np.pi) for heading in arms.values())
    gaps = np.diff([*headings, headings[0] + 2 * np.pi])
    sharpest = min(float(gaps.min()), np.pi * 0.8)
    return float(np.clip((half_width + radius) / np.tan(sharpest / 2), 7.0, MAX_CUTBACK))


def _add_street_lanes(network: TownNetwork, ends: Arm, curve: Array, street: Street) -> None:
    """One lane each way; a street between a and b has the highway-env edges a>b and b>a."""
    for (here, there), line in ((ends, curve), (ends[::-1], curve[::-1])):
        tangents = np.gradient(line, axis=0)
        normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)  # to the right
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        lane = SampledLane(
            line + normals * street.lane_width / 2,
            street.lane_width,
            (street.edge_line, street.centre_line),
            speed_limit=SPEED_LIMIT,
        )
        network.add_lane(_name(here, there, "start"), _name(here, there, "end"), lane)


def _name(here: Node, there: Node, end: str) -> str:
    return f"{here[0]}.{here[1]}>{there[0]}.{there[1]}:{end}"


def _connect_arms(network: TownNetwork, node: Node, arms: dict[Node, float]) -> None:
    """Lanes across a node from every arm to every other. Two arms make a bend, no junction."""
    junction = f"{node[0]}.{node[1]}" if len(arms) > 2 else None
    for origin, target in _ordered_pairs(list(arms)):
        arrival = _name(origin, node, "end")
        departure = _name(node, target, "start")
        incoming = network.graph[_name(origin, node, "start")][arrival][0]
        outgoing = network.graph[departure][_name(node, target, "end")][0]
        points = connect(
            incoming.points[-1], incoming.headings[-1], outgoing.points[0], outgoing.headings[0]
        )
        widths = np.linspace(incoming.widths[-1], outgoing.widths[0], len(points))
        right, left = (LineType.NONE, LineType.NONE) if junction else incoming.line_types
        network.add_lane(
            arrival,
            departure,
            SampledLane(points, widths, (right, left), speed_limit=SPEED_LIMIT, junction=junction),
        )


def _ordered_pairs(items: list[Node]) -> Iterator[tuple[Node, Node]]:
    return ((a, b) for a in items for b in items if a != b)
