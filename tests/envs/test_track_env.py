"""`DriveCNN/Track-v0`: lane following on circuits that ship with the package."""

import gymnasium as gym
import numpy as np
import pytest

import drivecnn_envs
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.town_env import TownEnv
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.views import CameraRig

ID = f"drivecnn_envs:{drivecnn_envs.TRACK_ID}"


@pytest.fixture(scope="module")
def env():
    return gym.make(ID)


@pytest.fixture(scope="module")
def two_tracks():
    return gym.make(ID, map="track:1-2", routes=RouteOptions(count=4, length=60.0))


def drive(env, seed=0, **reset):
    """The expert's episode: its last info and how it ended."""
    _, info = env.reset(seed=seed, **reset)
    terminated = truncated = False
    while not (terminated or truncated):
        action = np.array([info["expert_curvature"]], np.float32)
        _, _, terminated, truncated, info = env.step(action)
    return info, (terminated, truncated)


def test_needs_no_data_and_has_one_camera(env):
    observation, _ = env.reset(seed=0)
    assert observation["cameras"].shape == (1, 3, 48, 96)
    assert observation["route_map"].shape == (2, 40, 40)


def test_is_the_town_environment_with_other_defaults(env):
    assert isinstance(env.unwrapped, TownEnv)


def test_expert_drives_three_hundred_metres(env):
    info, ended = drive(env)
    assert info["is_success"]
    assert ended == (True, False)
    assert info["progress"] == pytest.approx(300.0, abs=1.5)


def test_straight_on_leaves_the_track(env):
    env.reset(seed=0)
    terminated, count = False, 0
    while not terminated:
        _, _, terminated, _, info = env.step(np.zeros(1, np.float32))
        count += 1
    assert count < 400
    assert info["infraction"] in {"off_road", "off_route", "collision"}


def test_camera_and_routes_can_be_chosen():
    observation = ObservationConfig(CameraRig(yaws=(0.3, -0.3), image_size=(36, 64)))
    routes = RouteOptions(count=2, length=50.0)
    env = gym.make(ID, map="highway:racetrack", observation=observation, routes=routes)
    assert env.observation_space["cameras"].shape == (2, 3, 36, 64)
    assert [route.length for route in env.unwrapped.simulator.scene.routes] == [50.0] * 2


def test_real_circuit_can_be_driven(shared):
    path = shared / "data" / "maps" / "tracks" / "Oschersleben.csv"
    env = gym.make(ID, map=str(path), routes=RouteOptions(count=1, length=60.0))
    assert drive(env)[0]["is_success"]


@pytest.mark.parametrize("route", [0, 3])
def test_each_episode_is_on_the_network_of_its_own_track(two_tracks, route):
    info, _ = drive(two_tracks, options={"route": route})
    assert info["is_success"]
    vehicle = two_tracks.unwrapped.vehicle
    assert vehicle.road.network.name == ("track:1", "track:2")[route // 2]
    assert vehicle.on_road
