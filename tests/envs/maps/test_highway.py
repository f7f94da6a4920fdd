"""highway-env's scenarios, mirrored into right-handed axes."""

import re
from itertools import pairwise

import gymnasium as gym
import highway_env
import numpy as np
import pytest
from highway_env.envs import ParkingEnv
from highway_env.road.lane import CircularLane, StraightLane

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.highway import (
    SCENARIOS,
    SPOT_LENGTH,
    crop_network,
    mirror_network,
    mirror_scenario,
)
from drivecnn_envs.roads import SampledLane, TownNetwork
from drivecnn_envs.routes import follow, random_routes

NO_MAP = {"parking"}  # its spots are joined by no lane


def test_every_registered_scenario_is_a_map_named_like_its_id():
    gym.register_envs(highway_env)
    ids = {name for name, spec in gym.registry.items() if "highway_env" in str(spec.entry_point)}
    names = {re.sub(r"-v\d+$", "", name) for name in ids}
    assert {name for name in names if name.split("-")[0] not in NO_MAP} == set(SCENARIOS)


@pytest.fixture(scope="module")
def pairs():
    """For each scenario the lanes of highway-env and of ours, side by side."""
    found = {}
    for name, scenario in SCENARIOS.items():
        stock, ours = scenario().road.network.lanes_dict(), mirror_scenario(name).lanes
        assert stock.keys() == ours.keys()
        found[name] = [(stock[index], ours[index]) for index in stock]
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_is_the_same_road_with_y_negated(pairs, name):
    for stock, ours in pairs[name]:
        for share in (0.0, 0.3, 0.7, 1.0):
            x, y = stock.position(share * stock.length, 0.0)
            station, lateral = ours.local_coordinates((x, -y))
            assert lateral == pytest.approx(0.0, abs=0.02)
            assert -0.01 <= station <= ours.length + 0.01
            turn = stock.heading_at(share * stock.length) + ours.heading_at(station)
            assert np.cos(turn) > np.cos(0.05)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_to_one_side_of_a_lane_is_to_its_other_side(pairs, name):
    for stock, ours in pairs[name]:
        if type(stock) not in (StraightLane, CircularLane):
            continue  # highway-env measures across a sine lane's axis, not across the lane
        for lateral in (-1.5, 1.5):
            x, y = stock.position(0.4 * stock.length, lateral)
            assert ours.local_coordinates((x, -y))[1] == pytest.approx(-lateral, abs=0.02)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_lanes_keep_width_and_speed_and_swap_their_edges(pairs, name):
    for stock, ours in pairs[name]:
        assert ours.width_at(1.0) == stock.width_at(1.0)
        assert tuple(ours.line_types) == tuple(stock.line_types)[::-1]
        assert ours.speed_limit == stock.speed_limit
        assert ours.priority == stock.priority


def test_lanes_of_an_edge_are_ordered_from_left_to_right():
    lanes = mirror_scenario("highway").graph["0"]["1"]
    for left, right in pairwise(lanes):
        assert left.local_coordinates(right.points[5])[1] == pytest.approx(-4.0)


def test_roundabout_runs_counter_clockwise():
    network = mirror_scenario("roundabout")
    circle = [network.graph["se"]["ex"][0], network.graph["ee"]["nx"][0]]
    for lane in circle:
        assert lane.headings[-1] > lane.headings[0]


@pytest.mark.parametrize("name", SCENARIOS)
def test_random_routes_exist(name):
    routes = random_routes(mirror_scenario(name), 5, np.random.default_rng(0), 100.0)
    assert [route.length for route in routes] == [100.0] * 5


@pytest.mark.parametrize("name", SCENARIOS)
def test_routes_never_go_back_where_lanes_overlap(name):
    for route in random_routes(mirror_scenario(name), 10, np.random.default_rng(0), 150.0):
        steps = np.hypot(np.diff(route.x), np.diff(route.y))
        assert steps.min() > 0.8
        turn = 0.6 if name == "roundabout-generic" else 0.35  # its lanes meet at an angle
        assert np.abs(np.diff(route.yaw)).max() < turn


def test_intersection_offers_three_ways_from_each_side():
    network = mirror_scenario("intersection")
    assert [len(network.followers((f"o{side}", f"ir{side}", 0))) for side in range(4)] == [3] * 4
    route = follow(network, [("o0", "ir0", 0), ("ir0", "il1", 0), ("il1", "o1", 0)])
    assert len(route.junctions) == 1


def test_unknown_scenario_is_refused_with_the_names_there_are():
    with pytest.raises(
        MapError, match=r"'circus'.*roundabout, roundabout-generic, two-way, u-turn"
    ):
        mirror_scenario("circus")


def test_a_parking_lot_is_paved_between_and_around_its_spots():
    network = mirror_network(ParkingEnv().road.network, "lot")
    assert max(lane.length for lane in network.lanes.values()) <= SPOT_LENGTH
    low = np.min(
        [strip.points.min(axis=0) - strip.widths[0] / 2 for strip in network.paved], axis=0
    )
    high = np.max(
        [strip.points.max(axis=0) + strip.widths[0] / 2 for strip in network.paved], axis=0
    )
    assert (low < [-30.0, -22.0]).all()
    assert (high > [32.0, 22.0]).all()
    assert not mirror_scenario("roundabout").paved


def test_a_cropped_network_holds_what_lies_inside():
    network = mirror_scenario("highway")
    low, high = np.array([1000.0, -50.0]), np.array([1400.0, 50.0])
    cropped = crop_network(network, low, high)
    assert cropped.lanes.keys() == network.lanes.keys()
    for index, lane in cropped.lanes.items():
        whole = network.lanes[index]
        assert lane.points[0, 0] == pytest.approx(997.5)  # where a dash begins
        assert lane.points[-1, 0] == pytest.approx(1400.0)
        assert lane.line_types == whole.line_types
        assert (lane.widths == whole.widths[0]).all()
    assert not crop_network(network, high + 200.0, high + 300.0).lanes_dict()


def test_a_lane_that_leaves_a_rectangle_and_returns_is_cropped_to_two():
    bow = TownNetwork("bow")
    along = np.arange(0.0, 200.5, 0.5)
    bow.add_lane("a", "b", SampledLane(np.column_stack([along, 60 - abs(along - 100)]), 3.5))
    cropped = crop_network(bow, np.array([-10.0, -50.0]), np.array([210.0, 30.0]))
    assert [*cropped.lanes] == [("a", "b", 0), ("a", "b/1", 0)]
    assert cropped.lanes["a", "b", 0].points[-1, 0] == 70.0
    assert 120.0 < cropped.lanes["a", "b/1", 0].points[0, 0] <= 130.0
