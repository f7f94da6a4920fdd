"""The expert drives every lane of esmini's roads, and from each lane onto every next one."""

import numpy as np
import pytest

from drivecnn_envs.maps.opendrive import read_opendrive
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.routes import follow
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import SUCCESS, Simulator
from drivecnn_envs.world import build_world

BEFORE, AFTER = 60.0, 100.0  # m driven before and after the lanes in question
MIN_ROUTE = 30  # m
MAX_STEPS = 20_000  # decisions, the longest lanes are kilometres
MAX_ERROR = 0.15  # m off the route on average
QUICK = ("parking_demo", "lane_offset_intersection", "highway_exit")


def way_through(network, lanes, rng):
    """Joined lanes through the given ones, and where [m] on the first of them to start."""
    joins = [pair for *pair, change in network.lane_graph.edges(data="change") if not change]
    room, lanes = 0.0, list(lanes)
    while room < BEFORE and (before := [one for one, after in joins if after == lanes[0]]):
        lanes.insert(0, before[rng.integers(len(before))])
        room += network.lanes[lanes[0]].length
    start = max(room - BEFORE, 0.0)
    room = 0.0
    while room < AFTER and (after := network.followers(lanes[-1])):
        lanes.append(after[rng.integers(len(after))])
        room += network.lanes[lanes[-1]].length
    return lanes, start


def routes_over_all_lanes(network):
    """A route over each lane and over each change from a lane to another; stubs are left out."""
    rng = np.random.default_rng(3)
    wanted = [[lane] for lane in network.lanes] + [list(pair) for pair in network.lane_graph.edges]
    routes = [follow(network, *way_through(network, lanes, rng)) for lanes in wanted]
    return [route for route in routes if len(route.x) >= MIN_ROUTE]


def check_driving(folder, name, drive):
    network = read_opendrive(next(folder.rglob(f"{name}.xodr")))
    routes = routes_over_all_lanes(network)
    driven = {lane for route in routes for lane in route.lanes}
    assert len(driven) >= 0.9 * len(network.lanes)
    scene = Scene.of([build_world(network)], [routes])
    simulator = Simulator(scene, Observer(ObservationConfig()))
    numbers = range(len(routes))
    outcomes, distances = drive(simulator, simulator.start(numbers, numbers), MAX_STEPS)
    assert (outcomes == SUCCESS).all()
    assert distances.mean() <= MAX_ERROR


@pytest.mark.filterwarnings("ignore::drivecnn_envs.errors.MapWarning")
@pytest.mark.parametrize("name", QUICK)
def test_expert_drives_every_lane(esmini, drive, name):
    check_driving(esmini, name, drive)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::drivecnn_envs.errors.MapWarning")
def test_expert_drives_every_lane_of_every_esmini_road(esmini, drive):
    for path in sorted(esmini.rglob("*.xodr")):
        check_driving(esmini, path.stem, drive)
