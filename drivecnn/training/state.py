"""The state of a training run on disk, so that a stopped run goes on. Never a pickle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from drivecnn.policy.checkpoint import CheckpointError, replace_file
from drivecnn.training.config import RunConfig
from drivecnn.training.trainer import Trainer

FORMAT = 5
STATE_NAME = "trainer.safetensors"
HEADER_KEY = "drivecnn"


def name_of(name: str, rank: int) -> str:
    """What a process calls its own file: the leader as given, process 1 with -1 before the dot."""
    stem, dot, suffix = name.partition(".")
    return f"{stem}-{rank}{dot}{suffix}" if rank else name


def save_state(trainer: Trainer, folder: Path) -> None:
    """Write the state of this process in one rename: its buffer and random state.

    The leader's file also has what all processes share: weights, averaged weights and optimiser.
    """
    fabric = trainer.fabric
    header = {
        "format": FORMAT,
        "step": trainer.step,
        "skipped": trainer.skipped,
        "processes": fabric.world_size,
        "settings": _settings(trainer.config),
        "rng": trainer.rng.bit_generator.state,
    }
    states = trainer.buffer.oldest_first
    tensors: dict[str, Tensor] = {"buffer": torch.from_numpy(states.view(np.uint8))}
    if fabric.is_global_zero:
        for prefix, state in _modules(trainer).items():
            tensors |= {f"{prefix}.{name}": value for name, value in state.items()}
        for number, state in trainer.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    path = folder / name_of(STATE_NAME, fabric.global_rank)
    replace_file(path, save(contiguous, {HEADER_KEY: json.dumps(header)}))


def check_state(config: RunConfig, folder: Path) -> None:
    """See that the run in a folder can go on with a config, without loading it.

    Raises:
        CheckpointError: one line, if its state is missing, broken, of another version or of a run
            with other settings.
    """
    path = folder / STATE_NAME
    header, _ = _read(path, with_tensors=False)
    for name, asked in _settings(config).items():
        if (had := header["settings"].get(name)) != asked:
            raise CheckpointError(
                f"{path} is of a run with {name} {had}, not {asked}: resume with the run's own "
                "config"
            )


def load_state(trainer: Trainer, folder: Path) -> None:
    """Bring a new trainer to where the run in the folder was. Its cars start new episodes.

    Raises:
        CheckpointError: as check_state, and if it is of another number of processes.
    """
    check_state(trainer.config, folder)
    path, rank = folder / STATE_NAME, trainer.fabric.global_rank
    header, tensors = _read(path)
    processes = header["processes"]
    if processes != trainer.fabric.world_size:
        raise CheckpointError(
            f"{path} is of a run of {processes} processes, not {trainer.fabric.world_size}: "
            f"resume it with --devices {processes}"
        )
    own, own_tensors = _read(folder / name_of(STATE_NAME, rank)) if rank else (header, tensors)
    try:
        _restore(trainer, tensors | {"buffer": own_tensors["buffer"]})
    except (RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} belongs to another network ({reason}): resume with the run's own config"
        ) from error
    trainer.step, trainer.skipped = header["step"], header["skipped"]
    trainer.rng.bit_generator.state = own["rng"]
    trainer.start_episodes()


def _read(path: Path, with_tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The checked header and the tensors of a file."""
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: nothing to resume, start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER_KEY, "{}"))
            names = file.keys() if with_tensors else []
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is broken: {error}: start without --resume") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {header.get('format')}, this drivecnn reads {FORMAT}: "
            "start without --resume"
        )
    return header, tensors


def _settings(config: RunConfig) -> dict[str, Any]:
    """What must not change when a run goes on, by its name and as JSON has it.

    Where the states of the buffer are, what the policy sees of them, and what the weights and the
    optimiser's state belong to.
    """
    data, observation = config.data, config.observation
    settings = {
        "seed": config.seed,
        "data.maps": data.maps,
        "data.routes": data.routes,
        "data.route_length": data.route_length,
        "data.traffic": data.traffic,
        "optimiser.method": config.optimiser.method,
    }
    for section, part in (
        ("policy", config.fitted_policy()),
        ("observation.cameras", observation.cameras),
        ("observation.route_map", observation.route_map),
    ):
        settings |= {f"{section}.{name}": value for name, value in asdict(part).items()}
    del settings["policy.camera_weights"]  # which are in the weights
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


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
