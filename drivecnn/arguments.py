"""The arguments of the command line, and the one line that it answers bad ones with."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from jsonargparse import ArgumentParser

from drivecnn.evaluation import Dropped
from drivecnn.policy import ACTIONS, DEFAULT_ACTION
from drivecnn.training.config import RunConfig
from drivecnn_envs.maps import FORMS
from drivecnn_envs.observation import FamilyName
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.traffic import Wanted

SEVERAL = f"{FORMS}; procedural:FIRST-LAST for several towns"
BAD_INPUT = 2  # exit code


class Parser(ArgumentParser):
    """A parser that answers bad input with one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Exit with 2 and the reason."""
        reason, name = " ".join(message.split()), self.prog.replace(" [options]", "")
        sys.stderr.write(f"{name}: {reason}; see {name} --help\n")
        sys.exit(BAD_INPUT)


@dataclass(frozen=True)
class RouteChoice:
    """Which random routes to drive.

    Attributes:
        routes: how many, spread evenly over the maps.
        route_length: of each [m].
        junctions: how many junctions with a choice each crosses at least.
        seed: of the routes, the looks and the disturbances.
    """

    routes: int = 100
    route_length: float = 400.0
    junctions: int = 0
    seed: int = 0

    def options(self) -> RouteOptions:
        """The same as the simulator wants it."""
        return RouteOptions(self.routes, self.route_length, self.junctions)


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="drivecnn", description="End-to-end driving, from cameras to steering.")
    commands = parser.add_subcommands(required=True)
    train_parser = Parser(description="Train a policy and save it in a run folder.")
    train_parser.add_argument("--config", action="config", help="YAML file: see configs/")
    train_parser.add_argument("--out", type=Path, default=Path("runs/run"), help="run folder")
    train_parser.add_argument("--resume", action="store_true", help="go on with a stopped run")
    train_parser.add_class_arguments(RunConfig)
    commands.add_subcommand("train", train_parser, help="train a policy")
    speedrun_parser = Parser(
        description="Train until 99 of 100 unseen routes are driven. Of validation only the times "
        "count, and nothing is tracked."
    )
    speedrun_parser.add_argument("--config", action="config", help="YAML file: see configs/")
    speedrun_parser.add_argument("--out", type=Path, default=Path("runs/speedrun"), help="folder")
    speedrun_parser.add_class_arguments(RunConfig)
    commands.add_subcommand("speedrun", speedrun_parser, help="from nothing to driving, timed")
    evaluate_parser = _driving_parser("Drive routes in closed loop and write report.json.")
    evaluate_parser.add_argument("--drop", type=Dropped | None, default=None, help="input to blank")
    evaluate_parser.add_argument("--out", type=Path | None, default=None, help="report folder")
    commands.add_subcommand("evaluate", evaluate_parser, help="drive routes and judge")
    drive_parser = _driving_parser("Drive one route and film it.")
    drive_parser.add_argument(
        "--route", type=int | None, default=None, help="which of the routes that evaluate drives"
    )
    drive_parser.add_argument(
        "--last", type=float | None, default=None, help="film only so many seconds before the end"
    )
    drive_parser.add_argument("--out", type=Path, default=Path("drive.mp4"), help="MP4 file")
    commands.add_subcommand("drive", drive_parser, help="film a drive")
    uncertainty_parser = _judging_parser("Judge a policy's distributions, not its driving.")
    uncertainty_parser.add_argument(
        "--ensemble", type=list[Path], default=[], help="further runs, trained with other seeds"
    )
    uncertainty_parser.add_argument("--out", type=Path | None, default=None, help="report folder")
    commands.add_subcommand("uncertainty", uncertainty_parser, help="judge the distributions")
    map_parser = Parser(description="Draw a map and print its size.")
    map_parser.add_argument("spec", type=str, help=FORMS)
    map_parser.add_argument("--out", type=Path, default=Path("map.png"), help="PNG file")
    commands.add_subcommand("map", map_parser, help="draw a map")
    return parser


def _driving_parser(description: str) -> Parser:
    """What `evaluate` and `drive` have in common."""
    parser = _judging_parser(description)
    parser.add_argument(
        "--driver", type=Literal["expert", "policy"], default="policy", help="who steers"
    )
    parser.add_argument(
        "--action",
        type=str,
        default=DEFAULT_ACTION,
        help=f"of the distribution: {', '.join(ACTIONS)}",
    )
    parser.add_argument("--traffic", type=Wanted, default="none", help="or a number of vehicles")
    parser.add_argument("--looks", type=FamilyName | None, default=None, help="if not the run's")
    return parser


def _judging_parser(description: str) -> Parser:
    """Whose policy it is about, and on which routes."""
    parser = Parser(description=description)
    parser.add_argument(
        "run", type=Path | None, nargs="?", help="run folder or checkpoint; shipped if left out"
    )
    parser.add_argument("--map", type=str, default="procedural:1000-1009", help=SEVERAL)
    parser.add_class_arguments(RouteChoice)
    return parser
