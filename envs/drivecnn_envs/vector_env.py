"""`DriveCNN/Town-v0` for many cars at once, on the batched simulator."""

from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import observation_space
from drivecnn_envs.simulator import RUNNING, SUCCESS, infraction_of
from drivecnn_envs.states import MAX_SEED, Infraction, States
from drivecnn_envs.town_env import action_space, reward_of, town_simulator
from drivecnn_envs.vehicle import DT

Observations = dict[str, NDArray[np.uint8]]


class TownVectorEnv(VectorEnv[Observations, NDArray[np.float32], NDArray[Any]]):
    """B cars, each on its own route through one town. A finished car restarts at the next step.

    Spaces, rewards and info keys are those of `TownEnv`, with the batch in front.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": round(1 / DT),
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int,
        map: str = "procedural:0",  # noqa: A002 - the word users know
        render_mode: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Make the environments; arguments are those of `TownEnv`."""
        self.num_envs, self.render_mode = num_envs, render_mode
        self.simulator = town_simulator(map, **options)
        config = self.simulator.observer.config
        self.single_observation_space = observation_space(config)
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.states: States = np.zeros(num_envs, self.simulator.dtype)
        self.outcomes = np.zeros(num_envs, np.uint8)
        self._begun = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start cars on random routes.

        Args:
            seed: of all random numbers from here on; the first of a list counts.
            options: may give `routes`, a number for each car, and, by Gymnasium's name for it,
                `reset_mask` (B,), which cars start again while the others stay as they are.
        """
        first = next((s for s in seed if s is not None), None) if isinstance(seed, list) else seed
        super().reset(seed=first)
        given = options or {}
        chosen = np.asarray(given.get("reset_mask", np.ones(self.num_envs)), bool)
        routes = np.asarray(given.get("routes", self._random_routes(self.num_envs)))
        for name, values in (("reset_mask", chosen), ("routes", routes)):
            if values.shape != (self.num_envs,):
                raise InputError(f"{name} is {values.shape}, expected ({self.num_envs},)")
        self._restart(chosen, routes[chosen])
        return self._observe(), self._infos()

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[Observations, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Drive all cars for `DT` with curvatures (B, 1) [1/m]; restart those that had ended."""
        if not self._begun.all():
            raise ResetNeeded("cars have no route yet: call reset before step")
        if np.shape(actions) != (self.num_envs, 1):
            raise ValueError(f"actions is {np.shape(actions)}, expected ({self.num_envs}, 1)")
        curvature = np.asarray(actions, np.float32)[:, 0]
        if not np.isfinite(curvature).all():
            raise ValueError(f"the actions are {curvature}, expected finite curvatures [1/m]")
        ended = self.outcomes != RUNNING
        before = self.states["progress"].copy()
        self.outcomes = self.simulator.step(self.states, curvature)
        rewards = reward_of(self.states["progress"] - before, self.outcomes)
        if ended.any():
            self._restart(ended, self._random_routes(int(ended.sum())))
            rewards[ended] = 0.0
        infractions = [infraction_of(code) for code in self.outcomes.tolist()]
        truncated = np.array([infraction is Infraction.TIMEOUT for infraction in infractions])
        terminated = (self.outcomes != RUNNING) & ~truncated
        return self._observe(), rewards, terminated, truncated, self._infos()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Each car's C cameras side by side, (H, C W, 3) uint8."""
        if self.render_mode is None:
            return None
        return tuple(self.simulator.observe(self.states).side_by_side())

    def _restart(self, chosen: NDArray[np.bool_], routes: NDArray[np.int64]) -> None:
        """Start the chosen cars (B,) on routes, one for each of them."""
        seeds = self.np_random.integers(MAX_SEED, size=len(routes))
        self.states[chosen] = self.simulator.start(routes, seeds)
        self.outcomes[chosen] = RUNNING
        self._begun |= chosen

    def _random_routes(self, count: int) -> NDArray[np.int64]:
        return self.np_random.integers(len(self.simulator.scene.routes), size=count)

    def _observe(self) -> Observations:
        return self.simulator.observe(self.states).asked()

    def _infos(self) -> dict[str, Any]:
        infractions = [infraction_of(code) for code in self.outcomes.tolist()]
        return {
            "infraction": np.array([i and str(i) for i in infractions], dtype=object),
            "is_success": self.outcomes == SUCCESS,
            "progress": self.states["progress"].copy(),
            "lateral": self.states["lateral"].copy(),
            "speed": self.states["speed"].copy(),
            "expert_curvature": self.simulator.expert(self.states),
        }
