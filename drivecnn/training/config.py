"""What a training run is made of. `configs/*.yaml` hold only what differs from these defaults."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from drivecnn.losses import check_loss
from drivecnn.policy import DrivingPolicy, PolicyConfig
from drivecnn.tracking import TrackingConfig
from drivecnn_envs.errors import InputError
from drivecnn_envs.maps import expand_maps
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions, check_seed
from drivecnn_envs.traffic import Wanted, density_of

INPUT_SIZES = {  # a policy's, and what of the observation they follow from
    "cameras": "cameras.yaws",
    "camera_size": "cameras.image_size",
    "map_size": "route_map.size",
}


@dataclass(frozen=True)
class DataConfig:
    """Where the cars drive and what becomes of the states they see.

    Attributes:
        maps: towns to train in; `procedural:0-11` stands for twelve.
        routes: routes drawn in all the towns.
        route_length: m.
        traffic: around each car, in the validation too; a number is of vehicles.
        cars: how many drive at once.
        decisions_per_step: how many decisions they drive for each training step.
        buffer_size: states kept.
        expert_fraction: the expert's share of the driving falls from 1 to 0 over this part of the
            training; 1 means that only the expert ever drives (behaviour cloning).
        expert_noise: 1/m, standard deviation of noise in the expert's steering (DART).
        jitter_share: share of drawn states whose pose is moved off.
        lateral_jitter: m, standard deviation of that move.
        heading_jitter: rad, standard deviation of that turn.
        map_lag: m that the map is behind the car in training, besides its error: so a policy learns
            that it is farther on than its map says. Elsewhere no map lags, and it turns early: a
            turn begun early is mended, one begun late is lost.
        route_dropout: share of drawn states whose route channel is blank.
        fork_dropout: the same of states where several ways are open, which are few: more of them
            teach all ways sooner, and the route's later.
        grading: strength of a random colour grading of the cameras, 0 for none.
        balance: share of a batch that has even numbers of all curvatures, others come as driven.
    """

    maps: tuple[str, ...] = ("procedural:0-11",)
    routes: int = 480
    route_length: float = 250.0
    traffic: Wanted = "none"
    cars: int = 64
    decisions_per_step: int = 1
    buffer_size: int = 200_000
    expert_fraction: float = 0.2
    expert_noise: float = 0.0
    jitter_share: float = 0.5
    lateral_jitter: float = 1.0
    heading_jitter: float = 0.25
    map_lag: float = 2.0
    route_dropout: float = 0.1
    fork_dropout: float = 0.1
    grading: float = 0.7
    balance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        density_of(self.traffic)
        _check_routes("data", self.maps, self.routes, self.route_length)
        for name in ("cars", "decisions_per_step", "buffer_size"):
            _check_least(f"data.{name}", getattr(self, name), 1)
        for name in ("lateral_jitter", "heading_jitter", "expert_noise", "grading"):
            _check_least(f"data.{name}", getattr(self, name), 0)
        if not math.isfinite(self.map_lag):
            raise InputError(f"data.map_lag is {self.map_lag}, expected a number of metres")
        for name in ("expert_fraction", "jitter_share", "route_dropout", "fork_dropout", "balance"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"data.{name} is {getattr(self, name)}, expected 0 to 1")
        if self.cars > self.buffer_size:
            raise InputError(
                f"data.cars is {self.cars} and data.buffer_size {self.buffer_size}, expected a "
                "buffer that holds at least one state of each car"
            )


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights are fitted.

    Attributes:
        method: Muon, or torch's AdamW.
        loss: what is minimised: nll, crps, mse, hl_gauss or variational; it must fit
            `policy.distribution`.
        steadiness: weight in the loss of how much the error changes from one decision to the next
            (`drivecnn.losses.unsteadiness`); above 0 half of a batch comes a decision after the
            other half.
        steps: training steps.
        batch_size: states seen in one step by each process, as Lightning Fabric counts.
        learning_rate: highest value of a schedule that warms up and falls like a cosine.
        warmup_steps: steps until that value; a shorter training ends on the way up.
        weight_decay: share of the weights, times the learning rate, that each step takes off.
        gradient_clip: largest norm of a gradient.
        ema_decay: of the averaged weights, which are the ones that are saved and judged.
        precision: Lightning Fabric's word for number formats, or `auto`: the faster one there.
        accelerator: Lightning Fabric's word for the device.
    """

    method: Literal["muon", "adamw"] = "muon"
    loss: str = "nll"
    steadiness: float = 0.0
    steps: int = 1500
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    ema_decay: float = 0.99
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ("steps", "batch_size", "warmup_steps"):
            _check_least(f"optimiser.{name}", getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "steadiness"):
            _check_least(f"optimiser.{name}", getattr(self, name), 0)
        if self.batch_size % self.moments:
            raise InputError(
                f"optimiser.batch_size is {self.batch_size}, expected an even number: with "
                "optimiser.steadiness half of a batch comes a decision after the other half"
            )
        if not self.gradient_clip > 0.0:
            raise InputError(f"optimiser.gradient_clip is {self.gradient_clip}, expected above 0")
        if not 0.0 <= self.ema_decay < 1.0:
            raise InputError(f"optimiser.ema_decay is {self.ema_decay}, expected 0 to below 1")

    @property
    def moments(self) -> int:
        """How many successive decisions of a car a batch has."""
        return 2 if self.steadiness > 0.0 else 1


@dataclass(frozen=True)
class ValidationConfig:
    """Closed-loop checks during training, on towns that are neither trained on nor reported.

    Attributes:
        maps: the towns.
        routes: how many routes are driven.
        route_length: m.
        times: how often in a training, the last time at its end.
    """

    maps: tuple[str, ...] = ("procedural:900-903",)
    routes: int = 32
    route_length: float = 250.0
    times: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _check_routes("validation", self.maps, self.routes, self.route_length)
        _check_least("validation.times", self.times, 1)

    def steps(self, last: int) -> set[int]:
        """The training steps after which a training of `last` steps is checked."""
        return {math.ceil(last * number / self.times) for number in range(1, self.times + 1)}


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    Attributes:
        seed: of the weights, the worlds, the routes and every draw.
        start_from: a policy of the same network that is trained on, by its run folder,
            .safetensors file or `shipped`. With `data.expert_fraction: 0` it drives at once.
        observation: cameras and route map.
        policy: the network; its input sizes follow from `observation`.
        data: where states come from.
        optimiser: how the weights are fitted.
        validation: closed-loop checks on the way.
        tracking: W&B.
        checkpoint_seconds: at most so much work is lost when a run is stopped.
        devices: processes that train together, each on a GPU of its own or on its share of the
            CPU, with its own simulator, cars and buffer; their gradients are averaged.
    """

    seed: int = 0
    start_from: str | None = None
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    checkpoint_seconds: float = 30.0
    devices: int = 1

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, before anything is read or written."""
        check_seed(self.seed)
        _check_least("devices", self.devices, 1)
        if not self.checkpoint_seconds > 0.0:
            raise InputError(f"checkpoint_seconds is {self.checkpoint_seconds}, expected above 0")
        if self.optimiser.batch_size > self.data.buffer_size:
            raise InputError(
                f"optimiser.batch_size is {self.optimiser.batch_size} and data.buffer_size "
                f"{self.data.buffer_size}, expected a buffer that holds at least one batch"
            )
        check_loss(self.optimiser.loss, self.policy.distribution)
        refuse_common_towns("validation.maps", self.validation.maps, self.data.maps)
        self._check_input_sizes()
        self._check_policy()

    def fitted_policy(self) -> PolicyConfig:
        """The policy's config with the input sizes of the observation."""
        return replace(
            self.policy,
            cameras=len(self.observation.cameras.yaws),
            camera_size=self.observation.cameras.image_size,
            map_size=self.observation.route_map.size,
        )

    def trained_on(self) -> ObservationConfig:
        """The observation with the map of the training, which lags."""
        view = self.observation.route_map
        return replace(
            self.observation, route_map=replace(view, behind=view.behind + self.data.map_lag)
        )

    def _check_input_sizes(self) -> None:
        """Refuse sizes asked of the policy that it would not have."""
        fitted = self.fitted_policy()
        for name, source in INPUT_SIZES.items():
            asked, seen = getattr(self.policy, name), getattr(fitted, name)
            if asked not in (seen, getattr(PolicyConfig, name)):
                raise InputError(
                    f"policy.{name} is {asked}, but the observation has {seen}: "
                    f"set observation.{source}, and the policy follows"
                )

    def _check_policy(self) -> None:
        """Refuse image and map sizes that the encoders cannot take; this needs no memory."""
        try:
            with torch.device("meta"):
                DrivingPolicy(self.fitted_policy())
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"the policy cannot see this observation: {reason}") from error


def _check_least(name: str, value: float, least: int) -> None:
    """Refuse a number below the least, and what is no number."""
    if not least <= value < math.inf:
        raise InputError(f"{name} is {value}, expected at least {least}")


def _check_routes(section: str, maps: Sequence[str], count: int, length: float) -> None:
    """Refuse maps and routes that nobody can drive, as far as that shows before maps are read."""
    if not maps:
        raise InputError(f"{section}.maps is empty, expected at least one map: procedural:0-11")
    try:
        RouteOptions(count, length)
    except InputError as error:
        raise InputError(f"{section}.{error}") from error


def refuse_common_towns(name: str, maps: Sequence[str], trained: Sequence[str]) -> None:
    """Refuse to judge a policy in towns that it is trained in.

    Raises:
        InputError: one line that names the first of them.
    """
    seen = set(_towns(trained))
    both = [town for town in _towns(maps) if town in seen]
    if both:
        raise InputError(
            f"{name} has {both[0]}, which data.maps trains in: judge in towns that training never "
            "sees"
        )


def _towns(maps: Sequence[str]) -> list[str]:
    """The maps one by one, each under one name."""
    names = [name for spec in maps for name in expand_maps(spec)]
    return [name.replace("procedural:easy:", "procedural:") for name in names]
