"""Closed-loop evaluation: drive routes through unseen towns and write `report.json`."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentError, ArgumentParser

from drivecnn.episode import Episode
from drivecnn.metrics import Metrics, summarise
from drivecnn.policy import ACTIONS, DEFAULT_ACTION, DrivingPolicy, load_policy
from drivecnn.policy.checkpoint import load_metadata, replace_file
from drivecnn.provenance import git_sha
from drivecnn.rollout import Driver, ExpertDriver, PolicyDriver, Start, rollout
from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.towns import RouteOptions, check_seed, load_simulator
from drivecnn_envs.traffic import Wanted

REPORT_NAME = "report.json"
SEED_STRIDE = 1_000_003  # keeps the episodes' seeds of two evaluations apart
Dropped = Literal["cameras", "route_map"]


@dataclass(frozen=True)
class EvaluationConfig:
    """What to drive.

    Attributes:
        map: what `expand_maps` reads; several towns share the routes.
        routes: which routes.
        seed: of the routes, the looks and the disturbances.
        driver: who drives.
        drop: an input of the policy to blank.
        traffic: how much; a number is of vehicles around the ego.
        action: what the policy does with its distribution, by its name in ACTIONS.

    Raises:
        InputError: when there is no such action or seed, or an expert is to be blinded.
    """

    map: str
    routes: RouteOptions
    seed: int = 0
    driver: Literal["expert", "policy"] = "policy"
    drop: Dropped | None = None
    traffic: Wanted = "none"
    action: str = DEFAULT_ACTION

    def __post_init__(self) -> None:
        """Refuse what cannot be driven."""
        if self.action not in ACTIONS:
            raise InputError(f"action is {self.action!r}, expected one of {', '.join(ACTIONS)}")
        check_seed(self.seed)
        if self.driver == "expert" and self.drop is not None:
            raise InputError(f"drop is {self.drop}, but the expert sees none: blank a policy's")

    def start(self, route: int) -> Start:
        """How the episode on a route begins."""
        return Start(route, self.seed * SEED_STRIDE + route)


@dataclass(frozen=True)
class Failure:
    """An episode that did not reach its goal: enough to drive it once more.

    Attributes:
        map: name of the map.
        route: number of the route; `drivecnn drive` takes it as --route.
        seed: of the episode.
        infraction: what ended it.
        seconds: until then.
    """

    map: str
    route: int
    seed: int
    infraction: str
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """The result of driving: the metrics and what they cost.

    Attributes:
        metrics: over all routes.
        by_map: the same for each map.
        failures: the episodes that did not reach their goals, by route.
        observation: what the policy saw.
        seconds: of wall time, without loading.
        sim_seconds: driven by all cars together.
    """

    config: EvaluationConfig
    metrics: Metrics
    by_map: dict[str, Metrics]
    failures: tuple[Failure, ...]
    seconds: float
    sim_seconds: float
    observation: ObservationConfig

    def report(self) -> dict[str, Any]:
        """The content of `report.json`."""
        return {
            "map": self.config.map,
            **dataclasses.asdict(self.metrics),
            "by_map": {
                name: {"routes": m.routes, "success_rate": m.success_rate}
                for name, m in self.by_map.items()
            },
            "failures": [dataclasses.asdict(failure) for failure in self.failures],
            "seconds": round(self.seconds, 3),
            "sim_seconds_per_second": round(self.sim_seconds / self.seconds, 1),
            "config": {
                **dataclasses.asdict(self.config),
                "observation": dataclasses.asdict(self.observation),
            },
            "git_sha": git_sha(),
        }


def load_run(run: Path) -> tuple[DrivingPolicy, ObservationConfig]:
    """A checkpoint's policy and the observation it was trained on.

    Raises:
        CheckpointError: one line, if there is no checkpoint or it cannot be read.
        InputError: if it does not say what its policy sees.
    """
    policy = load_policy(run)
    return policy, _observation_of(run)


def evaluate(
    config: EvaluationConfig,
    policy: DrivingPolicy | None,
    observation: ObservationConfig,
    on_episode: Callable[[Episode], None] = lambda _: None,
) -> Evaluation:
    """Drive the routes of a config to their ends, and judge.

    Args:
        config: what to drive.
        policy: not needed for the expert.
        observation: what the policy sees.
        on_episode: told of each episode as it ends.

    Raises:
        MapError: if a map cannot be read or has no such routes.
    """
    simulator = simulator_of(config, observation, policy)
    starts = [config.start(route) for route in range(config.routes.count)]
    began = time.perf_counter()
    episodes = []
    for episode in rollout(simulator, make_driver(config, policy, simulator), starts):
        episodes.append(episode)
        on_episode(episode)
    by_map: dict[str, list[Episode]] = {}
    for episode in episodes:
        by_map.setdefault(episode.map, []).append(episode)
    return Evaluation(
        config,
        summarise(episodes),
        {name: summarise(by_map[name]) for name in sorted(by_map)},
        _failures(episodes),
        time.perf_counter() - began,
        sum(episode.seconds for episode in episodes),
        observation,
    )


def simulator_of(
    config: EvaluationConfig, observation: ObservationConfig, policy: DrivingPolicy | None = None
) -> Simulator:
    """The simulator that a config asks for, with as many frames as the policy sees.

    Raises:
        MapError: if a map cannot be read or has no such routes.
    """
    frames = policy.config.frames if policy is not None else 1
    return load_simulator(
        [config.map], config.routes, observation, config.seed, config.traffic, frames
    )


def make_driver(
    config: EvaluationConfig, policy: DrivingPolicy | None, simulator: Simulator
) -> Driver:
    """Who drives, as the config says."""
    if config.driver == "expert":
        return ExpertDriver(simulator)
    if policy is None:
        raise InputError("nothing to evaluate: give a run folder or a checkpoint, or driver expert")
    drop = frozenset({config.drop} if config.drop else ())
    return PolicyDriver(policy, simulator.observe, drop, ACTIONS[config.action])


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write `report.json` into a folder, in one rename; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_NAME
    replace_file(path, (json.dumps(evaluation.report(), indent=2) + "\n").encode())
    return path


def _failures(episodes: Sequence[Episode]) -> tuple[Failure, ...]:
    """The episodes that did not reach their goals, by route."""
    failed = sorted((e for e in episodes if not e.success), key=lambda e: e.route)
    return tuple(
        Failure(e.map, e.route, e.seed, str(e.infraction), round(e.seconds, 1)) for e in failed
    )


def _observation_of(run: Path) -> ObservationConfig:
    """The observation config that travels in a checkpoint."""
    metadata = load_metadata(run)
    config = metadata.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("observation"), dict):
        raise InputError(f"{run} does not say what its policy sees: train it with drivecnn train")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(ObservationConfig, "observation")
    try:
        parsed = parser.parse_object({"observation": config["observation"]})
        observation: ObservationConfig = parser.instantiate(parsed).observation
    except (ArgumentError, InputError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{run} has an observation this drivecnn cannot make: {reason}") from error
    return observation
