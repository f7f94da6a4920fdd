"""The state of a training run on disk, so that a stopped run goes on. Never a pickle."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from drivecnn.policy.checkpoint import CheckpointError, replace_file
from drivecnn.training.trainer import Trainer

FORMAT = 3
STATE_NAME = "trainer.safetensors"
HEADER_KEY = "drivecnn"


def save_state(trainer: Trainer, folder: Path) -> None:
    """Write weights, averaged weights, optimiser, buffer and random state, in one rename."""
    header = {"format": FORMAT, "step": trainer.step, "rng": trainer.rng.bit_generator.state}
    tensors: dict[str, Tensor] = {"buffer": torch.from_numpy(trainer.buffer.states.view(np.uint8))}
    for prefix, state in _modules(trainer).items():
        tensors |= {f"{prefix}.{name}": value for name, value in state.items()}
    for number, state in trainer.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    replace_file(folder / STATE_NAME, save(contiguous, {HEADER_KEY: json.dumps(header)}))


def load_state(trainer: Trainer, folder: Path) -> None:
    """Bring a new trainer to where the run in the folder was. Its cars start new episodes.

    Raises:
        CheckpointError: one line, if the state is missing, broken, of another version, or belongs
            to another network.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: nothing to resume, start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is broken: {error}: start without --resume") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {header.get('format')}, this drivecnn reads {FORMAT}: "
            "start without --resume"
        )
    try:
        _restore(trainer, tensors)
    except (RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} belongs to another network ({reason}): resume with the run's own config"
        ) from error
    trainer.step = header["step"]
    trainer.rng.bit_generator.state = header["rng"]


def _modules(trainer: Trainer) -> dict[str, dict[str, Tensor]]:
    """State dicts of the weights and of their average."""
    return {"policy": trainer.raw_policy.state_dict(), "average": trainer.average.state_dict()}


def _restore(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    trainer.raw_policy.load_state_dict(_under("policy", tensors))
    trainer.average.load_state_dict(_under("average", tensors))
    trainer.buffer.add(tensors["buffer"].numpy().view(trainer.simulator.dtype))
    optimiser = trainer.optimiser.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimiser", tensors).items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    trainer.optimiser.load_state_dict({"state": state, "param_groups": optimiser["param_groups"]})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors below a prefix, without it."""
    start = f"{prefix}."
    return {n.removeprefix(start): value for n, value in tensors.items() if n.startswith(start)}
