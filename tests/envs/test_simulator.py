"""How an episode goes and ends: progress, success, infractions and lane departures."""

import dataclasses

import numba
import numpy as np
import pytest

from drivecnn_envs.materials import COLLISION_HEIGHT, HEIGHT_UNIT, Material
from drivecnn_envs.routes import follow
from drivecnn_envs.simulator import (
    FIRST_INFRACTION,
    OFF_ROUTE_DISTANCE,
    RUNNING,
    SUCCESS,
    TIMEOUT_SPEED,
    Simulator,
    infraction_of,
)
from drivecnn_envs.states import Infraction
from drivecnn_envs.vehicle import DT, MAX_SPEED, VEHICLE_LENGTH, move, steering_angle

STRAIGHT = np.zeros(1, np.float32)


def judged(simulator, **values):
    """The outcome of a state on the lonely street, 100 m along, with some values changed."""
    states = simulator.start([0], [0])
    for name, value in {"x": 100.0, "progress": 100.0, **values}.items():
        states[name] = value
    return simulator.judge(states)[0]


@pytest.fixture(scope="module")
def open_road(make_simulator):
    """A route of 300 m over an asphalt plain."""
    return make_simulator()


@pytest.fixture(scope="module")
def narrow_road(make_simulator, make_world, box):
    """The same route on a road of 6 m, land beside it."""
    strip = box(-64.0, 448.0, -3.0, 3.0, 0.0, Material.ROAD)
    return make_simulator(make_world(strip, ground=Material.LAND))


def test_car_on_its_route_goes_on(narrow_road):
    assert judged(narrow_road) == RUNNING
    assert infraction_of(RUNNING) is None
    assert infraction_of(SUCCESS) is None


@pytest.mark.parametrize(("y", "outcome"), [(2.9, None), (3.1, "off_road"), (-3.1, "off_road")])
def test_off_road_is_when_the_middle_leaves_the_road(narrow_road, y, outcome):
    assert infraction_of(judged(narrow_road, y=y)) == outcome


@pytest.mark.parametrize("material", Material)
def test_only_road_is_road(make_simulator, make_world, material):
    simulator = make_simulator(make_world(ground=material))
    drivable = Material.ROAD <= material <= Material.PUDDLE
    assert (infraction_of(judged(simulator)) == "off_road") == (not drivable)


@pytest.mark.parametrize("side", [-1, 1])
def test_off_route_is_further_than_the_limit_from_the_route(open_road, side):
    assert judged(open_road, y=side * (OFF_ROUTE_DISTANCE - 0.1)) == RUNNING
    outcome = judged(open_road, y=side * (OFF_ROUTE_DISTANCE + 0.1))
    assert infraction_of(outcome) is Infraction.OFF_ROUTE


def test_leaving_the_world_ends_the_episode(open_road):
    assert infraction_of(judged(open_road, x=100.0, y=1e6)) is Infraction.OFF_ROUTE


@pytest.mark.parametrize(
    ("ahead", "left", "hit"),
    [(2.0, 0.9, True), (-2.0, -0.9, True), (3.9, 0.0, False), (0.0, -2.1, False), (0.0, 1.9, True)],
)
def test_collision_is_when_the_outline_meets_something_tall(
    make_simulator, make_world, box, ahead, left, hit
):
    block = box(100 + ahead - 1.0, 100 + ahead + 1.0, left - 1.0, left + 1.0, 2.0)
    outcome = judged(make_simulator(make_world(block)))
    assert (infraction_of(outcome) is Infraction.COLLISION) == hit


@pytest.mark.parametrize("left", np.linspace(-1.0, 1.0, 9))
def test_the_smallest_tree_is_hit_wherever_it_meets_the_front(
    make_simulator, make_world, box, left
):
    tree = box(100 + VEHICLE_LENGTH / 2 - 0.5, 103.5, left - 0.5, left + 0.5, 2.0, Material.TRUNK)
    outcome = judged(make_simulator(make_world(tree)))
    assert infraction_of(outcome) is Infraction.COLLISION


def test_outline_turns_with_the_car(make_simulator, make_world, box):
    simulator = make_simulator(make_world(box(98.0, 102.0, 2.0, 3.0, 2.0)))
    assert judged(simulator) == RUNNING
    assert infraction_of(judged(simulator, yaw=np.pi / 2)) is Infraction.COLLISION


def test_kerbs_and_other_low_things_can_be_driven_over(make_simulator, make_world, box):
    for steps, hit in ((COLLISION_HEIGHT - 1, False), (COLLISION_HEIGHT, True)):
        bump = box(98.0, 104.0, -3.0, 3.0, steps * HEIGHT_UNIT, Material.ROAD)
        outcome = judged(make_simulator(make_world(bump)))
        assert (infraction_of(outcome) is Infraction.COLLISION) == hit


def test_driving_into_a_wall_is_a_collision_before_it_is_off_road(make_simulator, make_world, box):
    simulator = make_simulator(make_world(box(50.0, 52.0, -10.0, 10.0, 5.0)))
    states = simulator.start([0], [0])
    while not (outcome := simulator.step(states, STRAIGHT)[0]):
        pass
    assert infraction_of(outcome) is Infraction.COLLISION
    assert states["x"][0] == pytest.approx(50.0 - VEHICLE_LENGTH / 2, abs=1.0)


def test_stuck_car_times_out_after_its_route_at_ten_kilometres_an_hour(open_road):
    states = open_road.start([0], [0])
    start = states.copy()
    decisions, outcome = 0, RUNNING
    while outcome == RUNNING:
        for name in ("x", "y", "yaw", "speed"):
            states[name] = start[name]
        outcome = open_road.step(states, STRAIGHT)[0]
        decisions += 1
    assert infraction_of(outcome) is Infraction.TIMEOUT
    assert decisions * DT == pytest.approx(300.0 / TIMEOUT_SPEED, abs=2 * DT)


def test_driving_to_the_goal_is_success_at_the_speed_limit(open_road):
    states = open_road.start([0], [0])
    decisions = 1
    while not (outcome := open_road.step(states, STRAIGHT)[0]):
        decisions += 1
    assert outcome == SUCCESS
    assert states["progress"][0] == pytest.approx(300.0, abs=1.5)
    assert decisions * DT == pytest.approx(300.0 / MAX_SPEED, abs=1.0)


def test_every_outcome_after_success_names_an_infraction():
    names = [infraction_of(FIRST_INFRACTION + k) for k in range(len(Infraction))]
    assert set(names) == set(Infraction)


def test_lane_departures_are_counted_when_the_middle_leaves_the_lane(open_road):
    states = open_road.start([0], [0])
    states["x"], states["progress"] = 100.0, 100.0
    counts = []
    for y in (0.0, 1.7, 1.8, 2.5, -1.8, 0.0, -1.8):  # the lane is 3.5 m wide
        states["y"] = y
        assert open_road.judge(states)[0] == RUNNING
        counts.append(int(states["departures"][0]))
    assert counts == [0, 0, 1, 1, 1, 1, 2]


def test_step_moves_the_car_as_the_vehicle_model_does_and_counts(open_road):
    states = open_road.start([0], [0])
    states["speed"] = MAX_SPEED
    open_road.step(states, np.array([0.05], np.float32))
    expected = move(0.0, 0.0, 0.0, MAX_SPEED, steering_angle(np.float32(0.05)), 0.0)
    state = states[0]
    found = state["x"], state["y"], state["yaw"], state["speed"]
    assert found == pytest.approx(expected, abs=1e-12)
    assert state["step"] == 1
    assert state["progress"] == pytest.approx(state["x"])
    assert state["lateral"] == pytest.approx(state["y"])


def test_curvature_beyond_the_limit_is_the_limit(open_road):
    first, second = open_road.start([0, 0], [0, 0]), open_road.start([0, 0], [0, 0])
    open_road.step(first, np.array([7.0, -7.0], np.float32))
    open_road.step(second, np.array([0.2, -0.2]))
    assert np.array_equal(first, second)


def test_a_car_does_not_depend_on_the_others_or_on_threads(simulator):
    actions = np.random.default_rng(0).uniform(-0.05, 0.05, (40, 8)).astype(np.float32)
    together = simulator.start(range(8), range(8))
    alone = [simulator.start([k], [k]) for k in range(8)]
    threads = numba.get_num_threads()
    for row in actions:
        outcomes = simulator.step(together, row)
        numba.set_num_threads(1)
        try:
            singles = [simulator.step(alone[k], row[k : k + 1])[0] for k in range(8)]
        finally:
            numba.set_num_threads(threads)
        assert singles == outcomes.tolist()
    assert np.array_equal(np.concatenate(alone), together)


def test_same_seed_starts_the_same_and_another_seed_with_another_map_error(simulator):
    first, second = simulator.start([0, 1], [5, 6]), simulator.start([0, 1], [5, 7])
    assert first[0] == second[0]
    assert first["map_x"][1] != second["map_x"][1]


def test_map_error_drifts_while_driving(simulator):
    states = simulator.start([0], [0])
    before = float(states["map_x"][0])
    simulator.step(states, STRAIGHT)
    assert 0.0 < abs(states["map_x"][0] - before) < 2.0


def test_observation_has_the_shapes_of_its_config(simulator):
    seen = simulator.observe(simulator.start([0, 1, 2], [0, 1, 2]))
    assert seen.cameras.shape == (3, 3, 3, 24, 48)
    assert seen.route_map.shape == (3, 2, 40, 40)
    assert seen.cameras.dtype == seen.route_map.dtype == np.uint8


def test_same_state_gives_the_same_observation(simulator):
    states = simulator.start([0, 1], [5, 6])
    again = Simulator(simulator.scene, type(simulator.observer)(simulator.observer.config))
    for first, second in zip(simulator.observe(states), again.observe(states.copy()), strict=True):
        assert np.array_equal(first, second)


def test_short_route_can_be_completed(street, make_simulator, drive):
    route = dataclasses.replace(follow(street, [("a", "b", 0)], 0.0, 12.0))
    simulator = make_simulator(route=route)
    outcomes, _ = drive(simulator, simulator.start([0], [0]))
    assert outcomes.tolist() == [SUCCESS]
