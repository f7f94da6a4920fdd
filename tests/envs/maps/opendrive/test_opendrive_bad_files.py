"""What broken, absurd and hostile OpenDRIVE files answer."""

import os
import random
import re

import pytest
from opendrive_text import (
    GOOD,
    TWO_WAY,
    crossroads,
    document,
    geometry,
    lane,
    linked_roads,
    road,
    section,
)

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import xml_lines
from drivecnn_envs.maps.opendrive import read_opendrive

UPHILL = "<elevationProfile><elevation s='0' a='up' b='0' c='0' d='0'/></elevationProfile>"
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
        document(*[road(str(n), TWO_WAY, plan=geometry(length=9e4), length=9e4) for n in range(9)]),
        "cut the map into parts",
    ),
    "road without end": (GOOD.replace("length='100' j", "length='1e9' j"), "at most 100000 m"),
    "height no number": (GOOD.replace("<planView>", UPHILL + "<planView>"), "finite number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_gets_one_line_that_names_file_and_fault(read_xodr, name):
    text, fault = BAD[name]
    with pytest.raises(MapError) as caught:
        read_xodr(text)
    message = str(caught.value)
    assert "\n" not in message
    assert "town.xodr" in message
    assert fault in message
    assert ": " in message.rpartition(fault)[2] or message.count(": ") >= 2  # says what to do


def test_damaged_attributes_never_end_in_another_error(read_xodr):
    rng = random.Random(11)
    values = ("0", "-1", "1e300", "-1e300", "nan", "", "word", "1e-300", "5", "-1000", "1e6")
    refused = 0
    for _ in range(300):
        text = rng.choice([crossroads(), linked_roads("end")])
        attribute = rng.choice(list(re.finditer(r"='([^']*)'", text)))
        try:
            read_xodr(text[: attribute.start(1)] + rng.choice(values) + text[attribute.end(1) :])
        except MapError:
            refused += 1
    assert 100 < refused < 300


def test_complaint_names_the_line_of_the_element(read_xodr):
    lines = GOOD.splitlines()
    number = next(at for at, line in enumerate(lines, 1) if "<geometry" in line)
    with pytest.raises(MapError, match=rf"town\.xodr:{number}: attribute 'hdg'"):
        read_xodr(GOOD.replace("hdg='0'", "hdg='east'"))


def test_missing_file_is_a_map_error(tmp_path):
    with pytest.raises(MapError, match="No such file"):
        read_opendrive(tmp_path / "none.xodr")


def test_file_of_half_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.xodr"
    path.touch()
    os.truncate(path, 500_000_000)  # takes no room on the disk
    with pytest.raises(MapError, match="has 500 MB, expected at most 200 MB: cut the map into"):
        read_opendrive(path)


def test_file_with_too_many_elements_is_refused_as_it_is_read(read_xodr, monkeypatch):
    monkeypatch.setattr(xml_lines, "MAX_ELEMENTS", 1000)
    with pytest.raises(MapError, match=r"town\.xodr:\d+: expected at most 1,000 elements"):
        read_xodr(GOOD.replace("<OpenDRIVE>", "<OpenDRIVE>" + "<userData/>\n" * 2000))


def test_deeply_nested_elements_are_read_without_recursion(read_xodr):
    deep = "<userData>" * 50_000 + "</userData>" * 50_000
    assert len(read_xodr(GOOD.replace("<OpenDRIVE>", "<OpenDRIVE>" + deep)).lanes) == 1


def test_tag_of_megabytes_is_refused_before_the_parser_slows_down(read_xodr):
    with pytest.raises(MapError, match="tags and texts of at most 1,000,000 bytes"):
        read_xodr(GOOD.replace("<OpenDRIVE>", f"<OpenDRIVE name='{'x' * 5_000_000}'>"))
