"""Measure the policy that comes with drivecnn; its model card has the table that this prints.

    python tests/benchmarks/shipped.py [RUN]

Needs DRIVECNN_SHARED for the CARLA towns. Writes reports below runs/shipped. RUN is another run
folder to measure in the same way.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sys
from dataclasses import replace
from pathlib import Path

from driving_table import add_driving, driving_table
from rich.console import Console

from drivecnn.evaluation import EvaluationConfig, evaluate, load_run, write_report
from drivecnn.policy.checkpoint import SHIPPED
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions

REPORTS = Path("runs/shipped")
MAPS = Path(os.environ.get("DRIVECNN_SHARED", "../shared")) / "data/maps/opendrive/carla"
EASY = "procedural:1000-1009"
ROUTES = RouteOptions(300, 400.0, min_junctions=2)
CARLA_ROUTES = RouteOptions(300, 400.0)
NEW_LOOKS = "easy, looks never trained on"
CASES = {
    "easy": EvaluationConfig(EASY, ROUTES),
    "medium": EvaluationConfig("procedural:medium:1000-1009", ROUTES),
    "hard": EvaluationConfig("procedural:hard:1000-1009", ROUTES),
    "city": EvaluationConfig("procedural:city:1000-1009", ROUTES),
    "easy, regular traffic": EvaluationConfig(EASY, ROUTES, traffic="regular"),
    NEW_LOOKS: EvaluationConfig(EASY, ROUTES),
    "easy, cameras blanked": EvaluationConfig(EASY, ROUTES, drop="cameras"),
    "easy, map blanked": EvaluationConfig(EASY, ROUTES, drop="route_map"),
} | {
    f"CARLA {town}": EvaluationConfig(str(MAPS / f"{town}.xodr"), CARLA_ROUTES)
    for town in ("Town01", "Town03", "Town04", "Town06")
}
EXACT_MAP = ", exact map"  # ends the names of cases that tell what the map's error costs
CASES |= {f"{name}{EXACT_MAP}": CASES[name] for name in ("city", "CARLA Town03")}


def observation_of(case: str, observation: ObservationConfig) -> ObservationConfig:
    """What the policy sees in a case, where it saw `observation` in training."""
    if case == NEW_LOOKS:
        return replace(observation, looks="new")
    if case.endswith(EXACT_MAP):
        exact = replace(observation.route_map, position_error=0.0, heading_error=0.0)
        return replace(observation, route_map=exact)
    return observation


def main() -> None:
    policy, observation = load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    table = driving_table("towns")
    for name, config in CASES.items():
        evaluation = evaluate(config, policy, observation_of(name, observation))
        write_report(evaluation, REPORTS / name.replace(",", "").replace(" ", "-"))
        add_driving(table, name, evaluation.metrics)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
