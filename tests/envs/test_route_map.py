"""The route map: what it shows around the ego, and how wrong its pose is."""

import dataclasses

import numpy as np
import pytest

from drivecnn_envs.errors import InputError
from drivecnn_envs.maps import load_map
from drivecnn_envs.route_map import RouteMapView, drift_map_error, rasterise, start_map_error
from drivecnn_envs.routes import FOLLOW, LEFT, RIGHT, STRAIGHT, follow, random_routes
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import STATE, Atlas, RouteTable
from drivecnn_envs.vehicle import DT
from drivecnn_envs.world import Material

VIEW = RouteMapView()
MIDDLE = VIEW.size / 2  # column of the ego
EGO_ROW = VIEW.size - VIEW.behind / VIEW.resolution
ROADS, ROUTE = 0, 1
CARS = 20_000


@pytest.fixture(scope="module")
def show(make_simulator):
    """Draws the map of one state of a simulator, without pose error unless given."""

    def draw(simulator, view=VIEW, **values):
        states = simulator.start([0], [0])
        for name in ("map_x", "map_y", "map_yaw"):
            states[name] = 0.0
        for name, value in values.items():
            states[name] = value
        return rasterise(states, simulator.scene.atlas, simulator.scene.table, view)[0]

    return draw


@pytest.fixture(scope="module")
def cars():
    """Many cars with consecutive seeds and a fresh map error."""
    states = np.zeros(CARS, STATE)
    states["seed"] = np.arange(CARS)
    start_map_error(states, 3.0, 0.07)
    return states


def errors(states):
    return np.stack([states[name] for name in ("map_x", "map_y", "map_yaw")]).astype(float)


def middle_of(channel, row):
    """Mean column [px] of a row's brightness."""
    weights = channel[row].astype(float)
    return (weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum()


def test_route_ahead_goes_up_the_middle_and_route_behind_down(make_simulator, show):
    route = show(make_simulator(), x=150.0, progress=150.0)[ROUTE]
    for row in range(VIEW.size):
        assert middle_of(route, row) == pytest.approx(MIDDLE, abs=0.2)
        assert np.count_nonzero(route[row]) <= 4


def test_route_starts_at_the_ego(make_simulator, show):
    rows = np.flatnonzero(show(make_simulator())[ROUTE].any(axis=1))
    assert rows.min() == 0
    assert rows.max() == pytest.approx(EGO_ROW, abs=1.0)


def test_ego_beside_the_route_sees_it_on_the_other_side(make_simulator, show):
    route = show(make_simulator(), x=150.0, progress=150.0, y=8.0)[ROUTE]
    assert middle_of(route, 5) == pytest.approx(MIDDLE + 8.0 / VIEW.resolution, abs=0.2)


def test_ego_turned_left_sees_the_route_lean_right(make_simulator, show):
    route = show(make_simulator(), x=150.0, progress=150.0, yaw=0.3)[ROUTE]
    assert middle_of(route, 5) > MIDDLE + 3
    assert middle_of(route, VIEW.size - 5) < MIDDLE - 1


@pytest.mark.parametrize("sign", [1, -1])
def test_left_turn_bends_left_and_right_turn_right(make_road, make_simulator, show, sign):
    angles = np.linspace(0.0, 2.0, 400)
    arc = 30.0 * np.column_stack([np.sin(angles), sign * (1 - np.cos(angles))])
    route = follow(make_road(arc), [("a", "b", 0)], 0.0, 40.0)
    shown = show(make_simulator(route=route))[ROUTE]
    row = int(EGO_ROW - 20.0 / VIEW.resolution)
    left = 30.0 - np.sqrt(30.0**2 - 19.0**2)  # m, of the arc 19 m ahead
    assert middle_of(shown, row) == pytest.approx(MIDDLE - sign * left / VIEW.resolution, abs=0.7)


@pytest.mark.parametrize("error", [0.0, 6.0])
def test_way_round_a_circle_is_shown_ahead_and_no_further_back_than_the_edge(
    make_road, make_simulator, show, error
):
    radius, progress = 15.0, 70.0
    end = 2 * np.pi * radius
    angles = np.linspace(0.0, 2 * np.pi, 1000)
    circle = radius * np.column_stack([np.sin(angles), 1 - np.cos(angles)])
    route = follow(make_road(circle), [("a", "b", 0)])
    turned = progress / radius
    place = {"x": radius * np.sin(turned), "y": radius * (1 - np.cos(turned)), "yaw": turned}
    shown = show(make_simulator(route=route), progress=progress, map_x=error, **place)[ROUTE]

    def brightness(station):
        ahead = radius * np.sin(station / radius - turned) - error
        left = radius * (1 - np.cos(station / radius - turned))
        return shown[int(EGO_ROW - ahead / VIEW.resolution), int(MIDDLE - left / VIEW.resolution)]

    begin = progress + error - VIEW.behind
    assert min(brightness(station) for station in np.arange(begin + 1, end)) > 100
    assert max(brightness(station) for station in np.arange(5.0, begin - 5)) == 0


def test_roads_are_drawn_where_they_are(make_simulator, make_world, box, show):
    strip = box(-64.0, 448.0, 10.0, 20.0, 0.0, Material.ROAD)
    simulator = make_simulator(make_world(strip, ground=Material.LAND))
    roads = show(simulator, x=150.0, progress=150.0)[ROADS]
    columns = np.flatnonzero(roads[10])
    assert columns.tolist() == list(range(int(MIDDLE) - 10, int(MIDDLE) - 5))
    assert (roads == roads[0]).all()


def test_nothing_is_road_outside_the_world(make_simulator, show):
    roads = show(make_simulator(), x=-60.0, y=-60.0)[ROADS]
    assert (roads[int(EGO_ROW) + 4 :, :].max(), roads[:, int(MIDDLE) + 4 :].max()) == (0, 0)
    assert roads[: int(EGO_ROW) - 2, : int(MIDDLE) - 2].min() == 255


@pytest.mark.parametrize("resolution", [1.0, 2.0, 4.0])
def test_resolution_is_metres_per_pixel(make_simulator, make_world, box, show, resolution):
    strip = box(-64.0, 448.0, 12.0, 20.0, 0.0, Material.ROAD)
    simulator = make_simulator(make_world(strip, ground=Material.LAND))
    view = dataclasses.replace(VIEW, resolution=resolution)
    roads = show(simulator, view, x=150.0)[ROADS]
    assert np.count_nonzero(roads[3]) == 8.0 / resolution


def test_pose_error_shifts_the_map_the_other_way(make_simulator, show):
    simulator = make_simulator()
    place = {"x": 150.0, "progress": 150.0}
    shifted = show(simulator, map_y=4.0, **place)[ROUTE]
    assert middle_of(shifted, 5) == pytest.approx(MIDDLE + 4.0 / VIEW.resolution, abs=0.2)
    assert np.array_equal(
        show(simulator, map_x=5.0, **place), show(simulator, x=155.0, progress=150.0)
    )


def test_pose_error_of_the_heading_turns_the_map(make_simulator, show):
    simulator = make_simulator()
    place = {"x": 150.0, "progress": 150.0}
    assert np.array_equal(show(simulator, map_yaw=0.2, **place), show(simulator, yaw=0.2, **place))


def test_map_error_starts_as_large_as_configured(cars):
    assert errors(cars).std(axis=1) == pytest.approx([3.0, 3.0, 0.07], rel=0.03)
    assert np.abs(errors(cars).mean(axis=1) / (3.0, 3.0, 0.07)).max() < 0.03


def test_map_errors_of_cars_and_of_directions_are_independent(cars):
    found = errors(cars)
    together = np.corrcoef(np.concatenate([found[:, :-1], found[:, 1:]]))
    assert np.abs(together - np.eye(6)).max() < 0.03


def test_map_error_keeps_its_size_and_forgets_with_its_time(cars):
    states, first = cars.copy(), errors(cars)
    steps = 50
    for _ in range(steps):
        states["step"] += 1
        drift_map_error(states, 3.0, 0.07, 10.0, DT)
    last = errors(states)
    assert last.std(axis=1) == pytest.approx([3.0, 3.0, 0.07], rel=0.03)
    expected = np.exp(-steps * DT / 10.0)
    for before, after in zip(first, last, strict=True):
        assert np.corrcoef(before, after)[0, 1] == pytest.approx(expected, abs=0.03)


def test_map_error_drifts_and_does_not_jump(cars):
    states = cars.copy()
    states["step"] += 1
    drift_map_error(states, 3.0, 0.07, 10.0, DT)
    step = np.abs(errors(states) - errors(cars))[:2]
    assert step.mean() == pytest.approx(3.0 * np.sqrt(2 * DT / 10.0) * 0.8, rel=0.05)


def test_without_error_the_map_is_exact_all_the_way(simulator, drive):
    view = RouteMapView(position_error=0.0, heading_error=0.0)
    config = dataclasses.replace(simulator.observer.config, route_map=view)
    exact = Simulator(simulator.scene, type(simulator.observer)(config))
    states = exact.start([0, 1], [3, 4])
    drive(exact, states, limit=20)
    assert not errors(states).any()


def test_maps_do_not_depend_on_the_batch(simulator):
    states = simulator.start(list(range(10)) * 2, range(20))
    maps = simulator.observe(states).route_map
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(simulator.observe(states[order]).route_map, maps[order])
    assert np.array_equal(simulator.observe(states[7:8]).route_map, maps[7:8])


def test_maps_show_the_world_and_route_of_their_own_state(make_world, make_road, box):
    roads = [box(-64.0, 448.0, y, y + 8.0, 0.0, Material.ROAD) for y in (10.0, -18.0)]
    atlas = Atlas.of([make_world(road, ground=Material.LAND) for road in roads])
    lines = [make_road([[0.0, y], [300.0, y]]) for y in (10.0, -10.0)]
    table = RouteTable.of([follow(line, [("a", "b", 0)]) for line in lines])
    states = np.zeros(2, STATE)
    states["world"], states["route"] = [0, 1], [0, 1]
    maps = rasterise(states, atlas, table, VIEW)
    assert np.array_equal(maps[0, ROADS], maps[1, ROADS, :, ::-1])
    assert middle_of(maps[0, ROUTE], 5) < MIDDLE - 4
    assert middle_of(maps[1, ROUTE], 5) > MIDDLE + 4


@pytest.mark.parametrize("y", [0.0, 3.0, 7.7])
def test_route_to_the_right_is_the_mirror_image_of_one_to_the_left(make_simulator, show, y):
    simulator = make_simulator()
    left, right = (show(simulator, x=150.0, progress=150.0, y=side)[ROUTE] for side in (-y, y))
    assert np.array_equal(left, right[:, ::-1])


@pytest.mark.parametrize(
    "values",
    [
        {"size": 3},
        {"size": 5000},
        {"resolution": 0.0},
        {"resolution": -1.0},
        {"resolution": float("nan")},
        {"resolution": float("inf")},
        {"resolution": 1e6},
        {"behind": float("nan")},
        {"behind": -1e300},
        {"error_time": 0.0},
        {"error_time": float("nan")},
        {"position_error": -1.0},
        {"heading_error": float("nan")},
    ],
)
def test_views_that_cannot_exist_are_refused(values):
    with pytest.raises(InputError, match="expected"):
        RouteMapView(**values)


def test_a_command_says_which_way_the_next_junction_is_left():
    routes = random_routes(
        load_map("procedural:3"), 12, np.random.default_rng(0), 250.0, junctions=2
    )
    told = set()
    for route in routes:
        for start, end in route.junctions:
            turn = route.yaw[int(end) + 1] - route.yaw[int(start)]
            way = STRAIGHT if abs(turn) < 0.5 else LEFT if turn > 0 else RIGHT
            assert (route.command[int(start) - 5 : int(end)] == way).all()
            told.add(way)
        far = np.ones(len(route.x), bool)
        for start, end in route.junctions:
            far[max(int(start) - 30, 0) : int(end) + 2] = False
        assert (route.command[far] == FOLLOW).all()
    assert told == {LEFT, STRAIGHT, RIGHT}


def test_a_command_takes_the_place_of_the_map(make_simulator, show):
    simulator = make_simulator()
    view = RouteMapView(shows="command", size=16)
    simulator.scene.table.command[10] = RIGHT
    shown = show(simulator, view, progress=10.4)
    assert (shown[ROADS] == 0).all()
    assert (shown[ROUTE] == 85 * RIGHT).all()
