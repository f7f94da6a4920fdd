"""Train the anchors, and what we chose otherwise, on the same work, and write docs/results.md.

    python tests/benchmarks/anchors.py [--rows ROW ...] [--seeds SEED ...] [--wall]

Trains what is missing below runs/anchors, one run after the other, drives each through the same
unseen towns, and leaves its figures in docs/results/. All rows have as many steps of as many
frames; with --wall they have as much time as the default policy of that seed took instead. With
no --rows it takes all of them: half a working day on two cores for each seed. What is there is not
done again, so that it can be stopped.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import jsonargparse
import numpy as np
import torch
import yaml
from encoders import decision, seconds
from scipy.stats import t as student

from drivecnn.evaluation import EvaluationConfig, evaluate, load_run, simulator_of
from drivecnn.policy.checkpoint import load_metadata, replace_file
from drivecnn.provenance import provenance
from drivecnn.rollout import PolicyDriver
from drivecnn.training.config import RunConfig
from drivecnn.training.trainer import Trainer
from drivecnn.uncertainty import at_junctions, driven_moments
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions

RUNS, RESULTS = Path("runs/anchors"), Path("docs/results")
TABLE = Path("docs/results.md")
BASE = Path("configs/demo.yaml")
STEPS = yaml.safe_load(BASE.read_text())["optimiser"]["steps"]
DEFAULT = "default"
ANCHORS = {  # what is changed of the base: a file of configs/anchors, and the row's name
    DEFAULT: "**our default**: on-policy, routed map, Gaussian mixture",
    "dart": "ours, DART",
    "cloning": "ours, behaviour cloning",
    "map-only": "ours, map only",
    "camera-only": "ours, cameras only",
    "pilotnet": "PilotNet, regression",
    "variational": "Amini et al., 3 Gaussians",
    "donkeycar-linear": "donkeycar, linear",
    "donkeycar-categorical": "donkeycar, categorical",
    "cil": "conditional imitation, a command instead of the map",
}
ABLATIONS = {  # the same of configs/ablations
    "adamw": "AdamW, not Muon",
    "bfloat16": "bfloat16, not 32 bits",
    "last-weights": "the last weights, not their average",
    "on-route": "no pose is moved off",
    "ungraded": "no random colours",
    "steady": "trembling costs: pairs of successive decisions",
    "balanced": "half of a batch balanced over curvature",
    "always-routed": "the route is never left out",
    "forks": "the route left out of 40 % of the states at forks",
    "no-lag": "no lag of the map in training",
    "separate-cameras": "an encoder for each camera",
    "stack": "three frames, side by side",
    "gru": "three frames, by a GRU",
    "gaussian": "one Gaussian",
    "five-gaussians": "five Gaussians",
    "logistic-mixture": "mixture of logistics",
    "categorical": "log-spaced knots, histogram loss",
    "quantile": "quantile function, CRPS",
}
ROWS = ANCHORS | ABLATIONS
TABLES = (
    ("The same frames", "frames", ANCHORS),
    ("The same time", "wall", ANCHORS),
    ("What each choice is worth", "frames", {DEFAULT: ANCHORS[DEFAULT]} | ABLATIONS),
)
EVALUATION_SEEDS = (0, 1, 2)
TOWNS = "procedural:1000-1009"
ROUTES = RouteOptions(100, 400.0, min_junctions=2)
PROBED = 30  # routes whose states the CRPS is taken on, and near which it is asked for ways
DECISIONS = 200  # timed
PRECISION = "32-true"  # on every machine, but for the row that is about it
TIMED_STEPS = 30  # of a row and of the default, to find how many the row can do


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--wall", action="store_true", help="as much time, not as many frames")
    arguments = parser.parse_args()
    budget = "wall" if arguments.wall else "frames"
    for seed in arguments.seeds:
        for row in arguments.rows:
            path = RESULTS / f"{row}-{budget}-{seed}.json"
            if path.exists() or (arguments.wall and row in (DEFAULT, *ABLATIONS)):
                continue
            folder = RUNS / path.stem
            steps = steps_in_time(row, seed) if arguments.wall else STEPS
            taken = train(row, folder, seed, steps)
            result = measure(folder) | {
                "row": row,
                "seed": seed,
                "steps": steps,
                "train_seconds": round(taken, 1),
                "threads": torch.get_num_threads(),
                "precision": load_metadata(folder)["precision"],
                **provenance(),
            }
            RESULTS.mkdir(parents=True, exist_ok=True)
            replace_file(path, (json.dumps(result, indent=2) + "\n").encode())
            TABLE.write_text(document())


def steps_in_time(row: str, seed: int) -> int:
    """The steps that a row can do while the default policy does its own.

    They are timed in a process of their own, for a trainer's memory is not given back before its
    process ends.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        ours, theirs = process.submit(step_seconds, row, seed).result()
    return round(STEPS * ours / theirs)


def step_seconds(row: str, seed: int) -> tuple[float, float]:
    """The seconds of a training step of the default policy, and of a row's.

    Both do some in turn, so that whatever else the machine has to do slows both alike.
    """
    trainers = [Trainer(config_of(name, seed)) for name in (DEFAULT, row)]
    taken = [[seconds(trainer.train_step, 1) for trainer in trainers] for _ in range(TIMED_STEPS)]
    ours, theirs = np.median(taken, axis=0)
    return ours, theirs


def config_of(row: str, seed: int) -> RunConfig:
    """What `drivecnn train` makes of a row's arguments."""
    parser = jsonargparse.ArgumentParser()
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(RunConfig)
    options = vars(parser.instantiate(parser.parse_args(arguments_of(row, seed))))
    return RunConfig(**{name: value for name, value in options.items() if name != "config"})


def arguments_of(row: str, seed: int) -> list[str]:
    """A row's arguments for `drivecnn train`."""
    own = [f"--config={config}" for config in Path("configs").glob(f"*/{row}.yaml")]
    return [
        f"--config={BASE}",
        f"--optimiser.precision={PRECISION}",
        *own,
        f"--seed={seed}",
        "--validation.times=1",
    ]


def train(row: str, folder: Path, seed: int, steps: int) -> float:
    """Train a row; returns the seconds from the start of the process to its end."""
    command = [sys.executable, "-m", "drivecnn.cli", "train", *arguments_of(row, seed)]
    command += [f"--out={folder}", f"--optimiser.steps={steps}"]
    shutil.rmtree(folder, ignore_errors=True)  # of a training that was stopped
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def measure(folder: Path) -> dict[str, float | list[float] | None]:
    """All figures of one trained policy, those of driving for each evaluation seed."""
    policy, observation = load_run(folder)
    driven: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        driven.setdefault(name, []).append(value)

    for seed in EVALUATION_SEEDS:
        config = EvaluationConfig(TOWNS, ROUTES, seed=seed)
        metrics = evaluate(config, policy, observation).metrics
        note("success", metrics.success_rate)
        note("junctions", metrics.junctions.correct / metrics.junctions.entered)
        note("lateral_mae_m", metrics.lateral_mae_m)
        note("beyond_1m", metrics.beyond_1m_fraction)
        note("whiteness", metrics.whiteness_deg_s / expert_whiteness(seed))
        note("interventions_per_100km", 100.0 * metrics.interventions / metrics.km)
        if metrics.nll is not None:
            note("nll", metrics.nll)
        new = evaluate(config, policy, replace(observation, looks="new"))
        note("new_looks", new.metrics.success_rate)
        among = evaluate(replace(config, traffic="regular"), policy, observation)
        note("traffic", among.metrics.success_rate)
    config = EvaluationConfig(TOWNS, replace(ROUTES, count=PROBED))
    simulator = simulator_of(config, observation, policy)
    states = driven_moments(simulator, policy, [config.start(n) for n in range(PROBED)]).now
    distribution = PolicyDriver(policy, simulator.observe)(states).distribution
    assert distribution is not None
    crps = distribution.crps(torch.from_numpy(simulator.expert(states)))
    junctions = at_junctions(policy, simulator, np.random.default_rng(0))
    threads = torch.get_num_threads()
    decision_seconds = seconds(decision(policy), DECISIONS)
    torch.set_num_threads(threads)  # `decision` takes one
    return driven | {
        "crps_per_km": 1000.0 * float(crps.mean()),
        "ways": junctions.recall,
        "mass": junctions.routed_mass,
        "one_mode": junctions.one_mode_unrouted,
        "ways_nll": junctions.nll,
        "parameters": sum(weights.numel() for weights in policy.parameters()),
        "decision_ms": 1000.0 * decision_seconds,
    }


@cache
def expert_whiteness(seed: int) -> float:
    """The expert's on an evaluation seed's routes [deg/s]: it sees no cameras."""
    config = EvaluationConfig(TOWNS, ROUTES, seed=seed, driver="expert")
    return evaluate(config, None, ObservationConfig()).metrics.whiteness_deg_s


def document() -> str:
    """docs/results.md, from whatever is in docs/results."""
    text = INTRODUCTION
    for title, budget, rows in TABLES:
        found = {name: results_of(row, budget) for row, name in rows.items()}
        lines = [table_row(name, results) for name, results in found.items() if results]
        if len(lines) > 1:
            text += f"\n## {title}\n\n" + "\n".join([*HEADER, *lines]) + "\n"
    return text


def results_of(row: str, budget: str) -> list[dict]:
    """The figures of a row's trainings by seed; the default's own budgets are the same."""
    budget = "frames" if row == DEFAULT else budget
    paths = sorted(RESULTS.glob(f"{row}-{budget}-*.json"))
    return [json.loads(path.read_text()) for path in paths]


def table_row(name: str, results: list[dict]) -> str:
    """One line of Markdown, over all training seeds of a row."""
    known = [key for key in COLUMNS if all(result.get(key) is not None for result in results)]
    mean = {key: np.array([np.mean(r[key]) for r in results]) for key in known}
    cells = [form(mean[key]) if key in mean else "-" for key, (_, form) in COLUMNS.items()]
    return "| " + " | ".join([name, str(len(results)), *cells]) + " |"


def share(values: np.ndarray) -> str:
    """Percent, with half of a 95 % interval over the training seeds where there are three."""
    if len(values) < 3:
        return f"{values.mean():.1%}"
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.1%} +- {100 * half:.1f}"


def number(form: str, scale: float = 1.0):
    """How a mean is written."""
    return lambda values: format(scale * values.mean(), form)


def timed(form: str, scale: float = 1.0):
    """How the first seed's time is written: the others may have been on another machine."""
    return lambda values: format(scale * values[0], form)


COLUMNS = {  # its title, and how it is written
    "success": ("success", share),
    "new_looks": ("new looks", share),
    "traffic": ("traffic", share),
    "junctions": ("junctions", share),
    "lateral_mae_m": ("MAE m", number(".2f")),
    "beyond_1m": ("> 1 m", number(".1%")),
    "whiteness": ("whiteness", number(".2f")),
    "interventions_per_100km": ("per 100 km", number(".0f")),
    "nll": ("NLL", number(".2f")),
    "crps_per_km": ("CRPS /km", number(".1f")),
    "ways": ("ways", share),
    "mass": ("mass", share),
    "one_mode": ("one mode", share),
    "ways_nll": ("NLL of ways", number(".2f")),
    "steps": ("steps", number(",.0f")),
    "parameters": ("parameters", number(",.0f")),
    "decision_ms": ("ms", timed(".1f")),
    "train_seconds": ("min", timed(".0f", 1 / 60)),
}
HEADER = (
    "| | seeds | " + " | ".join(title for title, _ in COLUMNS.values()) + " |",
    "|" + "---|" * (2 + len(COLUMNS)),
)
INTRODUCTION = """# Results

`python tests/benchmarks/anchors.py` trains and drives all of this and writes this page. Every row
has the towns, the fleet, the looks and the expert of `configs/demo.yaml`. `configs/anchors/` says
network, loss and who drives: as published, with our route map where there would be no other way to
know where to go. `configs/ablations/` changes one choice of ours at a time. Each policy then drives
100 routes of 400 m with at least two junctions through ten easy towns that it has never seen, with
each of three evaluation seeds: alone, with looks that training never shows, and in regular traffic.

Intervals are 95 %, by Student's t over three training seeds. Junctions: turns that were right, of
those entered. Whiteness is relative to the expert's on the same routes. Per 100 km:
interventions, one whenever the car gets more than 1 m off and one for each failure of a car that
was not. NLL in nats of the expert's answer, CRPS on 30 of the routes.
Ways: those open at junctions that have a mode where no route is drawn, nearer to them than to
another way; one mode anywhere finds 45.4 % of them, so that is what nothing is worth. Mass: of
the distribution, on the way that a route asks for. One mode: places between junctions at which
there is one, without a route. NLL of ways: of the open ones, each as likely, without a route;
ripples of a density count as ways above, but not here. ms: one decision on one CPU thread. min:
training, with imports and validation, on as many threads and in the precision that the JSON says:
those two columns are of the row's first seed and compare only within one precision, as runs in 32
bits are of slower cores, without AMX, that had other work to do. Where the JSON says no precision
(DART, cloning, Amini et al., donkeycar's pilots and conditional imitation, as many frames) it was
bfloat16, with AMX. A column that a seed's run was not asked for is "-". At the same time: a row
does as many steps as it can while the default does its own, both timed in turn; towns, validation,
film and what else the machine had to do take the time they take, and some were stopped for a while
(the map alone for 28 minutes), so that there steps compare and minutes do not. The figures of each
run, with seed, commit and versions, are in [docs/results/](results); not all are of the same
commit. Runs of before version 0.16 had the surroundings of the n-th unseen town in common with the
n-th town of the training, around other roads: CHANGELOG.md says what that was worth, which is
nothing that shows; those of before 0.17 saw all of the driven way on the route map. Before 0.20 a
turn was also right where the car was more than half a lane off its way behind it. In all runs cars
went half of the way to the median in each decision, by 0.03 1/m at most: `steady` of before 0.22.
"""

if __name__ == "__main__":
    main()
