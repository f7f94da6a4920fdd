"""Every registered environment passes the checkers of the libraries that people train with."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RescaleAction
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines
from stable_baselines3.common.torch_layers import NatureCNN

import drivecnn_envs
from drivecnn_envs.vehicle import MAX_CURVATURE
from drivecnn_envs.wrappers import SideBySide

IDS = (drivecnn_envs.TOWN_ID, drivecnn_envs.TRACK_ID)
every_id = pytest.mark.parametrize("name", IDS)


def make(name):
    return gym.make(name, render_mode="rgb_array")


def normalised(name):
    """The environment with actions in [-1, 1]."""
    return RescaleAction(make(name), -1, 1)


def test_these_are_all_the_ids_there_are():
    assert sorted(name for name in gym.registry if name.startswith("DriveCNN/")) == sorted(IDS)


@every_id
def test_gymnasium_finds_nothing_to_complain_about(name):
    check_env(make(name).unwrapped)


@every_id
def test_stable_baselines_finds_nothing_to_complain_about(name):
    check_for_stable_baselines(SideBySide(normalised(name)), skip_render_check=False)


@every_id
def test_stable_baselines_accepts_the_cameras_apart_with_a_hint_on_their_shape(name):
    with pytest.warns(
        UserWarning, match="observation cameras has an unconventional shape"
    ) as found:
        check_for_stable_baselines(normalised(name), skip_render_check=False)
    assert len(found) == 1


def test_stable_baselines_sees_the_camera_as_an_image_and_learns():
    env = SideBySide(normalised(drivecnn_envs.TRACK_ID))
    learner = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, n_epochs=1, device="cpu")
    assert isinstance(learner.policy.features_extractor.extractors["cameras"], NatureCNN)
    learner.learn(8)


@every_id
def test_rescaled_action_of_one_is_the_sharpest_turn(name):
    env = normalised(name)
    ends = []
    for low, high in ((-1.0, -MAX_CURVATURE), (1.0, MAX_CURVATURE)):
        for made, value in ((env, low), (env.env, high)):
            made.reset(seed=0)
            made.step(np.array([value], np.float32))
            ends.append(env.unwrapped.vehicle.heading)
    assert ends[::2] == pytest.approx(ends[1::2])
    assert ends[0] < ends[2]


@every_id
def test_many_cars_are_one_cars_spaces_batched_and_start_and_step_within_them(name):
    single = gym.make(name)
    many = gym.make_vec(name, num_envs=3, vectorization_mode="vector_entry_point")
    assert many.single_observation_space == single.observation_space
    assert many.single_action_space == single.action_space
    observation, _ = many.reset(seed=0)
    assert observation in many.observation_space
    many.action_space.seed(0)
    for _ in range(3):
        observation, *_ = many.step(many.action_space.sample())
        assert observation in many.observation_space


@every_id
def test_gymnasiums_own_vector_environments_hold_it(name):
    many = gym.make_vec(name, num_envs=2, vectorization_mode="sync")
    observation, _ = many.reset(seed=0)
    assert observation in many.observation_space
    observation, *_ = many.step(many.action_space.sample())
    assert observation in many.observation_space
    many.close()
