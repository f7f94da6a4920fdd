"""OpenDRIVE rules on small maps written out here, and what bad files answer."""

import random
import re

import networkx as nx
import numpy as np
import pytest
from highway_env.road.lane import LineType

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import opendrive, xml_lines
from drivecnn_envs.maps.opendrive import read_opendrive


def lane(number, kind="driving", width="<width sOffset='0' a='3.5' b='0' c='0' d='0'/>", more=""):
    return f"<lane id='{number}' type='{kind}'>{more}{width}</lane>\n"


def section(start, left="", right="", centre_mark="solid"):
    centre = f"<lane id='0' type='none'><roadMark sOffset='0' type='{centre_mark}'/></lane>"
    return (
        f"<laneSection s='{start}'>\n<left>\n{left}</left>\n<center>{centre}</center>\n"
        f"<right>\n{right}</right>\n</laneSection>\n"
    )


def geometry(start=0, x=0, y=0, length=100, shape="<line/>", heading=0):
    return (
        f"<geometry s='{start}' x='{x}' y='{y}' hdg='{heading}' length='{length}'>{shape}"
        "</geometry>\n"
    )


def road(name, sections, link="", plan=None, length=100, more="", attributes="junction='-1'"):
    return (
        f"<road id='{name}' length='{length}' {attributes}>\n<link>{link}</link>\n{more}"
        f"<planView>{plan or geometry(length=length)}</planView>\n"
        f"<lanes>{sections}</lanes>\n</road>\n"
    )


def document(*parts):
    return f"<?xml version='1.0'?>\n<OpenDRIVE>\n{''.join(parts)}</OpenDRIVE>\n"


def joined(tag, name, contact="start"):
    return f"<{tag} elementType='road' elementId='{name}' contactPoint='{contact}'/>"


def to(tag, *numbers):
    return "<link>" + "".join(f"<{tag} id='{number}'/>" for number in numbers) + "</link>"


TWO_WAY = section(0, lane(2) + lane(1), lane(-1) + lane(-2))


@pytest.fixture
def read(tmp_path):
    """A function that reads a document as a file."""

    def read_text(text):
        path = tmp_path / "town.xodr"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_opendrive(path)

    return read_text


def ends(network):
    """(x, y) of start and end of every lane by index."""
    return {
        index: (tuple(lane.points[0].round(6)), tuple(lane.points[-1].round(6)))
        for index, lane in network.lanes.items()
    }


def test_right_lanes_go_with_the_road_and_left_lanes_against_it_leftmost_first(read):
    assert ends(read(document(road("a", TWO_WAY)))) == {
        ("a.0+", "a.1+", 0): ((0, -1.75), (100, -1.75)),
        ("a.0+", "a.1+", 1): ((0, -5.25), (100, -5.25)),
        ("a.1-", "a.0-", 0): ((100, 1.75), (0, 1.75)),
        ("a.1-", "a.0-", 1): ((100, 5.25), (0, 5.25)),
    }


def test_left_hand_traffic_runs_the_other_way(read):
    network = read(document(road("a", TWO_WAY, attributes="junction='-1' rule='LHT'")))
    assert ends(network) == {
        ("a.0+", "a.1+", 0): ((0, 5.25), (100, 5.25)),
        ("a.0+", "a.1+", 1): ((0, 1.75), (100, 1.75)),
        ("a.1-", "a.0-", 0): ((100, -5.25), (0, -5.25)),
        ("a.1-", "a.0-", 1): ((100, -1.75), (0, -1.75)),
    }


def test_lane_offset_moves_all_lanes(read):
    offset = (
        "<laneOffset s='0' a='1' b='0' c='0' d='0'/><laneOffset s='50' a='1' b='.1' c='0' d='0'/>"
    )
    network = read(document(road("a", offset + section(0, right=lane(-1)))))
    (only,) = network.lanes.values()
    assert only.points[0, 1] == pytest.approx(-0.75)
    assert only.points[-1, 1] == pytest.approx(4.25)


def test_width_follows_all_its_records_and_the_sampling_is_about_half_a_metre(read):
    widths = (
        "<width sOffset='0' a='0' b='0.07' c='0' d='0'/>"
        "<width sOffset='50' a='3.5' b='0' c='0' d='0'/>"
    )
    (only,) = read(document(road("a", section(0, right=lane(-1, width=widths))))).lanes.values()
    assert only.width_at(0) == 0
    assert only.width_at(25) == pytest.approx(1.75, abs=0.01)
    assert only.width_at(75) == pytest.approx(3.5)
    assert np.diff(only.stations).max() < 0.51


def test_border_gives_the_lanes_outer_edge_instead_of_its_width(read):
    border = "<border sOffset='0' a='-{}' b='0' c='0' d='0'/>"
    lanes = lane(-1, width=border.format(3)) + lane(-2, width=border.format(7))
    inner, outer = read(document(road("a", section(0, right=lanes)))).lanes.values()
    assert (inner.widths[0], outer.widths[0]) == (3, 4)
    assert (inner.points[0, 1], outer.points[0, 1]) == (-1.5, -5)


def test_markings_come_from_a_lanes_own_edge_and_its_inner_neighbours(read):
    mark = "<roadMark sOffset='0' type='{}'/>"
    lanes = lane(-1, more=mark.format("broken")) + lane(-2, more=mark.format("curb"))
    inner, outer = read(document(road("a", section(0, right=lanes)))).lanes.values()
    assert inner.line_types == [LineType.STRIPED, LineType.CONTINUOUS_LINE]
    assert outer.line_types == [LineType.NONE, LineType.STRIPED]


@pytest.mark.parametrize(
    ("limit", "metres_per_second"),
    [("max='36' unit='km/h'", 10), ("max='10'", 10), ("max='25' unit='mph'", 11.176)],
)
def test_speed_limit_is_read_in_each_unit(read, limit, metres_per_second):
    kind = f"<type s='0' type='town'><speed {limit}/></type>"
    (only,) = read(document(road("a", section(0, right=lane(-1)), more=kind))).lanes.values()
    assert only.speed_limit == pytest.approx(metres_per_second)


def test_lane_speed_goes_before_the_roads_and_no_limit_means_the_default(read):
    speed = "<speed sOffset='0' max='7' unit='m/s'/>"
    kind = "<type s='0' type='motorway'><speed max='no limit'/></type>"
    lanes = section(0, right=lane(-1, more=speed) + lane(-2))
    first, second = read(document(road("a", lanes, more=kind))).lanes.values()
    assert (first.speed_limit, second.speed_limit) == (7, opendrive.DEFAULT_SPEED)


def test_parking_becomes_a_paved_strip_and_a_sidewalk_nothing(read):
    lanes = lane(-1) + lane(-2, "parking") + lane(-3, "sidewalk")
    network = read(document(road("a", section(0, right=lanes))))
    assert len(network.lanes) == 1
    (strip,) = network.paved
    assert strip.points[0].tolist() == [0, -5.25]


def test_lanes_with_a_median_between_them_are_not_neighbours(read):
    lanes = lane(-1) + lane(-2, "median") + lane(-3)
    network = read(document(road("a", section(0, right=lanes))))
    assert not [edge for edge in network.lane_graph.edges if edge[0][:2] == edge[1][:2]]


def linked_roads(second_contact="start"):
    """Road a runs from x = 0 to 100; road b goes on from there, laid out from either end."""
    at_start = second_contact == "start"
    own = "predecessor" if at_start else "successor"
    sign = 1 if at_start else -1
    return document(
        road(
            "a",
            section(0, lane(1, more=to("successor", sign)), lane(-1, more=to("successor", -sign))),
            joined("successor", "b", second_contact),
        ),
        road(
            "b",
            section(0, lane(1, more=to(own, sign)), lane(-1, more=to(own, -sign))),
            joined(own, "a", "end"),
            geometry(x=100 if at_start else 200, heading=0 if at_start else np.pi),
        ),
    )


@pytest.mark.parametrize("contact", ["start", "end"])
def test_linked_roads_share_nodes_whichever_end_they_meet_at(read, contact):
    network = read(linked_roads(contact))
    xs = [
        (network.lanes[before].points[0, 0].round(), network.lanes[after].points[-1, 0].round())
        for before, after in network.lane_graph.edges
    ]
    assert sorted(xs) == [(0, 200), (200, 0)]


def test_section_of_a_millionth_of_a_metre_does_not_break_the_lane(read):
    through = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
    sections = (
        section(0, right=lane(-1, more=to("successor", -1)))
        + section(50, right=lane(-1, more=through))
        + section(50.000001, right=lane(-1, more=to("predecessor", -1)))
    )
    network = read(document(road("a", sections)))
    assert len(network.lanes) == 2
    assert list(network.lane_graph.edges) == [(("a.0+", "a.1+", 0), ("a.1+", "a.3+", 0))]


def test_linked_lanes_half_a_metre_apart_are_bent_together(read):
    text = linked_roads().replace("x='100' y='0'", "x='100' y='0.5'")
    network = read(text)
    assert len(network.lane_graph.edges) == 2
    for lane_ in network.lanes.values():
        assert np.abs(np.diff(lane_.headings)).max() < 0.02


def test_road_that_ends_where_it_begins_is_cut_in_two(read):
    ring = geometry(length=2 * np.pi * 50, shape="<arc curvature='0.02'/>")
    links = joined("predecessor", "a", "end") + joined("successor", "a", "start")
    own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
    network = read(
        document(
            road("a", section(0, right=lane(-1, more=own)), links, ring, length=2 * np.pi * 50)
        )
    )
    assert len(network.lanes) == 2
    assert nx.is_strongly_connected(network.lane_graph)


def crossroads(kind="default"):
    """From road a straight on to b, or along connecting road c of junction j: one lane each."""
    lanes = section(0, right=lane(-1))
    link = "<{} elementType='junction' elementId='j'/>"
    connecting = "connectingRoad" if kind == "default" else "linkedRoad"
    target = "c" if kind == "default" else "b"
    connection = (
        f"<connection id='0' incomingRoad='a' {connecting}='{target}' contactPoint='start'>"
        "<laneLink from='-1' to='-1'/></connection>"
    )
    parts = [
        road("a", lanes, link.format("successor")),
        road("b", lanes, link.format("predecessor"), geometry(x=100 if kind == "direct" else 120)),
        f"<junction id='j' name='main' type='{kind}'>{connection}</junction>",
    ]
    if kind == "default":
        links = joined("predecessor", "a", "end") + joined("successor", "b", "start")
        own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
        mark = "<roadMark sOffset='0' type='solid'/>"
        inside = section(0, right=lane(-1, more=own + mark))
        plan = geometry(x=100, length=20)
        parts.append(road("c", inside, links, plan, 20, attributes="junction='j'"))
    return document(*parts)


def test_connecting_road_joins_its_roads_without_markings_and_knows_its_junction(read):
    network = read(crossroads())
    assert nx.has_path(network.lane_graph, ("a.0+", "a.1+", 0), ("c.1+", "b.1+", 0))
    inside = [lane_ for lane_ in network.lanes.values() if lane_.junction]
    assert [lane_.junction for lane_ in inside] == ["j"]
    assert inside[0].line_types == [LineType.NONE, LineType.NONE]


def test_direct_junction_joins_two_roads(read):
    network = read(crossroads("direct"))
    assert len(network.lanes) == 2
    assert len(network.lane_graph.edges) == 1


def test_parallel_connecting_roads_share_an_edge_from_left_to_right(read):
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
    network = read(document(*parts))
    edge = network.graph["a.1+"][str(next(iter(network.graph["a.1+"])))]
    assert [lane_.points[0, 1] for lane_ in edge] == [-1.75, -5.25]


GOOD = document(road("a", section(0, right=lane(-1))))
BAD = {
    "empty file": ("", "expected XML"),
    "binary": (b"\x00\x01\x02\xff", "expected XML"),
    "cut off": (GOOD[:200], "expected XML"),
    "unknown encoding": (GOOD.replace("version='1.0'", "version='1.0' encoding='no'"), "encoding"),
    "other XML": ("<osm></osm>", "expected <OpenDRIVE>, got <osm>"),
    "entities": (
        "<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]><OpenDRIVE>&c;</OpenDRIVE>",
        "entity declarations",
    ),
    "no road": (document(), "at least one <road>"),
    "no driving lane": (GOOD.replace("driving", "sidewalk"), "expected a driving lane"),
    "road id twice": (document(*[road("a", TWO_WAY)] * 2), "comes twice"),
    "no length": (GOOD.replace("length='100' junction", "junction"), "no attribute 'length'"),
    "length no number": (GOOD.replace("length='100' j", "length='long' j"), "finite number"),
    "road of no length": (GOOD.replace("length='100' j", "length='0' j"), "more than 0"),
    "x is NaN": (GOOD.replace("x='0'", "x='nan'"), "finite number"),
    "coordinate without end": (GOOD.replace("a='3.5'", "a='1e999'"), "finite number"),
    "far away": (
        document(
            road("a", TWO_WAY), road("b", TWO_WAY, plan=geometry(x=2e6, length=100, heading=1))
        ),
        "away from the first",
    ),
    "no geometry": (re.sub("<geometry.*</geometry>", "", GOOD), "no <geometry>"),
    "geometry of no length": (GOOD.replace("hdg='0' length='100'", "hdg='0' length='0'"), "0 m lo"),
    "geometry too short": (GOOD.replace("hdg='0' length='100'", "hdg='0' length='9'"), "s=9"),
    "unknown shape": (GOOD.replace("<line/>", "<bezier/>"), "no known shape"),
    "wild spiral": (
        GOOD.replace("<line/>", "<spiral curvStart='0' curvEnd='1e9'/>"),
        "the spiral turns",
    ),
    "wild cubic": (
        GOOD.replace(
            "<line/>",
            "<paramPoly3 pRange='arcLength' aU='0' bU='1' cU='1e300' dU='-1e308' "
            "aV='0' bV='0' cV='0' dV='1e308'/>",
        ),
        "away from the first",
    ),
    "lane that folds": (
        GOOD.replace("<line/>", "<arc curvature='-1'/>"),
        "runs backwards for the most part",
    ),
    "torn line": (
        document(road("a", TWO_WAY, plan=geometry(length=50) + geometry(50, 80, 0, 50))),
        "30 m from where",
    ),
    "no sections": (re.sub("<laneSection.*</laneSection>", "", GOOD, flags=re.S), "<laneSection>"),
    "section outside": (
        document(road("a", TWO_WAY + TWO_WAY.replace("s='0'", "s='500'", 1))),
        "from s=500",
    ),
    "lane twice": (document(road("a", section(0, right=lane(-1) * 2))), "given twice"),
    "lane on the wrong side": (document(road("a", section(0, right=lane(1)))), "wrong side"),
    "lane id no number": (document(road("a", section(0, right=lane("one")))), "whole number"),
    "lane without width": (document(road("a", section(0, right=lane(-1, width="")))), "no <width>"),
    "negative width": (GOOD.replace("a='3.5' b='0'", "a='3.5' b='-0.1'"), "is -0.05 m wide"),
    "speed in knots": (
        document(
            road(
                "a",
                TWO_WAY,
                more="<type s='0' type='town'><speed max='3' unit='kn'/></type>",
            )
        ),
        "expected m/s or km/h",
    ),
    "dangling road": (
        linked_roads().replace("elementId='b'", "elementId='z'"),
        "'z', which is not",
    ),
    "dangling junction": (crossroads().replace("elementId='j'", "elementId='k'"), "junction 'k'"),
    "dangling connection": (crossroads().replace("Road='c'", "Road='z'"), "road 'z', which"),
    "bad contact": (linked_roads().replace("Point='start'", "Point='middle'"), "start or end"),
    "link across": (linked_roads().replace("x='100' y='0'", "x='100' y='40'"), "40.00 m apart"),
    "link head on": (
        linked_roads().replace("<successor id='-1'/>", "<successor id='1'/>"),
        "runs the other way",
    ),
    "thousands of kilometres": (
        document(*[road(str(n), TWO_WAY, plan=geometry(length=9e5), length=9e5) for n in range(4)]),
        "cut the map into parts",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_gets_one_line_that_names_file_and_fault(read, name):
    text, fault = BAD[name]
    with pytest.raises(MapError) as caught:
        read(text)
    message = str(caught.value)
    assert "\n" not in message
    assert "town.xodr" in message
    assert fault in message
    assert ": " in message.rpartition(fault)[2] or message.count(": ") >= 2  # says what to do


def test_damaged_attributes_never_end_in_another_error(read):
    rng = random.Random(11)
    values = ("0", "-1", "1e300", "-1e300", "nan", "", "word", "1e-300", "5", "-1000", "1e6")
    refused = 0
    for _ in range(300):
        text = rng.choice([crossroads(), linked_roads("end")])
        attribute = rng.choice(list(re.finditer(r"='([^']*)'", text)))
        try:
            read(text[: attribute.start(1)] + rng.choice(values) + text[attribute.end(1) :])
        except MapError:
            refused += 1
    assert 100 < refused < 300


def test_complaint_names_the_line_of_the_element(read):
    lines = GOOD.splitlines()
    number = next(at for at, line in enumerate(lines, 1) if "<geometry" in line)
    with pytest.raises(MapError, match=rf"town\.xodr:{number}: attribute 'hdg'"):
        read(GOOD.replace("hdg='0'", "hdg='east'"))


def test_missing_file_is_a_map_error(tmp_path):
    with pytest.raises(MapError, match="No such file"):
        read_opendrive(tmp_path / "none.xodr")


def test_file_over_the_size_limit_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr(xml_lines, "MAX_FILE_BYTES", 100)
    with pytest.raises(MapError, match="cut the map into parts"):
        read(GOOD)


def test_link_to_a_lane_that_does_not_exist_is_left_out(read):
    network = read(linked_roads().replace("<successor id='-1'/>", "<successor id='-7'/>"))
    assert len(network.lane_graph.edges) == 2  # road b's own link to road a still counts


def test_links_in_a_circle_of_short_roads_come_to_an_end(read):
    def short(name, after):
        own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
        plan = geometry(length=0.01)
        links = joined("successor", after)
        return road(name, section(0, right=lane(-1, more=own)), links, plan, length=0.01)

    network = read(document(road("a", TWO_WAY), short("b", "c"), short("c", "b")))
    assert len(network.lanes) == 4


def test_deeply_nested_elements_are_read_without_recursion(read):
    deep = "<userData>" * 50_000 + "</userData>" * 50_000
    assert len(read(GOOD.replace("<OpenDRIVE>", "<OpenDRIVE>" + deep)).lanes) == 1
