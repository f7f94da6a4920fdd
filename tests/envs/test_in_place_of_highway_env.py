"""highway-env's own roads, vehicles and scenarios work the same on the indexed network.

Behaviours are those that highway-env's tests of roads and vehicles state. Each is checked on three
networks: highway-env's, ours with highway-env's lanes, and ours with sampled lanes.
"""

import sys

import gymnasium as gym
import highway_env  # noqa: F401 - registers the scenarios
import numpy as np
import pytest
from highway_env.road import road as road_module
from highway_env.road.lane import CircularLane, LineType, StraightLane
from highway_env.road.road import Road, RoadNetwork
from highway_env.vehicle.behavior import IDMVehicle, LinearVehicle
from highway_env.vehicle.controller import ControlledVehicle
from highway_env.vehicle.kinematics import Vehicle
from highway_env.vehicle.objects import Landmark, Obstacle
from highway_env.vehicle.uncertainty.prediction import IntervalVehicle

from drivecnn_envs.roads import SampledLane, TownNetwork

DT = 1 / 15  # s
SCENARIOS = sorted(
    name for name, spec in gym.registry.items() if "highway_env" in str(spec.entry_point)
)


def sampled(lane):
    """The lane as points half a metre apart."""
    stations = np.linspace(0.0, lane.length, int(lane.length / 0.5) + 2)
    points = [lane.position(station, 0.0) for station in stations]
    return SampledLane(
        points, lane.width_at(0.0), tuple(lane.line_types), speed_limit=lane.speed_limit
    )


class SampledNetwork(TownNetwork):
    """Samples the lanes it is given."""

    def add_lane(self, _from, _to, lane):
        super().add_lane(_from, _to, sampled(lane))


@pytest.fixture(params=[RoadNetwork, TownNetwork, SampledNetwork])
def network_class(request):
    return request.param


@pytest.fixture
def straight(network_class):
    """Makes a road of straight parallel lanes, as highway-env does."""

    def make(lanes, length=1000.0):
        net = network_class()
        return Road(RoadNetwork.straight_road_network(lanes, length=length, net=net))

    return make


@pytest.fixture
def chain(network_class):
    """Makes a road of three segments of 50 m in a row, with one or two lanes; the last bends."""

    def make(lanes=1, connected=True):
        net = network_class()
        for start, end, first in (("a", "b", 0.0), ("b", "c", 50.0)):
            for lane in range(lanes):
                y = 4.0 * lane
                line = LineType.CONTINUOUS, LineType.CONTINUOUS
                net.add_lane(start, end, StraightLane([first, y], [first + 50, y], line_types=line))
        arc = np.deg2rad(90), np.deg2rad(0)
        net.add_lane("c", "d", CircularLane([100, -20], 20, *arc, clockwise=False))
        return Road(
            net,
            np_random=np.random.RandomState(0),
            neighbour_vehicles_connected_lanes=connected,
        )

    return make


def put(road, index, station, kind=Vehicle):
    """A vehicle on a lane of the road."""
    lane = road.network.get_lane(index)
    vehicle = kind(road, lane.position(station, 0.0), lane.heading_at(station), 10.0)
    vehicle.lane_index, vehicle.lane = index, lane
    road.vehicles.append(vehicle)
    return vehicle


def run(road, seconds):
    for _ in range(round(seconds / DT)):
        road.act()
        road.step(DT)


def test_vehicle_goes_round_a_diamond_lane_after_lane(network_class):
    net = network_class()
    corners = {0: [0, 0], 1: [10, 0], 2: [5, 5], 3: [5, -5]}
    for start, end in ((0, 1), (1, 2), (2, 0), (1, 3), (3, 0)):
        net.add_lane(start, end, StraightLane(corners[start], corners[end]))
    road = Road(net)
    vehicle = ControlledVehicle(road, [5, 0], heading=0, target_speed=2)
    road.vehicles.append(vehicle)
    assert vehicle.lane_index == (0, 1, 0)
    lanes = {vehicle.target_lane_index}
    for _ in range(20):
        run(road, 1.0)
        lanes.add(vehicle.target_lane_index)
    assert (0, 1, 0) in lanes
    assert lanes & {(1, 2, 0), (1, 3, 0)}
    assert lanes & {(2, 0, 0), (3, 0, 0)}


def test_lanes_are_closest_where_they_are_not_where_they_point(straight):
    net = straight(3).network
    for lane in range(3):
        assert net.get_closest_lane_index(np.array([30.0, 4.0 * lane + 1.0])) == ("0", "1", lane)


def test_routes_and_neighbouring_lanes_are_found(chain):
    net = chain(lanes=2).network
    assert net.shortest_path("a", "d") == ["a", "b", "c", "d"]
    assert net.shortest_path("a", "nowhere") == []
    assert net.side_lanes(("a", "b", 0)) == [("a", "b", 1)]
    assert net.all_side_lanes(("b", "c", 1)) == [("b", "c", 0), ("b", "c", 1)]
    assert net.is_connected_road(("a", "b", 0), ("c", "d", 0), depth=2)
    assert not net.is_connected_road(("c", "d", 0), ("a", "b", 0), depth=1)
    assert net.next_lane(("a", "b", 1), position=np.array([49.0, 4.0])) == ("b", "c", 1)


def test_position_along_a_route_goes_over_from_lane_to_lane(chain):
    net = chain().network
    route = [("a", "b", 0), ("b", "c", 0), ("c", "d", None)]
    position, heading = net.position_heading_along_route(route, 70.0, 1.0, ("a", "b", 0))
    assert position == pytest.approx([70.0, 1.0], abs=1e-6)
    assert heading == pytest.approx(0.0, abs=1e-6)
    position, _ = net.position_heading_along_route(route, 100.0 + 10 * np.pi, 0.0, ("a", "b", 0))
    assert position == pytest.approx([120.0, -20.0], abs=0.05)


def test_network_survives_its_config(network_class):
    net = RoadNetwork.straight_road_network(2, length=100.0, net=network_class())
    again = network_class.from_config(net.to_config())
    assert again.get_closest_lane_index(np.array([30.0, 3.5])) == ("0", "1", 1)


@pytest.mark.parametrize(("front", "rear"), [(40, 10), (None, 10), (40, None), (None, None)])
def test_neighbours_on_the_same_segment_are_found(chain, front, rear):
    road = chain(connected=False)
    ego = put(road, ("a", "b", 0), 25)
    ahead = None if front is None else put(road, ("a", "b", 0), front)
    behind = None if rear is None else put(road, ("a", "b", 0), rear)
    assert road.neighbour_vehicles(ego, ("a", "b", 0)) == (ahead, behind)


def test_neighbours_on_other_segments_are_found_only_if_asked_for(chain):
    for connected in (False, True):
        road = chain(connected=connected)
        behind = put(road, ("a", "b", 0), 35)
        ego = put(road, ("b", "c", 0), 5)
        ahead = put(road, ("c", "d", 0), 15)
        found = road.neighbour_vehicles(ego, ("b", "c", 0))
        assert found == ((ahead, behind) if connected else (None, None))


def test_nearer_neighbour_counts_and_one_on_another_lane_does_not(chain):
    road = chain(lanes=2)
    ego = put(road, ("a", "b", 0), 30)
    near = put(road, ("a", "b", 0), 45)
    put(road, ("b", "c", 0), 10)
    put(road, ("a", "b", 1), 35)
    assert road.neighbour_vehicles(ego, ("a", "b", 0)) == (near, None)
    ego.lane_index = None
    assert road.neighbour_vehicles(ego) == (None, None)


def test_distance_to_a_vehicle_is_along_the_lane(straight):
    road = straight(1)
    behind, ahead = (Vehicle(road, [x, 0], speed=10) for x in (0, 10))
    assert behind.lane_distance_to(ahead) == pytest.approx(10)
    assert ahead.lane_distance_to(behind) == pytest.approx(-10)


def test_vehicles_obstacles_and_landmarks_are_hit(straight):
    road = straight(1)
    first, second = Vehicle(road, [0, 0], speed=10), Vehicle(road, [4, 0], speed=20)
    first.handle_collisions(second, dt=0)
    assert first.crashed
    assert second.crashed
    third, obstacle = Vehicle(road, [20, 0], speed=10), Obstacle(road, [23, 0])
    third.handle_collisions(obstacle, dt=0)
    assert third.crashed
    assert obstacle.crashed
    fourth, landmark = Vehicle(road, [40, 0], speed=10), Landmark(road, [43, 0])
    fourth.handle_collisions(landmark, dt=0)
    assert not fourth.crashed
    assert landmark.hit


def test_vehicle_changes_lanes(straight):
    road = straight(2)
    vehicle = ControlledVehicle(road, [0, 0], heading=0, speed=20)
    road.vehicles.append(vehicle)
    vehicle.act("LANE_RIGHT")
    run(road, 3.0)
    assert vehicle.speed == pytest.approx(20)
    assert vehicle.position[1] == pytest.approx(4.0, abs=1.0)
    assert vehicle.lane_index[2] == 1


def test_vehicle_reaches_its_speed_in_its_lane(straight):
    road = straight(1)
    vehicle = ControlledVehicle(road, [0, 0], heading=0, speed=20)
    road.vehicles.append(vehicle)
    vehicle.act("FASTER")
    run(road, 3 * vehicle.TAU_ACC)
    assert vehicle.speed == pytest.approx(20 + vehicle.DELTA_SPEED, abs=0.5)
    assert vehicle.position[1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", [IDMVehicle, LinearVehicle])
def test_vehicle_stops_before_an_obstacle(straight, kind):
    road = straight(1)
    vehicle = kind(road, [0, 0], heading=0, speed=20)
    vehicle.target_speed = 20
    road.vehicles.append(vehicle)
    road.objects.append(Obstacle(road, [80, 0]))
    run(road, 10.0)
    assert not vehicle.crashed
    assert vehicle.position[0] == pytest.approx(80 - kind.DISTANCE_WANTED, abs=1.5)
    assert vehicle.position[1] == pytest.approx(0, abs=1e-9)
    assert vehicle.speed == pytest.approx(0, abs=1)


@pytest.mark.parametrize("mode", ["partial", "predictor"])
def test_interval_vehicle_stays_within_its_interval(straight, mode):
    road = straight(4)
    vehicle = IntervalVehicle(road, [0, 0], heading=0, speed=20)
    for _ in range(30):
        vehicle.step(DT, mode=mode)
        low, high = vehicle.interval.position
        assert (low <= vehicle.position).all()
        assert (vehicle.position <= high).all()
        assert vehicle.interval.heading[0] <= vehicle.heading <= vehicle.interval.heading[1]


def episode(name, seed=1, steps=5):
    """Observations, rewards and poses of a scenario under random actions."""
    few = {"vehicles_count": 12, "initial_vehicle_count": 4, "duration": 5}
    env = gym.make(name) if "parking" in name else gym.make(name, config=few)
    seen = [env.reset(seed=seed)[0]]
    env.action_space.seed(seed)
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        road = env.unwrapped.road
        poses = [(*v.position, v.heading, v.speed) for v in road.vehicles]
        seen += [observation, reward, np.array(poses)]
        if terminated or truncated:
            break
    kind = type(env.unwrapped.road.network)
    env.close()
    return kind, seen


def assert_same(first, second):
    if isinstance(first, dict):
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, (tuple, list)):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert np.array_equal(first, second)


@pytest.mark.filterwarnings("ignore")  # highway-env and gymnasium warn about their own versions
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_goes_the_same_way_on_the_indexed_network(name, monkeypatch):
    _, expected = episode(name)
    users = [module for key, module in sys.modules.items() if key.startswith("highway_env.envs")]
    for module in (road_module, *users):
        if getattr(module, "RoadNetwork", None) is RoadNetwork:
            monkeypatch.setattr(module, "RoadNetwork", TownNetwork)
    kind, found = episode(name)
    assert kind is TownNetwork
    assert_same(expected, found)
