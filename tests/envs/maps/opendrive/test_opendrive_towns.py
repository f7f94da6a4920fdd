"""The four CARLA towns and esmini's test roads, as they are on disk.

SUMO's own conversion of each town (`Town0x.net.xml`) lies beside it: an independent witness.
"""

import random
import xml.etree.ElementTree as ET
from itertools import groupby

import networkx as nx
import numpy as np
import pytest
from scipy.spatial import cKDTree

from drivecnn_envs.maps.opendrive import read_opendrive
from drivecnn_envs.maps.opendrive.file import read_records
from drivecnn_envs.maps.opendrive.links import lane_joints, touching_ends
from drivecnn_envs.roads import summarise

TOWNS = ("Town01", "Town03", "Town04", "Town06")
SUMO_KM = {"Town01": 4.957, "Town03": 10.830, "Town04": 25.007, "Town06": 18.759}
NEAR = 1.2  # m, two centre lines this near are the same lane
ESMINI_LANES = {
    "circle_300m": 4,
    "crest-curve": 2,
    "curve_r100": 2,
    "curves": 2,
    "curves_elevation": 2,
    "direct_junction_simple": 8,
    "e6mini": 6,
    "fabriksgatan": 20,
    "highway_example_with_merge_and_split": 63,
    "highway_exit": 24,
    "highway_merge": 12,
    "highway_split": 6,
    "jolengatan": 2,
    "lane_offset_intersection": 17,
    "mixed_roads": 11,
    "multi_intersections": 90,
    "multi_lane_3way_intersection": 36,
    "parking_demo": 29,
    "route_strategy_test_road": 76,
    "simple_3way_intersection": 12,
    "simple_4way_intersection": 20,
    "soderleden": 11,
    "straight_500m": 2,
    "striaghtAndCurves": 2,
    "tunnels": 7,
    "two_plus_one": 17,
    "velodrome": 6,
}


@pytest.fixture(scope="session")
def carla(shared):
    return shared / "data" / "maps" / "opendrive" / "carla"


def test_town01_has_4960_metres_of_driving_lane_outside_junctions(carla_towns):
    assert summarise(carla_towns["Town01"]).lane_km == pytest.approx(4.96, rel=0.01)


@pytest.mark.parametrize("name", TOWNS)
def test_every_lane_link_of_the_file_becomes_a_join_and_nothing_else_does(carla, carla_towns, name):
    records = read_records(carla / f"{name}.xodr")
    linked = lane_joints(records.roads, touching_ends(records))
    network = carla_towns[name]
    joined = [
        (network.lanes[before], network.lanes[after])
        for before, after, change in network.lane_graph.edges(data="change")
        if not change
    ]
    assert len(joined) == len(linked)
    gaps = [np.linalg.norm(before.points[-1] - after.points[0]) for before, after in joined]
    assert max(gaps) < 0.2
    turns = [
        np.angle(np.exp(1j * (after.headings[0] - before.headings[-1]))) for before, after in joined
    ]
    assert np.abs(turns).max() < 0.1


@pytest.mark.parametrize("name", TOWNS)
def test_a_route_leads_from_nearly_every_lane_to_nearly_every_other(carla_towns, name):
    graph = carla_towns[name].lane_graph
    largest = sorted(max(nx.weakly_connected_components(graph), key=len))
    assert len(largest) >= 0.99 * len(graph)
    rng = random.Random(5)
    starts = rng.sample(largest, 40)
    found = 0
    for start in starts:
        reached = nx.descendants(graph, start)
        found += sum(end in reached for end in rng.sample(largest, 50) if end != start)
    assert found >= 0.95 * 40 * 49


@pytest.mark.parametrize("name", TOWNS)
def test_lanes_are_sampled_evenly_and_never_turn_back(carla_towns, name):
    for lane in carla_towns[name].lanes.values():
        steps = np.diff(lane.points, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        assert lengths.max() < 1.0
        assert ((steps[1:] * steps[:-1]).sum(axis=1) > 0).all()
        assert 0 <= lane.widths.min() <= lane.widths.max() < 8


def spaced(centre_lines):
    """Middles (N, 2), unit directions (N, 2) and lengths (N,) of pieces of centre lines."""
    pieces = []
    for points in centre_lines:
        stations = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
        edges = np.linspace(0.0, stations[-1], max(2, round(stations[-1]) + 1))
        ends = np.stack([np.interp(edges, stations, axis) for axis in points.T], axis=1)
        steps = np.diff(ends, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        pieces.append(((ends[1:] + ends[:-1]) / 2, steps / lengths[:, None], lengths))
    if not pieces:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    return tuple(np.concatenate(columns) for columns in zip(*pieces, strict=True))


def lies_on(pieces, others, *, same_direction=True):
    """Which pieces (N,) have one of the other pieces beside them."""
    if len(others[0]) == 0:
        return np.zeros(len(pieces[0]), dtype=bool)
    distance, nearest = cKDTree(others[0]).query(pieces[0], k=12, distance_upper_bound=NEAR)
    found = np.isfinite(distance)
    directions = others[1][np.where(found, nearest, 0)]  # (N, 12, 2)
    along = np.einsum("nkd,nd->nk", directions, pieces[1]) > 0.7
    return (found & (along | (not same_direction))).any(axis=1)


def sumo_lanes(path):
    """Centre lines outside and inside junctions of a SUMO network, in the town's coordinates."""
    root = ET.parse(path).getroot()
    offset = np.array(root.find("location").get("netOffset").split(","), dtype=float)
    lanes = {False: [], True: []}
    for edge in root.findall("edge"):
        for lane in edge.findall("lane"):
            shape = [tuple(map(float, at.split(",")[:2])) for at in lane.get("shape").split()]
            points = np.array([at for at, _ in groupby(shape)])
            if len(points) > 1:
                lanes[edge.get("function") == "internal"].append(points - offset)
    return spaced(lanes[False]), spaced(lanes[True])


@pytest.mark.parametrize("name", TOWNS)
def test_the_difference_to_sumos_lane_kilometres_is_junction_areas_and_paved_lanes(
    carla, carla_towns, name
):
    """SUMO cuts the ends of our lanes off for its junctions, and keeps lanes that we only pave.

    Town03's parking lanes are lanes of SUMO's; the cut ends lie on SUMO's internal lanes. Put
    right for both, the two lengths agree to 4 %.
    """
    network = carla_towns[name]
    edges, internal = sumo_lanes(carla / f"{name}.net.xml")
    ours = spaced([lane.points for lane in network.lanes.values() if lane.junction is None])
    crossing = spaced([lane.points for lane in network.lanes.values() if lane.junction])
    paved = spaced([strip.points for strip in network.paved])
    sumo_km = edges[2].sum() / 1000
    assert sumo_km == pytest.approx(SUMO_KM[name], rel=0.01)

    on_ours = lies_on(edges, ours) | lies_on(edges, crossing)
    on_paved = lies_on(edges, paved, same_direction=False) & ~on_ours
    assert edges[2][on_ours | on_paved].sum() >= 0.99 * edges[2].sum()  # no lane of SUMO's is lost

    on_edges = lies_on(ours, edges)
    in_junction_areas = ours[2][lies_on(ours, internal) & ~on_edges].sum() / 1000
    kept_by_sumo = edges[2][on_paved].sum() / 1000
    balance = summarise(network).lane_km - in_junction_areas + kept_by_sumo
    assert summarise(network).lane_km == pytest.approx(sumo_km, rel=0.15)
    assert balance == pytest.approx(sumo_km, rel=0.04)
    assert kept_by_sumo == pytest.approx(2.0 if name == "Town03" else 0.0, abs=0.1)


@pytest.mark.filterwarnings("ignore::drivecnn_envs.errors.MapWarning")
def test_every_esmini_road_is_read(esmini):
    lanes = {path.stem: len(read_opendrive(path).lanes) for path in esmini.rglob("*.xodr")}
    assert lanes == ESMINI_LANES


def test_lane_that_runs_out_in_soderleden_bends_onto_the_lane_it_joins(esmini):
    network = read_opendrive(esmini / "soderleden.xodr")
    merging = [lane for lane in network.lanes.values() if lane.widths[-1] < 0.01]
    assert len(merging) == 1
    index = next(key for key, lane in network.lanes.items() if lane is merging[0])
    assert len(network.followers(index)) == 1
