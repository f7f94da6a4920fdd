"""Ways up to a junction: for each lane into one, a route for every branch that it offers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivecnn_envs.errors import MapError
from drivecnn_envs.roads import LaneIndex, TownNetwork
from drivecnn_envs.routes import RUN_OUT, Route, follow


@dataclass(frozen=True)
class Approach:
    """A way up to a junction that offers a choice.

    Attributes:
        routes: one for each branch; up to the junction they are the same.
        entry: m along them, where the junction begins.
    """

    routes: tuple[Route, ...]
    entry: float


def random_approaches(
    network: TownNetwork, count: int, rng: np.random.Generator, before: float, after: float
) -> list[Approach]:
    """Different approaches of a network, fewer where it has fewer than `count`.

    Args:
        network: of any map.
        count: how many are wanted.
        rng: which, and by which lanes they are reached and left.
        before: m of road wanted before the junction.
        after: m wanted from its start on.

    Raises:
        MapError: if no junction offers a choice after that much road.
    """
    found: list[Approach] = []
    lanes = [index for index in network.lanes if _branches(network, index)]
    for number in rng.permutation(len(lanes)):
        if len(found) == count:
            break
        approach = approach_by(network, lanes[number], rng, before, after)
        if approach is not None:
            found.append(approach)
    if not found:
        raise MapError(
            f"{network.name} has no junction that offers a choice after {before:g} m of road: "
            "take a larger map"
        )
    return found


def _branches(network: TownNetwork, index: LaneIndex) -> list[LaneIndex]:
    """The lanes by which a lane outside junctions enters one, if it offers more than one."""
    if network.lanes[index].junction is not None:
        return []
    entering = [after for after in network.followers(index) if network.lanes[after].junction]
    return entering if len(entering) > 1 else []


def approach_by(
    network: TownNetwork,
    lane: LaneIndex,
    rng: np.random.Generator,
    before: float,
    after: float,
) -> Approach | None:
    """The approach that ends with a lane; None if it offers no choice, or if a way is too short.

    Otherwise as `random_approaches`.
    """
    branches = _branches(network, lane)
    towards = _extended(network, [lane], before, rng, forwards=False) if branches else None
    if towards is None:
        return None
    length = sum(network.lanes[index].length for index in towards)
    routes = []
    for branch in branches:
        onwards = _extended(network, [branch], after + RUN_OUT, rng, forwards=True)
        if onwards is None:
            return None
        route = follow(network, [*towards, *onwards], length - before, before + after)
        routes.append(route)
    return Approach(tuple(routes), before)


def _extended(
    network: TownNetwork,
    lanes: Sequence[LaneIndex],
    length: float,
    rng: np.random.Generator,
    forwards: bool,
) -> list[LaneIndex] | None:
    """The lanes and random ones that follow them, or lead to them, for a length [m] in all."""
    chain = list(lanes)
    graph = network.lane_graph
    while sum(network.lanes[index].length for index in chain) < length:
        edges = graph.out_edges(chain[-1]) if forwards else graph.in_edges(chain[0])
        options = [edge[1 if forwards else 0] for edge in edges if not graph.edges[edge]["change"]]
        if not options:
            return None
        option = options[rng.integers(len(options))]
        chain = [*chain, option] if forwards else [option, *chain]
    return chain
