"""Wrappers that fit the environments to other libraries."""

import gymnasium as gym
import numpy as np
import pytest

from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.views import CameraRig
from drivecnn_envs.wrappers import SideBySide


@pytest.fixture(scope="module")
def env():
    cameras = CameraRig(image_size=(24, 48))
    return gym.make(
        "drivecnn_envs:DriveCNN/Town-v0",
        render_mode="rgb_array",
        map="highway:racetrack",
        observation=ObservationConfig(cameras),
    )


def test_cameras_side_by_side_are_one_image_from_left_to_right(env):
    apart, _ = env.reset(seed=0)
    observation, _ = SideBySide(env).reset(seed=0)
    assert observation["cameras"].shape == (3, 24, 3 * 48)
    for number in range(3):
        part = observation["cameras"][:, :, number * 48 : (number + 1) * 48]
        assert np.array_equal(part, apart["cameras"][number])
    assert np.array_equal(observation["cameras"].transpose(1, 2, 0), env.render())


def test_side_by_side_leaves_the_route_map_as_it_is(env):
    apart, _ = env.reset(seed=0)
    observation, _ = SideBySide(env).reset(seed=0)
    assert np.array_equal(observation["route_map"], apart["route_map"])


def test_side_by_side_observations_are_in_its_space(env):
    wrapped = SideBySide(env)
    observation, _ = wrapped.reset(seed=0)
    assert observation in wrapped.observation_space
    assert wrapped.observation_space["cameras"].dtype == np.uint8


def test_side_by_side_environment_can_be_made_again_from_its_spec(env):
    again = gym.make(SideBySide(env).spec)
    assert again.observation_space == SideBySide(env).observation_space
