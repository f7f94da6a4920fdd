"""Published CARLA routes on our lanes."""

import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivecnn_envs.carla_routes import MAX_GAP, CarlaRoute, match_route, read_carla_routes
from drivecnn_envs.errors import MapError

TOWNS = ("Town01", "Town03", "Town04", "Town06")
TRAINING_ROUTES = {"Town01": 10, "Town03": 20, "Town04": 10, "Town06": 10}
SHORT_MATCHED = {"Town01": (7, 23), "Town03": (11, 22), "Town04": (18, 24), "Town06": (13, 18)}
LONGEST_DETOUR = 2.2  # times the straight distance between waypoints
ROUTE_FILE = """<routes><route id="a" town="Town01">
<waypoint x="1.5" y="2.5" z="0" pitch="0" roll="0" yaw="90"/>
<waypoint x="-3" y="-40" z="0" pitch="0" roll="0" yaw="-45"/></route></routes>"""


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "routes"


@pytest.fixture(scope="module")
def training(folder):
    return read_carla_routes(folder / "routes_training.xml")


def published(folder, town, kind):
    """The routes of a file."""
    path = folder / "training_routes_cvpr2021" / f"routes_{town.lower()}_{kind}.xml"
    return read_carla_routes(path)


def different(routes):
    """The routes without repetitions, of which the tiny files have many."""
    return list({route.waypoints.round(1).tobytes(): route for route in routes}.values())


@pytest.fixture(scope="module")
def tiny(folder, carla_towns):
    """For each town its tiny routes, as published and as matched."""
    return {
        town: [
            (route, match_route(carla_towns[town], route))
            for route in different(published(folder, town, "tiny"))
        ]
        for town in TOWNS
    }


def gaps(matched, route):
    """Distance [m] from each waypoint to the matched route."""
    points = np.column_stack([matched.x, matched.y])
    return np.array(
        [np.linalg.norm(points - waypoint[:2], axis=1).min() for waypoint in route.waypoints]
    )


def refusal(network, route):
    """Why a route is refused, None where it is matched."""
    try:
        match_route(network, route)
    except MapError as error:
        return str(error)
    return None


def straight_distance(route):
    return np.hypot(*np.diff(route.waypoints[:, :2], axis=0).T).sum()


def test_y_and_yaw_are_negated_and_in_radians(tmp_path):
    (tmp_path / "r.xml").write_text(ROUTE_FILE)
    (route,) = read_carla_routes(tmp_path / "r.xml")
    assert (route.id, route.town) == ("a", "Town01")
    expected = np.array([[1.5, -2.5, -np.pi / 2], [-3.0, 40.0, np.pi / 4]])
    assert route.waypoints == pytest.approx(expected)


def test_published_waypoints_head_along_our_lanes(training, carla_towns):
    turns = []
    for route in training:
        if route.town == "Town01":
            network = carla_towns["Town01"]
            for x, y, yaw in route.waypoints[1:-1]:
                lane = network.lanes[network.get_closest_lane_index((x, y), yaw)]
                turns.append(abs(lane.local_angle(yaw, lane.local_coordinates((x, y))[0])))
    assert np.median(turns) < 0.02


@pytest.mark.parametrize("town", TOWNS)
def test_training_routes_start_and_end_on_our_lanes(training, carla_towns, town):
    routes = [route for route in training if route.town == town]
    assert len(routes) == TRAINING_ROUTES[town]
    for route in routes:
        matched = match_route(carla_towns[town], route)
        goal = int(matched.length)
        assert np.hypot(*(route.waypoints[0, :2] - (matched.x[0], matched.y[0]))) < MAX_GAP
        assert np.hypot(*(route.waypoints[-1, :2] - (matched.x[goal], matched.y[goal]))) < MAX_GAP
        assert np.quantile(gaps(matched, route), 0.95) < MAX_GAP


def test_tiny_routes_pass_their_waypoints(tiny):
    pairs = [pair for of_town in tiny.values() for pair in of_town]
    found = np.concatenate([gaps(matched, route) for route, matched in pairs])
    # What is left are goals on a neighbouring lane, with too little road to get there.
    assert found.max() < MAX_GAP
    assert np.mean(found) < 0.7
    assert np.quantile(found, 0.9) < 3.0


@pytest.mark.parametrize("town", TOWNS)
def test_tiny_routes_take_no_detour(tiny, town):
    for route, matched in tiny[town]:
        assert matched.length <= LONGEST_DETOUR * straight_distance(route), route.id


@pytest.mark.parametrize("town", TOWNS)
def test_short_routes_are_matched_or_refused_by_name(folder, carla_towns, town):
    # In these files the second waypoint is often the first one shifted off every road.
    routes = published(folder, town, "short")
    refusals = {route.id: refusal(carla_towns[town], route) for route in routes}
    matched = sum(reason is None for reason in refusals.values())
    assert (matched, len(routes)) == SHORT_MATCHED[town]
    for name, reason in refusals.items():
        assert reason is None or re.search(rf"waypoint [01] of route {name} at \(.*\) is", reason)


def test_matched_route_follows_the_waypoints_in_order(training, carla_towns):
    route = next(route for route in training if route.town == "Town01")
    matched = match_route(carla_towns["Town01"], route)
    points = np.column_stack([matched.x, matched.y])
    passed = [np.linalg.norm(points - w[:2], axis=1).argmin() for w in route.waypoints]
    assert passed == sorted(passed)


def test_route_that_comes_back_to_its_start_is_driven_all_the_way(town):
    start = next(index for index, lane in town.lanes.items() if lane.junction is None)
    around = town.lanes[start]
    pose = [*around.position(5.0, 0.0), around.heading_at(5.0)]
    there = next(index for index in reversed(town.lanes) if town.lanes[index].junction is None)
    middle = town.lanes[there].length / 2
    away = [*town.lanes[there].position(middle, 0.0), town.lanes[there].heading_at(middle)]
    loop = match_route(town, CarlaRoute("loop", "", np.array([pose, away, pose])))
    assert loop.length > 2 * np.hypot(pose[0] - away[0], pose[1] - away[1])
    assert loop.x[int(loop.length)] == pytest.approx(pose[0], abs=1.0)


def test_goal_behind_its_start_on_the_same_lane_is_refused(town):
    start = next(index for index, lane in town.lanes.items() if lane.junction is None)
    lane = town.lanes[start]
    poses = [[*lane.position(s, 0.0), lane.heading_at(s)] for s in (lane.length - 2.0, 2.0)]
    with pytest.raises(MapError, match="route back ends where it starts, or behind that"):
        match_route(town, CarlaRoute("back", "", np.array(poses)))


def test_waypoint_off_every_road_is_refused_by_its_number(town):
    route = CarlaRoute(
        "r7", "", np.array([[*town.lanes[next(iter(town.lanes))].points[3], 0.0]] * 2)
    )
    route.waypoints[1, :2] = -500.0
    with pytest.raises(MapError, match=r"waypoint 1 of route r7 at \(-500\.0, -500\.0\)"):
        match_route(town, route)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<routes><route", "expected a CARLA route file"),
        ("<routes></routes>", "expected <route> elements, found none"),
        ('<routes><route id="5" town="T"/></routes>', "route 5 has 0 waypoints"),
        (ROUTE_FILE.replace('y="2.5"', ""), "route a has 2 waypoints, expected at least 2 with"),
        (ROUTE_FILE.replace('y="2.5"', 'y="north"'), "route a"),
        (ROUTE_FILE.replace('y="2.5"', 'y="1e300"'), "of at most 1e+06"),
        (ROUTE_FILE.replace('"a"', '"a&#10;b"').replace('"2.5"', '"?"'), "route a b has 2"),
        ('<?xml version="1.0" encoding="no"?><routes/>', "expected a CARLA route file"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "expected a CARLA route file"),
    ],
)
def test_broken_route_file_is_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "broken.xml"
    path.write_text(content)
    with pytest.raises(MapError, match=r"broken\.xml") as error:
        read_carla_routes(path)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_route_file_is_refused(tmp_path):
    with pytest.raises(MapError, match=r"none\.xml"):
        read_carla_routes(tmp_path / "none.xml")


def test_route_file_of_half_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.xml"
    path.touch()
    os.truncate(path, 500_000_000)  # takes no room on the disk
    with pytest.raises(MapError, match="has 500 MB, expected at most 50 MB"):
        read_carla_routes(path)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, len(ROUTE_FILE)), cut=st.integers(0, 40), new=st.binary(max_size=6))
def test_damaged_route_file_is_read_or_refused_in_one_line(tmp_path, place, cut, new):
    path = tmp_path / "routes.xml"
    text = ROUTE_FILE.encode()
    path.write_bytes(text[:place] + new + text[place + cut :])
    try:
        said = "routes.xml" * bool(read_carla_routes(path))
    except MapError as error:
        said = str(error)
    assert "routes.xml" in said
    assert "\n" not in said
