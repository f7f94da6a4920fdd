"""Compare what can be driven of a policy's distribution: every action there is.

    python tests/benchmarks/actions.py [RUN]

Without RUN it is the policy that comes with drivecnn. Needs DRIVECNN_SHARED for the CARLA towns.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sys
from dataclasses import replace
from pathlib import Path

from driving_table import add_driving, driving_table
from rich.console import Console
from shipped import CARLA_ROUTES, EASY, MAPS, ROUTES

from drivecnn.evaluation import EvaluationConfig, evaluate, load_run
from drivecnn.policy import ACTIONS
from drivecnn.policy.checkpoint import SHIPPED

COUNT = 100  # routes


def main() -> None:
    policy, observation = load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    routes, carla_routes = (replace(options, count=COUNT) for options in (ROUTES, CARLA_ROUTES))
    cases = {
        "easy": EvaluationConfig(EASY, routes),
        "city": EvaluationConfig("procedural:city:1000-1009", routes),
    } | {
        town: EvaluationConfig(str(MAPS / f"{town}.xodr"), carla_routes)
        for town in ("Town03", "Town04")
    }
    table = driving_table("towns, action")
    for name, config in cases.items():
        for action in ACTIONS:
            evaluation = evaluate(replace(config, action=action), policy, observation)
            add_driving(table, f"{name}, {action}", evaluation.metrics)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
