"""Measure frame-sets, steps and decisions per second, side by side with other simulators.

    python tests/benchmarks/speed.py [RUN]

RUN is a run folder whose policy decides; an untrained default policy is as quick. Prints the
median and the best of rounds in which everything is measured in turn: where they are far apart,
the machine was busy. CarRacing needs
`pip install 'gymnasium[box2d]'`.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import itertools
import platform
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import gymnasium as gym
import highway_env  # noqa: F401 - registers its environments
import numpy as np
import torch

from drivecnn import DrivingPolicy, load_policy
from drivecnn.provenance import provenance
from drivecnn.rollout import ExpertDriver, Fleet, PolicyDriver, Start
from drivecnn_envs import TOWN_ID
from drivecnn_envs.maps import load_map
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig, Modality
from drivecnn_envs.world import RESOLUTION, World, build_world

MAPS = ["procedural:1000-1003"]
CARS = 64
ROUNDS, REPEATS = 15, 5
WIDE = ObservationConfig(cameras=CameraRig(image_size=(66, 200)))
OTHERS = ("highway-v0", "intersection-v0", "racetrack-v0", "CarRacing-v3")
Act = Callable[[], object]


class Rate(NamedTuple):
    """Things per second."""

    median: float
    best: float


def rates(acts: dict[str, tuple[Act, int, int]]) -> dict[str, Rate]:
    """The rates of rounds by name; each act does `count` things, `repeats` times a round.

    Rounds go through all of them in turn, so that a busy moment meets all alike.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    for act, _, _ in acts.values():
        act()
    for _ in range(ROUNDS):
        for name, (act, count, repeats) in acts.items():
            start = time.perf_counter()
            for _ in range(repeats):
                act()
            found[name].append(count * repeats / (time.perf_counter() - start))
    return {name: Rate(median(values), max(values)) for name, values in found.items()}


def driven(simulator: Simulator) -> Fleet:
    """A fleet that has been driving for five seconds, and goes on with one car for another."""
    fleet = Fleet(simulator, (Start(i % CARS, i) for i in itertools.count()), CARS)
    for _ in range(50):
        fleet.step(ExpertDriver(simulator))
    return fleet


def stepping(env: gym.Env[Any, Any]) -> Act:
    """One step of an environment, with a random action."""
    env.reset(seed=0)
    env.action_space.seed(0)

    def act() -> None:
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()

    return act


def expert_steps(observation: ObservationConfig, traffic: str) -> Act:
    """One step of a vector environment whose cars the expert drives."""
    envs = gym.make_vec(
        TOWN_ID,
        num_envs=CARS,
        vectorization_mode="vector_entry_point",
        map=MAPS[0],
        observation=observation,
        traffic=traffic,
    )
    info = envs.reset(seed=0)[1]

    def act() -> None:
        info.update(envs.step(info["expert_curvature"][:, None])[4])

    for _ in range(20):
        act()
    return act


def memory(world: World) -> float:
    """Megabytes of a world's rasters, for each square kilometre."""
    size = sum(level.nbytes for level in world.levels) + world.roads.nbytes
    rows, columns = world.levels[0].shape[:2]
    return size / (rows * columns * RESOLUTION**2)


def main() -> None:
    policy = load_policy(sys.argv[1]) if len(sys.argv) > 1 else DrivingPolicy().eval()
    routes = RouteOptions(CARS, 2000.0)
    alone, busy = (load_simulator(MAPS, routes, WIDE, 0, t) for t in ("none", "regular"))
    small = load_simulator(MAPS, routes, ObservationConfig())
    states, among = driven(alone).states, driven(busy).states
    fleet, seen = driven(small), driven(small).states
    driver = PolicyDriver(policy, small.observe)
    acts: dict[str, tuple[Act, int, int]] = {
        "3 x 66x200 + map, vehicles in view": (lambda: busy.observe(among), CARS, REPEATS),
        "the same and semantic images": (seeing(busy, among, Modality.SEMANTIC), CARS, REPEATS),
        "the same and depth images": (seeing(busy, among, Modality.DEPTH), CARS, REPEATS),
        "3 x 66x200 + map, no traffic": (lambda: alone.observe(states), CARS, REPEATS),
        "3 x 48x96 + map, no traffic": (lambda: small.observe(seen), CARS, REPEATS),
        "64 cars, policy, physics and judge, 48x96": (lambda: fleet.step(driver), CARS, REPEATS),
    }
    for name, observation in (("48x96", ObservationConfig()), ("66x200", WIDE)):
        for traffic in ("none", "regular"):
            act = expert_steps(observation, traffic)
            acts[f"full step, batch {CARS}, {name}, traffic {traffic}"] = (act, CARS, REPEATS)
    for identity in OTHERS:
        try:
            acts[identity] = (stepping(gym.make(identity)), 1, 3 * REPEATS)
        except gym.error.DependencyNotInstalled as error:
            print(f"without {identity}: {error}")
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads")
    print(provenance()["versions"])
    vehicles = (among["vehicles"]["strand"] >= 0).sum(axis=1)
    print(f"{np.mean(vehicles):.1f} vehicles around each car in regular traffic")
    print(f"{'median':>12} {'best':>12}  of {ROUNDS} rounds, per second")
    for name, rate in rates(acts).items():
        print(f"{rate.median:12,.0f} {rate.best:12,.0f}  {name}")
    print(f"{memory(build_world(load_map('procedural:1000'))):25.1f}  MB for a km2 of a world")


def seeing(simulator: Simulator, states: States, modality: Modality) -> Act:
    """Observing with 66x200 cameras that show one modality more."""
    rig = CameraRig(image_size=(66, 200), modalities=("rgb", modality.value))
    other = Simulator(simulator.scene, Observer(ObservationConfig(cameras=rig)), "regular")
    return lambda: other.observe(states)


if __name__ == "__main__":
    main()
