"""Whether a policy knows what it does not know: calibration, junctions, and broken cameras."""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from torch import Tensor

from drivecnn.calibration import Calibration, Forecasts, best_temperature, calibration
from drivecnn.corruptions import Corruption, Look, looks_through
from drivecnn.junctions import INTO, ROAD, JunctionReport, probe_junctions
from drivecnn.policy import DrivingPolicy, SteeringDistribution
from drivecnn.policy.checkpoint import replace_file
from drivecnn.provenance import git_sha
from drivecnn.rollout import FLEET_SIZE, Fleet, PolicyDriver, Start
from drivecnn_envs.approaches import random_approaches
from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import Observation, Observer
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States

REPORT_NAME = "uncertainty.json"
EVERY = 10  # decisions between two moments
BEFORE = 3  # moments between the two states of a car, 3 s
CHUNK = 256  # states that are looked at together
APPROACHES = 10  # to junctions, in each world
REACH, GRID = 0.5, 4001  # 1/m: a grid of 0.00025 for mixtures of ensembles


@dataclass(frozen=True)
class UncertaintyReport:
    """What is known about a policy's distributions.

    Attributes:
        calibration: where the policy drives.
        new_looks: the same places, with looks that training never shows.
        junctions: what it says there.
        entropy_auroc: for each corruption of the cameras, how well the entropy tells it from
            cameras that work: 1 always, 0.5 by chance.
        ensemble_auroc: the same for the entropy of an ensemble's mixture; None without others.
    """

    calibration: Calibration
    new_looks: Calibration
    junctions: JunctionReport
    entropy_auroc: dict[str, float]
    ensemble_auroc: dict[str, float] | None


class Moments(NamedTuple):
    """States that were driven through, and those of them whose cars had driven for a while."""

    every: States  # (N,)
    now: States  # (M,), of those
    before: States  # (M,), the same cars' a while before


def driven_moments(simulator: Simulator, policy: DrivingPolicy, starts: Sequence[Start]) -> Moments:
    """States that a policy drives through, one a second, in all episodes."""
    driver, fleet = PolicyDriver(policy, simulator.observe), Fleet(simulator, starts, FLEET_SIZE)
    history: list[States] = []
    count = 0
    while len(fleet):
        if count % EVERY == 0:
            history.append(fleet.states.copy())
        fleet.step(driver)
        count += 1
    nows, befores = [history[0][:0]], [history[0][:0]]
    for before, now in zip(history, history[BEFORE:], strict=False):
        _, new, old = np.intersect1d(now["seed"], before["seed"], return_indices=True)
        nows.append(now[new])
        befores.append(before[old])
    return Moments(*map(np.concatenate, (history, nows, befores)))


def check_density(policy: DrivingPolicy) -> None:
    """Refuse a policy of which there is nothing to judge but its driving.

    Raises:
        InputError: one line, if it predicts no density.
    """
    if not policy.has_density:
        raise InputError(
            f"the policy has distribution {policy.config.distribution}, which has no density: "
            "there is nothing to judge but its driving, see drivecnn evaluate"
        )


def assess(
    policy: DrivingPolicy,
    simulator: Simulator,
    starts: Sequence[Start],
    rng: np.random.Generator,
    others: Sequence[DrivingPolicy] = (),
    on_stage: Callable[[str], None] = lambda _: None,
) -> UncertaintyReport:
    """What is known about a policy's distributions, in the worlds of a simulator.

    Args:
        policy: drives the starts; what it says there is judged.
        simulator: with routes through towns that training never saw.
        starts: which routes.
        rng: of junctions, map errors and noise.
        others: further members of an ensemble, trained on the same cameras and maps.
        on_stage: told what is judged next, in a few words.

    Raises:
        InputError: if one of them predicts no density, or no car gets far enough to be asked.
        MapError: if a world has no junction at which they could be asked.
    """
    ensemble = (policy, *others)
    for member in ensemble:
        check_density(member)
    on_stage("what it says at junctions")
    junctions = at_junctions(policy, simulator, rng)
    on_stage("where it drives")
    moments = driven_moments(simulator, policy, starts)
    if not len(moments.now):
        raise InputError("no car drove for 3 s: take longer routes, or a policy that drives")
    new_looks = dataclasses.replace(simulator.observer.config, looks="new")
    unseen = Simulator(simulator.scene, Observer(new_looks), frames=simulator.frames)
    on_stage("its calibration")
    seen = calibration(forecasts(policy, simulator, moments.every))
    on_stage("its calibration with new looks")
    seen_anew = calibration(forecasts(policy, unseen, moments.every))
    on_stage("broken cameras by its entropy")
    entropy_auroc = _auroc((policy,), simulator, moments, rng)
    ensemble_auroc = None
    if others:
        on_stage("broken cameras by the entropy of all")
        ensemble_auroc = _auroc(ensemble, simulator, moments, rng)
    return UncertaintyReport(
        calibration=seen,
        new_looks=seen_anew,
        junctions=junctions,
        entropy_auroc=entropy_auroc,
        ensemble_auroc=ensemble_auroc,
    )


def forecasts(policy: DrivingPolicy, simulator: Simulator, states: States) -> Forecasts:
    """What a policy's distributions in states (N,) are worth."""
    parts = []
    for part in _chunks(states):
        distribution = _predict(policy, simulator.observe(part))
        expert = torch.from_numpy(simulator.expert(part)).to(distribution.mean.device)
        parts.append(Forecasts.of(distribution, expert))
    return Forecasts.joined(parts)


def fit_temperature(policy: DrivingPolicy, simulator: Simulator, starts: Sequence[Start]) -> None:
    """Set a policy's temperature to what suits the states that it drives through, in place.

    One without a density keeps its own.
    """
    if not policy.has_density:
        return
    policy.temperature.fill_(1.0)
    states = driven_moments(simulator, policy, starts).every
    distributions = [_predict(policy, simulator.observe(part)) for part in _chunks(states)]
    expert = torch.from_numpy(simulator.expert(states)).to(policy.temperature.device)
    policy.temperature.fill_(best_temperature(distributions, expert))


def at_junctions(
    policy: DrivingPolicy, simulator: Simulator, rng: np.random.Generator
) -> JunctionReport:
    """What a policy says at junctions of all the worlds of a simulator."""
    worlds = simulator.scene.worlds
    found = [random_approaches(world.network, APPROACHES, rng, ROAD, INTO) for world in worlds]
    routes = [[route for approach in of_world for route in approach.routes] for of_world in found]
    there = Simulator(Scene.of(worlds, routes), simulator.observer, frames=simulator.frames)
    routed = PolicyDriver(policy, there.observe)
    unrouted = PolicyDriver(policy, lambda states: _without_route(there.observe(states)))
    approaches = [approach for of_world in found for approach in of_world]
    return probe_junctions(there, approaches, routed, unrouted, rng)


def write_uncertainty(report: UncertaintyReport, folder: Path) -> Path:
    """Write `uncertainty.json` into a folder, in one rename; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_NAME
    content = dataclasses.asdict(report) | {"git_sha": git_sha()}
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode())
    return path


def _without_route(seen: Observation) -> Observation:
    """The same with an empty route channel, as route dropout makes it in training."""
    route_map = seen.route_map.copy()
    route_map[:, 1] = 0
    return seen._replace(route_map=route_map)


def _auroc(
    ensemble: Sequence[DrivingPolicy],
    simulator: Simulator,
    moments: Moments,
    rng: np.random.Generator,
) -> dict[str, float]:
    """How well the entropy of an ensemble's mixture tells each corruption, 0 to 1."""
    clear = _entropies(ensemble, lambda now, _: simulator.observe(now), moments)
    areas = {}
    for corruption in Corruption:
        broken = _entropies(ensemble, looks_through(corruption, simulator, rng), moments)
        rank_sum = mannwhitneyu(broken, clear).statistic
        areas[str(corruption)] = float(rank_sum / (len(broken) * len(clear)))
    return areas


def _entropies(
    ensemble: Sequence[DrivingPolicy], look: Look, moments: Moments
) -> NDArray[np.float64]:
    """Entropy (N,) [nats] of an ensemble's mixture at all moments."""
    entropies = []
    for now, before in zip(_chunks(moments.now), _chunks(moments.before), strict=True):
        seen = look(now, before)
        entropy = mixture_entropy([_predict(policy, seen) for policy in ensemble])
        entropies.append(entropy.double().cpu().numpy())
    return np.concatenate(entropies)


def mixture_entropy(members: Sequence[SteeringDistribution]) -> Tensor:
    """Differential entropy (B,) [nats] of the even mixture of distributions.

    Of several it is taken on a grid of 0.00025 over -0.5..0.5 1/m, more than any car can steer:
    mass beyond is left out, and what is narrower than the grid is not seen.
    """
    if len(members) == 1:
        return members[0].entropy()
    grid = torch.linspace(-REACH, REACH, GRID, device=members[0].mean.device)[:, None]
    log_probs = torch.stack([member.log_prob(grid) for member in members])  # (K, G, B)
    log_density = log_probs.logsumexp(dim=0) - math.log(len(members))  # (G, B)
    return torch.trapezoid(-log_density.exp() * log_density, grid[:, 0], dim=0)


def _predict(policy: DrivingPolicy, seen: Observation) -> SteeringDistribution:
    """The policy's distributions over curvature."""
    device = policy.temperature.device
    cameras, route_map = (torch.as_tensor(a, device=device) for a in (seen.cameras, seen.route_map))
    with torch.inference_mode():
        return policy(cameras, route_map)


def _chunks(states: States) -> list[States]:
    return [states[first : first + CHUNK] for first in range(0, len(states), CHUNK)]
