"""`DriveCNN/Town-v0` for many cars at once."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vehicle import MAX_CURVATURE
from drivecnn_envs.views import CameraRig

ID = "drivecnn_envs:DriveCNN/Town-v0"
CARS = 4


@pytest.fixture(scope="module")
def env():
    made = gym.make_vec(
        ID,
        num_envs=CARS,
        vectorization_mode="vector_entry_point",
        map="procedural:3",
        observation=ObservationConfig(CameraRig(image_size=(24, 48))),
        routes=RouteOptions(count=6, length=150.0),
    )
    yield made
    made.close()


def actions(*curvatures):
    return np.array(curvatures, np.float32)[:, None]


def until_first_ends(env):
    """The first car turns off; the others are driven by the expert. The step that ended it."""
    _, info = env.reset(seed=4)
    for _ in range(100):
        curvature = info["expert_curvature"].copy()
        curvature[0] = MAX_CURVATURE
        step = env.step(curvature[:, None])
        info = step[4]
        if step[2][0]:
            return step
    pytest.fail("the car never left its route")
    return None


def test_spaces_are_those_of_one_car_with_the_batch_in_front(env):
    assert env.single_action_space.shape == (1,)
    assert env.action_space.shape == (CARS, 1)
    assert env.observation_space["cameras"].shape == (CARS, 3, 3, 24, 48)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    observation, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert env.observation_space.contains(observation)
    for values in (rewards, terminated, truncated):
        assert values.shape == (CARS,)
    assert terminated.dtype == truncated.dtype == np.bool_


def test_it_says_that_it_restarts_at_the_next_step(env):
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


def test_same_seed_gives_the_same_episodes(env):
    runs = []
    for _ in range(2):
        env.reset(seed=3)
        runs.append([env.step(actions(0.0, 0.01, -0.01, 0.02)) for _ in range(20)])
    for one, other in zip(*runs, strict=True):
        for name in one[0]:
            assert np.array_equal(one[0][name], other[0][name])
        assert np.array_equal(one[1], other[1])


def test_cars_drive_different_routes_and_look_different(env):
    observation, _ = env.reset(seed=0)
    images = {image.tobytes() for image in observation["cameras"]}
    assert len(images) == CARS


def test_routes_can_be_chosen(env):
    env.reset(seed=0, options={"routes": [5, 0, 5, 2]})
    assert env.unwrapped.states["route"].tolist() == [5, 0, 5, 2]


def test_list_of_seeds_is_accepted(env):
    first, _ = env.reset(seed=[7, 8, 9, 10])
    second, _ = env.reset(seed=7)
    assert np.array_equal(first["cameras"], second["cameras"])


def test_step_that_ends_an_episode_shows_how_it_ended(env):
    _, rewards, terminated, truncated, info = until_first_ends(env)
    assert terminated.tolist() == [True, False, False, False]
    assert not truncated.any()
    assert info["infraction"][0] in {"off_road", "off_route", "collision"}
    assert info["infraction"][1:].tolist() == [None] * 3
    assert not info["is_success"].any()
    assert rewards[0] < -5.0
    assert (rewards[1:] > 0).all()


def test_next_step_restarts_the_car_whatever_its_action_and_pays_nothing(env):
    until_first_ends(env)
    others = env.unwrapped.states["progress"][1:].copy()
    observation, rewards, terminated, truncated, info = env.step(actions(0.2, 0.0, 0.0, 0.0))
    state = env.unwrapped.states[0]
    route = env.unwrapped.simulator.scene.routes[state["route"]]
    assert (state["x"], state["y"]) == (route.x[0], route.y[0])
    assert (state["step"], info["progress"][0]) == (0, 0.0)
    assert rewards[0] == 0.0
    assert not np.logical_or(terminated, truncated)[0]
    assert info["infraction"][0] is None
    assert (env.unwrapped.states["progress"][1:] > others).all()
    fresh = env.unwrapped.simulator.observe(env.unwrapped.states)
    assert np.array_equal(observation["cameras"], fresh.cameras)


def test_restarted_car_drives_on(env):
    until_first_ends(env)
    env.step(actions(0.0, 0.0, 0.0, 0.0))
    _, rewards, terminated, _, info = env.step(actions(0.0, 0.0, 0.0, 0.0))
    assert 0.0 < info["progress"][0] < 1.0
    assert rewards[0] == pytest.approx(info["progress"][0])
    assert not terminated[0]


def test_returned_values_are_not_changed_by_later_steps(env):
    observation, info = env.reset(seed=0)
    images, progress = observation["cameras"].copy(), info["progress"].copy()
    env.step(actions(0.0, 0.0, 0.0, 0.0))
    assert np.array_equal(observation["cameras"], images)
    assert np.array_equal(info["progress"], progress)


def test_too_long_an_episode_is_truncated(env):
    env.reset(seed=0)
    env.unwrapped.states["step"][2] = 10_000
    _, _, terminated, truncated, info = env.step(actions(0.0, 0.0, 0.0, 0.0))
    assert truncated.tolist() == [False, False, True, False]
    assert not terminated[2]
    assert info["infraction"][2] == "timeout"


@pytest.mark.parametrize("curvature", [np.nan, np.inf])
def test_action_that_is_no_number_is_refused(env, curvature):
    env.reset(seed=0)
    with pytest.raises(ValueError, match="expected finite curvatures"):
        env.step(actions(0.0, curvature, 0.0, 0.0))


@pytest.mark.parametrize("shape", [(1, 1), (CARS + 1, 1), (CARS,), (CARS, 2)])
def test_actions_of_another_shape_are_refused(env, shape):
    env.reset(seed=0)
    before = env.unwrapped.states.copy()
    with pytest.raises(ValueError, match=rf"expected \({CARS}, 1\)"):
        env.step(np.zeros(shape, np.float32))
    assert np.array_equal(env.unwrapped.states, before)


def test_step_before_every_car_has_a_route_is_refused():
    env = gym.make_vec(ID, num_envs=2, vectorization_mode="vector_entry_point")
    actions = np.zeros((2, 1), np.float32)
    with pytest.raises(ResetNeeded):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        env.step(actions)
    env.reset()
    env.step(actions)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"routes": [0, 1]}, "routes is"),
        ({"routes": [0, 1, 2, -4]}, "route is -4"),
        ({"reset_mask": [True]}, "reset_mask is"),
    ],
)
def test_options_that_do_not_suit_the_cars_are_refused(env, options, reason):
    with pytest.raises(InputError, match=reason):
        env.reset(options=options)


def test_cars_are_shown_where_they_are_asked_to():
    mode = {"vectorization_mode": "vector_entry_point", "render_mode": "rgb_array"}
    env = gym.make_vec(ID, num_envs=2, **mode)
    observation, _ = env.reset(seed=0)
    images = env.render()
    assert len(images) == 2
    first = np.concatenate(list(observation["cameras"][0]), axis=2).transpose(1, 2, 0)
    assert np.array_equal(images[0], first)


def test_chosen_cars_start_again_while_the_others_stay(env):
    env.reset(seed=0)
    env.step(actions(0.0, 0.0, 0.0, 0.0))
    before = env.unwrapped.states.copy()
    observation, info = env.reset(options={"reset_mask": np.array([True, False, False, True])})
    assert info["progress"][[0, 3]].tolist() == [0.0, 0.0]
    assert np.array_equal(env.unwrapped.states[1:3], before[1:3])
    fresh = env.unwrapped.simulator.observe(env.unwrapped.states)
    assert np.array_equal(observation["cameras"], fresh.cameras)


def test_car_that_was_started_again_is_not_restarted_by_the_next_step(env):
    _, _, terminated, _, _ = until_first_ends(env)
    env.reset(options={"reset_mask": terminated})
    _, rewards, terminated, _, info = env.step(actions(0.0, 0.0, 0.0, 0.0))
    assert 0.0 < info["progress"][0] < 1.0
    assert rewards[0] > 0.0
    assert not terminated[0]


def test_chosen_cars_can_be_given_routes(env):
    env.reset(seed=0, options={"routes": [5, 0, 5, 2]})
    mask = np.array([False, True, False, True])
    env.reset(options={"reset_mask": mask, "routes": [1, 1, 3, 3]})
    assert env.unwrapped.states["route"].tolist() == [5, 1, 5, 3]
