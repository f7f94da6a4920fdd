"""Measure what the policy of `make demo` can do, in more places than `make demo` does.

    make demo && python tests/benchmarks/demo.py

Trains behaviour cloning with the same budget into runs/cloning, then drives: unseen towns with
both inputs and with one blanked, other kinds of town, and the cloned policy. Writes reports below
runs/figures and prints one table. Needs DRIVECNN_SHARED for the towns of files.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from driving_table import add_driving, driving_table
from rich.console import Console

from drivecnn.evaluation import EvaluationConfig, evaluate, load_run, write_report
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.traffic import Wanted

DEMO, CLONING, FIGURES = Path("runs/demo"), Path("runs/cloning"), Path("runs/figures")
UNSEEN = "procedural:1000-1009"
UNTOUCHED = "procedural:2000-2019"  # no setting was ever chosen by its result on these
MAPS = Path(os.environ.get("DRIVECNN_SHARED", "../shared")) / "data/maps"
TOWN01, TOWN03 = (str(MAPS / f"opendrive/carla/{name}.xodr") for name in ("Town01", "Town03"))
MUNICH = str(MAPS / "osm/cities/munchen.osm.pbf")
UNSEEN_LOOKS = "looks never trained on"
TOWN_ROUTES = RouteOptions(100, 400.0, min_junctions=3)
MANY_ROUTES = RouteOptions(200, 400.0, min_junctions=3)
CARLA_ROUTES = RouteOptions(50, 400.0)
OTHER_ROUTES = RouteOptions(100, 400.0, min_junctions=2)


def main() -> None:
    if not (CLONING / "policy.safetensors").exists():
        command = ["train", "--config", "configs/cloning.yaml", "--out", str(CLONING)]
        subprocess.run([sys.executable, "-m", "drivecnn.cli", *command], check=True)
    cases = {
        "unseen towns": (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES)),
        "unseen towns, regular traffic": (DEMO, _among("regular")),
        "unseen towns, dense traffic": (DEMO, _among("dense")),
        UNSEEN_LOOKS: (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES)),
        "unseen towns, other routes": (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES, seed=1)),
        "towns nothing was chosen on": (DEMO, EvaluationConfig(UNTOUCHED, MANY_ROUTES)),
        "CARLA Town01": (DEMO, EvaluationConfig(TOWN01, CARLA_ROUTES)),
        "medium towns": (DEMO, EvaluationConfig("procedural:medium:1000-1009", OTHER_ROUTES)),
        "hard towns": (DEMO, EvaluationConfig("procedural:hard:1000-1009", OTHER_ROUTES)),
        "CARLA Town03": (DEMO, EvaluationConfig(TOWN03, CARLA_ROUTES)),
        "OpenStreetMap, munchen": (DEMO, EvaluationConfig(MUNICH, CARLA_ROUTES)),
        "cameras blanked": (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES, drop="cameras")),
        "route map blanked": (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES, drop="route_map")),
        "behaviour cloning": (CLONING, EvaluationConfig(UNSEEN, TOWN_ROUTES)),
        "expert": (DEMO, EvaluationConfig(UNSEEN, TOWN_ROUTES, driver="expert")),
        "expert, dense traffic": (DEMO, replace(_among("dense"), driver="expert")),
    }
    table = driving_table("case")
    for name, (run, config) in cases.items():
        policy, observation = load_run(run)
        if name == UNSEEN_LOOKS:
            observation = replace(observation, looks="new")
        evaluation = evaluate(config, policy, observation)
        write_report(evaluation, FIGURES / name.replace(" ", "-").replace(",", ""))
        add_driving(table, name, evaluation.metrics)
    Console().print(table)


def _among(traffic: Wanted) -> EvaluationConfig:
    """The routes through the unseen towns, among other vehicles."""
    return EvaluationConfig(UNSEEN, TOWN_ROUTES, traffic=traffic)


if __name__ == "__main__":
    main()
