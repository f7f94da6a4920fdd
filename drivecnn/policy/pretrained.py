"""Weights that a training starts from: of a whole policy, or of its camera encoders."""

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from drivecnn.policy.checkpoint import load_policy, run_path
from drivecnn.policy.encoders.backbones import Backbone
from drivecnn.policy.errors import PolicyError
from drivecnn.policy.network import DrivingPolicy


def load_camera_weights(policy: DrivingPolicy) -> None:
    """Give every camera encoder the weights of the file config.camera_weights, if there is one.

    Raises:
        PolicyError: one line, when the file is missing, broken or of another network, or the
            encoder is not one of torchvision's.
    """
    if policy.config.camera_weights is None:
        return
    path, name = Path(policy.config.camera_weights), policy.config.camera_encoder
    tensors = _read(path)
    for encoder in policy.camera_encoders:
        if not isinstance(encoder.layers, Backbone):
            raise PolicyError(
                f"camera_weights is {path}, but camera_encoder {name!r} is none of torchvision's: "
                "set camera_weights to null"
            )
        try:
            encoder.layers.start_from(tensors)
        except ValueError as error:
            raise PolicyError(f"{path} holds no weights of {name}: {error}") from error


def load_policy_weights(policy: DrivingPolicy, run: str | Path) -> None:
    """Give a policy all weights of another one, in place, at temperature 1.

    Args:
        policy: of the same network as the other one.
        run: run folder, .safetensors file or `shipped`.

    Raises:
        CheckpointError: one line, when there is no such policy or it cannot be read.
        PolicyError: one line that names the setting in which the two networks differ.
    """
    other = load_policy(run_path(run))
    ours, theirs = asdict(policy.config), asdict(other.config)
    for name in sorted(ours.keys() - {"camera_weights"}):
        if ours[name] != theirs[name]:
            raise PolicyError(
                f"{run} has {name} {theirs[name]!r}, but {ours[name]!r} is to be trained: "
                "give the network that it has"
            )
    policy.load_state_dict(other.state_dict())
    policy.temperature.fill_(1.0)  # which is fitted at the end of a training


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a state dict that torch.save wrote."""
    if not path.is_file():
        raise PolicyError(f"no file {path}: set camera_weights to a .pth or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged pickle torch raises whatever it stumbles over
        reason = " ".join(str(error).split()).split(". ")[0] or type(error).__name__
        raise PolicyError(f"{path} is damaged or holds no weights: {reason}") from error
    named = isinstance(tensors, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    )
    if not named:
        raise PolicyError(f"{path} is not a state dict, expected tensors by their names")
    return dict(tensors)
