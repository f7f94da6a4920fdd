"""What a policy says at junctions: every legal branch without a route, one branch with it.

Cars are put on the way up to junctions that offer a choice, and for each branch the expert says
what curvature leads into it. Branches that the expert cannot tell apart yet, far before the
junction, are one way. Without a route the policy should have one mode for each way; with one, its
mass should lie on the way that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from drivecnn.policy import SteeringDistribution
from drivecnn.rollout import Driver
from drivecnn_envs.approaches import Approach
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import MAX_SEED, States

Array = NDArray[np.float64]

BEFORE, INTO = 15.0, 3.0  # m before and after a junction's start, between which it is asked
CLEAR = 20.0  # m from here on back to the junction before: the lane is the only way
ROAD = CLEAR + BEFORE  # m of road that an approach needs
SPACING = 1.0  # m between two places that are asked
DISTINCT = 0.025  # 1/m between two ways: 0.25 m aside at 4.5 m, where the expert looks
APART = 0.1  # 1/m from the next way: 1 m aside there
NEAR = 0.05  # 1/m from a branch's curvature to a mode that stands for it, 0.5 m aside there
LEAST_MASS = 0.05  # of a mode
BEYOND = 1.0  # 1/m, more than any vehicle can steer


@dataclass(frozen=True)
class JunctionReport:
    """How well steering distributions show the ways through junctions; None is a share of nothing.

    Attributes:
        approaches: lanes into junctions at which the policy was asked.
        places: of the places there, those where the expert tells at least two ways apart.
        recall: share of the ways at those places that have a mode, without a route: one that is
            nearer to them than to another way, however far off. One mode anywhere finds a way.
        recall_apart: the same of ways that are `APART` from the next one.
        precision: share of the modes at all places before junctions that are `NEAR` some branch,
            without a route.
        nll: mean negative log-likelihood [nats] of the ways at those places, each as likely as the
            next, without a route: unlike `recall` it has nothing to gain by ripples. None where
            there is no density or no such place.
        routed_mass: mean mass on the way that is asked for, at places with two ways and more: of
            the curvatures that are nearer to it than to another one.
        routed_mass_apart: the same of ways that are `APART` from the next one.
        one_mode_unrouted: share of the places far from junctions with one mode, without a route.
        one_mode_routed: the same with a route.
    """

    approaches: int
    places: int
    recall: float | None
    recall_apart: float | None
    precision: float | None
    nll: float | None
    routed_mass: float | None
    routed_mass_apart: float | None
    one_mode_unrouted: float
    one_mode_routed: float


def probe_junctions(
    simulator: Simulator,
    approaches: Sequence[Approach],
    routed: Driver,
    unrouted: Driver,
    rng: np.random.Generator,
) -> JunctionReport:
    """How well a policy's distributions show the ways through junctions.

    Args:
        simulator: its scene's routes are those of the approaches, in their order.
        approaches: with at least `ROAD` before the junction and `INTO` after its start.
        routed: the policy.
        unrouted: the policy without the route in its map.
        rng: of looks and map errors.
    """
    modes_asked = modes_right = places = first = 0
    found, costs, masses, far_unrouted, far_routed = [], [], [], [], []
    for approach in approaches:
        branches = np.arange(first, first + len(approach.routes))
        first += len(branches)
        near = np.arange(approach.entry - BEFORE, approach.entry + INTO, SPACING)
        states = _states(simulator, branches, near, rng)
        ways = [Ways.of(row) for row in _leading(simulator, states, branches)]
        said = _ask(unrouted, states)
        for number, (modes, at_place) in enumerate(zip(_modes(said), ways, strict=True)):
            modes_asked, modes_right = modes_asked + len(modes), modes_right + at_place.right(modes)
            if at_place.count > 1:
                found.append(np.stack([at_place.gaps, at_place.found(modes)]))
                if said.has_density:
                    costs.append(_cost(said[number], at_place.curvature))
        choice = np.array([at_place.count > 1 for at_place in ways])
        places += int(choice.sum())
        if choice.any():
            asked = np.repeat(np.arange(len(branches)), len(near))
            pairs = [(ways[at], int(asked[at])) for at in np.flatnonzero(choice)]
            spans = np.array([at_place.span(branch) for at_place, branch in pairs])
            gaps = np.array(
                [at_place.gaps[at_place.of_branch[branch]] for at_place, branch in pairs]
            )
            masses.append(np.stack([gaps, _mass(routed, states[choice], spans)]))
        back = np.arange(approach.entry - ROAD, approach.entry - CLEAR, SPACING)
        clear = _states(simulator, branches[:1], back, rng)
        far_unrouted += [len(modes) == 1 for modes in _modes(_ask(unrouted, clear))]
        far_routed += [len(modes) == 1 for modes in _modes(_ask(routed, clear))]
    return JunctionReport(
        approaches=len(approaches),
        places=places,
        recall=_mean(found),
        recall_apart=_mean(found, APART),
        precision=modes_right / modes_asked if modes_asked else None,
        nll=float(np.mean(costs)) if costs else None,
        routed_mass=_mean(masses),
        routed_mass_apart=_mean(masses, APART),
        one_mode_unrouted=float(np.mean(far_unrouted)),
        one_mode_routed=float(np.mean(far_routed)),
    )


@dataclass(frozen=True)
class Ways:
    """The ways at one place: branches whose curvatures are apart.

    Attributes:
        branches: (K,) 1/m of each branch.
        curvature: (W,) 1/m of each way, rising.
        of_branch: (K,) number of each branch's way.
    """

    branches: Array
    curvature: Array
    of_branch: NDArray[np.int64]

    @classmethod
    def of(cls, branches: Array) -> "Ways":
        """The ways of branches (K,) [1/m]: neighbours less than `DISTINCT` apart are one."""
        order = np.argsort(branches)
        numbers = np.concatenate([[0], np.cumsum(np.diff(branches[order]) > DISTINCT)])
        of_branch = np.empty(len(branches), np.int64)
        of_branch[order] = numbers
        curvature = np.bincount(of_branch, branches) / np.bincount(of_branch)
        return cls(branches, curvature, of_branch)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.curvature)

    @property
    def gaps(self) -> Array:
        """(W,) 1/m from each way to the next one on either side."""
        between = np.diff(self.curvature, prepend=-np.inf, append=np.inf)
        gaps: Array = np.minimum(between[:-1], between[1:])
        return gaps

    def found(self, modes: Array) -> NDArray[np.bool_]:
        """Which ways (W,) have one of the modes (M,) [1/m] nearer to them than to another way."""
        return np.isin(np.arange(self.count), np.searchsorted(self._borders, modes))

    def right(self, modes: Array) -> int:
        """How many of the modes (M,) [1/m] are near a branch."""
        distance = np.abs(modes[:, None] - self.branches).min(axis=1)
        return int((distance <= NEAR).sum())

    def span(self, branch: int) -> tuple[float, float]:
        """The curvatures [1/m], from and to, that are nearest to a branch's way."""
        edges = [-BEYOND, *self._borders, BEYOND]
        return edges[self.of_branch[branch]], edges[self.of_branch[branch] + 1]

    @property
    def _borders(self) -> Array:
        return 0.5 * (self.curvature[1:] + self.curvature[:-1])


def _states(
    simulator: Simulator, routes: NDArray[np.int64], stations: Array, rng: np.random.Generator
) -> States:
    """States at all stations [m] of all routes, route after route."""
    count = len(routes) * len(stations)
    seeds = rng.integers(MAX_SEED, size=count)
    every = np.repeat(routes, len(stations)), np.tile(stations, len(routes))
    states = simulator.scene.at(*every, seeds, simulator.dtype)
    simulator.reseed(states, seeds)
    return states


def _leading(simulator: Simulator, states: States, branches: NDArray[np.int64]) -> Array:
    """The curvature (B, K) [1/m] that leads from each state into each branch."""
    into = states.copy()
    columns = []
    for branch in branches:
        into["route"] = branch
        columns.append(simulator.expert(into))
    return np.stack(columns, axis=1).astype(np.float64)


def _modes(distribution: SteeringDistribution) -> list[Array]:
    """The curvatures [1/m] of the modes of each distribution that have `LEAST_MASS`."""
    modes = distribution.modes()
    heavy = modes.mass >= LEAST_MASS
    return [
        row[keep].double().cpu().numpy() for row, keep in zip(modes.curvature, heavy, strict=True)
    ]


def _cost(distribution: SteeringDistribution, curvature: Array) -> float:
    """Mean negative log-likelihood [nats] of curvatures (W,) [1/m] in one distribution."""
    ways = torch.from_numpy(curvature.astype(np.float32)).to(distribution.mean.device)
    return -float(distribution.log_prob(ways.unsqueeze(-1)).mean())


def _mass(driver: Driver, states: States, spans: Array) -> Array:
    """The mass (B,) between curvatures, spans (B, 2) [1/m], in each state."""
    distribution = _ask(driver, states)
    low, high = torch.from_numpy(spans.astype(np.float32)).to(distribution.mean.device).T
    return (distribution.cdf(high) - distribution.cdf(low)).double().cpu().numpy()


def _ask(driver: Driver, states: States) -> SteeringDistribution:
    """The distributions that a driver predicts.

    Raises:
        ValueError: if it predicts none.
    """
    distribution = driver(states).distribution
    if distribution is None:
        raise ValueError("the driver predicts no distribution: junctions are asked of a policy")
    return distribution


def _mean(measured: Sequence[Array], apart: float = 0.0) -> float | None:
    """Mean of the second rows (N,) of what was measured, where the first are as far apart [1/m]."""
    gaps, values = np.concatenate([np.zeros((2, 0)), *measured], axis=1)
    chosen = gaps >= apart
    return float(values[chosen].mean()) if chosen.any() else None
