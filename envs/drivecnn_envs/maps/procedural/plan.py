"""Plans of procedural towns: which streets there are, of which kind, and where they lead.

A plan is drawn on a jittered grid. What the easy towns do not have is drawn from a stream of its
own, so that they stay as they are.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import networkx as nx
import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import wrap
from drivecnn_envs.maps.procedural.config import WIDE_TURN, TownConfig
from drivecnn_envs.maps.procedural.kinds import (
    add_shoulders,
    choose_avenues,
    lead_avenues_round_bends,
    make_one_way,
    widen,
)
from drivecnn_envs.maps.procedural.streets import Ends, Node, Street

Array = NDArray[np.float64]

MAX_ARMS = 5  # of a junction
BEND_ANGLE = 2.1  # rad, between the two streets of a bend at least: it is rounded
ROUNDABOUT_ANGLE = 0.95  # rad, between neighbouring arms of a roundabout at least
DEAD_END_LENGTH = (55.0, 75.0)  # m
DEAD_END_ROOM = 40.0  # m kept free between a dead end's turning circle and the node ahead
DEAD_END_TURN = 0.25  # rad, how far a dead end may turn from the grid's direction
WIDTH_SPREAD = 0.15  # m, standard deviation of lane widths within a town
STRAIGHTENED = 0.4  # share of its bend that a street loses when it is straightened
SPREAD_ROUNDS = 100  # of turning arms apart


class TurnRadius(NamedTuple):
    """How wide turns across a junction are at most: m, of their centre lines."""

    right: float = WIDE_TURN
    other: float = WIDE_TURN


class Plan(NamedTuple):
    """What a town is to become.

    Attributes:
        position: (2,) m of every node. Nodes of one arm are dead ends, of two arms bends.
        streets: by the nodes they join.
        roundabouts: nodes that should become roundabouts, each with the least radius [m].
        least_angle: rad, how far apart the arms of each node are turned; empty if left alone.
        corner_radius: m, centre line of the right turns at each node.
        turn_radius: of the turns at each node.
        setbacks: m by which the junction at the first node is kept larger than it has to be, for
            each street to a second one.
    """

    position: dict[Node, Array]
    streets: dict[Ends, Street]
    roundabouts: dict[Node, float]
    least_angle: dict[Node, float]
    corner_radius: dict[Node, float]
    turn_radius: dict[Node, TurnRadius]
    setbacks: dict[Ends, float]


def draw_plan(config: TownConfig, rng: np.random.Generator) -> Plan:
    """A town's streets, before their junctions are fitted."""
    extras = rng.spawn(1)[0]
    columns, rows = rng.integers(config.blocks[0], config.blocks[1] + 1, size=2)
    east = np.concatenate([[0.0], np.cumsum(rng.uniform(*config.block_size, size=columns))])
    north = np.concatenate([[0.0], np.cumsum(rng.uniform(*config.block_size, size=rows))])
    grid: nx.Graph[Node] = nx.grid_2d_graph(columns + 1, rows + 1)
    position: dict[Node, Array] = {
        node: np.array([east[node[0]], north[node[1]]])
        + rng.uniform(-config.jitter, config.jitter, size=2)
        for node in grid
    }
    _remove_streets(grid, config.removed, rng)
    avenues = choose_avenues(grid, (columns, rows), config, extras)
    _add_diagonals(grid, (columns, rows), config.diagonals, extras)
    _add_dead_ends(grid, position, config.dead_ends, extras)
    lead_avenues_round_bends(grid, avenues)
    roundabouts = _choose_roundabouts(grid, avenues, config, extras)
    streets = _draw_streets(grid, position, config, rng)
    for ends, avenue in avenues.items():
        streets[ends] = widen(streets[ends], avenue)
    least: dict[Node, float] = {}
    if config.fitted_junctions:
        least = dict.fromkeys(grid, config.least_angle)
        least |= {node: BEND_ANGLE for node in grid if grid.degree[node] == 2}
        least |= dict.fromkeys(roundabouts, max(ROUNDABOUT_ANGLE, config.least_angle))
        _turn_apart(streets, least)
    make_one_way(streets, roundabouts, config, extras)
    if config.shoulders > 0.0:
        add_shoulders(streets, config, extras)
    corner_radius = dict.fromkeys(grid, rng.uniform(*config.corner_radius))
    if config.varied_corners:
        corner_radius = {node: _log_uniform(*config.corner_radius, extras) for node in grid}
    compact = {node for node in grid if config.compact > 0.0 and extras.random() < config.compact}
    turn_radius = dict.fromkeys(grid, TurnRadius())
    if config.turn_radius < WIDE_TURN:
        turn_radius |= {
            node: TurnRadius(radius, _log_uniform(radius, max(config.turn_radius, radius), extras))
            for node, radius in corner_radius.items()
            if node not in compact
        }
    setbacks = {
        (node, there): extras.uniform(*config.setback)
        for node in grid
        if grid.degree[node] > 2 and node not in compact
        for there in grid[node]
    }
    plan = Plan(position, streets, roundabouts, least, corner_radius, turn_radius, setbacks)
    if avenues:
        straighten(plan, list(avenues))
    return plan


def _log_uniform(least: float, most: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def _remove_streets(grid: "nx.Graph[Node]", share: float, rng: np.random.Generator) -> None:
    """Take out streets at random while every node keeps two and the town stays in one piece."""
    edges = list(grid.edges)
    target = round(share * len(edges))
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


def _add_diagonals(
    grid: "nx.Graph[Node]", blocks: tuple[int, int], share: float, rng: np.random.Generator
) -> None:
    """Lead streets across blocks from corner to corner."""
    columns, rows = blocks
    target = round(share * columns * rows)
    for number in rng.permutation(columns * rows):
        column, row = int(number) % columns, int(number) // columns
        rising = bool(rng.random() < 0.5)
        start, end = (column, row + 1 - rising), (column + 1, row + rising)
        if target > 0 and max(grid.degree[start], grid.degree[end]) < MAX_ARMS:
            grid.add_edge(start, end)
            target -= 1


def _add_dead_ends(
    grid: "nx.Graph[Node]", position: dict[Node, Array], share: float, rng: np.random.Generator
) -> None:
    """Lead dead ends from nodes into the gaps beside them, and out of the town."""
    gaps = [
        (node, (node[0] + step[0], node[1] + step[1]), np.array(step))
        for node in list(grid)
        for step in ((1, 0), (0, 1), (-1, 0), (0, -1))
        if not grid.has_edge(node, (node[0] + step[0], node[1] + step[1]))
    ]
    target, taken = round(share * len(gaps)), set()
    for number in rng.permutation(len(gaps)):
        node, ahead, direction = gaps[number]
        length = rng.uniform(*DEAD_END_LENGTH)
        turn = rng.uniform(-DEAD_END_TURN, DEAD_END_TURN)
        if ahead in position:
            away = position[ahead] - position[node]
            direction = away / np.linalg.norm(away)
            length = min(length, float(np.linalg.norm(away)) - DEAD_END_ROOM)
        free = (ahead, node) not in taken and grid.degree[node] < MAX_ARMS
        if target == 0 or not free or length < DEAD_END_LENGTH[0]:
            continue
        taken.add((node, ahead))
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        end = (*node, len(taken))
        position[end] = position[node] + length * rotation @ direction
        grid.add_edge(node, end)
        target -= 1


def _choose_roundabouts(
    grid: "nx.Graph[Node]", avenues: Iterable[Ends], config: TownConfig, rng: np.random.Generator
) -> dict[Node, float]:
    """Some of the junctions that no avenue crosses, each with a radius [m]."""
    crossed = {node for ends in avenues for node in ends}
    free = [node for node in grid if grid.degree[node] > 2 and node not in crossed]
    chosen = rng.permutation(len(free))[: round(config.roundabouts * len(free))]
    return {free[number]: rng.uniform(*config.roundabout_radius) for number in chosen}


def _draw_streets(
    grid: "nx.Graph[Node]",
    position: dict[Node, Array],
    config: TownConfig,
    rng: np.random.Generator,
) -> dict[Ends, Street]:
    """Each street's headings, lane width and lines; one lane a direction."""
    lane_width = rng.uniform(*config.lane_width)
    streets: dict[Ends, Street] = {}
    taken: dict[Node, list[float]] = {node: [] for node in grid}
    for start, end in grid.edges:
        chord = position[end] - position[start]
        along = float(np.arctan2(chord[1], chord[0]))
        leave, arrive = _choose_headings(along, config, rng, taken[start], taken[end])
        taken[start].append(leave)
        taken[end].append(arrive + np.pi)
        streets[start, end] = Street(
            position[start],
            position[end],
            leave,
            arrive,
            float(np.clip(lane_width + rng.normal(0, WIDTH_SPREAD), *config.lane_width)),
            int(rng.choice([LineType.STRIPED, LineType.CONTINUOUS_LINE], p=[0.7, 0.3])),
            int(rng.choice([LineType.NONE, LineType.CONTINUOUS_LINE], p=[0.4, 0.6])),
        )
    return streets


def _choose_headings(
    along: float,
    config: TownConfig,
    rng: np.random.Generator,
    at_start: list[float],
    at_end: list[float],
) -> tuple[float, float]:
    """Headings [rad] at a street's ends that leave room to the arms already there, if any do.

    Args:
        along: rad, heading of the straight connection.
        config: how far streets bend.
        rng: source of chance.
        at_start: rad, headings at which other streets leave the first node.
        at_end: the same of the second node.
    """
    for bend in (*(config.bend * rng.uniform(0.2, 1.0, size=8)), 0.0):
        turns = bend * rng.choice([-1.0, 1.0], size=2) * (rng.random(2) < 0.7)
        leave, arrive = along + turns[0], along + turns[1]
        if all(
            abs(wrap(heading - other)) >= config.free_angle
            for heading, others in ((leave, at_start), (arrive + np.pi, at_end))
            for other in others
        ):
            break
    return float(leave), float(arrive)


def _turn_apart(streets: dict[Ends, Street], least: dict[Node, float]) -> None:
    """Turn the arms of every node, in place, until neighbours are `least` [rad] apart.

    The arms keep the order of the straight connections, so streets do not cross near a node.
    """
    arms: dict[Node, list[tuple[float, float, Ends]]] = {node: [] for node in least}
    for (start, end), street in streets.items():
        chord = street.end - street.start
        along = float(np.arctan2(chord[1], chord[0]))
        arms[start].append((along % (2 * np.pi), wrap(street.leave - along), (start, end)))
        back = (along + np.pi) % (2 * np.pi)
        arms[end].append((back, wrap(street.arrive - along), (start, end)))
    for node, around in arms.items():
        around.sort()
        before = np.array([along + turn for along, turn, _ in around])
        after = _spread(before, least[node])
        for (_, _, ends), turn in zip(around, after - before, strict=True):
            moved = "leave" if ends[0] == node else "arrive"
            street = streets[ends]
            streets[ends] = replace(street, **{moved: getattr(street, moved) + float(turn)})


def straighten(plan: Plan, curved: Iterable[Ends]) -> None:
    """Turn some streets' ends towards the straight connection, in place, as far as arms allow."""
    for ends in curved:
        street = plan.streets[ends]
        chord = street.end - street.start
        along = float(np.arctan2(chord[1], chord[0]))
        plan.streets[ends] = replace(
            street,
            leave=street.leave - STRAIGHTENED * wrap(street.leave - along),
            arrive=street.arrive - STRAIGHTENED * wrap(street.arrive - along),
        )
    _turn_apart(plan.streets, plan.least_angle)


def _spread(headings: Array, least: float) -> Array:
    """Headings (N,) [rad], in order around a circle, pushed apart until `least` is between them."""
    for _ in range(SPREAD_ROUNDS):
        gaps = np.diff(headings, append=headings[0] + 2 * np.pi)
        lacking = np.maximum(least - gaps, 0.0)
        if lacking.max() < 1e-3:
            break
        headings = headings + (np.roll(lacking, 1) - lacking) / 2
    return headings
