"""Parameters and speed of policies with each encoder, as rows of the table in docs/encoders.md.

    python tests/benchmarks/encoders.py [NAME ...]

Inputs are random pixels and the head is the default one. A decision is one observation on one
thread; training is forward, backward and a step of AdamW with batches of 32 on two threads. Medians
of rounds that go through all policies in turn, with the best round in brackets: where they are far
apart, the machine was busy.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor

from drivecnn.policy import ENCODERS, DrivingPolicy, PolicyConfig
from drivecnn.provenance import provenance

ROUNDS, DECISIONS, BATCH = 9, 5, 32
DEFAULT = PolicyConfig()
PUBLISHED = replace(DEFAULT, features=None)
POLICIES = {
    "small": DEFAULT,
    "small, no map": replace(DEFAULT, map_encoder="none"),
    "none (map only)": replace(DEFAULT, camera_encoder="none"),
    "small, 4 frames, stack": replace(DEFAULT, frames=4),
    "small, 4 frames, gru": replace(DEFAULT, frames=4, memory="gru"),
    "pilotnet": replace(PUBLISHED, camera_encoder="pilotnet", camera_size=(66, 200)),
    "donkeycar": replace(PUBLISHED, camera_encoder="donkeycar", camera_size=(120, 160)),
    "variational": replace(
        PUBLISHED,
        camera_encoder="variational",
        camera_size=(80, 200),
        shared_cameras=False,
        map_encoder="variational_map",
        map_size=50,
    ),
    **{
        name: replace(DEFAULT, camera_encoder=name)
        for name in (
            "mobilenet_v3_small",
            "regnet_y_400mf",
            "efficientnet_b0",
            "resnet18",
            "vit_tiny",
        )
    },
}


def pixels(batch: int, config: PolicyConfig) -> tuple[Tensor, Tensor]:
    """Random cameras and route maps of a batch."""
    frames = (config.frames,) if config.frames > 1 else ()
    cameras = (batch, *frames, config.cameras, 3, *config.camera_size)
    route_map = (batch, 2, config.map_size, config.map_size)
    return (
        torch.randint(0, 256, cameras, dtype=torch.uint8),
        torch.randint(0, 256, route_map, dtype=torch.uint8),
    )


def decision(policy: DrivingPolicy) -> Callable[[], None]:
    """One decision for one car."""
    inputs = pixels(1, policy.config)

    def act() -> None:
        torch.set_num_threads(1)
        policy.eval()
        with torch.inference_mode():
            policy(*inputs)

    return act


def training_step(policy: DrivingPolicy) -> Callable[[], None]:
    """One step of training."""
    inputs, curvature = pixels(BATCH, policy.config), torch.zeros(BATCH)
    optimiser = torch.optim.AdamW(policy.parameters(), lr=1e-5)

    def act() -> None:
        torch.set_num_threads(2)
        policy.train()
        optimiser.zero_grad()
        torch.autograd.backward(-policy(*inputs).log_prob(curvature).mean())
        optimiser.step()

    return act


def seconds(act: Callable[[], None], repeats: int) -> float:
    """Seconds for one call, after one that warms the caches."""
    act()
    start = time.perf_counter()
    for _ in range(repeats):
        act()
    return (time.perf_counter() - start) / repeats


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; {provenance()['versions']}\n")
    names = sys.argv[1:] or list(POLICIES)
    policies = {name: DrivingPolicy(POLICIES[name]) for name in names}
    acts = {name: (decision(p), training_step(p)) for name, p in policies.items()}
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for _ in range(ROUNDS):
        for name, (decide, learn) in acts.items():
            found[name][0].append(seconds(decide, DECISIONS))
            found[name][1].append(seconds(learn, 1))
    print("| policy | images, px | smallest | encoder | policy | ms | samples/s |")
    print("|---|---|---|---|---|---|---|")
    for name, policy in policies.items():
        config, (times, steps) = policy.config, found[name]
        encoder = sum(value.numel() for value in policy.camera_encoders[0].layers.parameters())
        whole = sum(value.numel() for value in policy.parameters())
        height, width = config.camera_size
        print(
            f"| {name} | {height} x {width} | {ENCODERS[config.camera_encoder].smallest} | "
            f"{encoder:,} | {whole:,} | {1e3 * median(times):.1f} ({1e3 * min(times):.1f}) | "
            f"{BATCH / median(steps):,.0f} ({BATCH / min(steps):,.0f}) |"
        )


if __name__ == "__main__":
    main()
