"""Routes: evenly spaced, as long as asked, along lanes that follow each other."""

from itertools import pairwise

import numpy as np
import pytest

from drivecnn_envs.errors import InputError, MapError
from drivecnn_envs.maps import load_map
from drivecnn_envs.roads import SampledLane, TownNetwork
from drivecnn_envs.routes import (
    LANE_CHANGE_LENGTH,
    RUN_OUT,
    follow,
    plan,
    random_routes,
)
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vehicle import LATERAL_ACCELERATION, MAX_SPEED

MAX_KINK = 0.3  # rad per metre


def mirror(network):
    """The network with y negated."""
    mirrored = TownNetwork("mirrored", network.join_gap)
    for (start, end, _), lane in network.lanes.items():
        mirrored.add_lane(
            start,
            end,
            SampledLane(lane.points * (1, -1), lane.widths, junction=lane.junction),
        )
    return mirrored


def circle(radius, turn):
    angles = np.linspace(0.0, abs(turn), int(radius * abs(turn) / 0.5))
    return np.column_stack([np.sin(angles), np.sign(turn) * (1 - np.cos(angles))]) * radius


@pytest.fixture(scope="module")
def routes(town):
    return random_routes(town, 20, np.random.default_rng(0), 250.0, junctions=2)


def test_points_of_a_route_are_a_metre_apart(routes):
    for route in routes:
        steps = np.hypot(np.diff(route.x), np.diff(route.y))
        assert steps.min() > 0.97
        assert steps.max() <= 1.0 + 1e-9


def test_route_is_as_long_as_asked_and_goes_on_for_the_run_out(routes):
    for route in routes:
        assert route.length == 250.0
        assert len(route.x) == 250 + RUN_OUT + 1


def test_each_lane_of_a_route_follows_the_one_before(town, routes):
    for route in routes:
        assert all(town.lane_graph.has_edge(*pair) for pair in pairwise(route.lanes))


def test_route_stays_in_the_middle_of_its_lanes(town, routes):
    for route in routes[:5]:
        lanes = [town.lanes[index] for index in route.lanes]
        for x, y in zip(route.x[::7], route.y[::7], strict=True):
            assert min(lane.distance((x, y)) for lane in lanes) < 0.1


def test_route_has_no_kinks_and_its_yaw_is_the_way_it_goes(routes):
    for route in routes:
        assert np.abs(np.diff(route.yaw)).max() < MAX_KINK
        step = np.arctan2(np.diff(route.y), np.diff(route.x)) - route.yaw[:-1]
        assert np.abs((step + np.pi) % (2 * np.pi) - np.pi).max() < 0.15


@pytest.mark.parametrize("sign", [1, -1])
def test_curvature_is_positive_to_the_left(make_road, sign):
    route = follow(make_road(circle(20.0, sign * 4.0)), [("a", "b", 0)])
    assert route.curvature[4:-4] == pytest.approx(sign / 20.0, rel=0.02)


def test_route_that_starts_in_a_curve_starts_with_its_heading_and_curvature(make_road):
    route = follow(make_road(circle(8.0, 3.0)), [("a", "b", 0)])
    assert route.yaw[0] == pytest.approx(0.0, abs=0.01)
    assert route.curvature[0] == pytest.approx(1 / 8.0, rel=0.05)


def test_routes_cross_at_least_so_many_junctions(routes):
    assert all(len(route.junctions) >= 2 for route in routes)


def test_junctions_are_where_the_route_has_a_choice(town, routes):
    for route in routes:
        for start, end in route.junctions:
            assert 0 < start < end < route.length
            middle = round((start + end) / 2)
            position = np.array([route.x[middle], route.y[middle]])
            inside = [town.lanes[i] for i in route.lanes if town.lanes[i].junction is not None]
            assert min(lane.distance(position) for lane in inside) < 0.1
        entered = [
            after
            for before, after in pairwise(route.lanes)
            if town.lanes[after].junction is not None and len(town.followers(before)) > 1
        ]
        assert len(entered) >= len(route.junctions)


def test_same_seed_gives_the_same_routes(town):
    drawn = [random_routes(town, 3, np.random.default_rng(seed), 100.0) for seed in (5, 5, 6)]
    assert [route.lanes for route in drawn[0]] == [route.lanes for route in drawn[1]]
    assert np.array_equal(drawn[0][2].x, drawn[1][2].x)
    assert not np.array_equal(drawn[0][0].x, drawn[2][0].x)


def test_random_routes_turn_every_way_and_start_all_over_the_town(town):
    routes = random_routes(town, 60, np.random.default_rng(0), 150.0, junctions=1)
    ends = np.array(
        [np.interp(route.junctions[0], range(len(route.x)), route.yaw) for route in routes]
    )
    turns = np.diff(ends, axis=1)[:, 0]
    assert min((turns > 0.8).mean(), (turns < -0.8).mean(), (abs(turns) < 0.5).mean()) > 0.1
    assert len({route.lanes[0] for route in routes}) > 15


def test_random_routes_drive_no_lap_of_a_roundabout():
    routes = random_routes(load_map("procedural:medium:1000"), 60, np.random.default_rng(0), 250.0)
    for route in routes:
        gap = np.hypot(route.x[:, None] - route.x, route.y[:, None] - route.y)
        along = np.arange(len(route.x))[:, None] - np.arange(len(route.x))
        same_way = np.cos(route.yaw[:, None] - route.yaw) > 0.9
        assert not ((gap < 0.8) & same_way & (along > 15) & (along < 150)).any()
    assert any("leaves" in str(index) for route in routes for index in route.lanes)


def test_mirrored_town_gives_negated_curvature(town, routes):
    mirrored = follow(mirror(town), routes[0].lanes, 3.0, 200.0)
    route = follow(town, routes[0].lanes, 3.0, 200.0)
    assert mirrored.y == pytest.approx(-route.y)
    assert mirrored.curvature == pytest.approx(-route.curvature, abs=1e-9)
    assert mirrored.junctions == route.junctions


def test_speed_of_a_route_suits_its_curves(routes):
    for route in routes:
        assert route.speed.max() <= MAX_SPEED
        lateral = route.speed**2 * np.abs(route.curvature)
        assert lateral.max() <= LATERAL_ACCELERATION + 1e-9


@pytest.mark.parametrize("turn", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("target", [0, 2])
def test_lane_change_is_smooth_and_ends_on_the_lane_beside(make_road, turn, target):
    line = [[0, 0], [150, 0]] if turn == 0 else circle(150.0, turn)
    network = make_road(line, lanes=3)
    route = follow(network, [("a", "b", 1), ("a", "b", target)], 20.0, np.inf)
    middle, points = network.lanes["a", "b", 1], zip(route.x, route.y, strict=True)
    offsets = np.array([middle.local_coordinates(point)[1] for point in points])
    side = 1 if target == 0 else -1
    assert offsets[0] == pytest.approx(0.0, abs=0.01)
    assert offsets[int(LANE_CHANGE_LENGTH * 1.1) :] == pytest.approx(3.5 * side, abs=0.02)
    assert (np.diff(offsets) * side > -0.02).all()
    assert np.abs(np.diff(route.yaw)).max() < 0.05


def test_changes_that_follow_each_other_share_the_lane(make_road):
    network = make_road([[0, 0], [40, 0]], lanes=3)
    lanes = [("a", "b", 0), ("a", "b", 1), ("a", "b", 2)]
    route = follow(network, lanes, 0.0, np.inf)
    assert np.abs(np.diff(route.yaw)).max() < 0.1
    assert -route.y[0] == pytest.approx(0.0, abs=0.01)
    assert -route.y[-1] == pytest.approx(7.0, abs=0.02)


def test_random_routes_change_lanes_smoothly(carla_towns):
    network = carla_towns["Town06"]
    changes = 0
    for route in random_routes(network, 40, np.random.default_rng(0), 300.0):
        in_junction = np.zeros(len(route.x), bool)
        for index in route.lanes:
            lane = network.lanes[index]
            if lane.junction is not None:
                gaps = np.hypot(route.x - lane.points[:, :1], route.y - lane.points[:, 1:])
                in_junction |= gaps.min(axis=0) < 4.0
        changes += sum(network.lane_graph.edges[pair]["change"] for pair in pairwise(route.lanes))
        assert np.abs(np.diff(route.yaw))[~in_junction[1:]].max() < MAX_KINK
    assert changes >= 5


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0, 1.3])
def test_route_never_goes_back_where_lanes_overlap(overlap):
    network = TownNetwork("overlapping", join_gap=1.5)
    network.add_lane("a", "b", SampledLane([[x, 0.0] for x in np.arange(0.0, 50.5, 0.5)], 3.5))
    after = np.arange(50.0 - overlap, 100.0, 0.5)
    network.add_lane("b", "c", SampledLane([[x, 0.0] for x in after], 3.5))
    route = follow(network, [("a", "b", 0), ("b", "c", 0)], 0.0, np.inf)
    assert np.diff(route.x) == pytest.approx(1.0)
    assert route.yaw == pytest.approx(0.0)


def test_plan_finds_joined_lanes_to_the_goal(town):
    lanes = [index for index, lane in town.lanes.items() if lane.junction is None]
    for start, goal in zip(lanes[:10], lanes[10:20], strict=True):
        way = plan(town, start, goal)
        assert (way[0], way[-1]) == (start, goal)
        assert all(town.lane_graph.has_edge(*pair) for pair in pairwise(way))


def test_plan_changes_lanes_where_it_must():
    network = load_map("highway:highway")
    assert plan(network, ("0", "1", 0), ("0", "1", 2)) == tuple(("0", "1", n) for n in range(3))


def test_goal_that_cannot_be_reached_is_refused(make_road):
    network = make_road([[0, 0], [50, 0]])
    network.add_lane("x", "y", SampledLane([[0, 50], [50, 50]], 3.5))
    with pytest.raises(MapError, match=r"no way from lane \('a', 'b', 0\) to lane \('x'"):
        plan(network, ("a", "b", 0), ("x", "y", 0))


def test_route_without_length_is_refused(make_road):
    with pytest.raises(MapError, match=r"route of 2\.0 m, expected at least 3 m"):
        follow(make_road([[0, 0], [2, 0]]), [("a", "b", 0)])


def test_routes_longer_than_the_road_are_refused(street):
    with pytest.raises(MapError, match=r"hand-made has no route of 1000 m"):
        random_routes(street, 2, np.random.default_rng(0), 1000.0)


def test_more_junctions_than_there_are_are_refused(street):
    with pytest.raises(MapError, match="1 junctions"):
        random_routes(street, 2, np.random.default_rng(0), 100.0, junctions=1)


@pytest.mark.parametrize(
    "options",
    [
        {"count": 0},
        {"count": 2.5},
        {"count": np.nan},
        {"length": 1.0},
        {"min_junctions": -1},
        {"length": np.nan},
        {"length": np.inf},
    ],
)
def test_route_options_that_cannot_be_drawn_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        RouteOptions(**options)
