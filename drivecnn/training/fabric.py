"""Lightning Fabric as a run wants it: device, precision, and the place among several processes."""

import logging
import os
from typing import Literal

import numba
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from drivecnn.training.config import OptimiserConfig, RunConfig
from drivecnn_envs.errors import InputError


class Place(LightningEnvironment):
    """The place of a process among those that a training has started on this machine."""

    creates_processes_externally = True  # Fabric starts none
    main_address = "127.0.0.1"

    def __init__(self, rank: int, port: int) -> None:
        """Make a place; `port` is where all processes meet."""
        super().__init__()
        self._rank, self._port = rank, port

    @property
    def main_port(self) -> int:
        """Where all processes meet."""
        return self._port

    def local_rank(self) -> int:
        """0 for the leader."""
        return self._rank

    def node_rank(self) -> int:
        """Of the only machine."""
        return 0


def started_by_torchrun() -> bool:
    """Whether torchrun started this process, and others beside it."""
    return torch.distributed.is_torchelastic_launched()


def precision_of(config: OptimiserConfig) -> Literal["32-true", "bf16-mixed"]:
    """The number formats that a training takes on this machine.

    `auto` is bfloat16 on GPUs and CPUs with units for it. CPUs without Intel's AMX only emulate it:
    a training step then takes twice as long as in 32 bits.
    """
    if config.precision != "auto":
        return config.precision
    device = torch.accelerator.current_accelerator(check_available=True)
    if config.accelerator == "cpu" or device is None:
        fast = bool(torch.cpu.get_capabilities().get("amx_bf16"))
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if fast else "32-true"


def make_fabric(config: RunConfig, place: Place | None = None) -> Fabric:
    """Fabric, joined with the other processes if there are any: torchrun's, or those of the place.

    Raises:
        InputError: if the machine has no such accelerator, or too few of them.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it reports each process
    devices, nodes = 1 if place is None else config.devices, 1
    if started_by_torchrun():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    try:
        fabric = Fabric(
            accelerator=config.optimiser.accelerator,
            devices=devices,
            num_nodes=nodes,
            precision=precision_of(config.optimiser),
            plugins=place,
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise InputError(
            f"optimiser.accelerator is {config.optimiser.accelerator} and devices {devices}: "
            f"{' '.join(str(error).split())}"
        ) from error
    fabric.launch()
    if devices > 1 and "NUMBA_NUM_THREADS" not in os.environ:  # Fabric does the same for torch
        cores: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
        numba.set_num_threads(max(1, cores // devices))
    return fabric
