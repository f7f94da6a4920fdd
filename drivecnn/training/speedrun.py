"""The speed run: how long it takes from nothing to driving.

The clock starts with the process, so imports, towns and kernels count. It stands still while a
checkpoint is tested, and stops at the first one that drives.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivecnn.metrics import success_rate
from drivecnn.policy import save_policy
from drivecnn.policy.checkpoint import check_folder, check_is_new, replace_file
from drivecnn.provenance import provenance
from drivecnn.rollout import DivergedError, PolicyDriver, every_route, rollout
from drivecnn.training.config import RunConfig, refuse_common_towns
from drivecnn.training.fabric import started_by_torchrun
from drivecnn.training.trainer import MAX_SKIPPED, Trainer
from drivecnn_envs.errors import InputError
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.towns import RouteOptions, load_simulator

DRIVES = 0.99  # success rate from which on a checkpoint drives
TOWNS = ("procedural:2000-2009",)  # that no setting was ever chosen on
ROUTES = RouteOptions(100, 400.0, min_junctions=3)
REPORT_NAME = "speedrun.json"


@dataclass(frozen=True)
class Attempt:
    """A checkpoint that was tested.

    Attributes:
        step: training steps done.
        seconds: on the clock.
        success_rate: on the held-out routes, 0 to 1.
    """

    step: int
    seconds: float
    success_rate: float


@dataclass(frozen=True)
class Speedrun:
    """What a speed run came to.

    Attributes:
        seconds: on the clock at the first checkpoint that drives; None if none did.
        attempts: all checkpoints that were tested.
    """

    seconds: float | None
    attempts: tuple[Attempt, ...]


def speedrun(
    config: RunConfig,
    folder: Path,
    began: float,
    on_attempt: Callable[[Attempt], None] = lambda _: None,
) -> Speedrun:
    """Train until a checkpoint drives; writes it, and `speedrun.json`, into a folder.

    Args:
        config: of the training; `validation.times` is how many checkpoints are tested. The rest of
            `validation`, `tracking` and `checkpoint_seconds` mean nothing here.
        folder: made if missing.
        began: when the process started, on `time.time()`'s clock.
        on_attempt: told of each test.

    Raises:
        InputError: if the config or one of its maps cannot be used, it starts from weights, trains
            in the towns of the test, or is of several processes.
        CheckpointError: if the folder holds a policy.
        DivergedError: if the training gives no finite numbers any more.
    """
    _check(config)
    check_is_new(folder)
    check_folder(folder)
    trainer = Trainer(config)
    tested = 0.0  # s, which do not count
    test: Simulator | None = None
    folder.mkdir(parents=True, exist_ok=True)
    checks = config.validation.steps(config.optimiser.steps)
    attempts: list[Attempt] = []
    while trainer.step < config.optimiser.steps:
        report = trainer.train_step()
        if trainer.skipped_in_a_row == MAX_SKIPPED:
            raise DivergedError(
                f"loss or gradient was not finite in the {MAX_SKIPPED} steps up to {report.step}: "
                "take a lower --optimiser.learning_rate"
            )
        if trainer.step not in checks:
            continue
        reached = time.time()
        test = test or load_simulator(
            TOWNS, ROUTES, config.observation, config.seed, frames=config.policy.frames
        )
        rate = _drive(trainer, test)
        attempts.append(Attempt(trainer.step, round(reached - began - tested, 1), rate))
        tested += time.time() - reached
        on_attempt(attempts[-1])
        if rate >= DRIVES:
            break
    drives = attempts[-1].success_rate >= DRIVES
    result = Speedrun(attempts[-1].seconds if drives else None, tuple(attempts))
    settings = {"config": dataclasses.asdict(config), **provenance()}
    save_policy(trainer.averaged_policy, folder, {**settings, "step": trainer.step})
    content = {**dataclasses.asdict(result), **settings}
    replace_file(folder / REPORT_NAME, (json.dumps(content, indent=2) + "\n").encode())
    return result


def _check(config: RunConfig) -> None:
    """Refuse a head start, which would make the time a lie, and more than one process."""
    refuse_common_towns("the speed run's test", TOWNS, config.data.maps)
    if config.devices != 1 or started_by_torchrun():
        raise InputError("a speed run is of one process: leave out --devices and torchrun")
    for name, weights in (
        ("start_from", config.start_from),
        ("policy.camera_weights", config.policy.camera_weights),
    ):
        if weights is not None:
            raise InputError(
                f"{name} is {weights}, but a speed run starts from nothing: leave it out"
            )


def _drive(trainer: Trainer, test: Simulator) -> float:
    """The success rate of the averaged policy on the held-out routes."""
    driver = PolicyDriver(trainer.averaged_policy, test.observe)
    starts = every_route(test, trainer.config.seed)
    return success_rate(list(rollout(test, driver, starts)))
