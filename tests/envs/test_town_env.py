"""`DriveCNN/Town-v0`: Gymnasium's contract, and the same world as the batched simulator."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import drivecnn_envs
from drivecnn_envs.errors import MapError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vehicle import MAX_CURVATURE
from drivecnn_envs.views import CameraRig

ID = f"drivecnn_envs:{drivecnn_envs.TOWN_ID}"
OPTIONS = {
    "map": "procedural:3",
    "observation": ObservationConfig(CameraRig(image_size=(24, 48))),
    "routes": RouteOptions(count=6, length=150.0),
}


def action(curvature):
    return np.array([curvature], np.float32)


def drive(env, actions):
    """All steps until the episode ends."""
    steps = []
    for curvature in actions:
        steps.append(env.step(action(curvature)))
        if steps[-1][2] or steps[-1][3]:
            break
    return steps


@pytest.fixture(scope="module")
def env():
    made = gym.make(ID, render_mode="rgb_array", **OPTIONS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def vector():
    options = {**OPTIONS, "routes": RouteOptions(count=6, length=700.0)}
    made = gym.make_vec(ID, num_envs=1, vectorization_mode="vector_entry_point", **options)
    yield made
    made.close()


def test_gymnasium_finds_nothing_to_complain_about(env):
    check_env(env.unwrapped)


def test_observation_is_three_cameras_and_a_map_of_two_channels(env):
    observation, _ = env.reset(seed=0)
    assert observation["cameras"].shape == (3, 3, 24, 48)
    assert observation["route_map"].shape == (2, 40, 40)
    assert env.observation_space.contains(observation)


def test_action_is_a_curvature_within_the_vehicles_limit(env):
    assert env.action_space.low == pytest.approx([-MAX_CURVATURE])
    assert env.action_space.high == pytest.approx([MAX_CURVATURE])


def test_same_seed_gives_the_same_episode(env):
    episodes = []
    for _ in range(2):
        first, info = env.reset(seed=11)
        steps = drive(env, [0.01, -0.02, 0.0] * 5)
        episodes.append([first, *(step[0] for step in steps), info, *(step[4] for step in steps)])
    for one, other in zip(*episodes, strict=True):
        for key in one:
            assert np.array_equal(one[key], other[key])


def test_different_seeds_start_different_episodes(env):
    images = [env.reset(seed=seed)[0]["cameras"].tobytes() for seed in range(6)]
    assert len(set(images)) == 6


def test_reset_without_seed_goes_on_with_new_episodes(env):
    env.reset(seed=0)
    images = [env.reset()[0]["cameras"].tobytes() for _ in range(5)]
    assert len(set(images)) == 5


def test_route_can_be_chosen(env):
    route = env.unwrapped.simulator.scene.routes[4]
    for seed in (0, 1):
        env.reset(seed=seed, options={"route": 4})
        assert env.unwrapped.vehicle.position.tolist() == [route.x[0], route.y[0]]


def test_expert_in_info_drives_to_the_goal(env):
    _, info = env.reset(seed=1)
    rewards, terminated, truncated = [], False, False
    while not (terminated or truncated):
        _, reward, terminated, truncated, info = env.step(action(info["expert_curvature"]))
        rewards.append(reward)
    assert (terminated, truncated) == (True, False)
    assert info["is_success"]
    assert info["infraction"] is None
    assert sum(rewards) == pytest.approx(info["progress"] + 10.0)


def test_driving_off_ends_the_episode_with_a_named_infraction(env):
    env.reset(seed=1)
    *_, (_, reward, terminated, truncated, info) = drive(env, [MAX_CURVATURE] * 100)
    assert (terminated, truncated) == (True, False)
    assert info["infraction"] in {"off_road", "off_route", "collision"}
    assert not info["is_success"]
    assert reward < -5.0


def test_too_long_an_episode_is_truncated(env):
    env.reset(seed=1)
    env.unwrapped.state["step"] = 10_000
    _, _, terminated, truncated, info = env.step(action(0.0))
    assert (terminated, truncated) == (False, True)
    assert info["infraction"] == "timeout"


def test_curvature_outside_the_space_is_the_nearest_inside(env):
    poses = []
    for curvature in (5.0, MAX_CURVATURE):
        env.reset(seed=2)
        env.step(action(curvature))
        poses.append([*env.unwrapped.vehicle.position, env.unwrapped.vehicle.heading])
    assert poses[0] == poses[1]


@pytest.mark.parametrize("curvature", [np.nan, np.inf])
def test_action_that_is_no_number_is_refused(env, curvature):
    env.reset(seed=2)
    with pytest.raises(ValueError, match="expected a finite curvature"):
        env.step(action(curvature))


def test_picture_shows_the_cameras_side_by_side(env):
    observation, _ = env.reset(seed=3)
    picture = env.render()
    assert picture.shape == (24, 3 * 48, 3)
    assert np.array_equal(picture[:, 48:96], observation["cameras"][1].transpose(1, 2, 0))


def test_unknown_map_is_refused():
    with pytest.raises(MapError, match="nowhere"):
        gym.make(ID, map="nowhere")


def test_highway_env_and_the_batched_simulator_agree_for_a_minute(vector):
    single = gym.make(ID, **{**OPTIONS, "routes": RouteOptions(count=6, length=700.0)})
    seen, info = single.reset(seed=8)
    batch, _ = vector.reset(seed=8)  # the same seed draws the same episode
    for step in range(600):
        for name in seen:
            assert np.array_equal(batch[name][0], seen[name]), step
        act = action(info["expert_curvature"] + 0.02 * np.sin(0.15 * step))
        seen, reward, terminated, truncated, info = single.step(act)
        batch, rewards, terminations, truncations, _ = vector.step(act[None])
        ours, theirs = vector.unwrapped.states[0], single.unwrapped.vehicle
        gap = np.hypot(ours["x"] - theirs.position[0], ours["y"] - theirs.position[1])
        assert gap < 0.01
        assert abs(ours["yaw"] - theirs.heading) < 1e-3
        assert rewards[0] == pytest.approx(reward, abs=1e-6)
        assert (terminations[0], truncations[0]) == (terminated, truncated) == (False, False)
    assert info["progress"] > 200.0
    single.close()
