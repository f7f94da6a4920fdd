"""The commands behind the command line. Here, at the rim, is what prints and what exits."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np
import torch
from jsonargparse import Namespace
from rich.console import Console

from drivecnn.arguments import BAD_INPUT, Parser, RouteChoice, make_parser
from drivecnn.display import (
    compilation_display,
    evaluation_display,
    evaluation_table,
    summary_table,
    training_display,
    uncertainty_display,
    uncertainty_table,
    video_display,
)
from drivecnn.evaluation import (
    EvaluationConfig,
    evaluate,
    load_run,
    make_driver,
    simulator_of,
    write_report,
)
from drivecnn.map_picture import draw_map
from drivecnn.policy import DrivingPolicy, PolicyError
from drivecnn.policy.checkpoint import SHIPPED, CheckpointError, check_folder, run_path
from drivecnn.rollout import DivergedError
from drivecnn.training.config import RunConfig
from drivecnn.training.run import train
from drivecnn.training.speedrun import DRIVES, Attempt, speedrun
from drivecnn.training.team import ProcessError
from drivecnn.uncertainty import assess, check_density, write_uncertainty
from drivecnn.uncertainty_picture import draw_uncertainty
from drivecnn.video import record_drive
from drivecnn_envs.errors import InputError, MapWarning, TrafficWarning
from drivecnn_envs.maps import load_map
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.roads import summarise

Config = TypeVar("Config")
FAILED, INTERRUPTED = 1, 130  # exit codes
_PLAIN_WARNINGS = MapWarning, TrafficWarning
SECTIONS = [
    f"{above}{field.name}"
    for above, kind in (("", RunConfig), ("observation.", ObservationConfig))
    for field in fields(kind)
    if is_dataclass(field.default_factory)
]


def run(arguments: list[str], began: float) -> int:
    """Run a command line. Returns the exit code; `began` is when the program did, `time.time()`."""
    parser = make_parser()
    try:
        options = parser.parse_args(arguments)
    except UnicodeError as error:
        parser.error(f"a config is no UTF-8 text: {error}")
    command = options.subcommand
    try:
        console = Console(markup=False)  # names of files and maps may have brackets
        with _warnings_in_a_line(command), compilation_display(console):
            chosen = _instantiate(parser, options)
            chosen.began = began
            _COMMANDS[command](chosen, console)
    except (InputError, PolicyError, CheckpointError) as error:
        sys.stderr.write(f"drivecnn {command}: {error}\n")
        return BAD_INPUT
    except (DivergedError, ProcessError) as error:
        sys.stderr.write(f"drivecnn {command}: {error}\n")
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"drivecnn {command}: {where}{error.strerror or error}\n")
        return BAD_INPUT
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        reason = str(error).partition("\n")[0]  # Python's own says nothing
        sys.stderr.write(f"drivecnn {command}: not enough memory: {reason}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write(f"drivecnn {command}: stopped\n")
        return INTERRUPTED
    return 0


def _is_of_memory(error: Exception) -> bool:
    """Whether numpy or torch, on a GPU or on a CPU, had no memory left."""
    of_torch = torch.OutOfMemoryError
    return isinstance(error, MemoryError | of_torch) or "DefaultCPUAllocator" in str(error)


def _instantiate(parser: Parser, options: Namespace) -> Namespace:
    """The command's options, with its dataclasses made; what one of them refuses is bad input."""
    try:
        _check_sections(options[options.subcommand])
        command: Namespace = parser.instantiate(options)[options.subcommand]
    except ValueError as error:
        raise InputError(str(error)) from error
    return command


def _check_sections(options: Namespace) -> None:
    """Refuse a section of a config that is there but has nothing in it."""
    for name in SECTIONS:
        if name in options and options[name] is None:
            raise InputError(f"{name} is empty: give it settings, or leave the section out")


@contextmanager
def _warnings_in_a_line(command: str) -> Iterator[None]:
    """Say what is left out as plainly as an error, without a source line."""
    with warnings.catch_warnings():
        for kind in _PLAIN_WARNINGS:
            warnings.simplefilter("default", kind)
        show = warnings.showwarning

        def say(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if category in _PLAIN_WARNINGS:
                sys.stderr.write(f"drivecnn {command}: {message}\n")
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = say
        yield


def _train(options: Namespace, console: Console) -> None:
    config = _gather(RunConfig, options)
    console.quiet = int(os.environ.get("RANK", "0")) > 0  # torchrun's first process tells
    with training_display(console) as on_progress:
        metrics = train(config, options.out, options.resume, on_progress)
    console.print(
        f"{options.out}: {metrics.success_rate:.0%} of {metrics.routes} routes through "
        f"{', '.join(config.validation.maps)}"
    )


def _speedrun(options: Namespace, console: Console) -> None:
    config = _gather(RunConfig, options)

    def tell(attempt: Attempt) -> None:
        rate = f"{attempt.success_rate:.0%} of the routes"
        console.print(f"{attempt.seconds:.0f} s, step {attempt.step}: {rate}")

    result = speedrun(config, options.out, options.began, tell)
    if result.seconds is None:
        console.print(f"no checkpoint drove {DRIVES:.0%} of the routes: see {options.out}")
    else:
        console.print(f"driving after {result.seconds:.1f} s: see {options.out}")


def _evaluate(options: Namespace, console: Console) -> None:
    choice = _gather(RouteChoice, options)
    config = EvaluationConfig(
        options.map,
        choice.options(),
        choice.seed,
        options.driver,
        options.drop,
        options.traffic,
        options.action,
    )
    policy, observation = _policy_of(options)
    folder = options.out or _report_folder(options.run, options.driver)
    check_folder(folder)
    with evaluation_display(console, choice.routes) as on_episode:
        evaluation = evaluate(config, policy, observation, on_episode)
    path = write_report(evaluation, folder)
    console.print(evaluation_table(evaluation))
    console.print(f"written to {path}")


def _run_folder(run: Path | None) -> Path:
    """The run that is named, or the one that comes with drivecnn."""
    return SHIPPED if run is None else run_path(run)


def _report_folder(run: Path | None, driver: str = "policy") -> Path:
    """Where a report goes unless the user says: the run folder, also of a checkpoint file."""
    if driver == "expert" and run is None:
        return Path("runs/expert")
    folder = _run_folder(run)
    if folder == SHIPPED:
        return Path("runs") / SHIPPED.name
    return folder if folder.is_dir() else folder.parent


def _drive(options: Namespace, console: Console) -> None:
    choice = _gather(RouteChoice, options)
    policy, observation = _policy_of(options)
    routes, route = choice.options(), options.route
    if route is None:
        route, routes = 0, replace(routes, count=1)
    if not 0 <= route < routes.count:
        raise InputError(f"route is {route}, expected 0 to {routes.count - 1}: see --routes")
    config = EvaluationConfig(
        options.map,
        routes,
        choice.seed,
        options.driver,
        traffic=options.traffic,
        action=options.action,
    )
    _check_file(options.out)
    simulator = simulator_of(config, observation, policy)
    driver = make_driver(config, policy, simulator)
    start = config.start(route)
    with video_display(console) as on_frame:
        episode = record_drive(simulator, driver, start, options.out, on_frame, options.last)
    ending = "goal reached" if episode.success else f"ended: {episode.infraction}"
    console.print(f"{options.out}: {episode.progress:.0f} m in {episode.seconds:.0f} s, {ending}")


def _uncertainty(options: Namespace, console: Console) -> None:
    choice = _gather(RouteChoice, options)
    config = EvaluationConfig(options.map, choice.options(), choice.seed)
    policy, observation = load_run(_run_folder(options.run))
    others = []
    for run in options.ensemble:
        other, seen = load_run(run_path(run))
        if (seen, other.config.frames) != (observation, policy.config.frames):
            raise InputError(
                f"{run} sees other cameras, maps or frames than {options.run or 'shipped'}: the "
                "members of an ensemble need the same observation"
            )
        others.append(other)
    for member in (policy, *others):
        check_density(member)
    folder = options.out or _report_folder(options.run)
    check_folder(folder)
    with uncertainty_display(console) as on_stage:
        simulator = simulator_of(config, observation, policy)
        starts = [config.start(route) for route in range(config.routes.count)]
        rng = np.random.default_rng(choice.seed)
        report = assess(policy, simulator, starts, rng, others, on_stage)
    path = write_uncertainty(report, folder)
    draw_uncertainty(report, path.with_suffix(".png"))
    console.print(uncertainty_table(report, options.map))
    console.print(f"written to {path} and drawn beside it")


def _map(options: Namespace, console: Console) -> None:
    _check_file(options.out)
    network = load_map(options.spec)
    draw_map(network, options.out)
    console.print(summary_table(options.spec, summarise(network)))
    console.print(f"drawn in {options.out}")


def _check_file(path: Path) -> None:
    """See that a file can be written, before it is made."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file to write")
    check_folder(path.parent)


def _gather(kind: type[Config], options: Namespace) -> Config:
    """The dataclass whose fields are options of a command."""
    return kind(**{field.name: options[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def _policy_of(options: Namespace) -> tuple[DrivingPolicy | None, ObservationConfig]:
    """The policy of a run and what it sees; no policy where the expert drives and none is named."""
    policy, observation = (None, ObservationConfig())
    if options.run is not None or options.driver == "policy":
        policy, observation = load_run(_run_folder(options.run))
    return policy, replace(observation, looks=options.looks or observation.looks)


_COMMANDS = {
    "train": _train,
    "speedrun": _speedrun,
    "evaluate": _evaluate,
    "drive": _drive,
    "uncertainty": _uncertainty,
    "map": _map,
}
