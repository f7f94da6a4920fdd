"""How well the expert drives: success, error and junctions on procedural and CARLA towns.

python tests/benchmarks/expert.py --routes 50
"""

import argparse
import os
import time
from pathlib import Path

from drivecnn.evaluation import EvaluationConfig, evaluate
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions

SHARED = Path(os.environ.get("DRIVECNN_SHARED", Path(__file__).parents[2] / ".." / "shared"))
CARLA = [
    str(SHARED / f"data/maps/opendrive/carla/Town{number}.xodr")
    for number in ["01", "03", "04", "06"]
]
PROCEDURAL = [f"procedural:{seed}" for seed in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=50, help="routes in each town")
    parser.add_argument("--length", type=float, default=400.0, help="m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("maps", nargs="*", default=CARLA + PROCEDURAL, help="default: 4 + 20 towns")
    arguments = parser.parse_args()
    routes = RouteOptions(count=arguments.routes, length=arguments.length)
    print(f"{'town':16} success  MAE m  >1m %  junctions       infractions  seconds")
    for name in arguments.maps:
        start = time.perf_counter()
        config = EvaluationConfig(name, routes, arguments.seed, driver="expert")
        metrics = evaluate(config, None, ObservationConfig()).metrics
        counts = vars(metrics.infractions)
        infractions = " ".join(f"{key}:{count}" for key, count in counts.items() if count) or "none"
        print(
            f"{Path(name).stem:16} {metrics.success_rate:7.1%} {metrics.lateral_mae_m:6.3f} "
            f"{metrics.beyond_1m_fraction:6.2%} {metrics.junctions.correct:4}/"
            f"{metrics.junctions.entered:<4} {infractions:>18} {time.perf_counter() - start:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
