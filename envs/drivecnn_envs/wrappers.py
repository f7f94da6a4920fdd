"""Gymnasium wrappers that fit the environments to other libraries."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observations = dict[str, NDArray[np.uint8]]


class SideBySide(
    gym.ObservationWrapper[Observations, NDArray[np.float32], Observations],
    gym.utils.RecordConstructorArgs,
):
    """Puts the cameras (C, 3, H, W) side by side in one image (3, H, C x W), leftmost first.

    Stable-Baselines3 and others know images of three dimensions only.
    """

    def __init__(self, env: gym.Env[Observations, NDArray[np.float32]]) -> None:
        """Wrap an environment whose observation has `cameras`."""
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        apart: Any = env.observation_space
        count, channels, height, width = apart["cameras"].shape
        image = spaces.Box(0, 255, (channels, height, count * width), np.uint8)
        together: Any = spaces.Dict({**apart.spaces, "cameras": image})
        self.observation_space = together

    def observation(self, observation: Observations) -> Observations:
        """The same observation with one image."""
        image = np.concatenate(list(observation["cameras"]), axis=2)  # (3, H, C W)
        return {**observation, "cameras": image}
