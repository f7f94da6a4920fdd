"""Damaged OpenDRIVE files: read, or refused in one line, in seconds and never otherwise."""

import re
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from damage import content, seconds, with_other_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps.opendrive import read_opendrive
from drivecnn_envs.routes import random_routes
from drivecnn_envs.world import build_world

FILES = (
    "curves.xodr",
    "fabriksgatan.xodr",
    "parking_demo.xodr",
    "two_plus_one.xodr",
    "unittest/direct_junction_simple.xodr",
    "unittest/highway_exit.xodr",
    "unittest/mixed_roads.xodr",
    "unittest/multi_lane_3way_intersection.xodr",
)
MAX_SECONDS = 5
SMALL = 300.0  # m, larger maps are read but get no world
ATTRIBUTE = re.compile(rb"\b[A-Za-z]+=([\"'])(.*?)\1")
WORDS = "0 -0 1 -1 2 -2 3 7 nan inf -inf 1e300 -1e300 1e-300 1e9 1e5 0.01 start end driving none"
VALUES = [b"", b"-", b"9" * 5000, *WORDS.encode().split()]
quick = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=10_000)


def with_another_attribute(draw, text):
    """One attribute left out, or with another value: a strange one or one of the same file."""
    found = list(ATTRIBUTE.finditer(text))
    if not found:
        return text
    match, other = draw(st.sampled_from(found)), draw(st.sampled_from(found))
    same = draw(st.sampled_from([one for one in found if one[0][:3] == match[0][:3]]))
    value = draw(st.sampled_from([other[2], same[2], same[2], *VALUES]))
    if draw(st.integers(0, 9)) == 0:
        return text[: match.start()] + text[match.end() :]
    return text[: match.start(2)] + value + text[match.end(2) :]


def with_other_elements(draw, text):
    """One element dropped, doubled, swapped with a sibling or moved to another parent."""
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError):
        return text
    parents = [element for element in root.iter() if len(element)]
    if not parents:
        return text
    parent, elsewhere = draw(st.sampled_from(parents)), draw(st.sampled_from(parents))
    first, second = (draw(st.integers(0, len(parent) - 1)) for _ in range(2))
    child, action = parent[first], draw(st.sampled_from(["drop", "double", "swap", "move", "all"]))
    if action == "drop":
        parent.remove(child)
    elif action == "double":
        parent.insert(second, child)
    elif action == "swap":
        parent[first], parent[second] = parent[second], parent[first]
    elif action == "move" and elsewhere not in child.iter():
        elsewhere.append(child)
    elif action == "all":
        parent[:] = [other for other in parent if other.tag != child.tag]
    return ET.tostring(root)


def damaged(draw, text):
    """A file with one to four faults, at most the last of them below XML."""
    for _ in range(draw(st.integers(0, 3))):
        text = draw(st.sampled_from([with_another_attribute, with_other_elements]))(draw, text)
    kinds = [with_another_attribute, with_other_elements, with_other_bytes]
    return draw(st.sampled_from(kinds))(draw, text)


def complaint(path):
    """What is said about a file when it is read and driven; None where nothing is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MapWarning)
            network = read_opendrive(path)
        points = np.concatenate([lane.points for lane in network.lanes.values()])
        assert np.isfinite(points).all()
        if np.ptp(points, axis=0).max() < SMALL:
            build_world(network)
        random_routes(network, 2, np.random.default_rng(0), 50.0)
    except MapError as error:
        return str(error)
    return None


def check_damaged_file(data, esmini, folder):
    path = folder / "town.xodr"
    source = esmini / data.draw(st.sampled_from(FILES))
    path.write_bytes(damaged(data.draw, content(source)))
    with seconds(MAX_SECONDS):
        said = complaint(path)
    assert said is None or (path.stem in said and "\n" not in said)


@quick
@given(data=st.data())
def test_two_hundred_damaged_files_are_read_or_refused(data, esmini, tmp_path):
    check_damaged_file(data, esmini, tmp_path)


@pytest.mark.slow
@thorough
@given(data=st.data())
def test_ten_thousand_damaged_files_are_read_or_refused(data, esmini, tmp_path):
    check_damaged_file(data, esmini, tmp_path)
