"""The expert's label leads back to the route, and the expert completes its routes."""

import numpy as np
import pytest

from drivecnn_envs.expert import LOOKAHEAD, expert_curvature
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.routes import follow
from drivecnn_envs.simulator import SUCCESS
from drivecnn_envs.states import RouteTable
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.tracking import point_at
from drivecnn_envs.vehicle import MAX_CURVATURE, VEHICLE_LENGTH

MAX_ERROR = 0.10  # m, mean distance to the route


def circle(radius, turn):
    angles = np.linspace(0.0, abs(turn), int(radius * abs(turn) / 0.25))
    return np.column_stack([np.sin(angles), np.sign(turn) * (1 - np.cos(angles))]) * radius


@pytest.fixture(scope="module")
def straight(make_simulator):
    return make_simulator()


def label(simulator, **values):
    states = simulator.start([0], [0])
    for name, value in {"x": 100.0, "progress": 100.0, **values}.items():
        states[name] = value
    return simulator.expert(states)[0]


def test_label_is_zero_on_a_straight_route(straight):
    assert label(straight) == 0.0


def test_label_leads_back_from_beside_the_route(straight):
    assert label(straight, y=1.0) < -0.02
    assert label(straight, y=-1.0) > 0.02


def test_label_leads_back_to_the_routes_heading(straight):
    assert label(straight, yaw=0.2) < -0.02
    assert label(straight, yaw=-0.2) > 0.02


def test_label_grows_with_the_offset_up_to_the_vehicles_limit(straight):
    labels = [label(straight, y=-offset) for offset in (0.0, 0.3, 0.8, 1.5)]
    assert labels == sorted(labels)
    assert label(straight, yaw=2.5) == pytest.approx(-MAX_CURVATURE)


@pytest.mark.parametrize("radius", [6.0, 12.0, 40.0, -6.0, -12.0, -40.0])
def test_label_on_a_circle_is_its_curvature(make_road, make_simulator, radius):
    route = follow(make_road(circle(abs(radius), np.sign(radius) * 5.0)), [("a", "b", 0)])
    simulator = make_simulator(route=route)
    states = simulator.start([0], [0])
    k = 12
    slip = np.arcsin(VEHICLE_LENGTH / 2 / radius)
    states["x"], states["y"], states["yaw"] = route.x[k], route.y[k], route.yaw[k] - slip
    states["progress"] = k
    assert simulator.expert(states)[0] == pytest.approx(1 / radius, rel=0.02)


def test_label_drives_through_the_point_ahead_from_any_pose_near_the_route(simulator):
    rng = np.random.default_rng(0)
    scene = simulator.scene
    for number in range(40):
        states = simulator.start([number % len(scene.routes)], [0])
        state = states[0]
        progress = rng.uniform(5.0, 200.0)
        x, y, yaw = point_at(scene.table, state["route"], progress)
        aside = rng.uniform(-1.5, 1.5)
        state["x"], state["y"] = x - aside * np.sin(yaw), y + aside * np.cos(yaw)
        state["yaw"], state["progress"] = yaw + rng.uniform(-0.3, 0.3), progress
        curvature = float(simulator.expert(states)[0])
        if abs(curvature) > MAX_CURVATURE - 1e-6:
            continue
        simulator.judge(states)  # projects the pose onto the route
        target = point_at(scene.table, state["route"], state["progress"] + LOOKAHEAD)[:2]
        course = state["yaw"] + np.arcsin(curvature * VEHICLE_LENGTH / 2)
        way = np.arange(0.0, 8.0, 0.005)
        headings = course + curvature * way
        path = np.cumsum(np.column_stack([np.cos(headings), np.sin(headings)]) * 0.005, axis=0)
        gaps = np.linalg.norm(path - np.subtract(target, (state["x"], state["y"])), axis=1)
        assert gaps.min() < 0.02


def test_label_does_not_depend_on_the_batch_or_change_the_states(simulator):
    states = simulator.start(range(10), range(10))
    states["yaw"] += 0.1
    before = states.copy()
    labels = simulator.expert(states)
    assert np.array_equal(states, before)
    assert [simulator.expert(states[k : k + 1])[0] for k in range(10)] == labels.tolist()


def test_mirrored_state_gives_negated_label(simulator):
    table = simulator.scene.table
    mirrored = RouteTable(
        table.x,
        -table.y,
        -table.yaw,
        -table.curvature,
        table.speed,
        table.width,
        table.command,
        table.offset,
    )
    states = simulator.start(list(range(10)) * 5, range(50))
    states["y"] += np.random.default_rng(0).uniform(-2.0, 2.0, 50)
    states["yaw"] += np.random.default_rng(1).uniform(-0.3, 0.3, 50)
    flipped = states.copy()
    flipped["y"], flipped["yaw"] = -states["y"], -states["yaw"]
    expected = -expert_curvature(states, table)
    assert expert_curvature(flipped, mirrored) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("radius", "limit"), [(8.0, 0.1), (12.0, 0.07), (20.0, 0.05), (60.0, 0.05)]
)
def test_expert_stays_on_a_circle(make_road, make_simulator, drive, radius, limit):
    route = follow(make_road(circle(radius, 5.5)), [("a", "b", 0)], 0.0, 4.0 * radius)
    simulator = make_simulator(route=route)
    _, distances = drive(simulator, simulator.start([0], [0]))
    assert distances[len(distances) // 2 :].max() < limit


def test_expert_completes_its_routes_close_to_their_middle(simulator, drive):
    outcomes, distances = drive(simulator, simulator.start(range(10), range(10)))
    assert (outcomes == SUCCESS).all()
    assert distances.mean() <= MAX_ERROR


def test_expert_comes_back_from_a_metre_beside_the_route(simulator, drive):
    states = simulator.start(range(10), range(10))
    states["x"] -= np.sin(states["yaw"])
    states["y"] += np.cos(states["yaw"])
    outcomes, distances = drive(simulator, states)
    assert (outcomes == SUCCESS).all()
    assert distances[:10].min() > 0.5
    assert distances[300:].mean() <= MAX_ERROR


CARLA = [f"Town{number}" for number in ("01", "03", "04", "06")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::drivecnn_envs.errors.MapWarning")  # two towns have heights
@pytest.mark.parametrize("name", CARLA + [f"procedural:{seed}" for seed in range(20)])
def test_expert_completes_fifty_routes_of_each_town(shared, drive, name):
    path = shared / "data" / "maps" / "opendrive" / "carla" / f"{name}.xodr"
    options = RouteOptions(count=50, length=400.0)
    spec = str(path) if name in CARLA else name
    simulator = load_simulator([spec], options, ObservationConfig(), seed=0)
    outcomes, distances = drive(simulator, simulator.start(range(50), range(50)))
    assert (outcomes == SUCCESS).all()
    assert distances.mean() <= MAX_ERROR
