"""Towns of the higher levels: joined, drivable, without overlaps, with all that real ones have."""

from dataclasses import replace
from functools import cache

import networkx as nx
import numpy as np
import pytest
import shapely
from highway_env.road.lane import LineType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivecnn_envs.errors import InputError, MapError
from drivecnn_envs.maps.procedural.config import DIFFICULTIES, TownConfig
from drivecnn_envs.maps.procedural.layout import Circle
from drivecnn_envs.maps.procedural.streets import Street
from drivecnn_envs.maps.procedural.town import MAX_CURVATURE, generate_town
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.routes import random_routes
from drivecnn_envs.simulator import RUNNING, infraction_of
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.vehicle import MAX_CURVATURE as VEHICLE_CURVATURE

LEVELS = ("medium", "hard", "city")
SEEDS = range(8)


@cache
def town(level, seed):
    return generate_town(seed, DIFFICULTIES[level])


def every_town():
    return [town(level, seed) for level in LEVELS for seed in SEEDS]


def wrapped(angle):
    return abs((angle + np.pi) % (2 * np.pi) - np.pi)


def street_lanes(network):
    return {index: lane for index, lane in network.lanes.items() if index[0].endswith(":start")}


def street_of(index):
    """The two nodes a street lane joins, whichever way it leads."""
    return frozenset(index[0].removesuffix(":start").split(">"))


def opposite(index):
    here, there = index[0].removesuffix(":start").split(">")
    return f"{there}>{here}:start", f"{there}>{here}:end"


def arms(network):
    """The streets that meet in each junction."""
    meeting = {}
    for index in street_lanes(network):
        for node in street_of(index):
            meeting.setdefault(node, set()).add(street_of(index))
    return meeting


def roundabouts(network):
    return {
        lane.junction for (start, _, _), lane in network.lanes.items() if start.endswith(":joins")
    }


def circle_lanes(network):
    """Lanes of the roundabouts' circles, with the middle of each circle."""
    rims = (":joins", ":leaves")
    rings = {}
    for (start, end, _), lane in network.lanes.items():
        if start.endswith(rims) and end.endswith(rims):
            rings.setdefault(lane.junction, []).append(lane)
    return rings


@settings(max_examples=12, deadline=None)
@given(level=st.sampled_from(sorted(DIFFICULTIES)), seed=st.integers(0, 100_000))
def test_any_town_is_joined_connected_and_drivable(level, seed):
    network = town(level, seed)
    assert nx.is_strongly_connected(network.lane_graph)
    for index, lane in network.lanes.items():
        turning = np.abs(np.gradient(lane.headings, lane.stations))
        sharpest = 1.01 / DIFFICULTIES["city"].corner_radius[0]
        assert turning.max() <= (sharpest if level == "city" else MAX_CURVATURE)
        assert network.followers(index)
        for after in map(network.lanes.get, network.followers(index)):
            assert np.linalg.norm(after.points[0] - lane.points[-1]) < 0.05
            assert wrapped(after.headings[0] - lane.headings[-1]) < (
                0.1 if level == "easy" else 0.05
            )


@settings(max_examples=8, deadline=None)
@given(level=st.sampled_from(LEVELS), seed=st.integers(0, 100_000))
@example(level="city", seed=11)
@example(level="city", seed=44)
def test_streets_do_not_overlap(level, seed):
    lanes: dict[frozenset[str], list[shapely.Polygon]] = {}
    for index, lane in street_lanes(town(level, seed)).items():
        surface = shapely.LineString(lane.points).buffer(lane.widths[0] / 2, cap_style="flat")
        lanes.setdefault(street_of(index), []).append(surface)
    streets = [shapely.union_all(surfaces) for surfaces in lanes.values()]
    one, other = shapely.STRtree(streets).query(streets, predicate="intersects")
    pairs = zip(one[one < other], other[one < other], strict=True)
    assert all(streets[a].intersection(streets[b]).area < 0.01 for a, b in pairs)


def test_the_same_seed_gives_the_same_town():
    for level in LEVELS:
        again = generate_town(3, DIFFICULTIES[level])
        assert again.to_config() == town(level, 3).to_config()


def test_towns_are_named_by_level_and_seed():
    assert generate_town(1).name == "procedural:1"
    assert town("hard", 1).name == "procedural:hard:1"
    assert generate_town(1, TownConfig(jitter=3.0)).name == "procedural:custom:1"


def test_hard_towns_have_every_kind_of_street_and_junction():
    towns = [town("hard", seed) for seed in SEEDS]
    counts = [{len(streets) for streets in arms(network).values()} for network in towns]
    assert all(wanted <= set().union(*counts) for wanted in ({1}, {2}, {3}, {4}, {5}))
    assert sum(5 in count for count in counts) >= len(towns) / 2
    assert sum(1 in count for count in counts) >= len(towns) / 2
    assert sum(bool(roundabouts(network)) for network in towns) >= len(towns) / 2
    for network in towns:
        lanes = street_lanes(network)
        assert any(number > 0 for _, _, number in lanes)
        assert any((*opposite(index), 0) not in lanes for index in lanes)


def test_cities_have_wide_avenues_and_turns_of_many_radii():
    towns = [town("city", seed) for seed in SEEDS]
    widths = {number + 1 for network in towns for _, _, number in street_lanes(network)}
    assert widths == {1, 2, 3, 4, 5}
    sharpest = []
    for network in towns:
        turns = [lane for lane in network.lanes.values() if lane.junction is not None]
        sharpest += [np.abs(np.gradient(lane.headings, lane.stations)).max() for lane in turns]
    assert max(sharpest) > 0.16
    assert min(turn for turn in sharpest if turn > 0.02) < 0.06


def test_turns_of_compact_junctions_begin_where_the_street_ends():
    def share(compact):
        at_once = []
        for seed in range(3):
            network = generate_town(seed, replace(DIFFICULTIES["city"], compact=compact))
            for lane in network.lanes.values():
                turn = np.abs(lane.headings - lane.headings[0])
                if lane.junction is not None and turn[-1] > 0.5:
                    at_once.append(lane.stations[np.argmax(turn > 0.05)] < 1.5)
        return np.mean(at_once)

    assert share(0.0) < 0.2
    assert share(1.0) > 0.5


def test_shoulders_lie_beside_the_lanes_of_their_street():
    config = replace(DIFFICULTIES["city"], shoulders=1.0, shoulder_width=(2.0, 2.5))
    network = generate_town(0, config)
    shoulders = [strip for strip in network.paved if 2.0 <= strip.widths[0] <= 2.5]
    streets = {street_of(index) for index in street_lanes(network)}
    assert len(shoulders) == 2 * len(streets)
    lanes = street_lanes(network).values()
    edges = [shapely.LineString(lane.points).buffer(lane.widths[0] / 2) for lane in lanes]
    for strip in shoulders:
        middle = shapely.Point(strip.points[len(strip.points) // 2])
        away = min(edge.distance(middle) for edge in edges)
        assert away == pytest.approx(strip.widths[0] / 2, abs=0.1)


def test_easy_towns_have_none_of_these():
    for seed in range(4):
        network = town("easy", seed)
        assert not roundabouts(network)
        assert all(number == 0 for _, _, number in network.lanes)
        assert all((*opposite(index), 0) in network.lanes for index in street_lanes(network))


@pytest.mark.parametrize(
    ("seed", "lane", "first", "last"),
    [
        (
            0,
            "0.0>0.1",
            (1.9955585083761254, 3.32359729671324),
            (7.535895490175724, 94.79586876911148),
        ),
        (
            7,
            "2.2>1.2",
            (160.29163958317662, 191.56953042966293),
            (108.98439950886987, 197.24360767484185),
        ),
        (
            12345,
            "1.1>1.0",
            (82.99792354245555, 87.39749252511545),
            (75.80723045795997, 23.177876885790564),
        ),
    ],
)
def test_easy_towns_are_where_they_always_were(seed, lane, first, last):
    points = generate_town(seed).graph[f"{lane}:start"][f"{lane}:end"][0].points
    np.testing.assert_allclose(points[[0, -1]], [first, last], atol=1e-9)


def test_roundabouts_are_driven_counter_clockwise_on_a_circle():
    rings = [ring for network in every_town() for ring in circle_lanes(network).values()]
    assert rings
    for ring in rings:
        turned = sum(lane.headings[-1] - lane.headings[0] for lane in ring)
        assert turned == pytest.approx(2 * np.pi, abs=0.02)
        points = np.concatenate([lane.points for lane in ring])
        radius = np.linalg.norm(points - (points.min(axis=0) + points.max(axis=0)) / 2, axis=1)
        assert radius.min() > 9.0
        assert np.ptp(radius) < 0.3


def test_who_is_in_a_roundabout_goes_before_who_enters():
    for network in every_town():
        for (_, end, _), lane in network.lanes.items():
            if end.endswith(":joins") and lane.junction is not None and lane.priority == 0:
                (onward,) = network.graph[end].values()
                assert onward[0].priority > lane.priority


def test_dead_ends_turn_back_into_their_own_street():
    for network in every_town():
        for node, streets in arms(network).items():
            if len(streets) == 1:
                ((here, there),) = [sorted(street, key=node.__eq__) for street in streets]
                assert there == node
                assert list(network.graph[f"{here}>{node}:end"]) == [f"{node}>{here}:start"]


def test_right_turns_start_in_the_right_lane_and_left_turns_in_the_left():
    turns = []
    for network in (town(level, seed) for level in ("medium", "hard") for seed in SEEDS):
        for (start, end, _), lane in network.lanes.items():
            if lane.junction is None or not (start.endswith(":end") and end.endswith(":start")):
                continue
            before, after = (
                [index for index in network.lanes if joint in index[:2] and index != skip]
                for joint, skip in ((start, (start, end, 0)), (end, (start, end, 0)))
            )
            incoming = [index for index in before if index[1] == start]
            outgoing = [index for index in after if index[0] == end]
            if len(incoming) != 2 or len(outgoing) != 2:
                continue
            gaps_in = [
                np.linalg.norm(network.lanes[i].points[-1] - lane.points[0]) for i in incoming
            ]
            gaps_out = [
                np.linalg.norm(network.lanes[i].points[0] - lane.points[-1]) for i in outgoing
            ]
            turn = lane.headings[-1] - lane.headings[0]
            turns.append((turn, int(np.argmin(gaps_in)), int(np.argmin(gaps_out))))
    right = [pair for turn, *pair in turns if turn < -1.0]
    left = [pair for turn, *pair in turns if turn > 1.0]
    straight = {tuple(pair) for turn, *pair in turns if abs(turn) < 0.3}
    assert straight == {(0, 0), (1, 1)}
    assert right
    assert all(pair == [1, 1] for pair in right)
    assert left
    assert all(pair == [0, 0] for pair in left)


def test_lanes_side_by_side_share_a_dashed_line_and_one_way_streets_have_no_centre_line():
    for network in every_town():
        lanes = street_lanes(network)
        for (start, end, number), lane in lanes.items():
            right, left = lane.line_types
            beside = (start, end, number + 1) in lanes
            assert not beside or right == LineType.STRIPED
            assert number == 0 or left == LineType.NONE
            if number == 0 and (*opposite((start, end, 0)), 0) not in lanes:
                outer = lanes[start, end, len(network.graph[start][end]) - 1]
                assert left == outer.line_types[0]


def test_outside_cities_routes_never_need_more_curvature_than_the_vehicle_has():
    for network in (town(level, seed) for level in ("medium", "hard") for seed in SEEDS):
        for route in random_routes(network, 5, np.random.default_rng(0), 300.0, junctions=2):
            assert np.abs(np.diff(route.yaw)).max() < VEHICLE_CURVATURE


def test_the_expert_drives_the_tighter_turns_of_cities_too():
    options = RouteOptions(64, 200.0, min_junctions=1)
    simulator = load_simulator(["procedural:city:0-3"], options, ObservationConfig(), 0)
    assert max(np.abs(np.diff(r.yaw)).max() for r in simulator.scene.routes) > VEHICLE_CURVATURE
    states = simulator.start(np.arange(64), np.arange(64))
    while len(states):
        outcomes = simulator.step(states, simulator.expert(states))
        assert [infraction_of(outcome) for outcome in outcomes] == [None] * len(states)
        states = states[outcomes == RUNNING]


def test_traffic_on_the_left_drives_the_mirrored_town():
    config = DIFFICULTIES["medium"]
    left = generate_town(2, TownConfig(**{**vars(config), "left_hand": True}))
    assert left.left_hand
    assert nx.is_strongly_connected(left.lane_graph)
    for (start, end, number), lane in town("medium", 2).lanes.items():
        beside = len(left.graph[start][end]) - 1 - number
        mirrored = left.lanes[start, end, beside]
        np.testing.assert_allclose(mirrored.points, lane.points * [1, -1])
        assert mirrored.line_types == lane.line_types[::-1]


def test_arcs_to_a_circle_touch_the_arm_and_the_circle():
    circle = Circle(np.array([3.0, -2.0]), radius=12.0, entry=9.0)
    points = circle.way_in(0.0, 1.75)
    np.testing.assert_allclose(points[0], [3.0 + circle.reach(1.75), -2.0 + 1.75])
    assert np.linalg.norm(points[-1] - circle.centre) == pytest.approx(12.0)
    np.testing.assert_allclose(circle.way_out(0.0, 1.75), points[::-1] * [1, -1] + [0, -4.0])


def test_a_street_seen_from_its_other_end_is_the_same_line():
    street = Street(np.zeros(2), np.array([80.0, 10.0]), 0.4, -0.2, 3.5, 0, 0, 2, 0)
    np.testing.assert_allclose(street.turned().curve((5.0, 9.0))[::-1], street.curve((9.0, 5.0)))
    assert street.laterals().tolist() == [1.75, -1.75]
    assert len(street.turned().laterals()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"blocks": (5, 3)},
        {"block_size": (10.0, 60.0)},
        {"jitter": float("nan")},
        {"removed": 1.5},
        {"corner_radius": (2.0, 5.0)},
        {"roundabouts": 0.2},
    ],
)
def test_configs_that_give_no_town_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        TownConfig(**wrong)


def test_a_config_too_dense_to_build_is_reported_not_searched_for_ever():
    dense = TownConfig(
        blocks=(2, 2), block_size=(50.0, 50.0), avenues=1.0, diagonals=1.0, fitted_junctions=True
    )
    with pytest.raises(MapError, match="larger blocks"):
        generate_town(0, dense)
