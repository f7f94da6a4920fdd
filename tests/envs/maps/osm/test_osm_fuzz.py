"""Damaged OpenStreetMap files: read, or refused in one line, in seconds and never otherwise."""

import re
import warnings
from functools import cache

import numpy as np
import pytest
from damage import content, seconds, with_other_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps.osm import read_osm

FILES = {
    "osm": (
        "cities/drivable_xml/rome.osm",
        "osmnx/planet_10.068_48.135.osm",
        "places/tiny_roundabout.osm",
    ),
    "osm.pbf": ("cities/palermo.osm.pbf", "cities/amsterdam.osm.pbf"),
}
MAX_SECONDS = 20
VALUE = re.compile(rb'"([^"]*)"')
WORDS = (
    "0 1 -1 nan inf 1e300 -1e300 90 180 1000 99999999999999999999 yes no oneway lanes roundabout"
)
VALUES = [b"", b"3'6\"", b"9" * 5000, *WORDS.encode().split()]
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=10_000)


@cache
def unpacked(path, folder):
    """A .pbf file whose blocks are not compressed, so that damage reaches what is in them."""
    import osmium

    target = folder / path.name
    with osmium.SimpleWriter(osmium.io.File(str(target), "pbf,pbf_compression=none")) as writer:
        for item in osmium.FileProcessor(str(path)):
            writer.add(item)
    return target.read_bytes()


def with_other_value(draw, data):
    """An attribute of an XML file with another value."""
    matches = list(VALUE.finditer(data))
    if not matches:
        return data
    match = matches[draw(st.integers(0, len(matches) - 1))]
    value = draw(st.sampled_from([*VALUES, matches[-1][1]]))
    return data[: match.start(1)] + value + data[match.end(1) :]


def damaged(draw, data, changes):
    for _ in range(draw(st.integers(1, 4))):
        if data:
            data = draw(st.sampled_from(changes))(draw, data)
    return data


def check(path, data):
    """A file with this content is read, or refused in one line."""
    path.write_bytes(data)
    with seconds(MAX_SECONDS), warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        try:
            network = read_osm(path)
        except MapError as error:
            assert "\n" not in str(error)  # noqa: PT017 (or it is read)
            return
    for lane in network.lanes.values():
        assert np.isfinite(lane.points).all()


def check_damaged_xml(shared, tmp_path, draw):
    name = draw(st.sampled_from(FILES["osm"]))
    changes = [with_other_bytes, with_other_value, with_other_value, with_other_value]
    data = damaged(draw, content(shared / "data/maps/osm" / name), changes)
    check(tmp_path / "town.osm", data)


def check_damaged_pbf(shared, tmp_path, folder, draw):
    source = shared / "data/maps/osm" / draw(st.sampled_from(FILES["osm.pbf"]))
    data = draw(st.sampled_from([content(source), unpacked(source, folder)]))
    check(tmp_path / "town.osm.pbf", damaged(draw, data, [with_other_bytes]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("unpacked")


@quick
@given(st.data())
def test_damaged_xml_is_read_or_refused(shared, tmp_path, data):
    check_damaged_xml(shared, tmp_path, data.draw)


@quick
@given(st.data())
def test_damaged_pbf_is_read_or_refused(shared, tmp_path, folder, data):
    check_damaged_pbf(shared, tmp_path, folder, data.draw)


@pytest.mark.slow
@thorough
@given(st.data())
def test_ten_thousand_damaged_xml_files(shared, tmp_path, data):
    check_damaged_xml(shared, tmp_path, data.draw)


@pytest.mark.slow
@thorough
@given(st.data())
def test_ten_thousand_damaged_pbf_files(shared, tmp_path, folder, data):
    check_damaged_pbf(shared, tmp_path, folder, data.draw)
