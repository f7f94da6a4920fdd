"""Lamp posts, signs and trunks: drawn where they stand, whole, at every distance."""

import dataclasses

import numpy as np
import pytest
from looking import AHEAD, SHARP, classes, column_of, depths, extent, look, row_of, state

from drivecnn_envs.materials import HEIGHT_UNIT, Material, SemanticClass
from drivecnn_envs.posts import CELL, POST_REACH, gather_posts
from drivecnn_envs.states import Atlas
from drivecnn_envs.world import RESOLUTION

HEIGHT = 6.0  # m
FULL, HALF = 255, 128  # third bytes: a post as wide as a texel, and half as wide
FINE = dataclasses.replace(SHARP, image_size=(192, 384))
LAND = {"ground": Material.LAND, "low": (-64.0, -64.0), "high": (192.0, 64.0)}


@pytest.fixture(scope="module")
def with_posts(make_world, box):
    """Makes a plain with posts of one texel, given the south-west corners of their texels."""

    def make(*places, meaning=FULL, material=Material.POLE, height=HEIGHT, others=()):
        posts = [
            box(x, x + RESOLUTION, y, y + RESOLUTION, height, material, meaning) for x, y in places
        ]
        return make_world(*others, *posts, **LAND)

    return make


def poles(world, states=None, rig=FINE):
    return classes(world, states, rig) == SemanticClass.POLE


def upright(images, depth):
    """Pixels (B, H, W) of posts so far away (B,) [m], without the ground of their texels."""
    away = np.abs(images.depth[:, 0] / np.reshape(depth, (-1, 1, 1)) - 1)
    return (images.semantic[:, 0] == SemanticClass.POLE) & (away < 1e-5)


@pytest.mark.parametrize("left", [-2.5, 0.0, 1.25])
@pytest.mark.parametrize("east", [6.0, 20.0, 45.0])
def test_post_stands_where_its_texel_is(with_posts, east, left):
    world = with_posts((east, left))
    depth, middle = east + RESOLUTION / 2 - FINE.ahead, left + RESOLUTION / 2
    seen = upright(look(world, rig=FINE), depth)[0]
    top, bottom, first, last = extent(seen)
    assert seen.sum() == (bottom - top + 1) * (last - first + 1)
    assert top == pytest.approx(max(row_of(HEIGHT, depth, FINE), 0.0), abs=1.0)
    assert bottom == pytest.approx(row_of(0.0, depth, FINE) - 1, abs=1.0)
    wide = RESOLUTION * FINE.focal / depth
    assert (first + last + 1) / 2 == pytest.approx(column_of(middle, depth, FINE), abs=0.75)
    assert last - first + 1 == pytest.approx(max(wide, 1.0), abs=1.0)


def test_third_byte_says_how_wide_a_post_is(with_posts):
    depth = 5.0 + RESOLUTION / 2 - FINE.ahead
    full, half = (
        upright(look(with_posts((5.0, 0.0), meaning=meaning), rig=FINE), depth)[0].any(axis=0).sum()
        for meaning in (FULL, HALF)
    )
    assert full == pytest.approx(2 * half, abs=1.1)


def test_post_never_breaks_up_with_distance(with_posts):
    """It is one upright stroke from top to bottom as long as it is seen at all."""
    world = with_posts((90.0, 2.0))
    places = np.arange(-15.0, 86.0, 0.37)
    distances = 90.0 + RESOLUTION / 2 - places - FINE.ahead
    images = look(world, state(len(places), x=places), FINE)
    heights = []
    for depth, seen in zip(distances, upright(images, distances), strict=True):
        top, bottom, first, last = extent(seen)
        heights.append(bottom - top + 1)
        assert seen.sum() == heights[-1] * (last - first + 1)
        foot = min(row_of(0.0, depth, FINE), FINE.image_size[0])
        tall = foot - max(row_of(HEIGHT, depth, FINE), 0.0)
        assert heights[-1] == pytest.approx(tall, abs=1.5)
    assert (np.diff(heights) >= -1).all()


def test_farther_post_than_the_reach_is_not_drawn(with_posts):
    world = with_posts((POST_REACH + 8.0, 2.0))
    assert not poles(world).any()
    assert poles(world, state(x=12.0)).any()


def test_house_hides_the_post_behind_it_and_not_the_one_before_it(with_posts, box):
    house = box(20.0, 30.0, -6.0, 6.0, 9.0)
    assert not poles(with_posts((34.0, 1.0), others=[house])).any()
    before = poles(with_posts((14.0, 1.0), others=[house]))
    assert np.array_equal(before, poles(with_posts((14.0, 1.0))))


def test_post_rises_above_the_wall_before_it(with_posts, box):
    wall = box(12.0, 13.0, -6.0, 6.0, 1.0)
    seen = poles(with_posts((20.0, 1.0), others=[wall]))
    whole = poles(with_posts((20.0, 1.0)))
    assert 0 < seen.sum() < whole.sum()
    assert extent(seen)[0] == extent(whole)[0]
    assert extent(seen)[1] == pytest.approx(row_of(1.0, 12.5 - FINE.ahead, FINE) - 1, abs=1.5)


def test_nearer_post_hides_the_farther_one(with_posts):
    near, both = (
        depths(with_posts(*places), rig=FINE)
        for places in ([(8.0, 0.0)], [(8.0, 0.0), (16.0, 0.0)])
    )
    standing = poles(with_posts((8.0, 0.0)))
    assert np.array_equal(near[standing], both[standing])


def test_tree_is_a_crown_on_a_trunk_with_room_beside_it(with_posts, box):
    crown = box(18.0, 22.25, -2.0, 2.25, 7.0, Material.CROWN, round(3.0 / HEIGHT_UNIT))
    house = box(60.0, 64.0, -20.0, 20.0, 2.0)
    tree = {"meaning": 200, "material": Material.TRUNK, "height": 7.0}
    world = with_posts((20.0, 0.0), others=[house, crown], **tree)
    seen = classes(world, rig=FINE)
    row = int(row_of(1.7, 20.0 - FINE.ahead, FINE))
    trunk = seen[row] == SemanticClass.VEGETATION
    middle = column_of(RESOLUTION / 2, 20.0 + RESOLUTION / 2 - FINE.ahead, FINE)
    assert np.flatnonzero(trunk).mean() + 0.5 == pytest.approx(middle, abs=1.0)
    assert 1 <= trunk.sum() <= 4
    column = seen[:, int(middle)] == SemanticClass.VEGETATION
    bottom = row_of(0.0, 20.0 + RESOLUTION / 2 - FINE.ahead, FINE)
    assert column.sum() == pytest.approx(bottom, abs=1.5)  # from the top of the image to the ground


def test_every_post_in_view_is_found_wherever_the_camera_stands(with_posts):
    """The grid of cells leaves nothing out: places straddle the cells' edges."""
    rng = np.random.default_rng(1)
    places = np.round(rng.uniform((-60.0, -60.0), (188.0, 60.0), (60, 2)) / RESOLUTION) * RESOLUTION
    atlas = Atlas.of([with_posts(*places)])
    middles = places + RESOLUTION / 2
    count = 40
    states = state(count)
    states["x"], states["y"] = rng.uniform((0.0, -30.0), (120.0, 30.0), (count, 2)).T
    states["yaw"] = rng.uniform(-np.pi, np.pi, count)
    rig = dataclasses.replace(FINE, ahead=0.0)
    images = look(atlas, states, rig)
    for number, (x, y, yaw) in enumerate(states[["x", "y", "yaw"]].tolist()):
        east, north = (middles - (x, y)).T
        depth = east * np.cos(yaw) + north * np.sin(yaw)
        ahead = (depth > 2.0) & (depth < 60.0)
        left = (north * np.cos(yaw) - east * np.sin(yaw))[ahead]
        column = column_of(left, depth[ahead], rig)
        inside = (column > 1.0) & (column < rig.image_size[1] - 1.0)
        rows = row_of(0.3, depth[ahead][inside], rig).astype(int)
        rows = np.minimum(rows, rig.image_size[0] - 1)
        seen = images.semantic[number, 0, rows, column[inside].astype(int)]
        assert (seen == SemanticClass.POLE).all()


def test_posts_of_worlds_stay_in_their_worlds(with_posts):
    worlds = [with_posts((20.0, y)) for y in (3.0, -3.0)] + [with_posts()]
    states = state(3, world=[1, 2, 0])
    together = look(Atlas.of(worlds), states, FINE).semantic
    for number, own in enumerate(states["world"]):
        assert np.array_equal(together[number, 0], classes(worlds[own], rig=FINE))


def test_all_posts_of_a_town_are_gathered_by_their_cells(world):
    table = gather_posts([world])
    material = world.levels[0][..., 0] & 0x7F
    standing = np.isin(material, [Material.POLE, Material.TRUNK])
    assert len(table.posts) == standing.sum() > 0
    first, rows, columns = table.grid[0]
    counts = np.diff(table.first)
    assert (first, counts.sum(), len(counts)) == (0, len(table.posts), rows * columns)
    cell = np.repeat(np.arange(len(counts)), counts)
    assert np.array_equal(table.posts["y"] // CELL * columns + table.posts["x"] // CELL, cell)


def test_camera_right_at_a_post_sees_a_defined_image(with_posts):
    world = with_posts((0.5, 0.0))
    images = look(world, rig=AHEAD)
    assert np.isfinite(images.depth).all()
    assert np.array_equal(images.rgb, look(world, rig=AHEAD).rgb)
