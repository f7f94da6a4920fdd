"""OpenStreetMap on small maps: streets, junctions, dead ends, and what is refused."""

import bz2
import math

import numpy as np
import pytest
from highway_env.road.lane import LineType
from osm_text import CROSS, crossroads, document, restriction, way

from drivecnn_envs.errors import InputError, MapError, MapWarning
from drivecnn_envs.maps.osm import OsmOptions, read_osm
from drivecnn_envs.maps.osm.smooth import ease, sharpest
from drivecnn_envs.vehicle import MAX_CURVATURE


@pytest.fixture
def read(tmp_path):
    """A function that reads a document as a file."""

    def read_text(text, options=None):
        path = tmp_path / "town.osm"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_osm(path, options)

    return read_text


def turns(network):
    """From and to which side the lanes near the middle lead: names of arms by compass point."""

    def side(point):
        return "ENWS"[round(math.atan2(point[1], point[0]) / (math.pi / 2)) % 4]

    return {
        side(lane.points[0]) + side(lane.points[-1])
        for (start, _, _), lane in network.lanes.items()
        if start.endswith("end") and np.abs(lane.points).max() < 80.0
    }


def check_joins(network):
    """Connections join lanes without a gap or a kink, and can be driven."""
    for before, after, change in network.lane_graph.edges(data="change"):
        if not change:
            turn = network.lanes[after].headings[0] - network.lanes[before].headings[-1]
            assert abs(math.remainder(turn, 2 * math.pi)) < 0.1
    for index, lane in network.lanes.items():
        assert sharpest(lane.points) <= 1.25 * MAX_CURVATURE
        if index[0].endswith("end"):
            assert network.followers(index)
            assert any(
                not network.lane_graph.edges[before, index]["change"]
                for before in network.lane_graph.predecessors(index)
            )


def test_crossroads_lead_from_everywhere_to_everywhere_else(read):
    network = read(crossroads())
    check_joins(network)
    assert turns(network) == {a + b for a in "ENWS" for b in "ENWS" if a != b}
    assert len({lane.junction for lane in network.lanes.values()} - {None}) == 1


@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_traffic_keeps_to_its_side(read, side, sign):
    network = read(crossroads(), OsmOptions(traffic=side))
    assert network.left_hand == (side == "left")
    check_joins(network)
    eastbound = [
        lane
        for lane in network.lanes.values()
        if lane.junction is None and np.allclose(lane.headings, 0.0, atol=0.01)
    ]
    assert len(eastbound) == 2
    for lane in eastbound:
        assert np.sign(lane.points[:, 1].mean()) == sign


def test_side_is_found_by_country(read):
    sydney = document({1: (0, 0), 2: (200, 0)}, [way(1, [1, 2])], east=103.8)
    assert read(sydney).left_hand


def test_forbidden_turns_are_left_out(read):
    network = read(crossroads(restriction("no_left_turn", 1, 0, 4)))
    assert "ES" not in turns(network)
    assert {"EN", "EW"} <= turns(network)


def test_prescribed_turns_are_the_only_ones(read):
    network = read(crossroads(restriction("only_straight_on", 1, 0, 3)))
    assert {pair for pair in turns(network) if pair[0] == "E"} == {"EW"}


def test_oneway_streets_are_not_entered_from_their_end(read):
    ways = [way(1, [1, 0], oneway="yes"), way(2, [0, 2], oneway="-1"), way(3, [3, 0])]
    network = read(document(CROSS, ways))
    assert turns(network) >= {"EW", "NW"}
    assert not {pair for pair in turns(network) if pair[1] in "EN"}


def test_nodes_of_one_dual_carriageway_crossing_become_one_junction(read):
    places = {
        **{1: (-150, 5), 2: (-5, 5), 3: (5, 5), 4: (150, 5)},
        **{5: (-150, -5), 6: (-5, -5), 7: (5, -5), 8: (150, -5)},
        **{9: (-5, 150), 10: (5, 150), 11: (-5, -150), 12: (5, -150)},
    }
    ways = [
        way(1, [4, 3, 2, 1], oneway="yes", lanes=2),
        way(2, [5, 6, 7, 8], oneway="yes", lanes=2),
        way(3, [9, 2, 6, 11], oneway="yes", lanes=2),
        way(4, [12, 7, 3, 10], oneway="yes", lanes=2),
    ]
    network = read(document(places, ways))
    check_joins(network)
    assert len({lane.junction for lane in network.lanes.values()} - {None}) == 1
    assert turns(network) == {a + b for a in "ENWS" for b in "ENWS" if a != b}


def ring(radius):
    """A roundabout of eight nodes with an arm to the east, the north and the west."""
    angles = np.arange(8) * np.pi / 4
    places = {
        number: (radius * np.cos(angle), radius * np.sin(angle))
        for number, angle in enumerate(angles)
    }
    arms = {10: (0, (150, 0)), 11: (2, (0, 150)), 12: (4, (-150, 0))}
    ways = [way(1, [*range(8), 0], junction="roundabout")]
    ways += [way(arm, [arm, node]) for arm, (node, _) in arms.items()]
    return document(places | {arm: place for arm, (_, place) in arms.items()}, ways)


@pytest.mark.parametrize("radius", [5, 12, 25, 60])
def test_roundabouts_are_driven_around_the_island(read, radius):
    network = read(ring(radius))
    check_joins(network)
    assert not network.left_hand
    for lane in network.lanes.values():
        if lane.junction and radius in (12, 25):
            assert np.linalg.norm(lane.points, axis=1).min() > 0.7 * radius
    if radius < 60:  # larger ones are made of streets
        assert turns(network) == {a + b for a in "ENW" for b in "ENW" if a != b}


def test_a_dead_end_is_turned_round_in_where_there_is_room(read):
    network = read(document({1: (0, 0), 2: (200, 0)}, [way(1, [1, 2])]))
    assert all(network.followers(index) for index in network.lanes)
    assert all(lane.junction is None for lane in network.lanes.values())
    check_joins(network)


def test_a_dead_end_beside_another_street_just_ends(read):
    places = {1: (0, 0), 2: (200, 0), 3: (201, -150), 4: (199, 150), 5: (206, -150), 6: (206, 150)}
    network = read(document(places, [way(1, [1, 2]), way(2, [5, 6])]))
    assert sum(not network.followers(index) for index in network.lanes) == 1


def test_lanes_that_run_out_lead_into_those_that_stay(read):
    places = {1: (0, 0), 2: (150, 0), 3: (300, 0)}
    ways = [way(1, [1, 2], oneway="yes", lanes=3), way(2, [2, 3], oneway="yes", lanes=2)]
    network = read(document(places, ways))
    check_joins(network)
    assert len(network.lanes) == 3 + 3 + 2
    assert len(network.graph["0+:start"]["0+:end"]) == 3
    assert all(network.followers(("0+:start", "0+:end", number)) for number in range(3))


def test_a_street_goes_on_where_only_its_name_changes(read):
    places = {1: (0, 0), 2: (150, 0), 3: (300, 10)}
    network = read(document(places, [way(1, [1, 2], ref="a"), way(2, [3, 2], ref="b")]))
    assert len(network.lanes) == 4  # a lane each way and a loop at either end


def test_a_sharp_corner_is_rounded_for_the_innermost_lane(read):
    places = {1: (0, 0), 2: (150, 0), 3: (150, 150)}
    network = read(document(places, [way(1, [1, 2, 3], lanes=4)]))
    assert all(sharpest(lane.points) <= MAX_CURVATURE for lane in network.lanes.values())


def test_lines_part_the_directions_and_the_lanes(read):
    places = {1: (0, 0), 2: (200, 0)}
    network = read(document(places, [way(1, [1, 2], highway="primary", lanes=4)]))
    lines = {
        lane.line_types[side]
        for lane in network.lanes.values()
        for side in (0, 1)
        if lane.length > 100
    }
    assert lines == {LineType.NONE, LineType.STRIPED, LineType.CONTINUOUS_LINE}


@pytest.mark.parametrize(
    "places",
    [
        {1: (0, 0), 2: (0, 0), 3: (100, 0)},
        {1: (0, 0), 2: (50, 0), 3: (0.001, 0)},
        {1: (0, 0), 2: (0.01, 0), 3: (0, 0.01)},
    ],
    ids=["repeated places", "there and back", "a point"],
)
def test_degenerate_lines_are_read_or_refused(read, places):
    try:
        network = read(document(places, [way(1, [1, 2, 3]), way(2, [3, 3]), way(3, [1])]))
    except MapError:
        return
    assert all(np.isfinite(lane.points).all() for lane in network.lanes.values())


def test_a_way_that_crosses_itself_has_a_junction(read):
    places = {1: (-100, 0), 2: (0, 0), 3: (100, 0), 4: (100, 100), 5: (0, 100), 6: (0, -100)}
    network = read(document(places, [way(1, [1, 2, 3, 4, 5, 2, 6])]))
    check_joins(network)
    assert len({lane.junction for lane in network.lanes.values()} - {None}) == 1


def test_missing_nodes_cut_the_road_and_are_told(read):
    places = {1: (0, 0), 2: (100, 0), 4: (300, 0), 5: (400, 0)}
    with pytest.warns(MapWarning, match=r"town\.osm: 1 nodes of 1 roads are not in the file"):
        network = read(document(places, [way(1, [1, 2, 3, 4, 5])]))
    assert len(network.lanes) == 8  # two streets, each a lane both ways and two loops


def test_a_part_can_be_cut_out(read):
    near = read(crossroads(), OsmOptions(around=(0.0, 10.0), radius=200.0))
    assert len(turns(near)) == 12
    with pytest.raises(MapError, match="a larger part"):
        read(crossroads(), OsmOptions(around=(0.0, 11.0), radius=200.0))


@pytest.mark.parametrize(
    "options",
    [
        {"traffic": "middle"},
        {"radius": 100.0},
        {"around": (0.0, 0.0)},
        {"around": (95.0, 0.0), "radius": 100.0},
        {"around": (math.nan, 0.0), "radius": 100.0},
        {"around": (0.0, 0.0), "radius": 0.0},
        {"around": (0.0, 0.0), "radius": math.inf},
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(InputError, match=r"traffic|around|radius"):
        OsmOptions(**options)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected OpenStreetMap data"),
        (b"\x00garbage", "expected OpenStreetMap data"),
        (b"<html></html>", "expected OpenStreetMap data"),
        (b"<osm version='0.6'></osm>", "expected ways with highway"),
        (b"<osm version='0.6'><node id='1' lat='x' lon='0'/>", "expected"),
        (
            b"<!DOCTYPE osm [<!ENTITY a 'aaaa'>]><osm version='0.6'><way id='1'>&a;</way></osm>",
            "XML entities are not supported",
        ),
        (crossroads().encode()[:-60], "expected OpenStreetMap data"),
        (
            document({}, [way(1, [1, 2])]).encode(),
            "none of the roads' nodes is in the file",
        ),
        (document({1: (0, 0), 2: (9, 0)}, [way(1, [1, 2], highway="path")]).encode(), "got none"),
    ],
)
def test_what_is_no_map_is_refused_in_one_line(read, content, reason):
    with pytest.raises(MapError, match=reason) as caught:
        read(content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no.osm", "no.osm.pbf", "no.osm.bz2", "no.txt"])
def test_missing_files_and_other_kinds_are_named(tmp_path, name):
    with pytest.raises(MapError, match=name):
        read_osm(tmp_path / name)


def test_a_packed_file_is_the_same_map(tmp_path, read):
    packed = tmp_path / "town.osm.bz2"
    packed.write_bytes(bz2.compress(crossroads().encode()))
    assert read_osm(packed).lanes.keys() == read(crossroads()).lanes.keys()
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(MapError, match="expected OpenStreetMap data"):
        read_osm(packed)


def test_a_small_packed_file_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("drivecnn_envs.maps.osm.file.MAX_FILE_BYTES", 2_000_000)
    packed = tmp_path / "bomb.osm.bz2"
    packed.write_bytes(bz2.compress(b" " * 5_000_000))
    with pytest.raises(MapError, match="2 MB or more, expected at most 2 MB"):
        read_osm(packed)


def test_easing_bends_no_more_than_allowed_and_leaves_gentle_lines_alone():
    corner = np.array([[0.0, 0.0], [50.0, 0.0], [50.0, 50.0]])
    eased = ease(corner, 0.5, 0.1, pinned=2)
    assert sharpest(eased) <= 0.11
    assert eased[[0, -1]].tolist() == [[0, 0], [50, 50]]
    assert np.linalg.norm(eased - corner[1], axis=1).min() < 5.0
    straight = np.array([[0.0, 0.0], [30.0, 0.0], [100.0, 0.0]])
    assert np.allclose(ease(straight, 1.0, 0.1, pinned=1)[:, 1], 0.0)
