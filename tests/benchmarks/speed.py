"""Measure frame-sets and decisions per second. Prints medians; run it on a quiet machine.

    python tests/benchmarks/speed.py [RUN]

RUN is a run folder whose policy decides; an untrained default policy is as quick.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import platform
import sys
import time
from collections.abc import Callable
from statistics import median

import torch

from drivecnn import DrivingPolicy, load_policy
from drivecnn.provenance import provenance
from drivecnn.rollout import ExpertDriver, Fleet, PolicyDriver, Start
from drivecnn_envs.views import CameraRig
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.towns import RouteOptions, load_simulator

CARS = 64
ROUNDS, REPEATS = 7, 20


def rate(act: Callable[[], object], count: int) -> float:
    """Things per second: the median of `ROUNDS` rounds of `REPEATS` calls, `count` things each."""
    act()
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(REPEATS):
            act()
        rates.append(count * REPEATS / (time.perf_counter() - start))
    return median(rates)


def main() -> None:
    policy = load_policy(sys.argv[1]) if len(sys.argv) > 1 else DrivingPolicy().eval()
    simulator = load_simulator(
        ["procedural:1000-1003"], RouteOptions(CARS, 2000.0), ObservationConfig()
    )
    wide = ObservationConfig(cameras=CameraRig(image_size=(66, 200)))
    large = Simulator(simulator.scene, Observer(wide))
    states = simulator.start(range(CARS), range(CARS))
    fleet = Fleet(simulator, [Start(i, i) for i in range(CARS)], CARS)
    expert = ExpertDriver(simulator)
    for _ in range(50):
        fleet.step(expert)
    states = fleet.states.copy()
    driver = PolicyDriver(policy, simulator.observe)
    rows = {
        "frame-sets/s, 3 x 66x200 and route map": rate(lambda: large.observe(states), CARS),
        "frame-sets/s, 3 x 48x96 and route map": rate(lambda: simulator.observe(states), CARS),
        "decisions/s, 64 cars, policy, physics and judge": rate(lambda: fleet.step(driver), CARS),
        "steps/s, 64 cars, expert only": rate(
            lambda: simulator.step(states, expert(states)[0]), CARS
        ),
    }
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads")
    print(provenance()["versions"])
    for name, value in rows.items():
        print(f"{value:12,.0f}  {name}")


if __name__ == "__main__":
    main()
