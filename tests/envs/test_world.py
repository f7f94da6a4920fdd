"""Rasters: road where there are lanes, houses and trees where there are none."""

import numpy as np
import pytest
from numba import get_num_threads, set_num_threads

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import load_map
from drivecnn_envs.maps.highway import crop_network
from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork
from drivecnn_envs.states import Atlas
from drivecnn_envs.world import MARGIN, MIP_LEVELS, RESOLUTION, ROAD_RESOLUTION, build_world

KERB_HEIGHT = 1  # height units


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
def four_worlds(town):
    """The worlds of four seeds around one town."""
    return [build_world(town, seed) for seed in range(4)]


@pytest.fixture(scope="module")
def country(street):
    """The world around a lonely straight street."""
    return build_world(street, seed=4)


def test_towns_of_other_names_have_other_surroundings_for_the_same_seed(town):
    twin = TownNetwork("twin", town.join_gap, left_hand=town.left_hand)
    for index, lane in town.lanes.items():
        twin.add_lane(*index[:2], lane)
    one, other = build_world(town), build_world(twin)
    assert np.array_equal(one.drivable, other.drivable)
    land = ~one.drivable
    alike = (one.levels[0][land] == other.levels[0][land]).all(axis=-1)
    assert alike.mean() < 0.1
    assert one.sun != other.sun
    assert np.array_equal(build_world(town).levels[0], one.levels[0])


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


@pytest.mark.parametrize(("side", "is_road"), [(10.0, True), (18.0, False)])
def test_small_islands_between_lanes_are_paved_and_large_ones_are_not(side, is_road):
    network = TownNetwork("ring")
    corners = np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]])
    for number, (start, end) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        points = np.linspace(start, end, 21)
        network.add_lane(str(number), str((number + 1) % 4), SampledLane(points, 3.5))
    ring = build_world(network)
    assert at(ring.drivable, ring, [[side / 2, side / 2]]).all() == is_road


def test_only_high_crowns_stand_within_a_metre_of_a_lane(town, four_worlds):
    for world in four_worlds:
        for lane in town.lanes.values():
            near = at(world.levels[0], world, surface(lane, 1.0))
            high = (near[:, 0] & ~np.uint8(SHADED) == Material.CROWN) & (near[:, 2] > 30)
            assert near[~high, 3].max() <= KERB_HEIGHT


@pytest.mark.parametrize("name", ["highway:racetrack", "highway:roundabout"])
def test_nothing_tall_stands_on_the_road_of_a_scenario(name):
    world = build_world(load_map(name), seed=0)
    assert world.levels[0][..., 3][world.drivable].max() == 0


def test_towns_have_houses_and_trees(four_worlds):
    for base in (world.levels[0] for world in four_worlds):
        material, height = base[..., 0] & ~np.uint8(SHADED), base[..., 3]
        houses, crowns = material >= Material.WALL_A, material == Material.CROWN
        assert 0.005 < (houses & (height > 20)).mean() < 0.4
        assert 0.001 < crowns.mean() < 0.4
        assert (height[crowns] > base[crowns, 2]).all()  # a top above the underside


def test_road_is_flat_and_markings_lie_on_it(world):
    base = world.levels[0]
    assert base[world.drivable, 3].max() == 0
    material = base[..., 0] & ~np.uint8(SHADED)
    painted = np.isin(material, (Material.ROAD, Material.ROAD_CENTRE)) & (base[..., 2] > 0)
    assert painted.any()
    assert base[material == Material.LAND, 2].max() == 0


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


def test_each_mip_level_is_half_as_large(world):
    assert len(world.levels) == MIP_LEVELS
    for fine, coarse in zip(world.levels[:-1], world.levels[1:], strict=True):
        assert (coarse.shape[0], coarse.shape[1]) == (fine.shape[0] // 2, fine.shape[1] // 2)


def test_a_square_kilometre_takes_at_most_100_mb(make_road):
    half = 500.0 - MARGIN
    world = build_world(make_road([[-half, -half], [half, half]]))
    held = [*world.levels, world.roads, world.origin, world.parked]
    assert world.levels[0].shape[:2] >= (4000, 4000)
    assert sum(array.nbytes for array in held) <= 100e6


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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pieces_of_a_town_look_alike_where_they_overlap(carla_towns, seed):
    network, middle = carla_towns["Town03"], np.array([100.0, 0.0])
    pieces = []
    for shift in (0.0, 100.0):
        low = middle - 280.0 + (shift, 0.0)
        pieces.append(build_world(crop_network(network, low, low + 560.0), seed))
    places = middle + 50.0 + np.stack(np.meshgrid(*2 * [np.arange(-110, 110, 0.25)]), -1)
    one, other = (at(piece.levels[0], piece, places.reshape(-1, 2) + 0.1) for piece in pieces)
    assert len(np.unique(one[:, 0])) > 12
    assert np.array_equal(one, other)


def test_number_of_threads_does_not_matter(town, world):
    threads = get_num_threads()
    try:
        set_num_threads(1)
        again = build_world(town, seed=0)
    finally:
        set_num_threads(threads)
    for one, other in zip(world.levels, again.levels, strict=True):
        assert np.array_equal(one, other)


def test_same_seed_gives_the_same_world_and_another_seed_another(town, world):
    again, other = build_world(town, seed=0), build_world(town, seed=1)
    assert np.array_equal(again.levels[0], world.levels[0])
    assert np.array_equal(again.parked, world.parked)
    assert again.sun == world.sun
    assert other.sun != world.sun
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
