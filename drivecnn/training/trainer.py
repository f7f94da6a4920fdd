"""On-policy training: the policy drives, the expert labels, and the buffer holds states.

Each step drives a fleet on for a moment, adds the states it went through to the buffer, draws a
batch of old states, moves some of them off the route, renders what they would see in a new light
(and a decision later, where steadiness counts), asks the expert what to do there, and fits the
policy to the answer (DAgger: Ross, Gordon, Bagnell, AISTATS 2011). Behaviour cloning is the same
with the expert driving all the time. On a CPU all but the last is done for the next step while the
policy is fitted, with the weights from before it.
"""

import copy
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drivecnn.episode import Episode
from drivecnn.losses import LOSSES, unsteadiness
from drivecnn.policy import ACTIONS, DrivingPolicy, load_camera_weights, load_policy_weights
from drivecnn.rollout import Decision, ExpertDriver, Fleet, PolicyDriver, Start
from drivecnn.training.ahead import Ahead, AtOnce, Maker
from drivecnn.training.balance import balanced
from drivecnn.training.buffer import StateBuffer
from drivecnn.training.config import DataConfig, OptimiserConfig, RunConfig
from drivecnn.training.fabric import make_fabric
from drivecnn.training.heap import keep_freed_memory
from drivecnn.training.optimiser import make_optimiser, set_learning_rate
from drivecnn.training.recorded import Recorded
from drivecnn_envs.forks import Forks
from drivecnn_envs.gpu import observer_on
from drivecnn_envs.grading import Grades, draw_grades
from drivecnn_envs.states import MAX_SEED, States
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.vehicle import DT

CANDIDATES = 4  # states drawn for each that is chosen, where curvatures are balanced
NOISE_TIME = 0.5  # s after which the expert's noise has drifted away
TRAINING_ACTION = "median"  # strays more than a steady hand, and so sees more
MAX_SKIPPED = 10  # steps in a row without finite numbers that end a training
EXPERT_STINT = 20  # decisions for which a car keeps its driver while expert and policy share


class StepReport(NamedTuple):
    """What one training step did; the losses are means over all processes."""

    step: int  # steps done
    loss: float
    nll: float | None  # nats, where the policy predicts a density
    curvature_mae: float  # 1/m, of the distribution's mean
    gradient_norm: float
    learning_rate: float
    expert_share: float
    episodes: list[Episode]  # of this process that ended with this step
    states: States  # (B,) that the batch was of
    skipped: bool  # whether loss or gradient was not finite, so that the weights are as before


class Inputs(NamedTuple):
    """What a policy sees of B states, and what it learns there."""

    cameras: Tensor
    route_map: Tensor
    curvature: Tensor  # (B,) 1/m, the expert's; of any way where the route is blank
    settled: Tensor  # (B,) whether the route is drawn and the pose is as it was driven


class Batch(NamedTuple):
    """What one training step learns from, and the driving before it."""

    states: States  # (B,); with steadiness half of them come a decision after the others
    inputs: Inputs
    expert_share: float
    episodes: list[Episode]  # that ended


class NoisyExpert:
    """Drives as the expert with noise in its steering, so that others see how it gets back.

    DART: Laskey, Lee, Fox, Dragan, Goldberg, "DART: Noise injection for robust imitation
    learning", CoRL 2017. The noise is a first-order Gauss-Markov process.
    """

    def __init__(self, expert: ExpertDriver, cars: int, noise: float, rng: Generator) -> None:
        """Make a driver of so many cars; `noise` is its standard deviation [1/m]."""
        self._expert, self._size, self._rng = expert, noise, rng
        self._noise = noise * rng.normal(size=cars)

    def __call__(self, states: States) -> Decision:
        """The expert's curvature for each car, disturbed."""
        keep = np.exp(-DT / NOISE_TIME)
        fresh = np.sqrt(1.0 - keep * keep) * self._size
        self._noise = keep * self._noise + fresh * self._rng.normal(size=len(self._noise))
        curvature = self._expert(states).curvature + self._noise
        return Decision(curvature.astype(np.float32), None)


class MixedDriver:
    """Lets the expert drive some of the cars and the policy the others."""

    def __init__(
        self, expert: NoisyExpert, policy: PolicyDriver, cars: int, rng: Generator
    ) -> None:
        self.expert_share = 1.0
        self._expert, self._policy = expert, policy
        self._by_expert = np.ones(cars, bool)
        self._rng = rng
        self._count = 0

    def __call__(self, states: States) -> Decision:
        """The expert's curvature for its cars, the policy's for the others."""
        if self._count % EXPERT_STINT == 0:
            self._by_expert = self._rng.random(len(self._by_expert)) < self.expert_share
        self._count += 1
        if self.expert_share >= 1.0:
            return self._expert(states)
        decision = self._policy(states)
        by_expert = self._by_expert | ~np.isfinite(decision.curvature)  # NaN never drives
        if not by_expert.any():
            return decision
        mixed = np.where(by_expert, self._expert(states).curvature, decision.curvature)
        return Decision(mixed, decision.distribution)


class Trainer:
    """The state of a training run, in one of its processes."""

    def __init__(
        self,
        config: RunConfig,
        fabric: Fabric | None = None,
        policy: DrivingPolicy | None = None,
    ) -> None:
        """Make a trainer.

        Args:
            config: of the run.
            fabric: of all its processes; without one it trains alone.
            policy: the network, with the weights to begin with; random ones without. Those of the
                first process are the ones that count.
        """
        self.config = config
        self.step = 0
        self.skipped = 0  # steps so far whose loss or gradient was not finite
        self.skipped_in_a_row = 0
        self.fabric = fabric or make_fabric(config)
        self.rng = np.random.default_rng([config.seed, 0x7EA1, self.fabric.global_rank])
        torch.manual_seed(config.seed)
        self.raw_policy = policy or DrivingPolicy(config.fitted_policy())
        optimiser = make_optimiser(self.raw_policy, config.optimiser, self.fabric.device)
        self.policy, self.optimiser = self.fabric.setup(self.raw_policy.train(), optimiser)
        recorded = self.fabric.device.type == "cuda" and self.fabric.world_size == 1
        self._learn = Recorded(self._fit) if recorded else self._fit
        self._move = Recorded(self.optimiser.step) if recorded else self.optimiser.step
        averaging = get_ema_multi_avg_fn(config.optimiser.ema_decay)  # type: ignore[no-untyped-call]
        # with the running statistics of batch normalisation, which belong to the weights
        self.average = AveragedModel(self.raw_policy, multi_avg_fn=averaging, use_buffers=True)
        self.loss = LOSSES[config.optimiser.loss]
        self.simulator = load_simulator(
            config.data.maps,
            RouteOptions(config.data.routes, config.data.route_length),
            config.trained_on(),
            config.seed,
            config.data.traffic,
            config.policy.frames,
        )
        observation = self.simulator.observer.config
        self.simulator.observer = observer_on(self.fabric.device.type, observation)
        self.forks = Forks(self.simulator.scene, self.rng)
        self.buffer = StateBuffer(config.data.buffer_size, self.simulator.dtype)
        self.driving_policy = copy.deepcopy(self.raw_policy).eval()  # as a step found it
        on_cpu = self.fabric.device.type == "cpu"
        if on_cpu:
            keep_freed_memory()
        self._batches: Maker[Batch] = Ahead(self._batch) if on_cpu else AtOnce(self._batch)
        self.start_episodes()
        expert, action = ExpertDriver(self.simulator), ACTIONS[TRAINING_ACTION]
        self.driver = MixedDriver(
            NoisyExpert(expert, config.data.cars, config.data.expert_noise, self.rng),
            PolicyDriver(self.driving_policy, self.simulator.observe, action=action),
            config.data.cars,
            self.rng,
        )

    def start_episodes(self) -> None:
        """Let all cars begin anew, on routes and with seeds that are drawn now."""
        self.fleet = Fleet(self.simulator, self._starts(), self.config.data.cars)

    @property
    def averaged_policy(self) -> DrivingPolicy:
        """The policy that is saved and judged: the running average of the weights."""
        policy = self.average.module.eval()
        assert isinstance(policy, DrivingPolicy)
        return policy

    def is_finite(self) -> bool:
        """Whether all weights, and their averages, are finite numbers."""
        states = self.raw_policy.state_dict(), self.average.state_dict()
        return all(bool(value.isfinite().all()) for state in states for value in state.values())

    def train_step(self) -> StepReport:
        """Fit the policy to one batch, if that gives finite numbers."""
        learning_rate = _learning_rate(self.step, self.config.optimiser)
        set_learning_rate(self.optimiser, learning_rate)
        self.driving_policy.load_state_dict(self.raw_policy.state_dict())
        with self._batches.of(self.step) as batch:
            statistics = [buffer.clone() for buffer in self.raw_policy.buffers()]  # running ones
            means = self.fabric.all_reduce(self._learn(*batch.inputs))  # the same in all processes
            assert isinstance(means, Tensor)
            loss, nll, curvature_mae, gradient_norm = means.tolist()
            skipped = not (math.isfinite(loss) and math.isfinite(gradient_norm))
            if skipped:
                for buffer, before in zip(self.raw_policy.buffers(), statistics, strict=True):
                    buffer.copy_(before)
            else:
                self._move()
                self.average.update_parameters(self.raw_policy)
        self.skipped += skipped
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if skipped else 0
        self.step += 1
        return StepReport(
            self.step,
            loss,
            nll if self.raw_policy.has_density else None,
            curvature_mae,
            gradient_norm,
            learning_rate,
            batch.expert_share,
            batch.episodes,
            batch.states,
            skipped,
        )

    def _fit(
        self, cameras: Tensor, route_map: Tensor, curvature: Tensor, settled: Tensor
    ) -> Tensor:
        """Find the gradients for a batch. Loss, NLL or NaN, error and gradients' norm: (4,)."""
        distribution = self.policy(cameras, route_map)
        terms = self.loss(distribution, curvature)
        total = terms.total
        if self.config.optimiser.steadiness > 0.0:
            change = unsteadiness(distribution, curvature, settled)
            total = total + self.config.optimiser.steadiness * change
        self.optimiser.zero_grad()
        self.fabric.backward(total)
        norm = self.fabric.clip_gradients(
            self.policy,
            self.optimiser,
            max_norm=self.config.optimiser.gradient_clip,
            error_if_nonfinite=False,
        )
        assert norm is not None
        nll = torch.full_like(norm, math.nan) if terms.nll is None else terms.nll
        return torch.stack([total.detach(), nll, terms.curvature_mae, norm])

    def _batch(self, step: int) -> Batch:
        """Drive on, and draw what a step learns from."""
        self.driver.expert_share = _expert_share(step, self.config)
        episodes = self._drive()
        moments = self.config.optimiser.moments
        states = self._draw(self.config.optimiser.batch_size // moments)
        moved = disturb(states, self.config.data, self.rng)
        # another look, but the map error they were driven with: it is what has led them astray
        states["seed"] = self.rng.integers(MAX_SEED, size=len(states))
        if moments > 1:
            after = states.copy()
            self.simulator.step(after, self.simulator.expert(after))
            states = np.concatenate([states, after])
        return Batch(states, self.inputs(states, moved), self.driver.expert_share, episodes)

    def _drive(self) -> list[Episode]:
        """Drive the fleet on, keeping the states it was in; returns the episodes that ended."""
        episodes = []
        with self.fabric.autocast():
            for _ in range(self.config.data.decisions_per_step):
                self.buffer.add(self.fleet.states.copy())
                episodes += self.fleet.step(self.driver)
        return episodes

    def inputs(self, states: States, moved: NDArray[np.bool_]) -> Inputs:
        """What the policy sees of states (B,), graded and with blank routes by chance.

        Moments of the same car have the same grading, and all or none of them a route. `moved` says
        whose pose has been moved off, one for each car.
        """
        config, cars = self.config.data, len(moved)
        moments = len(states) // cars
        observation = self.simulator.observe(states)
        if config.grading > 0.0:
            grades = draw_grades(cars, config.grading, self.rng)
            grades = Grades(*(np.concatenate([part] * moments) for part in grades))
            images = observation.cameras  # those of a car alike, in all its frames
            images = images.reshape(len(states), -1, *images.shape[-3:])
            self.simulator.observer.grade(images, grades)
        at_fork = self.forks.open(states[:cars])
        dropout = np.where(at_fork, config.fork_dropout, config.route_dropout)
        dropped = self.rng.random(cars) < dropout
        blank, settled = np.tile(dropped, moments), np.tile(~dropped & ~moved, moments)
        expert = self.simulator.expert(states)
        expert[blank] = self.forks.expert(states[blank], self.rng)
        inputs = Inputs(
            *(
                torch.as_tensor(array, device=self.fabric.device)
                for array in (observation.cameras, observation.route_map, expert, settled)
            )
        )
        inputs.route_map[:, 1] *= torch.from_numpy(~blank).to(inputs.route_map)[:, None, None]
        return inputs

    def _draw(self, count: int) -> States:
        """So many states from the buffer, balanced over curvature as far as is wanted."""
        share = self.config.data.balance
        if share == 0.0:
            return self.buffer.sample(count, self.rng)
        candidates = self.buffer.sample(CANDIDATES * count, self.rng)
        return candidates[balanced(self.simulator.expert(candidates), count, share, self.rng)]

    def _starts(self) -> Iterator[Start]:
        """Endless random starts."""
        while True:
            route = self.rng.integers(len(self.simulator.scene.routes))
            yield Start(int(route), int(self.rng.integers(MAX_SEED)))


def beginning(config: RunConfig) -> DrivingPolicy:
    """The policy that a run begins with: weights of its seed, or what the config starts from.

    Raises:
        PolicyError: one line, if the weights are missing or not for this network.
        CheckpointError: one line, if there is no policy to start from.
    """
    torch.manual_seed(config.seed)
    policy = DrivingPolicy(config.fitted_policy())
    load_camera_weights(policy)
    if config.start_from is not None:
        load_policy_weights(policy, config.start_from)
    return policy


def disturb(states: States, config: DataConfig, rng: Generator) -> NDArray[np.bool_]:
    """Move a share of the poses sideways and turn them, in place; returns which ones."""
    chosen = rng.random(len(states)) < config.jitter_share
    aside = rng.normal(0.0, config.lateral_jitter, len(states)) * chosen
    states["x"] -= aside * np.sin(states["yaw"])
    states["y"] += aside * np.cos(states["yaw"])
    states["yaw"] += rng.normal(0.0, config.heading_jitter, len(states)) * chosen
    return chosen


def _learning_rate(step: int, config: OptimiserConfig) -> float:
    """A linear warm-up, then a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    falling = 0.5 * (1.0 + np.cos(np.pi * min(step / config.steps, 1.0)))
    return float(config.learning_rate * warm * (0.01 + 0.99 * falling))


def _expert_share(step: int, config: RunConfig) -> float:
    """The expert's share of the driving: 1 at first, linearly down to 0; always 1 for cloning."""
    fraction = config.data.expert_fraction
    if fraction in (0.0, 1.0):
        return fraction
    return max(0.0, 1.0 - step / (fraction * config.optimiser.steps))
