"""Rasters: road where there are lanes, houses and trees where there are none."""

import numpy as np
import pytest

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import load_map
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork
from drivecnn_envs.states import Atlas
from drivecnn_envs.world import (
    COLLISION_HEIGHT,
    MARGIN,
    MIP_LEVELS,
    RESOLUTION,
    ROAD_RESOLUTION,
    Material,
    build_world,
)


def at(raster, world, points, resolution=RESOLUTION):
    """Values of a raster at points (N, 2) [m]."""
    columns, rows = np.floor((np.asarray(points) - world.origin) / resolution).astype(int).T
    return raster[rows, columns]


def surface(lane, margin):
    """Points (N, 2) over a lane's width and so much beyond."""
    normals = np.stack([-np.sin(lane.headings), np.cos(lane.headings)], axis=1)
    return np.concatenate(
        [
            lane.points + share * normals * (lane.widths / 2 + margin)[:, None]
            for share in np.linspace(-1.0, 1.0, 13)
        ]
    )


@pytest.fixture(scope="module")
def country(street):
    """The world around a lonely straight street."""
    return build_world(street, seed=4)


def test_lanes_are_drivable_over_their_whole_width(town, world):
    for lane in town.lanes.values():
        assert at(world.drivable, world, surface(lane, -0.1)).all()


def test_lanes_of_a_real_town_are_drivable(carla_towns):
    network = carla_towns["Town01"]
    world = build_world(network)
    points = np.concatenate([lane.points for lane in network.lanes.values()])
    assert at(world.drivable, world, points).all()


def test_land_beside_a_lonely_street_is_not_drivable(country):
    along = np.arange(0.0, 400.0, 5.0)
    for aside in (-15.0, -2.5, 2.5, 15.0):
        points = np.column_stack([along, np.full(len(along), aside)])
        assert not at(country.drivable, country, points).any()


def test_drivable_area_is_as_large_as_its_lanes(country):
    area = country.drivable.sum() * RESOLUTION**2
    assert 400.0 * 3.5 <= area <= 410.0 * (3.5 + 0.6)  # lanes are drawn a little wider


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_tall_stands_within_a_metre_of_a_lane(town, seed):
    world = build_world(town, seed)
    height = world.levels[0][..., 3]
    for lane in town.lanes.values():
        assert at(height, world, surface(lane, 1.0)).max() < COLLISION_HEIGHT


@pytest.mark.parametrize("name", ["highway:racetrack", "highway:roundabout"])
def test_nothing_tall_stands_on_the_road_of_a_scenario(name):
    world = build_world(load_map(name), seed=0)
    assert world.levels[0][..., 3][world.drivable].max() == 0


def test_town_has_houses_and_trees(world):
    material, height = world.levels[0][..., 0], world.levels[0][..., 3]
    walls, trees = material >= Material.WALL_A, material == Material.TREE
    assert 0.005 < walls.mean() < 0.4
    assert 0.001 < trees.mean() < 0.4
    assert (height[walls] >= 30).all()
    assert height[trees].min() >= 1


def test_road_is_flat_and_markings_lie_on_it(world):
    base = world.levels[0]
    assert base[world.drivable, 3].max() == 0
    painted = (base[..., 2] > 0) & (base[..., 0] < Material.WALL_A)
    assert painted.any()
    assert world.drivable[painted].all()


def test_edge_line_is_painted_along_the_edge_and_not_in_the_middle(make_road):
    network = TownNetwork("lined")
    lane = SampledLane([[0, 0], [100, 0]], 3.5, (3, 3))  # continuous lines on both sides
    network.add_lane("a", "b", lane)
    world = build_world(network, seed=1)
    paint, along = world.levels[0][..., 2], np.arange(1.0, 99.0, 0.5)
    for aside, painted in ((1.75, True), (-1.75, True), (0.0, False), (0.9, False)):
        values = at(paint, world, np.column_stack([along, np.full(len(along), aside)]))
        assert values.any() == painted


def test_paved_strips_are_drivable(make_road):
    network = make_road([[0, 0], [100, 0]])
    network.paved.append(PavedStrip(np.array([[0.0, 20.0], [100.0, 20.0]]), np.full(2, 4.0)))
    world = build_world(network)
    assert at(world.drivable, world, [[50.0, 20.0], [50.0, 21.5]]).all()
    assert not at(world.drivable, world, [[50.0, 10.0]]).any()


def test_narrow_gap_between_lanes_is_road(make_road):
    network = make_road([[0, 0], [100, 0]])
    network.add_lane("c", "d", SampledLane([[0, 5], [100, 5]], 3.5))  # leaves 1.5 m between
    world = build_world(network)
    assert at(world.drivable, world, [[50.0, 2.5]]).all()


def test_each_mip_level_halves_the_one_before_and_keeps_the_tallest(world):
    assert len(world.levels) == MIP_LEVELS
    for fine, coarse in zip(world.levels[:-1], world.levels[1:], strict=True):
        rows, columns = coarse.shape[:2]
        blocks = fine.reshape(rows, 2, columns, 2, 4).swapaxes(1, 2).reshape(rows, columns, 4, 4)
        assert np.array_equal(coarse[..., 3], blocks[..., 3].max(axis=2))
        assert np.array_equal(coarse[..., 2], blocks[..., 2].mean(axis=2).astype(np.uint8))
        tallest = blocks[..., 0][blocks[..., 3] == coarse[..., None, 3]]
        assert np.isin(np.unique(coarse[..., 0]), np.unique(tallest)).all()


def test_road_map_shows_how_much_of_each_cell_is_road(world):
    step = int(ROAD_RESOLUTION / RESOLUTION)
    rows, columns = world.roads.shape
    cells = world.drivable.reshape(rows, step, columns, step).mean(axis=(1, 3))
    assert np.abs(world.roads / 255.0 - cells).max() < 0.01
    assert (world.roads == 255).any()


def test_raster_holds_all_lanes_and_land_around_them(town, world):
    points = np.concatenate([lane.points for lane in town.lanes.values()])
    rows, columns = world.drivable.shape
    far = world.origin + np.array([columns, rows]) * RESOLUTION
    assert (points.min(axis=0) - world.origin >= MARGIN).all()
    assert (far - points.max(axis=0) >= MARGIN).all()


def test_same_seed_gives_the_same_world_and_another_seed_another(town, world):
    again, other = build_world(town, seed=0), build_world(town, seed=1)
    assert np.array_equal(again.levels[0], world.levels[0])
    assert not np.array_equal(other.levels[0][..., 3], world.levels[0][..., 3])
    assert np.array_equal(other.drivable, world.drivable)


def test_atlas_holds_each_worlds_rasters(world, country):
    atlas = Atlas.of([country, world])
    for number, expected in enumerate((country, world)):
        assert np.array_equal(atlas.origin[number], expected.origin)
        for level, raster in enumerate(expected.levels):
            first, (rows, columns) = atlas.offset[number, level], atlas.shape[number, level]
            stored = atlas.texels[first : first + rows * columns]
            assert np.array_equal(stored.reshape(rows, columns, 4), raster)
        first, (rows, columns) = atlas.road_offset[number], atlas.road_shape[number]
        stored = atlas.roads[first : first + rows * columns]
        assert np.array_equal(stored.reshape(rows, columns), expected.roads)


def test_world_too_large_for_memory_is_refused(make_road):
    with pytest.raises(MapError, match="expected at most 25 km2"):
        build_world(make_road([[0, 0], [20_000, 20_000]]))
