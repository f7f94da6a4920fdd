"""PPO of stable-baselines3 learns lane following on `DriveCNN/Track-v0` from the camera.

    pip install "drivecnn[examples]"
    python examples/ppo_track.py

It trains on sixteen circuits, then drives 100 routes of 300 m on twenty others that it has never
seen, beside the policy before training and the expert, which steers by the simulator's truth.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers.vector import RescaleAction
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vehicle import MAX_CURVATURE

ID = "drivecnn_envs:DriveCNN/Track-v0"
TRAINING_TRACKS, UNSEEN_TRACKS = "track:0-15", "track:1000-1019"
CARS = 32
STEPS = 200_000  # decisions of all cars together
LEARNING_RATE = 6e-4  # at the start, falling to 0: the last policy is then as good as any before
GAMMA = 0.97  # rewards of the next three seconds or so count
ROUTES = RouteOptions(count=100, length=300.0)

Images = NDArray[np.uint8]
Driver = Callable[[Images, dict[str, Any]], NDArray[np.float32]]  # actions (B, 1) in [-1, 1]


class Result(NamedTuple):
    """How well a driver followed its routes."""

    completed: float  # share of routes driven to their end
    progress: float  # m, mean over the routes
    deviation: float  # m from the lane's middle, mean over all decisions


class Cars(VecEnv):
    """The batched simulator as stable-baselines3 wants it: images in, finished cars restarted."""

    def __init__(self, cars: int, tracks: str, routes: RouteOptions = ROUTES) -> None:
        env = gym.make_vec(
            ID, cars, vectorization_mode="vector_entry_point", map=tracks, routes=routes
        )
        self.env = RescaleAction(env, -1, 1)
        self.render_mode = None
        spaces: Any = env.single_observation_space
        image = gym.spaces.Box(0, 255, spaces["cameras"].shape[1:], np.uint8)  # of the one camera
        super().__init__(cars, image, self.env.single_action_space)
        self.actions = np.zeros((cars, 1), np.float32)

    def reset(self) -> Images:
        """Start all cars; images (B, 3, H, W)."""
        observation, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        images: Images = observation["cameras"][:, 0]
        return images

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Keep the actions (B, 1) for `step_wait`."""
        self.actions = actions

    def step_wait(self) -> tuple[Images, NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Drive; a car that is done shows its last image in its info, and its next one here."""
        observation, rewards, terminated, truncated, _ = self.env.step(self.actions)
        images, done = observation["cameras"][:, 0], terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for car in np.flatnonzero(done):
            infos[car] = {
                "terminal_observation": images[car],
                "TimeLimit.truncated": bool(truncated[car]),
            }
        if done.any():
            observation, _ = self.env.reset(options={"reset_mask": done})
            images = observation["cameras"][:, 0]
        return images, rewards.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The same attribute for each of the chosen cars."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Cars have no attributes of their own."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: object, **kwargs: object) -> list[Any]:
        """Cars have no methods of their own."""
        raise NotImplementedError

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Whether each of the chosen cars is wrapped, which none is."""
        return [False for _ in self._get_indices(indices)]


class SmallCnn(BaseFeaturesExtractor):
    """A third of the work of stable-baselines3's own network, which saw whole Atari screens."""

    def __init__(self, space: gym.spaces.Box, features: int = 64) -> None:
        super().__init__(space, features)
        channels, height, width = space.shape
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 16, 8, stride=4, padding=2),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 4, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(32 * (height // 8) * (width // 8), features),
            torch.nn.ReLU(),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, F) of images (B, 3, H, W) in [0, 1]."""
        features: torch.Tensor = self.layers(images)
        return features


def make_learner(seed: int) -> PPO:
    """PPO before training, with its cars."""
    cars = VecNormalize(Cars(CARS, TRAINING_TRACKS), norm_obs=False, gamma=GAMMA)
    return PPO(
        "CnnPolicy",
        cars,
        n_steps=64,
        batch_size=512,
        n_epochs=4,
        learning_rate=lambda left: LEARNING_RATE * left,
        gamma=GAMMA,
        policy_kwargs={"log_std_init": -1.5, "features_extractor_class": SmallCnn},
        seed=seed,
        device="cpu",
    )


def drive(driver: Driver, tracks: str = UNSEEN_TRACKS, routes: RouteOptions = ROUTES) -> Result:
    """Drive each route once, all at the same time."""
    cars = Cars(routes.count, tracks, routes).env
    observation, info = cars.reset(seed=0, options={"routes": np.arange(routes.count)})
    live, completed = np.ones(routes.count, bool), np.zeros(routes.count, bool)
    progress, deviations = np.zeros(routes.count), []
    while live.any():
        actions = driver(observation["cameras"][:, 0], info)
        observation, _, terminated, truncated, info = cars.step(actions)
        progress[live] = info["progress"][live]
        deviations.append(np.abs(info["lateral"][live]))
        completed |= live & info["is_success"]
        live &= ~(terminated | truncated)
    cars.close()
    deviation = np.concatenate(deviations).mean()
    return Result(float(completed.mean()), float(progress.mean()), float(deviation))


def by_policy(learner: PPO) -> Driver:
    """The driver that does what the policy thinks best."""
    return lambda images, _: learner.predict(images, deterministic=True)[0]


def by_expert(_: Images, info: dict[str, Any]) -> NDArray[np.float32]:
    """The expert's curvatures as actions."""
    return np.asarray(info["expert_curvature"] / MAX_CURVATURE, np.float32)[:, None]


def main() -> None:
    """Train, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="decisions to train on")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--tracks", default=UNSEEN_TRACKS, help="to drive on: SEEDS, or a CSV file")
    options = parser.parse_args()
    learner = make_learner(options.seed)
    results = {
        "expert": drive(by_expert, options.tracks),
        "untrained": drive(by_policy(learner), options.tracks),
    }
    start = time.perf_counter()
    learner.learn(options.steps)
    seconds = time.perf_counter() - start
    results["trained"] = drive(by_policy(learner), options.tracks)
    print(f"trained on {TRAINING_TRACKS}: {learner.num_timesteps} decisions in {seconds:.0f} s")
    print(f"driven on {options.tracks}: {ROUTES.count} routes of {ROUTES.length:.0f} m each")
    print("driver      completed  mean progress  off the middle")
    for name, result in results.items():
        print(
            f"{name:10} {result.completed:10.0%} {result.progress:12.0f} m "
            f"{result.deviation:13.2f} m"
        )


if __name__ == "__main__":
    main()
