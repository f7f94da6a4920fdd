"""OpenDRIVE rules on small maps: lanes, their links, and how they hang together."""

import networkx as nx
import numpy as np
import pytest
from highway_env.road.lane import LineType
from opendrive_text import (
    TWO_WAY,
    crossroads,
    document,
    geometry,
    joined,
    lane,
    linked_roads,
    road,
    section,
    to,
)

from drivecnn_envs.maps.opendrive.lanes import DEFAULT_SPEED


def ends(network):
    """(x, y) of start and end of every lane by index."""
    return {
        index: (tuple(lane.points[0].round(6)), tuple(lane.points[-1].round(6)))
        for index, lane in network.lanes.items()
    }


def test_right_lanes_go_with_the_road_and_left_lanes_against_it_leftmost_first(read_xodr):
    assert ends(read_xodr(document(road("a", TWO_WAY)))) == {
        ("a.0+", "a.1+", 0): ((0, -1.75), (100, -1.75)),
        ("a.0+", "a.1+", 1): ((0, -5.25), (100, -5.25)),
        ("a.1-", "a.0-", 0): ((100, 1.75), (0, 1.75)),
        ("a.1-", "a.0-", 1): ((100, 5.25), (0, 5.25)),
    }


LEFT_HAND = "junction='-1' rule='LHT'"


def test_left_hand_traffic_runs_the_other_way(read_xodr):
    network = read_xodr(document(road("a", TWO_WAY, attributes=LEFT_HAND)))
    assert network.left_hand
    assert ends(network) == {
        ("a.0+", "a.1+", 0): ((0, 5.25), (100, 5.25)),
        ("a.0+", "a.1+", 1): ((0, 1.75), (100, 1.75)),
        ("a.1-", "a.0-", 0): ((100, -5.25), (0, -5.25)),
        ("a.1-", "a.0-", 1): ((100, -1.75), (0, -1.75)),
    }


@pytest.mark.parametrize("left_hand_roads", [0, 1, 2, 3])
def test_network_keeps_left_where_most_of_its_roads_do(read_xodr, left_hand_roads):
    rules = [LEFT_HAND] * left_hand_roads + ["junction='-1'"] * (3 - left_hand_roads)
    roads = [
        road(name, TWO_WAY, attributes=rule, plan=geometry(y=50 * number))
        for number, (name, rule) in enumerate(zip("abc", rules, strict=True))
    ]
    assert read_xodr(document(*roads)).left_hand == (left_hand_roads >= 2)


def test_lane_offset_moves_all_lanes(read_xodr):
    offset = (
        "<laneOffset s='0' a='1' b='0' c='0' d='0'/><laneOffset s='50' a='1' b='.1' c='0' d='0'/>"
    )
    network = read_xodr(document(road("a", offset + section(0, right=lane(-1)))))
    (only,) = network.lanes.values()
    assert only.points[0, 1] == pytest.approx(-0.75)
    assert only.points[-1, 1] == pytest.approx(4.25)


def test_width_follows_all_its_records_and_the_sampling_is_about_half_a_metre(read_xodr):
    widths = (
        "<width sOffset='0' a='1' b='0.05' c='0' d='0'/>"
        "<width sOffset='50' a='3.5' b='0' c='0' d='0'/>"
    )
    network = read_xodr(document(road("a", section(0, right=lane(-1, width=widths)))))
    (only,) = network.lanes.values()
    assert only.width_at(0) == 1
    assert only.width_at(25) == pytest.approx(2.25, abs=0.01)
    assert only.width_at(75) == pytest.approx(3.5)
    assert np.diff(only.stations).max() < 0.51


def opening(at, length):
    """A lane without width that opens to 3.5 m in so many metres."""
    records = ((0, 0, 0), (at, 0, 3.5 / length), (at + length, 3.5, 0))
    return "".join(f"<width sOffset='{s}' a='{a}' b='{b}' c='0' d='0'/>" for s, a, b in records)


@pytest.mark.parametrize(("turned", "left"), [(False, False), (True, False), (False, True)])
def test_lane_without_width_is_no_lane_until_it_opens(read_xodr, turned, left):
    sign = 1 if left else -1
    lanes = lane(sign) + lane(2 * sign, width=opening(60, 10))
    sides = {"left": lanes} if left else {"right": lanes}
    plan = geometry(x=100, heading=np.pi) if turned else None
    network = read_xodr(document(road("a", section(0, **sides), plan=plan)))
    inner, outer, second = sorted(network.lanes.values(), key=lambda one: one.widths.min())[::-1]
    assert (inner.length + outer.length) == pytest.approx(100)
    assert second.length == pytest.approx(40, abs=1.5)
    assert second.widths.min() >= 0.3
    joined_lanes = [change for *_, change in network.lane_graph.edges(data="change")]
    assert sorted(joined_lanes) == [False, True, True]


def test_lane_that_tapers_out_is_one_lane_and_ends_where_it_becomes_too_narrow(read_xodr):
    widths = opening(4, 20)
    network = read_xodr(document(road("a", section(0, right=lane(-1) + lane(-2, width=widths)))))
    inner, outer = network.lanes.values()
    assert inner.length == pytest.approx(100)
    assert outer.points[0, 0] == pytest.approx(6, abs=0.6)
    assert outer.widths[0] == pytest.approx(0.3, abs=0.1)


def test_border_gives_the_lanes_outer_edge_instead_of_its_width(read_xodr):
    border = "<border sOffset='0' a='-{}' b='0' c='0' d='0'/>"
    lanes = lane(-1, width=border.format(3)) + lane(-2, width=border.format(7))
    inner, outer = read_xodr(document(road("a", section(0, right=lanes)))).lanes.values()
    assert (inner.widths[0], outer.widths[0]) == (3, 4)
    assert (inner.points[0, 1], outer.points[0, 1]) == (-1.5, -5)


def test_markings_come_from_a_lanes_own_edge_and_its_inner_neighbours(read_xodr):
    mark = "<roadMark sOffset='0' type='{}'/>"
    lanes = lane(-1, more=mark.format("broken")) + lane(-2, more=mark.format("curb"))
    inner, outer = read_xodr(document(road("a", section(0, right=lanes)))).lanes.values()
    assert inner.line_types == [LineType.STRIPED, LineType.CONTINUOUS_LINE]
    assert outer.line_types == [LineType.NONE, LineType.STRIPED]


@pytest.mark.parametrize(
    ("limit", "metres_per_second"),
    [("max='36' unit='km/h'", 10), ("max='10'", 10), ("max='25' unit='mph'", 11.176)],
)
def test_speed_limit_is_read_in_each_unit(read_xodr, limit, metres_per_second):
    kind = f"<type s='0' type='town'><speed {limit}/></type>"
    (only,) = read_xodr(document(road("a", section(0, right=lane(-1)), more=kind))).lanes.values()
    assert only.speed_limit == pytest.approx(metres_per_second)


def test_lane_speed_goes_before_the_roads_and_no_limit_means_the_default(read_xodr):
    speed = "<speed sOffset='0' max='7' unit='m/s'/>"
    kind = "<type s='0' type='motorway'><speed max='no limit'/></type>"
    lanes = section(0, right=lane(-1, more=speed) + lane(-2))
    first, second = read_xodr(document(road("a", lanes, more=kind))).lanes.values()
    assert (first.speed_limit, second.speed_limit) == (7, DEFAULT_SPEED)


def test_parking_becomes_a_paved_strip_and_a_sidewalk_nothing(read_xodr):
    lanes = lane(-1) + lane(-2, "parking") + lane(-3, "sidewalk")
    network = read_xodr(document(road("a", section(0, right=lanes))))
    assert len(network.lanes) == 1
    (strip,) = network.paved
    assert strip.points[0].tolist() == [0, -5.25]


def test_lanes_with_a_median_between_them_are_not_neighbours(read_xodr):
    lanes = lane(-1) + lane(-2, "median") + lane(-3)
    network = read_xodr(document(road("a", section(0, right=lanes))))
    assert not [edge for edge in network.lane_graph.edges if edge[0][:2] == edge[1][:2]]


@pytest.mark.parametrize("contact", ["start", "end"])
def test_linked_roads_share_nodes_whichever_end_they_meet_at(read_xodr, contact):
    network = read_xodr(linked_roads(contact))
    xs = [
        (network.lanes[before].points[0, 0].round(), network.lanes[after].points[-1, 0].round())
        for before, after in network.lane_graph.edges
    ]
    assert sorted(xs) == [(0, 200), (200, 0)]


def test_section_of_a_millionth_of_a_metre_does_not_break_the_lane(read_xodr):
    through = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
    sections = (
        section(0, right=lane(-1, more=to("successor", -1)))
        + section(50, right=lane(-1, more=through))
        + section(50.000001, right=lane(-1, more=to("predecessor", -1)))
    )
    network = read_xodr(document(road("a", sections)))
    assert len(network.lanes) == 2
    assert list(network.lane_graph.edges) == [(("a.0+", "a.1+", 0), ("a.1+", "a.3+", 0))]


def test_linked_lanes_half_a_metre_apart_are_bent_together(read_xodr):
    text = linked_roads().replace("x='100' y='0'", "x='100' y='0.5'")
    network = read_xodr(text)
    assert len(network.lane_graph.edges) == 2
    for lane_ in network.lanes.values():
        assert np.abs(np.diff(lane_.headings)).max() < 0.02


def test_road_that_ends_where_it_begins_is_cut_in_two(read_xodr):
    ring = geometry(length=2 * np.pi * 50, shape="<arc curvature='0.02'/>")
    links = joined("predecessor", "a", "end") + joined("successor", "a", "start")
    own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
    network = read_xodr(
        document(
            road("a", section(0, right=lane(-1, more=own)), links, ring, length=2 * np.pi * 50)
        )
    )
    assert len(network.lanes) == 2
    assert nx.is_strongly_connected(network.lane_graph)


def test_connecting_road_joins_its_roads_without_markings_and_knows_its_junction(read_xodr):
    network = read_xodr(crossroads())
    assert nx.has_path(network.lane_graph, ("a.0+", "a.1+", 0), ("c.1+", "b.1+", 0))
    inside = [lane_ for lane_ in network.lanes.values() if lane_.junction]
    assert [lane_.junction for lane_ in inside] == ["j"]
    assert inside[0].line_types == [LineType.NONE, LineType.NONE]


def test_direct_junction_joins_two_roads(read_xodr):
    network = read_xodr(crossroads("direct"))
    assert len(network.lanes) == 2
    assert len(network.lane_graph.edges) == 1


def test_parallel_connecting_roads_share_an_edge_from_left_to_right(read_xodr):
    lanes = lane(-1) + lane(-2)
    link = "<{} elementType='junction' elementId='j'/>"
    links = joined("predecessor", "a", "end") + joined("successor", "b", "start")
    parts = [
        road("a", section(0, right=lanes), link.format("successor")),
        road("b", section(0, right=lanes), link.format("predecessor"), geometry(x=120)),
        "<junction id='j'/>",
    ]
    for name, number, y in (("right", -2, -3.5), ("left", -1, 0)):
        own = to("predecessor", number).replace("</link>", f"<successor id='{number}'/></link>")
        plan = geometry(x=100, y=y, length=20)
        inside = section(0, right=lane(-1, more=own))
        parts.append(road(name, inside, links, plan, 20, attributes="junction='j'"))
    network = read_xodr(document(*parts))
    edge = network.graph["a.1+"][str(next(iter(network.graph["a.1+"])))]
    assert [lane_.points[0, 1] for lane_ in edge] == [-1.75, -5.25]


def test_link_to_a_lane_that_does_not_exist_is_left_out(read_xodr):
    network = read_xodr(linked_roads().replace("<successor id='-1'/>", "<successor id='-7'/>"))
    assert len(network.lane_graph.edges) == 2  # road b's own link to road a still counts


def test_links_in_a_circle_of_short_roads_come_to_an_end(read_xodr):
    def short(name, after):
        own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
        plan = geometry(length=0.01)
        links = joined("successor", after)
        return road(name, section(0, right=lane(-1, more=own)), links, plan, length=0.01)

    network = read_xodr(document(road("a", TWO_WAY), short("b", "c"), short("c", "b")))
    assert len(network.lanes) == 4
