"""Procedural towns: reproducible, joined up, drivable and full of different junctions."""

import networkx as nx
import numpy as np
import pytest
from scipy.spatial import cKDTree

from drivecnn_envs.maps.procedural.config import DIFFICULTIES
from drivecnn_envs.maps.procedural.town import MAX_CURVATURE, generate_town
from drivecnn_envs.routes import random_routes
from drivecnn_envs.vehicle import MAX_CURVATURE as VEHICLE_CURVATURE

CORNER_RADIUS = DIFFICULTIES["easy"].corner_radius
LANE_WIDTH = DIFFICULTIES["easy"].lane_width


def opposite(network, index):
    """The lane of the same street that leads the other way."""
    start, end, _ = index
    here, there = start.split(":")[0].split(">")
    assert end == f"{here}>{there}:end"
    return network.graph[f"{there}>{here}:start"][f"{there}>{here}:end"][0]


def street_lanes(network):
    return {index: lane for index, lane in network.lanes.items() if index[0].endswith(":start")}


def approaches(network):
    """How many lanes lead into each junction."""
    entries = {}
    for (start, _, _), lane in network.lanes.items():
        if lane.junction is not None:
            entries.setdefault(lane.junction, set()).add(start)
    return {junction: len(starts) for junction, starts in entries.items()}


def test_same_seed_gives_the_same_town_whatever_was_drawn_before(towns):
    np.random.default_rng().random(7)
    again = generate_town(5)
    assert again.to_config() == towns[5].to_config()


def test_different_seeds_give_different_towns(towns):
    lengths = {round(sum(lane.length for lane in town.lanes.values()), 6) for town in towns}
    assert len(lengths) == len(towns)


def test_every_lane_is_joined_to_followers_without_gap_or_kink(towns):
    for town in towns:
        for index, lane in town.lanes.items():
            followers = [town.lanes[after] for after in town.followers(index)]
            assert followers
            for after in followers:
                assert np.linalg.norm(after.points[0] - lane.points[-1]) < 0.2
                turn = after.headings[0] - lane.headings[-1]
                assert abs((turn + np.pi) % (2 * np.pi) - np.pi) < 0.1


def test_every_lane_can_be_reached_from_every_other(towns):
    for town in towns:
        assert nx.is_strongly_connected(town.lane_graph)


def test_no_lane_turns_sharper_than_the_limit(towns):
    for town in towns:
        for lane in town.lanes.values():
            even = np.interp(np.arange(0, lane.length, 1.0), lane.stations, lane.headings)
            assert np.abs(np.diff(even)).max(initial=0.0) <= MAX_CURVATURE


def test_routes_never_need_more_curvature_than_the_vehicle_has(towns):
    for town in towns:
        for route in random_routes(town, 10, np.random.default_rng(0), 300.0):
            assert np.abs(np.diff(route.yaw)).max() < VEHICLE_CURVATURE


def test_traffic_drives_on_the_right(towns):
    for town in towns:
        for index, lane in street_lanes(town).items():
            _, lateral = lane.local_coordinates(opposite(town, index).position(1.0, 0.0))
            assert lateral == pytest.approx(lane.widths.mean(), abs=0.2)


def test_lanes_are_three_to_four_metres_wide(towns):
    for town in towns:
        widths = np.concatenate([lane.widths for lane in town.lanes.values()])
        assert LANE_WIDTH[0] <= widths.min()
        assert widths.max() <= LANE_WIDTH[1]


def test_both_lanes_of_a_street_agree_on_its_markings(towns):
    for town in towns:
        for index, lane in street_lanes(town).items():
            assert lane.line_types == opposite(town, index).line_types


def test_towns_have_t_junctions_and_four_way_junctions(towns):
    arms = [list(approaches(town).values()) for town in towns]
    assert all(3 in counts for counts in arms)
    assert sum(4 in counts for counts in arms) >= len(towns) - 2


def test_each_arm_of_a_junction_leads_to_every_other_arm(town):
    for junction, arms in approaches(town).items():
        lanes = [lane for lane in town.lanes.values() if lane.junction == junction]
        assert len(lanes) == arms * (arms - 1)


def test_a_bend_between_two_streets_is_no_junction(towns):
    bends = [
        lane
        for town in towns
        for (start, _, _), lane in town.lanes.items()
        if start.endswith(":end") and lane.junction is None
    ]
    assert bends


def test_streets_are_straight_and_curved_and_blocks_differ_in_size(towns):
    lanes = [lane for town in towns for lane in street_lanes(town).values()]
    bend = np.array([np.ptp(lane.headings) for lane in lanes])
    assert 0.05 < (bend < 0.05).mean() < 0.6
    assert (bend > 0.4).mean() > 0.1
    assert np.std([lane.length for lane in lanes]) > 10.0


def test_streets_keep_apart_from_each_other(towns):
    for town in towns:
        lanes = street_lanes(town)
        names = np.repeat(
            ["-".join(sorted(start.split(":")[0].split(">"))) for start, _, _ in lanes],
            [len(lane.points) for lane in lanes.values()],
        )
        tree = cKDTree(np.concatenate([lane.points for lane in lanes.values()]))
        pairs = tree.query_pairs(LANE_WIDTH[0] / 2, output_type="ndarray")
        assert (names[pairs[:, 0]] == names[pairs[:, 1]]).all()


def test_right_turns_have_the_radius_of_a_street_corner(town):
    turns = [
        np.abs(np.diff(lane.headings) / np.diff(lane.stations)).max()
        for lane in town.lanes.values()
        if lane.junction is not None and lane.headings[-1] - lane.headings[0] < -1.2
    ]
    assert turns
    assert min(turns) > 1 / (3 * CORNER_RADIUS[1])
