"""How the vehicles around the ego drive."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from highway_env.road.lane import StraightLane
from highway_env.road.road import Road, RoadNetwork
from highway_env.vehicle.behavior import IDMVehicle

from drivecnn_envs.bodies import size_of
from drivecnn_envs.collisions import boxes_overlap
from drivecnn_envs.following import (
    COMFORT_ACCELERATION,
    COMFORT_BRAKING,
    TIME_GAP,
    free_acceleration,
    interaction,
)
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import NOWHERE
from drivecnn_envs.streets import Streets
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.traffic import LEFT_BEHIND
from drivecnn_envs.vehicle import DT, VEHICLE_LENGTH, VEHICLE_WIDTH

CARS = 4


@pytest.fixture(scope="module")
def simulator():
    return load_simulator(
        ["procedural:city:3"], RouteOptions(CARS, 400.0), ObservationConfig(), traffic=32
    )


def test_crossings_of_a_route_do_not_depend_on_other_routes(simulator):
    scene = simulator.scene
    together = Streets.of(scene).crossings
    first = len(together.offset) - 1 - len(scene.routes)
    for number, route in enumerate(scene.routes):
        alone = Streets.of(Scene.of(scene.worlds, [[route]])).crossings
        of_route = slice(*together.offset[first + number : first + number + 2])
        for name in ("begin", "end", "foe"):
            assert np.array_equal(
                getattr(together, name)[of_route], getattr(alone, name)[alone.offset[first] :]
            )


def drive(simulator, decisions, stands=False):
    """The states of the cars after each decision, the start first; the expert drives, or nobody."""
    states = simulator.start(np.arange(CARS), np.arange(CARS))
    history = [states.copy()]
    for _ in range(decisions):
        if stands:
            states["speed"] = 0.0
            simulator.traffic.advance(states)
        else:
            simulator.step(states, simulator.expert(states))
        history.append(states.copy())
    return history


def boxes_of(state):
    """Pose and size of all vehicles around an ego, and of the ego, which is the last."""
    there = [v for v in state["vehicles"] if v["strand"] != NOWHERE]
    boxes = [((v["x"], v["y"], v["yaw"]), size_of(v["seed"])) for v in there]
    return [*boxes, ((state["x"], state["y"], state["yaw"]), (VEHICLE_LENGTH, VEHICLE_WIDTH))]


def collisions(states):
    """How many pairs overlap."""
    pairs = [pair for state in states for pair in combinations(boxes_of(state), 2)]
    return sum(boxes_overlap(*one, *other) for one, other in pairs)


def test_nobody_collides(simulator):
    history = drive(simulator, 300)
    assert sum(collisions(states) for states in history[::5]) == 0
    speeds = np.concatenate([states["vehicles"]["speed"].ravel() for states in history])
    assert np.median(speeds) > 2.0  # and it is no jam that keeps them apart


def test_nobody_drives_into_an_ego_that_stands(simulator):
    history = drive(simulator, 200, stands=True)
    start, end = history[0], history[-1]
    assert (end["x"] == start["x"]).all()
    assert sum(collisions(states) for states in history[::5]) == 0


def test_traffic_follows_from_the_seed_wherever_the_ego_is_in_a_batch(simulator):
    together = drive(simulator, 40)[-1]
    for number in range(CARS):
        alone = simulator.start([number], [number])
        for _ in range(40):
            simulator.step(alone, simulator.expert(alone))
        assert alone[0] == together[number]
    other = simulator.start([0], [CARS])
    assert not np.array_equal(other["vehicles"]["x"][0], together["vehicles"]["x"][0])


def test_vehicles_keep_to_the_middle_of_their_lanes(simulator):
    network = simulator.scene.worlds[0].network
    lanes = list(network.lanes.values())
    for state in drive(simulator, 100)[-1]:
        for vehicle in state["vehicles"][state["vehicles"]["strand"] != NOWHERE]:
            points = lanes[simulator.traffic.lane_of(vehicle)].points
            off = np.hypot(points[:, 0] - vehicle["x"], points[:, 1] - vehicle["y"]).min()
            assert off < 1.5  # half a step between two points, and what a long one cuts in a curve


def test_vehicles_move_as_fast_as_they_say(simulator):
    history = drive(simulator, 60)
    for before, after in pairwise(history[-20:]):
        old, new = before["vehicles"], after["vehicles"]
        same = (
            (old["seed"] == new["seed"]) & (old["strand"] != NOWHERE) & (new["strand"] != NOWHERE)
        )
        moved = np.hypot(new["x"] - old["x"], new["y"] - old["y"])[same]
        said = (0.5 * (new["speed"] + old["speed"]) * DT)[same]
        known = (old["before"] != NOWHERE)[same]  # where both axles have a strand to be on
        np.testing.assert_allclose(moved[known], said[known], atol=0.15)


def test_vehicles_that_are_left_behind_make_room_for_others(simulator):
    history = drive(simulator, 300)
    start, end = history[0]["vehicles"], history[-1]["vehicles"]
    for vehicles in (start, end):
        assert (vehicles["strand"] != NOWHERE).sum(axis=1).mean() > 20
    assert (start["seed"] != end["seed"]).any()
    away = np.hypot(end["x"].T - history[-1]["x"], end["y"].T - history[-1]["y"]).T
    assert away[end["strand"] != NOWHERE].max() < 150.0 + LEFT_BEHIND


@pytest.mark.parametrize("speed", [0.0, 4.0, 9.0])
@pytest.mark.parametrize("gap", [8.0, 20.0, 60.0])
def test_vehicles_follow_as_those_of_highway_env(monkeypatch, speed, gap):
    # some of its environments change these for all
    monkeypatch.setattr(IDMVehicle, "COMFORT_ACC_MAX", COMFORT_ACCELERATION)
    monkeypatch.setattr(IDMVehicle, "COMFORT_ACC_MIN", -COMFORT_BRAKING)
    monkeypatch.setattr(IDMVehicle, "TIME_WANTED", TIME_GAP)
    network = RoadNetwork()
    network.add_lane("a", "b", StraightLane([0, 0], [200, 0]))
    road = Road(network)
    rear = IDMVehicle(road, [0, 0], speed=speed, target_speed=10.0)
    front = IDMVehicle(road, [gap, 0], speed=3.0, target_speed=10.0)
    spacing = IDMVehicle.DISTANCE_WANTED
    ours = free_acceleration(speed, 10.0) - interaction(speed, gap, 3.0, spacing)
    assert ours == pytest.approx(rear.acceleration(rear, front), abs=1e-6)
