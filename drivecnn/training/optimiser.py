"""The optimiser of a training, by its name in the config."""

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from drivecnn.training.config import OptimiserConfig
from drivecnn.training.muon import Muon


def make_optimiser(module: nn.Module, config: OptimiserConfig, device: torch.device) -> Optimizer:
    """The optimiser of a module's parameters. On a GPU its steps can be recorded."""
    on_gpu, decay = device.type == "cuda", config.weight_decay
    if config.method == "muon":
        optimiser: Optimizer = Muon(module.parameters(), weight_decay=decay)
    else:
        optimiser = AdamW(module.parameters(), weight_decay=decay, capturable=on_gpu)
    if on_gpu:  # where a recorded step finds it
        for group in optimiser.param_groups:
            group["lr"] = torch.tensor(group["lr"], device=device)
    return optimiser


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Take steps of another size from now on."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
