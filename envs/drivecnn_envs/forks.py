"""Forks: at the junctions on the routes of a scene, every way that a car could take there."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from drivecnn_envs.approaches import approach_by
from drivecnn_envs.expert import LOOKAHEAD, expert_curvature
from drivecnn_envs.roads import LaneIndex
from drivecnn_envs.routes import Route
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import RouteTable, States

BEFORE = LOOKAHEAD  # m before a junction, from where on the expert sees which way it goes
INTO = 3.0  # m into it, up to where all its ways are open
APART = 1e6  # m between the routes in a row of all: longer than any of them


class Forks:
    """What the expert would do at junctions if it took any way there, not only its route's.

    A car that is not told its route may take every way. Where it drove along a route, though, its
    first turn of the wheel gives that away: from the route's own labels a policy would learn to
    read the car's pose, and not to see the ways.
    """

    def __init__(self, scene: Scene, rng: Generator) -> None:
        """Find the ways at all junctions of a scene's routes; `rng` leads them on behind."""
        self._routes = scene.table
        ways: list[Route] = []
        spans: dict[tuple[int, LaneIndex], tuple[int, int]] = {}  # first way and number of them
        forks = []
        for number, route in enumerate(scene.routes):
            world = int(scene.route_worlds[number])
            for (entry, _), lane in zip(route.junctions, route.entered_from, strict=True):
                if (world, lane) not in spans:
                    network = scene.worlds[world].network
                    approach = approach_by(network, lane, rng, BEFORE, INTO)
                    found = approach.routes if approach else ()
                    spans[world, lane] = len(ways), len(found)
                    ways += found
                forks.append((number * APART + entry, *spans[world, lane]))
        forks = [fork for fork in forks if fork[2]]
        self._ways = RouteTable.of(ways) if ways else self._routes
        self._place = np.array([place for place, _, _ in forks] + [np.inf])  # m, rising
        self._first = np.array([first for _, first, _ in forks], np.int64)
        self._count = np.array([count for _, _, count in forks], np.int64)

    def open(self, states: States) -> NDArray[np.bool_]:
        """Which of the cars (B,) are at a junction whose ways are all open to them."""
        behind = self._nearest(states)[1]
        return (behind >= -BEFORE) & (behind <= INTO)

    def expert(self, states: States, rng: Generator) -> NDArray[np.float32]:
        """The curvature (B,) [1/m] of the expert on one way at random; off junctions, its own."""
        curvature = expert_curvature(states, self._routes)
        here = self.open(states)
        turning = states[here]
        fork, behind = self._nearest(turning)
        turning["progress"] = BEFORE + behind
        turning["route"] = self._first[fork] + rng.integers(self._count[fork])
        curvature[here] = expert_curvature(turning, self._ways)
        return curvature

    def _nearest(self, states: States) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The fork (B,) that a car is at or comes to next, and m (B,) from there on to it."""
        place = states["route"] * APART + states["progress"]
        fork = np.searchsorted(self._place, place - INTO)
        return fork, place - self._place[fork]
