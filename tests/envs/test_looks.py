"""What an appearance seed decides: colours, light and haze."""

import numpy as np
import pytest

from drivecnn_envs.looks import (
    COLOURS,
    FULL_HAZE,
    HAZE,
    LOOK_SIZE,
    SHADE_MIDDLE,
    WINDOW_SILL,
    Swatch,
    draw_look,
    fog_at,
    shade_sky,
    shade_texel,
)
from drivecnn_envs.world import STOREY, Material


def drawn(seed):
    look = np.full(LOOK_SIZE, np.nan, np.float32)
    draw_look(np.uint64(seed), look)
    return look


def colour(look, index):
    return look[3 * index : 3 * index + 3]


@pytest.fixture(scope="module")
def looks():
    return np.array([drawn(seed) for seed in range(500)])


def test_same_seed_gives_the_same_look():
    assert np.array_equal(drawn(2**63 + 5), drawn(2**63 + 5))


def test_different_seeds_give_different_looks(looks):
    assert len(np.unique(looks, axis=0)) == len(looks)
    assert (looks.std(axis=0)[: 3 * COLOURS] > 2.0).all()


def test_every_value_is_drawn_and_can_be_shown(looks):
    assert np.isfinite(looks).all()
    assert looks[:, : 3 * COLOURS].min() > 0
    assert looks[:, : 3 * COLOURS].mean() < 255


def test_haze_is_thin_mostly_and_never_thicker_than_its_limit(looks):
    assert (looks[:, HAZE] >= 0).all()
    assert looks[:, HAZE].max() <= FULL_HAZE
    assert np.median(looks[:, HAZE]) < FULL_HAZE / 2


def test_paint_is_brighter_than_the_road_it_lies_on(looks):
    for look in looks:
        road, paint = colour(look, Material.ROAD), colour(look, Swatch.PAINT)
        assert paint.sum() > road.sum()
        assert np.array_equal(road, colour(look, Material.ROAD_CENTRE))


def test_centre_paint_is_white_in_some_looks_and_yellow_in_others(looks):
    yellow = [colour(look, Swatch.CENTRE_PAINT)[2] < 0.5 * colour(look, 10)[0] for look in looks]
    assert 0.3 < np.mean(yellow) < 0.7


def test_texel_of_middle_shade_has_its_materials_colour():
    look = drawn(3)
    for material in (Material.LAND, Material.ROAD, Material.WALL_B):
        shown = shade_texel(look, material, int(SHADE_MIDDLE), 0, 0.0, 0.0)
        assert shown == pytest.approx(colour(look, material), rel=1e-5)


def test_full_paint_covers_the_road_and_darker_shade_darkens_it():
    look = drawn(3)
    for material, swatch in (
        (Material.ROAD, Swatch.PAINT),
        (Material.ROAD_CENTRE, Swatch.CENTRE_PAINT),
    ):
        shown = shade_texel(look, material, 120, 255, 0.0, 0.0)
        assert shown == pytest.approx(colour(look, swatch), rel=1e-5)
    dark = shade_texel(look, Material.ROAD, int(SHADE_MIDDLE / 2), 0, 0.0, 0.0)
    assert dark == pytest.approx(colour(look, Material.ROAD) / 2, rel=1e-5)


def test_windows_are_on_every_storey_and_only_where_the_wall_has_some():
    look = drawn(3)
    window, wall = colour(look, Swatch.WINDOW), colour(look, Material.WALL_A)
    for storey in range(3):
        above_sill = storey * STOREY + WINDOW_SILL + 0.1
        shade = int(SHADE_MIDDLE)
        assert shade_texel(look, Material.WALL_A, shade, 255, above_sill, 0.0) == pytest.approx(
            window
        )
        floor = shade_texel(look, Material.WALL_A, shade, 255, storey * STOREY + 0.1, 0.0)
        blind = shade_texel(look, Material.WALL_A, shade, 0, above_sill, 0.0)
        assert floor == pytest.approx(wall)
        assert blind == pytest.approx(wall)


def test_fog_grows_with_distance_until_only_its_colour_is_left():
    look = drawn(3)
    shares = [fog_at(look, depth) for depth in (0.0, 20.0, 100.0)]
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert max(shares) < 1.0
    hidden = shade_texel(look, Material.TREE, 200, 0, 1.0, 1.0)
    assert hidden == pytest.approx(colour(look, Swatch.SKY_LOW))


def test_sky_goes_from_its_low_to_its_high_colour():
    look = drawn(3)
    for channel in range(3):
        assert shade_sky(look, 0.0, channel) == pytest.approx(colour(look, Swatch.SKY_LOW)[channel])
        for height in (1.0, 7.0):
            high = colour(look, Swatch.SKY_HIGH)[channel]
            assert shade_sky(look, height, channel) == pytest.approx(high, rel=1e-5)
