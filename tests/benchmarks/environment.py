"""How long a map takes to load, first and cached, and an environment to reset and to step.

python tests/benchmarks/environment.py [MAP ...]
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest.mock import patch

import gymnasium as gym
import numpy as np

from drivecnn.provenance import provenance
from drivecnn_envs import TOWN_ID
from drivecnn_envs.errors import MapWarning
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.views import CameraRig
from drivecnn_envs.world_cache import load_world

SHARED = Path(os.environ.get("DRIVECNN_SHARED", Path(__file__).parents[2] / ".." / "shared"))
MAPS = [
    "procedural:1000",
    str(SHARED / "data/maps/opendrive/carla/Town04.xodr"),
    str(SHARED / "data/maps/osm/cities/munchen.osm.pbf"),
]
WIDE = ObservationConfig(cameras=CameraRig(image_size=(66, 200)))
STEPS, RESETS, LOADS = 600, 20, 3


def milliseconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def load_times(spec: str) -> tuple[float, float]:
    """Seconds to a ready world: the first time, and the median from the cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, DRIVECNN_CACHE=folder),
    ):
        first = milliseconds(lambda: load_world(spec))
        again = median(milliseconds(lambda: load_world(spec)) for _ in range(LOADS))
    return first / 1000, again / 1000


def step_times(spec: str, observation: ObservationConfig) -> tuple[float, float]:
    """Milliseconds of a step and of a reset, medians."""
    routes = RouteOptions(RESETS, 400.0)
    env = gym.make(TOWN_ID, map=spec, observation=observation, routes=routes)
    resets = [milliseconds(lambda n=n: env.reset(seed=n)) for n in range(RESETS + 1)][1:]
    steps, info = [], env.reset(seed=0)[1]
    for _ in range(STEPS):
        action = np.array([info["expert_curvature"]], np.float32)
        start = time.perf_counter()
        *_, terminated, truncated, info = env.step(action)
        steps.append(1000 * (time.perf_counter() - start))
        if terminated or truncated:
            info = env.reset()[1]
    env.close()
    return median(steps[1:]), median(resets)


def main() -> None:
    warnings.simplefilter("ignore", MapWarning)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; {provenance()['versions']}")
    load_world("procedural:0")  # compiles the kernels
    for spec in sys.argv[1:] or MAPS:
        first, again = load_times(spec)
        print(f"\n{Path(spec).name}: ready world in {first:.1f} s, again {again:.2f} s")
        for observation in (ObservationConfig(), WIDE):
            height, width = observation.cameras.image_size
            step, reset = step_times(spec, observation)
            print(f"  3 x {height}x{width}: step {step:.2f} ms, reset {reset:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
