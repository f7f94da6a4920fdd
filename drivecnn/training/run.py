"""A training run in a folder: steps, validation, checkpoints and tracking."""

import dataclasses
import io
import json
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivecnn.metrics import Metrics, summarise
from drivecnn.policy import DrivingPolicy, save_policy
from drivecnn.policy.checkpoint import CheckpointError, check_folder, check_is_new, replace_file
from drivecnn.provenance import provenance
from drivecnn.rollout import DivergedError, PolicyDriver, Start, every_route, rollout
from drivecnn.tracking import Tracker
from drivecnn.training.config import RunConfig
from drivecnn.training.fabric import precision_of
from drivecnn.training.interrupts import uninterrupted
from drivecnn.training.state import STATE_NAME, check_state, load_state, name_of, save_state
from drivecnn.training.team import Order, Team, team_of
from drivecnn.training.trainer import MAX_SKIPPED, StepReport, Trainer, beginning
from drivecnn.uncertainty import fit_temperature
from drivecnn.video import record_drive
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.towns import RouteOptions, load_simulator

LOG_EVERY = 20  # steps
IMAGE_ROWS = 4  # observations shown in an image log
RECENT_EPISODES = 100  # episodes behind the running success
BAD_STATES_NAME = "bad_states.npy"  # the states of the last such step


class Progress(NamedTuple):
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    success: float | None  # share of the last episodes that reached their goal, without the expert
    validation: Metrics | None  # the latest
    skipped: int  # steps so far that changed nothing, as their loss or gradient was not finite


def train(
    config: RunConfig,
    folder: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Metrics:
    """Train a policy in a run folder. Returns the metrics of the last validation.

    With several `devices`, this process starts the others; it needs an `if __name__ ==
    "__main__"` around the program's main part, as all of Python's multiprocessing.

    Raises:
        CheckpointError: if there is nothing to resume or to start from, or the folder holds another
            run.
        PolicyError: if the policy does not suit the images, or its first weights cannot be used.
        InputError: if the config or one of its maps cannot be used.
        DivergedError: if the training gives no finite numbers any more.
        ProcessError: if another process of the training has ended without a word.
    """
    if resume:  # all that can be seen before towns are built, which takes minutes
        check_state(config, folder)
    elif (folder / STATE_NAME).exists():
        raise CheckpointError(f"{folder} holds a run already: give --resume, or another --out")
    else:
        check_is_new(folder)
    policy = None if resume else beginning(config)
    check_folder(folder)
    with team_of(config, partial(_take_part, config, folder, resume)) as team:
        return _take_part(config, folder, resume, team, policy, on_progress)


def _take_part(
    config: RunConfig,
    folder: Path,
    resume: bool,
    team: Team,
    policy: DrivingPolicy | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Metrics:
    """Train as one of the processes of a run; the leader has the policy to begin with."""
    validation = _validation(config) if team.leads else None
    trainer = Trainer(config, team.fabric, policy)
    if resume:
        load_state(trainer, folder)
    if validation is None:
        return _follow(trainer, team, folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "config": dataclasses.asdict(config),
        "processes": team.fabric.world_size,
        "precision": precision_of(config.optimiser),
        **provenance(),
    }
    replace_file(folder / "run.json", (json.dumps(settings, indent=2) + "\n").encode())
    with Tracker(config.tracking, folder, settings) as tracker:
        return _Session(trainer, team, validation, folder, settings, tracker, on_progress).run()


def _validation(config: RunConfig) -> Simulator:
    """The towns of the validation, which are few: they tell of a wrong map soonest."""
    return load_simulator(
        config.validation.maps,
        RouteOptions(config.validation.routes, config.validation.route_length),
        config.observation,
        config.seed,
        config.data.traffic,
        config.policy.frames,
    )


def _follow(trainer: Trainer, team: Team, folder: Path) -> Metrics:
    """Train as the leader orders."""
    with uninterrupted():
        while (order := team.hear()) is not Order.END:
            if order is Order.STOP:
                raise KeyboardInterrupt
            if order is Order.SAVE:
                save_state(trainer, folder)
                team.wait()
            else:
                _step(trainer, team, folder)
        return team.share(None)


def _step(trainer: Trainer, team: Team, folder: Path) -> StepReport:
    """One training step, in all processes at once."""
    with team.together():
        report = trainer.train_step()
    if trainer.skipped_in_a_row < MAX_SKIPPED:
        return report
    path = folder / name_of(BAD_STATES_NAME, team.fabric.global_rank)
    content = io.BytesIO()
    np.save(content, report.states, allow_pickle=False)
    replace_file(path, content.getvalue())
    team.wait()
    raise DivergedError(
        f"{path}: these are the states of step {report.step}, the last of {MAX_SKIPPED} in a row "
        "whose loss or gradient was not finite; the last checkpoint stays: --resume with a lower "
        "--optimiser.learning_rate"
    )


class _Session:
    """One stretch of training, from its start or its last checkpoint to its end or a stop."""

    def __init__(
        self,
        trainer: Trainer,
        team: Team,
        validation: Simulator,
        folder: Path,
        settings: dict[str, Any],
        tracker: Tracker,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.trainer, self.team = trainer, team
        self.simulator, self.folder = validation, folder
        self.settings, self.tracker, self.on_progress = settings, tracker, on_progress
        self.recent: deque[bool] = deque(maxlen=RECENT_EPISODES)
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)
        self.validation: Metrics | None = None

    def run(self) -> Metrics:
        """Train to the end and film a drive; returns the last validation."""
        try:
            metrics = self._train()
        except DivergedError:
            raise  # the last good checkpoint stays
        except BaseException:
            with uninterrupted():
                self._save()
                self.team.tell(Order.STOP)
            raise
        with uninterrupted():
            self._save()
            self.team.tell(Order.END)
            return self.team.share(metrics)

    def _train(self) -> Metrics:
        """Train to the end and film a drive; returns the last validation."""
        config = self.trainer.config
        steps = config.optimiser.steps
        checks = config.validation.steps(steps)
        if self.trainer.step == 0:
            self._save()  # so that there is a checkpoint before anything can go wrong
        saved = time.monotonic()
        while self.trainer.step < steps:
            report = self._step()
            if report.step % LOG_EVERY == 0:
                self._log(report)
            if report.step in checks:
                self._validate()
            due = time.monotonic() - saved > config.checkpoint_seconds
            if due and not report.skipped:
                self._save()
                saved = time.monotonic()
            self.on_progress(self._progress())
        metrics = self.validation or self._validate()
        fit_temperature(self.trainer.averaged_policy, self.simulator, self._starts())
        self._film()
        return metrics

    def _step(self) -> StepReport:
        with uninterrupted():
            self.team.tell(Order.STEP)
            report = _step(self.trainer, self.team, self.folder)
        if report.expert_share == 0.0:
            self.recent.extend(episode.success for episode in report.episodes)
        if not report.skipped:
            self.losses.append(report.loss)
        return report

    def _save(self) -> None:
        """Write the policy and the state of the training.

        Raises:
            DivergedError: if the weights are no finite numbers; the files stay as they are.
        """
        step = self.trainer.step
        if not self.trainer.is_finite():
            raise DivergedError(
                f"{self.folder}: the weights are not finite after step {step}; the last checkpoint "
                "stays: --resume with a lower --optimiser.learning_rate"
            )
        metadata = {**self.settings, "step": step, "skipped_steps": self.trainer.skipped}
        with uninterrupted(), self.team.together():
            self.team.tell(Order.SAVE)
            save_policy(self.trainer.averaged_policy, self.folder, metadata)
            save_state(self.trainer, self.folder)
            self.team.wait()

    def _progress(self) -> Progress:
        return Progress(
            self.trainer.step,
            self.trainer.config.optimiser.steps,
            self._loss(),
            float(np.mean(self.recent)) if self.recent else None,
            self.validation,
            self.trainer.skipped,
        )

    def _loss(self) -> float:
        """Mean of the last steps; NaN before there is one."""
        return float(np.mean(self.losses)) if self.losses else float("nan")

    def _validate(self) -> Metrics:
        """Drive the averaged policy through the validation towns."""
        episodes = list(rollout(self.simulator, self._driver(), self._starts()))
        metrics = self.validation = summarise(episodes)
        values = {
            f"validation/{name}": float(value)
            for name, value in dataclasses.asdict(metrics).items()
            if isinstance(value, int | float)
        }
        self.tracker.log(values, self.trainer.step)
        self.tracker.log_images("observations", self._pictures(), self.trainer.step)
        return metrics

    def _starts(self) -> list[Start]:
        return every_route(self.simulator, self.trainer.config.seed)

    def _driver(self) -> PolicyDriver:
        return PolicyDriver(self.trainer.averaged_policy, self.simulator.observe)

    def _film(self) -> None:
        """Film one route of the validation towns, for the run folder and for W&B."""
        path = self.folder / "drive.mp4"
        record_drive(self.simulator, self._driver(), Start(0, self.trainer.config.seed), path)
        self.tracker.log_video("drive", path)

    def _log(self, report: StepReport) -> None:
        values = {
            "train/loss": self._loss(),
            "train/curvature_mae": report.curvature_mae,
            "train/gradient_norm": report.gradient_norm,
            "train/learning_rate": report.learning_rate,
            "train/expert_share": report.expert_share,
            "train/buffer": float(len(self.trainer.buffer)),
            "train/skipped_steps": float(self.trainer.skipped),
        }
        if report.nll is not None:
            values["train/nll"] = report.nll
        if self.recent:
            values["train/success"] = float(np.mean(self.recent))
        self.tracker.log(values, report.step)

    def _pictures(self) -> list[NDArray[np.uint8]]:
        """What some cars of the fleet see: three cameras side by side, (H, 3 W, 3)."""
        states = self.trainer.fleet.states[:IMAGE_ROWS]
        return list(self.trainer.simulator.observe(states).side_by_side())
