"""What stands beside the roads and lies on them: trees, posts, hedges, repairs."""

import numpy as np
import pytest

from drivecnn_envs.materials import RESOLUTION, SHADED, Material
from drivecnn_envs.world import build_world

SEEDS = range(10)


@pytest.fixture(scope="module")
def levels(town):
    """The finest rasters of worlds of many seeds around one town."""
    return [build_world(town, seed).levels[0] for seed in SEEDS]


def material(base):
    return base[..., 0] & ~np.uint8(SHADED)


def near(mask, reach):
    """The mask widened by so many texels to all sides."""
    wide = mask.copy()
    for axis in (0, 1):
        wide = np.logical_or.reduce([np.roll(wide, k, axis) for k in range(-reach, reach + 1)])
    return wide


def test_every_trunk_stands_below_a_crown_and_is_thinner_than_a_texel(levels):
    for base in levels:
        trunks = material(base) == Material.TRUNK
        assert trunks.any()
        assert near(material(base) == Material.CROWN, 2)[trunks].mean() > 0.99
        assert base[trunks, 2].min() > 100
        assert (base[trunks, 3] > 5).all()


def test_crowns_hang_at_many_heights_and_end_above_their_undersides(levels):
    crowns = np.concatenate([base[material(base) == Material.CROWN] for base in levels])
    assert (crowns[:, 3] > crowns[:, 2]).all()
    assert np.quantile(crowns[:, 2], 0.1) < 10 < 18 < np.quantile(crowns[:, 2], 0.9)
    assert crowns[:, 3].max() > 80


def test_posts_are_single_texels_as_high_as_signs_or_lamps(levels):
    counts = []
    for base in levels:
        posts = material(base) == Material.POLE
        counts.append(posts.sum())
        high = base[posts, 3]
        assert ((high == 22) | ((high >= 60) & (high <= 80))).all()
        rows, columns = np.nonzero(posts)
        for row, column in zip(rows, columns, strict=True):
            assert posts[row - 2 : row + 3, column - 2 : column + 3].sum() == 1
        thickness = base[posts, 2] / 255 * RESOLUTION
        assert thickness.max(initial=0.0) < 0.2
    assert max(counts) > 40


def test_suburbs_have_hedges_fences_and_walls_as_thick_as_a_step_of_a_ray(levels):
    kinds = dict.fromkeys((Material.HEDGE, Material.FENCE), 0)
    for base in levels:
        for kind in kinds:
            own = material(base) == kind
            kinds[kind] += own.sum()
            if own.any():
                assert base[own, 3].min() >= 4
                assert base[own, 3].max() <= 20
    assert min(kinds.values()) > 100


def test_repairs_and_puddles_are_part_of_the_road(town, levels):
    found = {Material.PATCH: 0, Material.PUDDLE: 0, Material.KERB: 0, Material.PAVEMENT: 0}
    for base in levels:
        road = np.isin(material(base), range(Material.ROAD, Material.PUDDLE + 1))
        for kind in found:
            own = material(base) == kind
            found[kind] += own.sum()
            if kind in (Material.PATCH, Material.PUDDLE):
                assert base[own, 2].max(initial=0) == 0
            if kind == Material.KERB:
                assert near(road, 1)[own].all()
    assert min(found.values()) > 50


def test_some_road_is_in_the_shade_and_most_is_not(levels):
    for base in levels:
        road = np.isin(material(base), (Material.ROAD, Material.ROAD_CENTRE))
        assert 0.005 < ((base[..., 0] & SHADED) > 0)[road].mean() < 0.6
