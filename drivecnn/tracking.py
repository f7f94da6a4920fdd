"""Experiment tracking with W&B, offline unless asked otherwise."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import wandb
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError

NOT_IN_A_PROJECT = frozenset("/\\#?%:")  # W&B's rule


@dataclass(frozen=True)
class TrackingConfig:
    """Where a run is logged.

    Attributes:
        mode: W&B's mode; offline runs lie in the run folder and can be synced later.
        project: W&B project.
        name: of the run; the run folder's name by default.
    """

    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str = "drivecnn"
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse a project that W&B would, long before it is asked."""
        if not self.project or NOT_IN_A_PROJECT & set(self.project):
            raise InputError(
                f"tracking.project is {self.project!r}, expected a name without "
                f"{' '.join(sorted(NOT_IN_A_PROJECT))}"
            )


class Tracker:
    """A W&B run. Use it in a `with`: the run is finished also when the training fails."""

    def __init__(self, config: TrackingConfig, folder: Path, run_config: dict[str, Any]) -> None:
        """Begin a run.

        Raises:
            InputError: one line, if W&B refuses it.
        """
        try:
            self._run = wandb.init(
                mode=config.mode,
                project=config.project,
                name=config.name or folder.name,
                dir=folder,
                config=run_config,
                settings=wandb.Settings(silent=True),
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise InputError(f"tracking: W&B does not begin a run: {reason}") from error

    def log(self, values: dict[str, float], step: int) -> None:
        """Log numbers."""
        self._run.log(values, step=step)

    def log_images(self, name: str, images: list[NDArray[np.uint8]], step: int) -> None:
        """Log images, each (H, W, 3)."""
        self._run.log({name: [wandb.Image(image) for image in images]}, step=step)

    def log_video(self, name: str, path: Path) -> None:
        """Log an MP4 file."""
        self._run.log({name: wandb.Video(str(path), format="mp4")})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)
