"""Measure training steps, rendering and full steps on an NVIDIA GPU.

    pip install 'drivecnn[gpu]' && python tests/benchmarks/gpu.py

Prints medians of rounds, the GPU's share of a training step, and how far its images are the CPU's.
Boxes, looks and camera poses come from the CPU, as in training.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import torch
from numba import cuda
from torch.profiler import ProfilerActivity, profile

from drivecnn.provenance import provenance
from drivecnn.rollout import ExpertDriver, Fleet, Start
from drivecnn.training.config import DataConfig, OptimiserConfig, RunConfig
from drivecnn.training.trainer import Trainer
from drivecnn_envs.gpu import GpuObserver
from drivecnn_envs.neighbours import surrounding_boxes
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig

MAPS = ["procedural:1000-1003"]
WIDE = ObservationConfig(cameras=CameraRig(image_size=(66, 200)))
BATCHES = 64, 512, 4096
TRAINING = (128, 64), (1024, 256), (2048, 256), (4096, 512)  # states of a batch, cars that drive
ROUNDS = 9
WARM_UP = 25  # training steps
STEPS = 10  # training steps of a round


def rate(act: Callable[[States], object], states: States) -> float:
    """States per second that are acted on: the median of rounds."""
    act(states)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        act(states)
        cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return len(states) / median(seconds)


def driven(simulator: Simulator, count: int) -> States:
    """States of so many cars that have driven for three seconds."""
    fleet = Fleet(simulator, [Start(i % 64, i) for i in range(count)], count)
    for _ in range(30):
        fleet.step(ExpertDriver(simulator))
    return fleet.states


def agreement(simulator: Simulator, states: States) -> float:
    """Share of the numbers of GPU images that are within one level of the CPU's."""
    boxes = surrounding_boxes(simulator.scene, states)
    cpu = Observer(WIDE).observe(simulator.scene, states, boxes).cameras.astype(int)
    gpu = GpuObserver(WIDE).observe(simulator.scene, states, boxes).cameras
    gpu = gpu.copy_to_host().astype(int)
    return float((np.abs(cpu - gpu) <= 1).mean())


def step(simulator: Simulator, states: States) -> None:
    """A full step of cars, always from the same states."""
    moved = states.copy()
    simulator.step(moved, simulator.expert(moved))
    simulator.observe(moved)


def training(batch: int, cars: int) -> str:
    """How long a training step takes, and what of it the GPU works."""
    trainer = Trainer(
        RunConfig(
            data=DataConfig(maps=("procedural:0-7",), routes=768, cars=cars),
            optimiser=OptimiserConfig(steps=10_000, batch_size=batch),
        )
    )
    for _ in range(WARM_UP):
        trainer.train_step()

    def steps() -> None:
        for _ in range(STEPS):
            trainer.train_step()
        torch.cuda.synchronize()

    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        steps()
        seconds.append((time.perf_counter() - start) / STEPS)
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        steps()
    kernels = {k.key: k.self_device_time_total / 1e3 / STEPS for k in profiled.key_averages()}
    cameras = sum(time for name, time in kernels.items() if "gpu_kernels" in name)
    return (
        f"training, batch {batch}, {cars} cars: {1e3 * median(seconds):.1f} ms a step, "
        f"{batch / median(seconds):,.0f} frame-sets/s; the GPU works "
        f"{sum(kernels.values()):.1f} ms, {cameras:.1f} of them for cameras and maps"
    )


def main() -> None:
    observer = GpuObserver(WIDE)
    print(cuda.get_current_device().name, provenance()["versions"])
    for batch, cars in TRAINING:
        print(training(batch, cars), flush=True)
    for traffic in ("none", "regular"):
        simulator = load_simulator(MAPS, RouteOptions(64, 2000.0), WIDE, 0, traffic)
        print(f"traffic {traffic}: {agreement(simulator, driven(simulator, 64)):.4%} as the CPU's")
        simulator.observer = observer
        for count in BATCHES:
            states = driven(simulator, count)
            seen, stepped = rate(simulator.observe, states), rate(partial(step, simulator), states)
            print(f"batch {count}: {seen:,.0f} frame-sets/s, full step {stepped:,.0f} /s")


if __name__ == "__main__":
    main()
