"""Driving in closed loop: the one loop behind training, evaluation and videos."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from drivecnn.episode import Episode
from drivecnn.policy import ACTIONS, DEFAULT_ACTION, Action, DrivingPolicy, SteeringDistribution
from drivecnn_envs.observation import Observation
from drivecnn_envs.simulator import RUNNING, Simulator, infraction_of
from drivecnn_envs.states import States
from drivecnn_envs.vehicle import DT, MAX_CURVATURE, steering_angles

FLEET_SIZE = 64  # cars that drive at once


class DivergedError(ArithmeticError):
    """A policy or its training gives no finite numbers any more. The message is one line."""


class Decision(NamedTuple):
    """What a driver answers for B cars."""

    curvature: NDArray[np.float32]  # (B,) 1/m
    distribution: SteeringDistribution | None  # what it came from, if from one


class Driver(Protocol):
    """Anything that acts."""

    def __call__(self, states: States) -> Decision:
        """Decide for B cars."""
        ...


class ExpertDriver:
    """Drives with the simulator's truth."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def __call__(self, states: States) -> Decision:
        """The expert's curvature for each car."""
        return Decision(self._simulator.expert(states), None)


class PolicyDriver:
    """Drives with what the policy may see: an action is taken from its distribution."""

    def __init__(
        self,
        policy: DrivingPolicy,
        observe: Callable[[States], Observation],
        drop: frozenset[str] = frozenset(),
        action: Action = ACTIONS[DEFAULT_ACTION],
    ) -> None:
        """Make a driver.

        Args:
            policy: acts on whatever device its weights are on.
            observe: what the cars in given states see.
            drop: inputs to blank, of "cameras" and "route_map".
            action: which curvature of a distribution to drive.
        """
        self._policy = policy
        self._observe = observe
        self._drop = drop
        self._action = action
        self._driven: dict[tuple[int, int], tuple[float, float]] = {}  # 1/m, of each episode

    def __call__(self, states: States) -> Decision:
        """The policy's distribution for each car, and of the action what the vehicle can steer."""
        device = next(self._policy.parameters()).device
        seen = self._observe(states)
        inputs = {
            name: torch.as_tensor(pixels, device=device)
            for name, pixels in (("cameras", seen.cameras), ("route_map", seen.route_map))
        }
        inputs |= {name: torch.zeros_like(inputs[name]) for name in self._drop}
        with torch.inference_mode():
            answer = self._policy(inputs["cameras"], inputs["route_map"])
            distribution = answer.to("cpu")  # where little work is done sooner than on a GPU
            driven = self._remember(states)
            wanted = self._action(distribution, torch.tensor(driven).view(-1, 2).T)
            curvature = wanted.clamp(-MAX_CURVATURE, MAX_CURVATURE).numpy()
        pairs = zip(curvature.tolist(), (last for last, _ in driven), strict=True)
        self._driven = dict(zip(_episodes(states), pairs, strict=True))
        return Decision(curvature, distribution)

    def _remember(self, states: States) -> list[tuple[float, float]]:
        """What this driver drove last with each car and before [1/m]; nan where it did not."""
        nothing = math.nan, math.nan
        return [
            self._driven.get(episode, nothing) if step else nothing
            for episode, step in zip(_episodes(states), states["step"].tolist(), strict=True)
        ]


def _episodes(states: States) -> list[tuple[int, int]]:
    """What tells the episodes of cars apart: their routes and seeds."""
    return list(zip(states["route"].tolist(), states["seed"].tolist(), strict=True))


class Start(NamedTuple):
    """Where and how an episode begins."""

    route: int
    seed: int


def every_route(simulator: Simulator, seed: int) -> list[Start]:
    """A start on each route of a simulator, each with a seed of its own from `seed` on."""
    return [Start(route, seed + route) for route in range(len(simulator.scene.routes))]


@dataclass
class _Log:
    """What is recorded of a running episode, one entry a decision."""

    along: list[float] = field(default_factory=list)
    lateral: list[float] = field(default_factory=list)
    steering_angle: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)


class Fleet:
    """Cars that drive the routes of a queue; whoever ends an episode takes the next start."""

    def __init__(self, simulator: Simulator, starts: Iterable[Start], size: int) -> None:
        self.simulator = simulator
        self._starts = iter(starts)
        self.states: States = np.zeros(0, simulator.dtype)
        self._logs: list[_Log] = []
        self._enlist(size)

    def __len__(self) -> int:
        """Cars that are driving."""
        return len(self.states)

    def step(self, driver: Driver) -> list[Episode]:
        """Drive all cars for one decision; returns the episodes that ended with it."""
        decision = driver(self.states)
        if not np.isfinite(decision.curvature).all():
            raise DivergedError(
                "the policy's curvature is not a finite number: its training has diverged, drive "
                "with an earlier checkpoint or train again with a lower --optimiser.learning_rate"
            )
        nll = self._nll(decision)
        outcomes = self.simulator.step(self.states, decision.curvature)
        angles = steering_angles(decision.curvature)
        alongs, laterals = self.states["progress"].tolist(), self.states["lateral"].tolist()
        for i, log in enumerate(self._logs):
            log.along.append(alongs[i])
            log.lateral.append(laterals[i])
            log.steering_angle.append(float(angles[i]))
            if nll is not None:
                log.nll.append(float(nll[i]))
        ended = np.flatnonzero(outcomes != RUNNING)
        episodes = [self._episode(int(i), int(outcomes[i])) for i in ended]
        if len(ended):
            self.states = np.delete(self.states, ended)
            self._logs = [log for i, log in enumerate(self._logs) if outcomes[i] == RUNNING]
            self._enlist(len(ended))
        return episodes

    def _nll(self, decision: Decision) -> NDArray[np.float32] | None:
        """Negative log-likelihood (B,) [nats] of the expert's answer; None without a density."""
        if decision.distribution is None or not decision.distribution.has_density:
            return None
        expert = torch.from_numpy(self.simulator.expert(self.states))
        return -decision.distribution.log_prob(expert).numpy()

    def _enlist(self, count: int) -> None:
        """Take up to `count` new starts from the queue."""
        starts = [start for _, start in zip(range(count), self._starts, strict=False)]
        if starts:
            routes, seeds = zip(*starts, strict=True)
            self.states = np.concatenate([self.states, self.simulator.start(routes, seeds)])
            self._logs += [_Log() for _ in starts]

    def _episode(self, car: int, outcome: int) -> Episode:
        state, log = self.states[car], self._logs[car]
        scene = self.simulator.scene
        route = scene.routes[state["route"]]
        return Episode(
            map=scene.worlds[state["world"]].network.name,
            route=int(state["route"]),
            seed=int(state["seed"]),
            route_length=route.length,
            infraction=infraction_of(outcome),
            dt=DT,
            along=np.array(log.along),
            lateral=np.array(log.lateral),
            steering_angle=np.array(log.steering_angle),
            nll=np.array(log.nll),
            lane_departures=int(state["departures"]),
            junctions=route.junctions,
        )


def rollout(simulator: Simulator, driver: Driver, starts: Iterable[Start]) -> Iterator[Episode]:
    """Drive every start to its end; yields the episodes as they end."""
    fleet = Fleet(simulator, starts, FLEET_SIZE)
    while len(fleet):
        yield from fleet.step(driver)
