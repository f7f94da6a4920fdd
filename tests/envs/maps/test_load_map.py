"""One function for every map: what it reads, and what it says to what it cannot."""

import pytest

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import expand_maps, load_map


def test_name_says_which_map_it_is(shared):
    assert load_map("procedural:7").name == "procedural:7"
    assert load_map("highway:merge").name == "highway:merge"
    town = load_map(str(shared / "data/maps/opendrive/carla/Town01.xodr"))
    assert "Town01" in town.name


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("procedural:", "procedural:SEED"),
        ("procedural:-1", "whole number"),
        ("procedural:1.5", "whole number"),
        ("procedural:3-5", "procedural:SEED"),
        ("highway:", "roundabout"),
        ("highway:circus", "circus"),
        ("nowhere", "procedural:SEED, highway:NAME or a path"),
        ("", "procedural:SEED, highway:NAME or a path"),
        ("\0", "procedural:SEED, highway:NAME or a path"),
        ("/tmp", "procedural:SEED, highway:NAME or a path"),
        ("x" * 300, "procedural:SEED, highway:NAME or a path"),
        ("no/such/file.xodr", "no/such/file.xodr"),
    ],
)
def test_unknown_map_is_refused_in_one_line_that_helps(spec, reason):
    with pytest.raises(MapError) as error:
        load_map(spec)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_file_that_is_no_map_is_refused_by_name(tmp_path):
    path = tmp_path / "broken.xodr"
    path.write_text("<OpenDRIVE><road")
    with pytest.raises(MapError, match=r"broken\.xodr"):
        load_map(str(path))


def test_range_stands_for_its_towns():
    assert expand_maps("procedural:8-10") == ["procedural:8", "procedural:9", "procedural:10"]
    assert expand_maps("procedural:8-8") == ["procedural:8"]


@pytest.mark.parametrize("spec", ["procedural:8", "highway:merge", "some/file.xodr"])
def test_any_other_spec_stands_for_itself(spec):
    assert expand_maps(spec) == [spec]


def test_range_that_runs_backwards_is_refused():
    with pytest.raises(MapError, match="LAST >= FIRST"):
        expand_maps("procedural:9-8")
