"""What kind the streets of a plan are: avenues, one-way streets, and those with shoulders."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import networkx as nx
import numpy as np
from highway_env.road.lane import LineType
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drivecnn_envs.maps.procedural.config import TownConfig
from drivecnn_envs.maps.procedural.streets import Ends, Node, Street

MEDIAN_WIDTH = (1.0, 5.0)  # m, least and most


class Avenue(NamedTuple):
    """What an avenue has that no other street has."""

    lanes: int  # a direction
    median: float  # m of land between the directions


def choose_avenues(
    grid: "nx.Graph[Node]", blocks: tuple[int, int], config: TownConfig, rng: np.random.Generator
) -> dict[Ends, Avenue]:
    """The streets along some of the grid's lines, which are made whole again, as avenues."""
    columns, rows = blocks
    lines = [[(column, row) for row in range(rows + 1)] for column in range(columns + 1)]
    lines += [[(column, row) for column in range(columns + 1)] for row in range(rows + 1)]
    chosen = rng.permutation(len(lines))[: round(config.avenues * len(lines))]
    avenues: dict[Ends, Avenue] = {}
    for number in chosen:
        lanes = _between(*config.avenue_lanes, rng)
        median = config.medians > 0.0 and rng.random() < config.medians
        avenue = Avenue(lanes, rng.uniform(*MEDIAN_WIDTH) if median else 0.0)
        streets = zip(lines[number][:-1], lines[number][1:], strict=True)
        avenues |= dict.fromkeys(streets, avenue)
    grid.add_edges_from(avenues)
    return avenues


def lead_avenues_round_bends(grid: "nx.Graph[Node]", avenues: dict[Ends, Avenue]) -> None:
    """Add the streets that avenues go on as where no other street joins."""
    queue = list(avenues)
    for ends in queue:  # which grows
        for node in ends:
            for beside in grid[node] if grid.degree[node] == 2 else ():
                onward = (min(node, beside), max(node, beside))
                if onward not in avenues:
                    avenues[onward] = avenues[ends]
                    queue.append(onward)


def widen(street: Street, avenue: Avenue) -> Street:
    """A street made into an avenue."""
    return replace(
        street,
        forward=avenue.lanes,
        backward=avenue.lanes,
        median=avenue.median,
        centre_line=int(LineType.CONTINUOUS_LINE),
        edge_line=int(LineType.CONTINUOUS_LINE),
    )


def make_one_way(
    streets: dict[Ends, Street],
    roundabouts: Iterable[Node],
    config: TownConfig,
    rng: np.random.Generator,
) -> None:
    """Close some streets to one direction, in place; every street can still be reached."""
    target = round(config.one_way * len(streets))
    order = list(streets)
    for number in rng.permutation(len(order)):
        ends = order[number]
        street = streets[ends]
        wide = rng.random() < config.wide_one_way and not set(ends) & set(roundabouts)
        width = _between(*config.one_way_lanes, rng) if wide else 1
        lanes = (width, 0) if rng.random() < 0.5 else (0, width)
        if target == 0 or street.forward != 1:
            continue
        streets[ends] = replace(street, forward=lanes[0], backward=lanes[1])
        if _is_connected(streets):
            target -= 1
        else:
            streets[ends] = street


def add_shoulders(
    streets: dict[Ends, Street], config: TownConfig, rng: np.random.Generator
) -> None:
    """Pave the sides of some streets, in place."""
    for ends, street in streets.items():
        width = rng.uniform(*config.shoulder_width)
        if rng.random() < config.shoulders:
            streets[ends] = replace(street, shoulder=width)


def _is_connected(streets: dict[Ends, Street]) -> bool:
    """Whether every street leads to every other, turning round in dead ends only."""
    directed = [ends for ends, street in streets.items() if street.forward]
    directed += [(end, start) for (start, end), street in streets.items() if street.backward]
    leaving: dict[Node, list[int]] = {}
    for number, (start, _) in enumerate(directed):
        leaving.setdefault(start, []).append(number)
    ways = [
        (number, after)
        for number, (start, end) in enumerate(directed)
        for after in leaving.get(end, [])
        if directed[after][1] != start or len(end) > 2
    ]
    rows, columns = np.array(ways).T
    shape = (len(directed), len(directed))
    matrix = coo_array((np.ones(len(ways), np.int8), (rows, columns)), shape)
    return int(connected_components(matrix, connection="strong", return_labels=False)) == 1


def _between(least: int, most: int, rng: np.random.Generator) -> int:
    return int(rng.integers(least, most + 1)) if least < most else least
