"""Lanes and networks agree with highway-env's own."""

import json

import numpy as np
import pytest
from highway_env.road.lane import CircularLane, LineType, StraightLane, lane_from_config
from highway_env.road.road import RoadNetwork

from drivecnn_envs.errors import MapError
from drivecnn_envs.roads import LANE_CHANGE_COST, SampledLane, TownNetwork, summarise

STOCK = {
    "straight": StraightLane([3.0, -2.0], [33.0, 38.0], width=3.2),
    "left arc": CircularLane([10.0, 5.0], 15.0, 0.3, 2.2, clockwise=True, width=3.2),
    "right arc": CircularLane([10.0, 5.0], 15.0, 2.2, 0.3, clockwise=False, width=3.2),
}


def sampled(stock, **options):
    stations = np.linspace(0.0, stock.length, int(stock.length / 0.5) + 1)
    points = [stock.position(station, 0.0) for station in stations]
    return SampledLane(points, stock.width, **options)


@pytest.fixture
def fork():
    """Two lanes side by side; the left one goes on to a junction with two ways out."""
    network = TownNetwork("fork")
    network.add_lane("a", "b", SampledLane([[0, 0], [50, 0]], 3.5))
    network.add_lane("a", "b", SampledLane([[0, -3.5], [50, -3.5]], 3.5))
    network.add_lane("b", "c", SampledLane([[50, 0], [60, 0]], 3.5, junction="j"))
    network.add_lane("b", "d", SampledLane([[50.1, 0], [55, 8]], 3.5, junction="j"))
    return network


@pytest.mark.parametrize("name", STOCK)
@pytest.mark.parametrize("lateral", [-2.0, 0.0, 1.0])
def test_lane_puts_positions_where_highway_env_puts_them(name, lateral):
    stock, ours = STOCK[name], sampled(STOCK[name])
    for station in np.linspace(0.0, stock.length, 9):
        expected = stock.position(station, lateral)
        assert ours.position(station, lateral) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", STOCK)
def test_lane_coordinates_are_those_of_highway_env(name):
    stock, ours = STOCK[name], sampled(STOCK[name])
    for station in np.linspace(1.0, stock.length - 1.0, 9):
        for lateral in (-2.0, 0.0, 1.0):
            position = stock.position(station, lateral)
            expected = stock.local_coordinates(position)
            assert ours.local_coordinates(position) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", STOCK)
def test_lane_headings_and_widths_are_those_of_highway_env(name):
    stock, ours = STOCK[name], sampled(STOCK[name])
    for station in np.linspace(0.0, stock.length, 9):
        assert abs(ours.local_angle(stock.heading_at(station), station)) < 0.01
        assert ours.width_at(station) == stock.width_at(station)


def test_lane_goes_straight_on_beyond_its_ends():
    stock, ours = STOCK["straight"], sampled(STOCK["straight"])
    for station in (-7.0, stock.length + 7.0):
        position = stock.position(station, 1.0)
        assert ours.position(station, 1.0) == pytest.approx(position)
        assert ours.local_coordinates(position) == pytest.approx((station, 1.0))


def test_position_and_lane_coordinates_undo_each_other_on_a_curve():
    lane = sampled(STOCK["left arc"])
    for station in np.linspace(0.5, lane.length - 0.5, 20):
        assert lane.local_coordinates(lane.position(station, 1.2)) == pytest.approx(
            (station, 1.2), abs=0.03
        )


def test_left_edge_is_to_the_left():
    lane = SampledLane([[0, 0], [10, 0]], [2.0, 4.0])
    assert lane.edge(1).tolist() == [[0.0, 1.0], [10.0, 2.0]]
    assert lane.edge(0).tolist() == [[0.0, -1.0], [10.0, -2.0]]


def test_width_changes_along_a_lane():
    assert SampledLane([[0, 0], [10, 0]], [2.0, 4.0]).width_at(2.5) == 2.5


def test_lane_survives_highway_envs_config():
    lane = sampled(
        STOCK["left arc"],
        line_types=(LineType.CONTINUOUS_LINE, LineType.STRIPED),
        junction="j",
        forbidden=True,
        priority=3,
        speed_limit=9.0,
    )
    again = lane_from_config(json.loads(json.dumps(lane.to_config())))
    assert type(again) is SampledLane
    assert again.to_config() == lane.to_config()
    assert np.array_equal(again.headings, lane.headings)


def test_network_survives_highway_envs_config(town):
    again = TownNetwork.from_config(json.loads(json.dumps(town.to_config())))
    assert again.to_config() == town.to_config()
    assert again.followers(next(iter(town.lanes))) == town.followers(next(iter(town.lanes)))


@pytest.mark.parametrize(
    "points", [[], [[0, 0]], [[0, 0], [0, 0]], [[0, 0], [np.nan, 1]], [[0, 0], [np.inf, 1]]]
)
def test_lane_without_length_is_refused(points):
    with pytest.raises(MapError, match="2 distinct finite points"):
        SampledLane(points, 3.5)


def test_network_without_lanes_is_refused_by_name():
    with pytest.raises(MapError, match="nowhere has no driving lane"):
        _ = TownNetwork("nowhere").lanes


def test_lane_is_followed_by_lanes_that_start_at_its_end(fork):
    assert fork.followers(("a", "b", 0)) == [("b", "c", 0), ("b", "d", 0)]
    assert fork.followers(("a", "b", 1)) == []


def test_no_lane_turns_back_on_the_spot():
    network = TownNetwork()
    network.add_lane("a", "b", SampledLane([[0, 0], [50, 0]], 3.5))
    network.add_lane("b", "a", SampledLane([[50, 0], [0, 0]], 3.5))  # highway-env's two-way road
    assert network.followers(("a", "b", 0)) == []


def test_parallel_lanes_can_be_changed_at_a_cost_but_not_in_a_junction(fork):
    edge = fork.lane_graph.edges[("a", "b", 1), ("a", "b", 0)]
    assert edge == {"weight": LANE_CHANGE_COST, "change": True}
    assert fork.changes(("a", "b", 0)) == [("a", "b", 1)]
    assert fork.changes(("b", "c", 0)) == []


def test_summary_counts_lanes_and_junctions(fork):
    summary = summarise(fork)
    assert (summary.lanes, summary.junctions) == (4, 1)
    assert (summary.width_m, summary.height_m) == (60.0, 11.5)
    assert summary.lane_km == pytest.approx(0.1)
    assert summary.junction_lane_km == pytest.approx(0.01 + np.hypot(4.9, 8.0) / 1000)


@pytest.mark.parametrize(("name", "poses"), [("procedural", 300), ("Town03", 150)])
def test_closest_lane_is_the_one_highway_env_finds(town, carla_towns, name, poses):
    network = carla_towns.get(name, town)
    rng = np.random.default_rng(0)
    lanes = list(network.lanes.values())
    for number in range(poses):
        lane = lanes[rng.integers(len(lanes))]
        station = rng.uniform(-5.0, lane.length + 5.0)
        position = lane.position(station, rng.normal(0.0, 3.0))
        heading = lane.heading_at(station) + rng.normal(0.0, 0.5)
        if number % 5 == 0:  # where several lanes begin, equally near
            position, heading = lane.points[0], lane.headings[0]
        if number % 5 == 1:  # far away from any road
            position, heading = rng.normal(0.0, 2000.0, 2), None
        expected = RoadNetwork.get_closest_lane_index(network, position, heading)
        assert network.get_closest_lane_index(position, heading) == expected


def test_closest_lane_of_a_zigzag_is_the_one_highway_env_finds():
    rng = np.random.default_rng(1)
    network = TownNetwork()
    for number in range(12):
        network.add_lane("a", "b", SampledLane(rng.uniform(0, 50, (rng.integers(2, 60), 2)), 3.0))
        network.add_lane("a", f"c{number}", StraightLane(*rng.uniform(0, 50, (2, 2))))
    for _ in range(200):
        position, heading = rng.uniform(-20, 70, 2), rng.uniform(-10, 10)
        expected = RoadNetwork.get_closest_lane_index(network, position, heading)
        assert network.get_closest_lane_index(position, heading) == expected


def test_lane_added_later_is_found():
    network = TownNetwork()
    network.add_lane("a", "b", SampledLane([[0, 0], [10, 0]], 3.0))
    assert network.get_closest_lane_index((0.0, 50.0)) == ("a", "b", 0)
    network.add_lane("b", "c", SampledLane([[10, 0], [10, 50]], 3.0))
    assert network.get_closest_lane_index((0.0, 50.0)) == ("b", "c", 0)
    assert network.followers(("a", "b", 0)) == [("b", "c", 0)]


def test_lanes_near_are_all_those_within_the_radius(town):
    rng = np.random.default_rng(2)
    for _ in range(20):
        position = rng.uniform(0, 300, 2)
        near = town.lanes_near(position, 15.0)
        for index, lane in town.lanes.items():
            gap = np.linalg.norm(lane.points - position, axis=1).min()
            assert index in near or gap > 15.0
        assert len(near) < len(town.lanes) / 2


def test_lateral_coordinate_beside_a_corner_is_the_distance_to_it():
    lane = SampledLane([[0, 0], [10, 0], [10, 10]], 3.0)
    assert lane.local_coordinates((13.0, -4.0)) == pytest.approx((10.0, -5.0))
