"""A training run in a folder: steps, validation, checkpoints and tracking."""

import dataclasses
import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivecnn.metrics import Metrics, summarise
from drivecnn.policy import save_policy
from drivecnn.policy.checkpoint import CheckpointError, replace_file
from drivecnn.provenance import provenance
from drivecnn.rollout import PolicyDriver, Start, rollout
from drivecnn.tracking import Tracker
from drivecnn.training.config import RunConfig
from drivecnn.training.state import STATE_NAME, load_state, save_state
from drivecnn.training.trainer import StepReport, Trainer
from drivecnn.video import record_drive
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.towns import RouteOptions, load_simulator

LOG_EVERY = 20  # steps
IMAGE_ROWS = 4  # observations shown in an image log
RECENT_EPISODES = 100  # episodes behind the running success


class Progress(NamedTuple):
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    success: float | None  # share of the last training episodes that reached their goal
    validation: Metrics | None  # the latest


def train(
    config: RunConfig,
    folder: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Metrics:
    """Train a policy in a run folder. Returns the metrics of the last validation.

    Raises:
        CheckpointError: if there is nothing to resume, or the folder holds another run.
        PolicyError: if the policy does not suit the images, or its first weights cannot be used.
        InputError: if the config or one of its maps cannot be used.
    """
    if not resume and (folder / STATE_NAME).exists():
        raise CheckpointError(f"{folder} holds a run already: give --resume, or another --out")
    trainer = Trainer(config)
    routes = RouteOptions(config.validation.routes, config.validation.route_length)
    validation = load_simulator(
        config.validation.maps, routes, config.observation, config.seed, config.data.traffic
    )
    if resume:
        load_state(trainer, folder)
    else:
        trainer.start_from_weights()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"config": dataclasses.asdict(config), **provenance()}
    replace_file(folder / "run.json", (json.dumps(settings, indent=2) + "\n").encode())
    with Tracker(config.tracking, folder, settings) as tracker:
        session = _Session(trainer, validation, folder, settings, tracker, on_progress)
        try:
            return session.run()
        finally:
            session.save()


class _Session:
    """One stretch of training, from its start or its last checkpoint to its end or a stop."""

    def __init__(
        self,
        trainer: Trainer,
        validation: Simulator,
        folder: Path,
        settings: dict[str, Any],
        tracker: Tracker,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.trainer, self.simulator, self.folder = trainer, validation, folder
        self.settings, self.tracker, self.on_progress = settings, tracker, on_progress
        self.recent: deque[bool] = deque(maxlen=RECENT_EPISODES)
        self.losses: deque[float] = deque(maxlen=LOG_EVERY)
        self.validation: Metrics | None = None

    def run(self) -> Metrics:
        """Train to the end and film a drive; returns the last validation."""
        config = self.trainer.config
        steps = config.optimiser.steps
        checks = np.ceil(np.linspace(0, steps, config.validation.times + 1)[1:])
        saved = time.monotonic()
        while self.trainer.step < steps:
            report = self.trainer.train_step()
            self.recent.extend(episode.success for episode in report.episodes)
            self.losses.append(report.loss)
            if report.step % LOG_EVERY == 0:
                self._log(report)
            if report.step in checks:
                self._validate()
            if time.monotonic() - saved > config.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
            success = float(np.mean(self.recent)) if self.recent else None
            loss = float(np.mean(self.losses))
            self.on_progress(Progress(report.step, steps, loss, success, self.validation))
        metrics = self.validation or self._validate()
        self._film()
        return metrics

    def save(self) -> None:
        """Write the policy and the state of the training."""
        metadata = {**self.settings, "step": self.trainer.step}
        save_policy(self.trainer.averaged_policy, self.folder, metadata)
        save_state(self.trainer, self.folder)

    def _validate(self) -> Metrics:
        """Drive the averaged policy through the validation towns."""
        seed = self.trainer.config.seed
        starts = [Start(route, seed + route) for route in range(len(self.simulator.scene.routes))]
        episodes = list(rollout(self.simulator, self._driver(), starts))
        metrics = self.validation = summarise(episodes)
        values = {
            f"validation/{name}": float(value)
            for name, value in dataclasses.asdict(metrics).items()
            if isinstance(value, int | float)
        }
        self.tracker.log(values, self.trainer.step)
        self.tracker.log_images("observations", self._pictures(), self.trainer.step)
        return metrics

    def _driver(self) -> PolicyDriver:
        return PolicyDriver(self.trainer.averaged_policy, self.simulator.observe)

    def _film(self) -> None:
        """Film one route of the validation towns, for the run folder and for W&B."""
        path = self.folder / "drive.mp4"
        record_drive(self.simulator, self._driver(), Start(0, self.trainer.config.seed), path)
        self.tracker.log_video("drive", path)

    def _log(self, report: StepReport) -> None:
        values = {
            "train/loss": float(np.mean(self.losses)),
            "train/curvature_mae": report.curvature_mae,
            "train/gradient_norm": report.gradient_norm,
            "train/learning_rate": report.learning_rate,
            "train/expert_share": report.expert_share,
            "train/buffer": float(len(self.trainer.buffer)),
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
