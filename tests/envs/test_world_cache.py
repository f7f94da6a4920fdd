"""Worlds of map files are kept on disk, and what comes back is what was built."""

import warnings

import numpy as np
import pytest

from drivecnn_envs import world_cache
from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps import load_map
from drivecnn_envs.states import Atlas
from drivecnn_envs.world import build_world
from drivecnn_envs.world_cache import load_world


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("DRIVECNN_CACHE", str(tmp_path))
    return tmp_path / "drivecnn" / "worlds"


@pytest.fixture
def file(shared, tmp_path):
    """A small OpenDRIVE file that may be changed."""
    path = tmp_path / "road.xodr"
    path.write_bytes((shared / "data/maps/opendrive/esmini/parking_demo.xodr").read_bytes())
    return path


@pytest.fixture
def built(monkeypatch):
    """The specs of the maps that were read."""
    specs = []

    def counted(spec):
        specs.append(spec)
        return load_map(spec)

    monkeypatch.setattr(world_cache, "load_map", counted)
    return specs


def assert_equal(first, second):
    for one, other in zip(first.levels, second.levels, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(first.roads, second.roads)
    assert np.array_equal(first.origin, second.origin)
    assert np.array_equal(first.parked, second.parked)
    assert (first.seed, first.sun) == (second.seed, second.sun)
    assert first.network.to_config() == second.network.to_config()
    assert list(first.network.lanes) == list(second.network.lanes)
    assert vars(first.network).keys() >= {"name", "join_gap", "left_hand", "paved"}
    for name in ("name", "join_gap", "left_hand"):
        assert getattr(first.network, name) == getattr(second.network, name)
    for one, other in zip(first.network.paved, second.network.paved, strict=True):
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.widths, other.widths)


def test_second_time_a_file_is_not_read_and_its_world_is_the_same(folder, file, built):
    first, second = load_world(str(file), 3), load_world(str(file), 3)
    assert built == [str(file)]
    assert_equal(first, second)
    assert_equal(first, build_world(load_map(str(file)), 3))
    for one, other in zip(Atlas.of([first]), Atlas.of([second]), strict=True):
        assert np.array_equal(one, other)


def test_other_content_seed_or_code_is_another_world(folder, file, built, monkeypatch):
    load_world(str(file), 0)
    load_world(str(file), 1)
    monkeypatch.setattr(world_cache, "_code", lambda: b"changed")
    load_world(str(file), 0)
    file.write_text(file.read_text().replace("<road ", "<!-- changed --><road ", 1))
    load_world(str(file), 0)
    assert len(built) == 4


@pytest.mark.parametrize("name", ["level0.npy", "network.json", "points.npy", "parked.npy"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "removed"])
def test_damaged_entry_is_built_anew(folder, file, built, name, damage):
    first = load_world(str(file))
    part = next(folder.iterdir()) / name
    if damage == "removed":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[: 100 if damage == "cut" else 0])
    assert_equal(first, load_world(str(file)))
    assert len(built) == 2
    load_world(str(file))
    assert len(built) == 2


def test_folder_that_cannot_be_written_is_done_without(tmp_path, file, built, monkeypatch):
    obstacle = tmp_path / "a file"
    obstacle.write_text("")
    monkeypatch.setenv("DRIVECNN_CACHE", str(obstacle / "cache"))
    assert_equal(load_world(str(file)), load_world(str(file)))
    assert len(built) == 2


def test_folder_that_can_only_be_read_is_read(folder, file, built, monkeypatch):
    first = load_world(str(file))

    def refuse(_path):
        raise PermissionError

    monkeypatch.setattr("os.utime", refuse)
    assert_equal(first, load_world(str(file)))
    assert len(built) == 1


def test_half_written_entry_leaves_nothing(folder, file, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(world_cache, "_write_network", full)
    load_world(str(file))
    assert list(folder.iterdir()) == []


def test_entries_used_longest_ago_make_room(folder, file, built, monkeypatch):
    load_world(str(file), 0)
    size = sum(part.stat().st_size for part in next(folder.iterdir()).iterdir())
    monkeypatch.setattr(world_cache, "MAX_BYTES", int(2.5 * size))
    load_world(str(file), 1)
    load_world(str(file), 0)
    load_world(str(file), 2)  # seed 1 has to go
    assert len(list(folder.iterdir())) == 2
    load_world(str(file), 0)
    assert len(built) == 3
    load_world(str(file), 1)
    assert len(built) == 4


def test_what_else_is_in_the_chosen_folder_stays(folder, file, tmp_path, monkeypatch):
    monkeypatch.setattr(world_cache, "MAX_BYTES", 0)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set.npy").write_bytes(bytes(1000))
    load_world(str(file))
    assert (tmp_path / "data" / "set.npy").exists()


def test_what_was_left_out_is_said_each_time(folder, file, monkeypatch):
    def incomplete(spec):
        warnings.warn(f"{spec}: a bridge", MapWarning, stacklevel=1)
        return load_map(spec)

    monkeypatch.setattr(world_cache, "load_map", incomplete)
    for _ in range(2):
        with pytest.warns(MapWarning, match="a bridge"):
            load_world(str(file))


def test_generated_maps_are_not_kept(folder):
    load_world("procedural:0")
    assert not folder.exists()


def test_broken_file_is_refused_and_not_kept(folder, tmp_path):
    path = tmp_path / "broken.xodr"
    path.write_text("<OpenDRIVE>")
    with pytest.raises(MapError, match=r"broken\.xodr"):
        load_world(str(path))
    assert not folder.exists()
