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
        ("procedural:hard:", "whole number"),
        ("procedural:gentle:3", "choose one of easy, medium, hard, city, or name a YAML file"),
        ("track:", "track:SEED"),
        ("track:one", "track:SEED"),
        ("highway:", "roundabout"),
        ("highway:circus", "circus"),
        ("nowhere", "procedural:SEED, procedural:LEVEL:SEED"),
        ("", "procedural:SEED, procedural:LEVEL:SEED"),
        ("\0", "procedural:SEED, procedural:LEVEL:SEED"),
        ("/tmp", "procedural:SEED, procedural:LEVEL:SEED"),
        ("x" * 300, "procedural:SEED, procedural:LEVEL:SEED"),
        ("no/such/file.xodr", "no/such/file.xodr"),
        ("no/such/file.osm.pbf", "no/such/file.osm.pbf"),
        ("no/such/file.csv", "no/such/file.csv"),
        ("no/such/file.csv?traffic=left", "only OpenStreetMap maps take options"),
        ("a.osm?side=left", "expected options like '?traffic=left"),
        ("a.osm?traffic", "expected options like '?traffic=left"),
        ("a.osm?service=perhaps", "expected options like '?traffic=left"),
        ("a.osm?around=48", "expected options like '?traffic=left"),
        ("a.osm?traffic=up", "traffic"),
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


def test_level_of_a_town_is_a_name_or_a_file(tmp_path):
    assert load_map("procedural:hard:7").name == "procedural:hard:7"
    path = tmp_path / "wide.yaml"
    path.write_text("lane_width: [4.5, 5.0]\n")
    wide = load_map(f"procedural:{path}:7")
    assert min(lane.widths.min() for lane in wide.lanes.values()) >= 4.5


NINES = ", ".join(f"&a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30))
BOMB = f"jitter: [&a0 [1], {NINES}]"  # expands to 9^29 numbers


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lane_width: [4.5", "expected YAML with fields of TownConfig"),
        ("- 3", "expected YAML with fields of TownConfig"),
        ("gondolas: 3", "gondolas"),
        ("lane_width: wide", "lane_width is a str, expected something like (3.0, 4.0)"),
        ("lane_width: 3", "lane_width is a int, expected something like (3.0, 4.0)"),
        ("lane_width: [3, .nan]", "lane_width is (3, nan), expected 2.5 to 5"),
        ("blocks: [3, 4.5]", "blocks is a tuple, expected something like (3, 4)"),
        ("left_hand: perhaps", "left_hand is a str, expected something like False"),
        (BOMB, "jitter is a tuple, expected something like 9.0"),
        ("roundabouts: 7", "roundabouts is 7, expected 0 to 1"),
    ],
)
def test_bad_level_file_is_refused_by_name(tmp_path, text, reason):
    path = tmp_path / "town.yaml"
    path.write_text(text)
    with pytest.raises(MapError, match=r"town\.yaml") as error:
        load_map(f"procedural:{path}:7")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_options_of_an_openstreetmap_file_are_heeded(shared):
    path = shared / "data/maps/osm/cities/rome.osm.pbf"
    assert not load_map(str(path)).left_hand
    assert load_map(f"{path}?traffic=left").left_hand


def test_range_stands_for_its_towns():
    assert expand_maps("procedural:hard:8-9") == ["procedural:hard:8", "procedural:hard:9"]
    assert expand_maps("track:0-1") == ["track:0", "track:1"]
    assert expand_maps("procedural:8-10") == ["procedural:8", "procedural:9", "procedural:10"]
    assert expand_maps("procedural:8-8") == ["procedural:8"]


@pytest.mark.parametrize("spec", ["procedural:8", "highway:merge", "some/file.xodr", "a-1-2.osm"])
def test_any_other_spec_stands_for_itself(spec):
    assert expand_maps(spec) == [spec]


def test_range_that_runs_backwards_is_refused():
    with pytest.raises(MapError, match="LAST >= FIRST"):
        expand_maps("procedural:9-8")
