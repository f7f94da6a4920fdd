"""The PPO example: its cars keep to stable-baselines3's rules, and it learns to drive."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from drivecnn_envs.towns import RouteOptions

EXAMPLE = Path(__file__).parents[2] / "examples" / "ppo_track.py"
SHORT = RouteOptions(count=8, length=20.0)


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("ppo_track", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cars(example):
    made = example.Cars(4, "track:0", SHORT)
    yield made
    made.close()


def until_first_is_done(cars):
    """Car 0 turns as sharply as it can, the others go straight on. The step that ended it."""
    for _ in range(200):
        step = cars.step(np.array([[1.0], [0.0], [0.0], [0.0]], np.float32))
        if step[2][0]:
            return step
    pytest.fail("the car never left its track")
    return None


def test_cars_show_images_and_take_actions_within_one(cars):
    assert cars.observation_space.shape == (3, 48, 96)
    assert cars.reset().shape == (4, 3, 48, 96)
    assert (cars.action_space.low, cars.action_space.high) == (-1.0, 1.0)


def test_done_car_starts_again_at_once_and_its_last_image_is_in_its_info(cars):
    cars.seed(0)
    cars.reset()
    images, rewards, done, infos = until_first_is_done(cars)
    assert not np.array_equal(infos[0]["terminal_observation"], images[0])
    assert infos[0]["TimeLimit.truncated"] is False
    assert rewards[0] < -5.0
    assert cars.env.unwrapped.states["progress"][0] == 0.0
    _, rewards, after, infos = cars.step(np.zeros((4, 1), np.float32))
    assert (done[0], after[0]) == (True, False)
    assert rewards[0] > 0.0
    assert "terminal_observation" not in infos[0]


def test_same_seed_gives_the_same_images(cars):
    runs = []
    for _ in range(2):
        cars.seed(3)
        runs.append([cars.reset(), cars.step(np.zeros((4, 1), np.float32))[0]])
    assert np.array_equal(runs[0], runs[1])


def test_expert_completes_every_route(example):
    result = example.drive(example.by_expert, "track:0", SHORT)
    assert result.completed == 1.0
    assert result.progress == pytest.approx(20.0, abs=1.5)
    assert result.deviation < 0.1


@pytest.mark.slow
def test_short_training_beats_the_untrained_policy_by_far(example):
    learner = example.make_learner(seed=1)
    untrained = example.drive(example.by_policy(learner))
    learner.learn(60_000)
    trained = example.drive(example.by_policy(learner))
    assert untrained.completed <= 0.1
    assert trained.completed >= 0.6
    assert trained.progress > 3 * untrained.progress
