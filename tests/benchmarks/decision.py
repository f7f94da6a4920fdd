"""Measure one decision of a policy on one CPU thread: its distribution, and what is driven of it.

    python tests/benchmarks/decision.py [RUN]

Without RUN it is the policy that comes with drivecnn. Times are medians over what it sees at the
starts of routes, each alone.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

from drivecnn.evaluation import load_run
from drivecnn.policy import ACTIONS
from drivecnn.policy.checkpoint import SHIPPED
from drivecnn.provenance import provenance
from drivecnn_envs.towns import RouteOptions, load_simulator

COUNT = 32  # decisions


def milliseconds(work: Callable[[], object]) -> float:
    """Of one of the decisions that the work does, on one thread."""
    timer = Timer("work()", globals={"work": work}, num_threads=1)
    return 1e3 * timer.blocked_autorange(min_run_time=3.0).median / COUNT


def main() -> None:
    print(f"{platform.machine()}; {provenance()['versions']}\n")
    policy, observation = load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    simulator = load_simulator(["procedural:1000"], RouteOptions(COUNT, 100.0), observation)
    seen = simulator.observe(simulator.start(range(COUNT), range(COUNT)))
    cameras, route_maps = torch.as_tensor(seen.cameras), torch.as_tensor(seen.route_map)
    inputs = list(zip(cameras.split(1), route_maps.split(1), strict=True))
    with torch.inference_mode():
        distributions = [policy(*each) for each in inputs]
        print(f"distribution: {milliseconds(lambda: [policy(*each) for each in inputs]):.2f} ms")
        driven = torch.zeros(2, 1)
        for name, action in ACTIONS.items():
            ms = milliseconds(lambda act=action: [act(d, driven) for d in distributions])
            print(f"{name}: {ms:.2f} ms")


if __name__ == "__main__":
    main()
