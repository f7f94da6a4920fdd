"""highway-env's simulation and the batched one agree to a centimetre, on every kind of map."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivecnn_envs import TOWN_ID
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.route_map import RouteMapView
from drivecnn_envs.simulator import RUNNING
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vehicle import DT, MAX_CURVATURE
from drivecnn_envs.views import CameraRig

MINUTE = round(60 / DT)  # decisions
TINY = ObservationConfig(CameraRig(yaws=(0.0,), image_size=(6, 8)), RouteMapView(size=8))
MAPS = {  # with the length [m] of a route to drive
    "procedural:3": 600.0,
    "procedural:hard:5": 600.0,
    "track:1": 600.0,
    "highway:roundabout": 100.0,
    "highway:racetrack-large": 600.0,
    "opendrive/carla/Town03.xodr": 600.0,
    "opendrive/esmini/fabriksgatan.xodr": 150.0,
    "osm/cities/rome.osm.pbf": 400.0,
    "osm/cities/drivable_xml/stockholm.osm": 400.0,
    "tracks/Spielberg.csv": 600.0,
}


def make(spec, length):
    options = {"map": spec, "observation": TINY, "routes": RouteOptions(4, length), "seed": 2}
    return gym.make(TOWN_ID, **options).unwrapped


@pytest.fixture(scope="module")
def env():
    env = make("procedural:3", 600.0)
    yield env
    env.close()


def follow_both(env, actions):
    """The largest gap [m] and turn [rad] between the two, driving with actions of a state."""
    simulator = env.simulator
    states = env.state.copy()
    largest, driven = np.zeros(2), 0
    for number in range(MINUTE):
        curvature = np.float32(actions(number, states))
        ended = env.step(np.array([curvature]))[2]
        outcome = simulator.step(states, np.array([curvature]))[0]
        ours, vehicle = states[0], env.vehicle
        gap = np.hypot(ours["x"] - vehicle.position[0], ours["y"] - vehicle.position[1])
        largest = np.maximum(largest, (gap, abs(ours["yaw"] - vehicle.heading)))
        assert (outcome != RUNNING) == (env.outcome != RUNNING)
        assert env.outcome == outcome
        driven += 1
        if ended or outcome != RUNNING:
            break
    return largest, driven


@pytest.mark.filterwarnings("ignore::drivecnn_envs.errors.MapWarning")  # of a town with heights
@pytest.mark.parametrize("name", MAPS)
def test_both_simulators_agree_for_a_minute(name, shared):
    folder = shared / "data/maps"
    spec = str(folder / name) if (folder / name).is_file() else name
    env = make(spec, MAPS[name])
    driven = 0
    for route in range(4):
        env.reset(seed=route, options={"route": route})
        largest, steps = follow_both(env, lambda _, states: env.simulator.expert(states)[0])
        assert largest[0] < 0.01
        assert largest[1] < 1e-3
        driven += steps
        if driven >= MINUTE:
            break
    assert driven * DT > 30.0
    env.close()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    curvatures=st.lists(st.floats(-2 * MAX_CURVATURE, 2 * MAX_CURVATURE), min_size=1, max_size=40),
    hold=st.integers(1, 30),
)
def test_both_simulators_agree_whatever_the_driver_does(env, seed, curvatures, hold):
    env.reset(seed=seed)
    largest, _ = follow_both(env, lambda n, _: curvatures[n // hold % len(curvatures)])
    assert largest[0] < 0.01
    assert largest[1] < 1e-3
