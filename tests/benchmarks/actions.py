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
from shipped import CASES

from drivecnn.evaluation import evaluate, load_run
from drivecnn.policy import ACTIONS
from drivecnn.policy.checkpoint import SHIPPED

TOWNS = "easy", "city", "CARLA Town03", "CARLA Town04"
COUNT = 100  # routes


def main() -> None:
    policy, observation = load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    table = driving_table("towns, action")
    for name in TOWNS:
        config = replace(CASES[name], routes=replace(CASES[name].routes, count=COUNT))
        for action in ACTIONS:
            evaluation = evaluate(replace(config, action=action), policy, observation)
            add_driving(table, f"{name}, {action}", evaluation.metrics)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
