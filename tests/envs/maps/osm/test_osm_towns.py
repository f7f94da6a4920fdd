"""Real OpenStreetMap extracts: how their networks hang together, and that they can be driven."""

import math
import warnings

import numpy as np
import pytest

from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps.osm import OsmOptions, read_osm
from drivecnn_envs.maps.osm.file import read_records
from drivecnn_envs.maps.osm.network import build_network
from drivecnn_envs.maps.osm.smooth import sharpest
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.roads import summarise
from drivecnn_envs.routes import random_routes
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import SUCCESS, Simulator
from drivecnn_envs.vehicle import MAX_CURVATURE
from drivecnn_envs.world import build_world

LEFT_HAND = {
    *("sydney", "melborne", "bayfront_singapore", "perth_stretched_lights", "fremantle_placement"),
    *("bristol_sausage_links", "bristol_contraflow_cycleway", "degenerate_bug"),
    *("borough_sausage_links", "cycleway_rejoin_road", "leeds_cycleway", "oneway_loop"),
    *("overlapping_service_roads", "service_road_loop"),
}
CITIES = ("stockholm", "sydney", "rome", "moscow")
HUGE = ("harrisburg", "liechtenstein-latest")
ROUTES, LENGTH = 100, 400.0  # m


def read_quietly(path, options=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        return read_osm(path, options)


@pytest.fixture(scope="session")
def files(shared):
    """All OpenStreetMap files, the drivable copies of cities as `city.osm`."""
    folder = shared / "data" / "maps" / "osm"
    found = [*folder.rglob("*.osm"), *folder.rglob("*.pbf"), *folder.rglob("*.bz2")]
    return {path.name: path for path in found}


def check_network(network):
    """Lanes meet without a gap or a kink, and hardly any bends too much."""
    turns = []
    for before, after, change in network.lane_graph.edges(data="change"):
        if not change:
            turn = network.lanes[after].headings[0] - network.lanes[before].headings[-1]
            turns.append(abs(math.remainder(turn, 2 * math.pi)))
    for index in network.lanes:
        if index[0].endswith("end"):
            assert network.followers(index)
            assert any(
                not network.lane_graph.edges[before, index]["change"]
                for before in network.lane_graph.predecessors(index)
            )
    assert max(turns) < 0.2
    sharp = [sharpest(lane.points) > MAX_CURVATURE for lane in network.lanes.values()]
    assert np.mean(sharp) < 0.01


def check_driving(network, drive):
    routes = random_routes(network, ROUTES, np.random.default_rng(1), LENGTH)
    simulator = Simulator(Scene.of([build_world(network)], [routes]), Observer(ObservationConfig()))
    outcomes, _ = drive(simulator, simulator.start(range(ROUTES), range(ROUTES)))
    assert (outcomes == SUCCESS).mean() >= 0.98


@pytest.mark.parametrize("name", ["rome.osm.pbf", "stockholm.osm"])
def test_expert_drives_through_cities(files, drive, name):
    network = read_quietly(files[name])
    check_network(network)
    check_driving(network, drive)


@pytest.mark.slow
def test_expert_drives_on_the_right_side_through_every_extract(files, drive):
    for name, path in files.items():
        if name.split(".")[0] not in HUGE and "lanelet2" not in path.parts:
            network = read_quietly(path)
            assert network.left_hand == (name.split(".")[0] in LEFT_HAND), name
            check_network(network)
            check_driving(network, drive)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "around"), [("harrisburg", (40.27, -76.88)), ("liechtenstein-latest", (47.165, 9.51))]
)
def test_a_part_of_a_large_extract_is_a_town(files, drive, name, around):
    path = files[f"{name}.osm.pbf"]
    network = read_quietly(path, OsmOptions(around=around, radius=1500.0))
    assert max(summarise(network)[:2]) <= 3000.0
    check_network(network)
    check_driving(network, drive)


@pytest.mark.slow
@pytest.mark.parametrize("name", HUGE)
def test_large_extracts_are_read_whole(files, name):
    network = read_quietly(files[f"{name}.osm.pbf"])
    assert summarise(network).lane_km > 500
    check_network(network)


@pytest.mark.parametrize("name", CITIES)
def test_both_formats_give_the_same_network(files, name):
    """The XML copies lack some tags and all turn restrictions: these are taken out of both."""
    one, other = read_records(files[f"{name}.osm.pbf"]), read_records(files[f"{name}.osm"])
    tags = {way.name: way.tags for way in other.ways}
    shared_ways = [way._replace(tags=tags[way.name]) for way in one.ways]
    names = {way.name for way in shared_ways}
    used = {node for way in shared_ways for node in way.nodes}
    networks = []
    for records, ways in ((one, shared_ways), (other, other.ways)):
        kept = records._replace(
            ways=sorted((way for way in ways if way.name in names), key=lambda way: way.name),
            positions={node: at for node, at in sorted(records.positions.items()) if node in used},
            restrictions=[],
        )
        networks.append(build_network(name, kept, OsmOptions()))
    assert networks[0].lanes.keys() == networks[1].lanes.keys()
    for index, lane in networks[0].lanes.items():
        assert np.allclose(lane.points, networks[1].lanes[index].points, atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        *("sydney.osm", "bayfront_singapore.osm.pbf", "degenerate_bug.osm"),
        *("amsterdam.osm.pbf", "tiny_roundabout.osm", "West-Oakland.osm.bz2"),
    ],
)
def test_side_of_traffic_is_found(files, name):
    assert read_quietly(files[name]).left_hand == (name.split(".")[0] in LEFT_HAND)


def test_ways_with_missing_nodes_are_read_and_told(files):
    with pytest.warns(MapWarning, match="nodes of 86 roads are not in the file"):
        read_osm(files["jonkoping.osm.pbf"])


def test_another_format_is_named(shared):
    with pytest.raises(MapError, match="Lanelet2"):
        read_osm(shared / "data" / "maps" / "lanelet2" / "mapping_example.osm")
