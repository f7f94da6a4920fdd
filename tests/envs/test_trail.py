"""What cars of several frames have seen: where they were, as they were there."""

import numpy as np
import pytest

from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.trail import with_past
from drivecnn_envs.vehicle import DT

FRAMES = 3


@pytest.fixture(scope="module")
def simulator():
    return load_simulator(
        ["procedural:3"], RouteOptions(6, 120.0), ObservationConfig(), traffic=4, frames=FRAMES
    )


def drive(simulator, decisions):
    """The states of six cars after each decision, the start first."""
    states = simulator.start(np.arange(6), np.arange(6))
    history = [states.copy()]
    for number in range(decisions):
        curvature = np.full(6, 0.05 * np.sin(number), np.float32)
        simulator.step(states, curvature)
        history.append(states.copy())
    return history


def test_the_past_is_where_a_car_was(simulator):
    history = drive(simulator, 9)
    past = with_past(history[-1])
    assert past.shape == (6, FRAMES)
    for ago in range(FRAMES):
        then, now = history[-1 - ago], past[:, FRAMES - 1 - ago]
        assert (then["step"] == now["step"]).all()
        for name in ("x", "y", "yaw"):
            np.testing.assert_allclose(now[name], then[name], atol=1e-4)


def test_a_car_that_starts_comes_straight_from_behind(simulator):
    states = simulator.start([0, 1], [0, 1])
    past = with_past(states)
    step = np.hypot(np.diff(past["x"]), np.diff(past["y"]))
    np.testing.assert_allclose(step, np.repeat(DT * states["speed"][:, None], FRAMES - 1, axis=1))
    assert (past["yaw"] == states["yaw"][:, None]).all()


def test_vehicles_were_about_where_they_are_thought_to_have_been(simulator):
    history = drive(simulator, 9)
    first = with_past(history[-1])[:, 0]["vehicles"]
    then = history[-FRAMES]["vehicles"]
    same = (first["strand"] >= 0) & (first["seed"] == then["seed"])
    assert same.any()
    off = np.hypot(first["x"] - then["x"], first["y"] - then["y"])[same]
    assert np.median(off) < 0.1


def test_a_car_that_is_moved_takes_its_past_along(simulator):
    states = drive(simulator, 5)[-1]
    before = with_past(states)
    states["x"] += 3.0
    np.testing.assert_allclose(with_past(states)["x"], before["x"] + 3.0)


def test_frames_are_what_was_seen_then(simulator):
    *_, before, now = (simulator.observe(states) for states in drive(simulator, 4))
    assert now.cameras.shape == (6, FRAMES, *before.present.shape[1:])
    assert now.route_map.shape == before.route_map.shape
    then = np.abs(now.cameras[:, -2].astype(int) - before.present.astype(int))
    assert then.mean() < 1.0  # the same but for a millimetre
    assert np.abs(now.present.astype(int) - before.present.astype(int)).mean() > 3.0
    assert (now.side_by_side() == now._replace(cameras=now.present).side_by_side()).all()


def test_a_single_frame_costs_no_memory():
    one = load_simulator(["procedural:3"], RouteOptions(1, 60.0), ObservationConfig())
    assert one.start([0], [0])["trail"].nbytes == 0
    assert one.observe(one.start([0], [0])).cameras.ndim == 5
