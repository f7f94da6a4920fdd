"""What an appearance seed decides, and how it shows: colours, light, weather."""

import dataclasses

import numpy as np
import pytest
from looking import AHEAD, SEEDS, SHARP, lights, look, row_of, seed_with, state

from drivecnn_envs.looks import (
    LIGHTS,
    PALETTE,
    Coat,
    Family,
    Light,
    Weather,
    draw_looks,
    weather_of,
)
from drivecnn_envs.materials import SHADED, STOREY, Material, SemanticClass

WIDE = {"low": (-208.0, -208.0), "high": (208.0, 208.0)}  # as far as cameras see
CLEAR = seed_with(Light.SUN, Light.FOG_DENSITY)
DULL = seed_with(Light.AMBIENT, Light.SUN, Light.FOG_DENSITY)
FOGGY, RAINY = seed_with(Light.FOG_DENSITY), seed_with(Light.RAIN)
NIGHT = seed_with(Light.HEADLIGHTS, Light.FOG_DENSITY)
BYTES = "material", "shade", "meaning", "height"  # of a texel
WALL = 20.0  # m ahead, where the walls of these tests stand


def colours_of(family=Family.TRAIN, seeds=SEEDS):
    """The palettes of looks, (N, PALETTE, 3)."""
    packed = draw_looks(seeds, family).palette[..., None] >> np.array([0, 8, 16], np.uint32)
    return (packed & 255).astype(float)


def light_of(seed, name, places=1):
    """A value of the look of a seed, or a colour (3,)."""
    return lights(seeds=np.array([seed], np.uint64))[0, name : name + places]


def shown(world, seed, rows, columns=slice(None), rig=SHARP):
    """Mean colour (3,) of a part of the image of a world."""
    rgb = look(world, state(seed=seed), rig).rgb[0, 0].astype(float)
    return rgb[:, rows, columns].mean(axis=(1, 2))


def ground_rows(near, far):
    """Rows that show the ground between two depths [m]."""
    return slice(int(row_of(0.0, far, SHARP)) + 1, int(row_of(0.0, near, SHARP)))


@pytest.fixture(scope="module")
def plain(make_world):
    """Makes a plain of one material; `changes` are other values of its texels' bytes."""

    def make(material, **changes):
        world = make_world(ground=material, **WIDE)
        for level in world.levels:
            for byte, value in changes.items():
                level[..., BYTES.index(byte)] = value
        return world

    return make


@pytest.fixture(scope="module")
def wall_of(make_world, box):
    """Makes a long wall ahead of a material, height [m] and third byte, on land or other ground."""

    def make(material, height=6.0, meaning=0, ground=Material.LAND):
        wall = box(WALL, WALL + 6.0, -60.0, 60.0, height, material, meaning)
        return make_world(wall, ground=ground, **WIDE)

    return make


def test_same_seed_gives_the_same_look_wherever_it_is_drawn():
    every = draw_looks(SEEDS, Family.TRAIN)
    part = draw_looks(SEEDS[70:73], Family.TRAIN)
    assert np.array_equal(part.palette, every.palette[70:73])
    assert np.array_equal(part.light, every.light[70:73])


@pytest.mark.parametrize("family", Family)
def test_different_seeds_give_different_looks_that_can_be_shown(family):
    looks = draw_looks(np.append(SEEDS, np.uint64(2**64 - 1)), family)
    assert looks.palette.shape == (len(SEEDS) + 1, PALETTE)
    assert looks.light.shape == (len(SEEDS) + 1, LIGHTS)
    assert len(np.unique(looks.palette, axis=0)) == len(SEEDS) + 1
    assert np.isfinite(looks.light).all()
    assert looks.light.min() > -1.0
    assert looks.light[:, Light.AMBIENT : Light.FOG_DENSITY].max() < 350.0
    varied = colours_of(family)[:, [*Material]].std(axis=0)
    assert (varied > 1.0).all()


def test_families_share_no_look():
    """Each draws from another part of every range: noise, haze and, over all, the colours."""
    train, new = lights(Family.TRAIN), lights(Family.NEW)
    assert train[:, Light.NOISE].max() < new[:, Light.NOISE].min()
    for weather in np.unique(train[:, Light.LIT : Light.RAIN], axis=0):  # alike in both families
        of_kind = [(one[:, Light.LIT : Light.RAIN] == weather).all(axis=1) for one in (train, new)]
        for name in (Light.FOG_DENSITY, Light.COVER):
            assert train[of_kind[0], name].max() < new[of_kind[1], name].min()
    red = [colours_of(family)[:, [*Material], 0] for family in Family]
    low, high = np.min(red, axis=(0, 1)), np.max(red, axis=(0, 1))
    blends = [((one - low) / (high - low)).mean(axis=1) for one in red]
    assert blends[0].max() < blends[1].min()


@pytest.mark.parametrize("family", Family)
def test_every_family_has_all_weathers(family):
    light = lights(family)
    daylight = light[:, Light.AMBIENT : Light.FOG].mean(axis=1)
    for rare in (
        light[:, Light.RAIN] > 0,
        light[:, Light.FOG_DENSITY] > 0.012,
        daylight < 0.15,
        (light[:, Light.HEADLIGHTS] > 0.4) & (light[:, Light.HEADLIGHTS] < 1.0),
    ):
        assert 0.03 < rare.mean() < 0.25
    assert 0.2 < (light[:, Light.SUN] > 0.45).mean() < 0.6
    assert (light[:, Light.FOG_DENSITY] > 0).all()
    assert np.median(light[:, Light.FOG_DENSITY]) < 0.01


@pytest.mark.parametrize("family", Family)
def test_the_weather_of_a_seed_is_what_its_look_shows(family):
    light, weather = lights(family), np.array([weather_of(seed) for seed in SEEDS])
    assert ((light[:, Light.RAIN] > 0) == (weather == Weather.RAIN)).all()
    night = weather == Weather.NIGHT
    daylight = light[:, Light.AMBIENT : Light.FOG].mean(axis=1)
    assert daylight[night].max() < daylight[~night].min()


@pytest.mark.parametrize("family", Family)
def test_paint_is_brighter_than_the_road_it_lies_on(family):
    colours = colours_of(family)
    for material, coat in (
        (Material.ROAD, Coat.PAINT),
        (Material.ROAD_CENTRE, Coat.CENTRE_PAINT),
    ):
        road, paint = colours[:, material], colours[:, coat]
        assert (paint.sum(axis=1) > road.sum(axis=1) + 100).all()
    assert np.array_equal(colours[:, Material.ROAD], colours[:, Material.ROAD_CENTRE])


def test_centre_paint_is_white_in_some_looks_and_yellow_in_others():
    paint = colours_of()[:, Coat.CENTRE_PAINT]
    yellow = paint[:, 2] < 0.5 * paint[:, 0]
    assert 0.4 < yellow.mean() < 0.6
    assert np.ptp(paint[~yellow], axis=1).max() < 30
    edge = colours_of()[:, Coat.PAINT]
    assert np.ptp(edge, axis=1).max() < 30


@pytest.mark.parametrize("seed", [CLEAR, DULL])
@pytest.mark.parametrize("material", [Material.LAND, Material.ROAD, Material.PAVEMENT])
def test_ground_of_middle_shade_has_its_materials_colour_under_the_light(plain, seed, material):
    seen = shown(plain(material), seed, ground_rows(4.0, 9.0))
    light = light_of(seed, Light.AMBIENT, 3) + light_of(seed, Light.SUN, 3)
    expected = colours_of(seeds=np.array([seed], np.uint64))[0, material] * light
    assert seen == pytest.approx(expected, rel=0.12, abs=4.0)


def test_shade_darkens_and_paint_covers(plain):
    rows = ground_rows(4.0, 9.0)
    road, dark, painted = (
        shown(plain(Material.ROAD, **changes), CLEAR, rows)
        for changes in ({}, {"shade": 100}, {"meaning": 255})
    )
    assert dark == pytest.approx(road / 2, rel=0.08)
    light = light_of(CLEAR, Light.AMBIENT, 3) + light_of(CLEAR, Light.SUN, 3)
    paint = colours_of(seeds=np.array([CLEAR], np.uint64))[0, Coat.PAINT]
    assert painted == pytest.approx(np.minimum(paint * light, 255), rel=0.08)


def test_shadows_are_dark_under_a_clear_sky_and_unseen_under_clouds(plain):
    rows = ground_rows(4.0, 30.0)
    lit, dark = plain(Material.LAND), plain(Material.LAND | SHADED)
    ratio = [shown(dark, seed, rows) / shown(lit, seed, rows) for seed in (CLEAR, DULL)]
    assert (ratio[0] < 0.75).all()
    assert ratio[0][2] > ratio[0][0]  # the sky that lights shadows is blue
    assert (ratio[1] > 0.93).all()


def test_windows_are_on_every_storey_where_the_wall_has_some(wall_of):
    distance, height = WALL - SHARP.ahead, 9.0
    glazed, blind = (
        look(wall_of(Material.WALL_B, height, meaning), state(seed=DULL), SHARP).rgb[0, 0]
        for meaning in (128, 0)
    )
    changed = np.abs(glazed.astype(int) - blind).max(axis=0) > 12
    for storey in range(2):
        sill, top, floor = (
            int(row_of(storey * STOREY + up, distance, SHARP)) for up in (1.0, 2.1, 0.4)
        )
        assert changed[top + 1 : sill].mean() > 0.95
        assert not changed[floor].any()
    pier = look(wall_of(Material.WALL_B, height, 20), state(seed=DULL), SHARP).rgb[0, 0]
    assert np.array_equal(pier, blind)


def test_some_windows_are_lit_at_night_and_few_by_day(wall_of):
    wall = wall_of(Material.WALL_A, 20.0, 128)
    rows = slice(0, int(row_of(1.0, WALL - SHARP.ahead, SHARP)))
    lit = []
    for seed in (NIGHT, CLEAR):
        windows = look(wall, state(seed=seed), SHARP).rgb[0, 0, :, rows].astype(float)
        lamps = light_of(seed, Light.LAMP, 3)[:, None, None]
        lit.append((np.abs(windows - lamps).max(axis=0) < 25).mean())
    assert 0.03 < lit[0] < 0.4  # windows are two fifths of the wall
    assert lit[1] < 0.02


def test_headlights_light_the_road_nearby_and_nothing_far_or_high(plain, wall_of):
    road = plain(Material.ROAD)
    near, middle, far = (
        shown(road, NIGHT, ground_rows(*depths)).mean() for depths in ((4, 6), (14, 18), (50, 90))
    )
    assert near > 1.5 * middle > 2.0 * far
    day = [shown(road, CLEAR, ground_rows(*depths)).mean() for depths in ((4, 6), (50, 90))]
    assert day[0] < 1.25 * day[1]
    assert near < day[0]
    wall = wall_of(Material.WALL_B, 12.0)
    low, high = (
        shown(wall, NIGHT, slice(int(row) - 3, int(row))).mean()
        for row in (row_of(height, WALL - SHARP.ahead, SHARP) for height in (0.6, 3.0))
    )
    assert low > 1.5 * high


def contrast(make_world, box, seed, east):
    """How much a dark hedge differs [levels] from what is behind it."""
    hedge = box(east, east + 4.0, -4.0, 4.0, 4.0, Material.HEDGE)
    images = [look(make_world(*boxes, **WIDE), state(seed=seed), SHARP) for boxes in ([hedge], [])]
    where = images[0].semantic[0, 0] == SemanticClass.VEGETATION
    return np.abs(images[0].rgb[0, 0].astype(int) - images[1].rgb[0, 0])[:, where].mean()


def test_fog_hides_the_distance_and_clear_air_does_not(make_world, box):
    foggy, clear = (
        [contrast(make_world, box, seed, x) for x in (10.0, 120.0)] for seed in (FOGGY, CLEAR)
    )
    assert foggy[1] < 0.5 * foggy[0]
    assert clear[1] > 0.6 * clear[0]


def test_wet_roads_mirror_the_sky_and_dry_ones_do_not(plain):
    rows = ground_rows(15.0, 60.0)
    sky = light_of(RAINY, Light.SKY_LOW, 3)
    assert light_of(RAINY, Light.WET) > 0.3
    road, gravel = (shown(plain(m), RAINY, rows) for m in (Material.ROAD, Material.GRAVEL))
    own = colours_of(seeds=np.array([RAINY], np.uint64))[0]
    dry = [own[m] * light_of(RAINY, Light.AMBIENT, 3) for m in (Material.ROAD, Material.GRAVEL)]
    towards = [
        np.abs(sky - one).mean() / np.abs(sky - two).mean()
        for one, two in ((road, dry[0]), (gravel, dry[1]))
    ]
    assert towards[0] < towards[1] - 0.1


@pytest.mark.parametrize("seed", [CLEAR, DULL])
def test_puddles_mirror_the_sky_the_more_the_farther_they_are(plain, seed):
    sky = light_of(seed, Light.SKY_LOW, 3)
    shares = []
    for rows in (ground_rows(4.0, 6.0), ground_rows(14.0, 30.0)):
        puddle, road = (shown(plain(m), seed, rows) for m in (Material.PUDDLE, Material.ROAD))
        shares.append(np.abs(sky - puddle).mean() / np.abs(sky - road).mean())
    assert shares[1] < 0.75
    assert shares[1] < shares[0]


def test_sky_is_brightest_towards_the_sun(make_world):
    east, west = (make_world(sun=sun, **WIDE) for sun in (0.0, np.pi))
    rows = slice(0, int(row_of(0.0, 1e9, SHARP)) - 22)
    towards, away = (shown(world, CLEAR, rows).mean() for world in (east, west))
    assert towards > away + 3.0
    assert shown(east, DULL, rows) == pytest.approx(shown(west, DULL, rows), abs=0.5)


def test_sky_goes_from_its_low_to_its_high_colour(plain):
    """Straight up it is as blue as it gets; where clouds are, it is their colour."""
    rig = dataclasses.replace(AHEAD, image_size=(96, 96), horizon=0.99, field_of_view=2.0)
    rgb = look(plain(Material.LAND), state(seed=CLEAR), rig).rgb[0, 0].astype(float)
    low, high, cloud = (
        light_of(CLEAR, name, 3) for name in (Light.SKY_LOW, Light.SKY_HIGH, Light.CLOUD)
    )
    top = rgb[:, :4].reshape(3, -1)
    blue = np.abs(top - high[:, None]).max(axis=0) < 20
    cloudy = np.abs(top - np.minimum(cloud, 255)[:, None]).max(axis=0) < 40
    assert (blue | cloudy).mean() > 0.6
    assert np.abs(high - low).max() > 50


@pytest.mark.parametrize("yaw", [0.0, np.pi / 2, np.pi, -np.pi / 2])
def test_hills_rise_differently_on_the_horizons_of_different_seeds(plain, yaw):
    above = slice(0, int(row_of(0.0, 1e9, SHARP)) - 1)
    images = look(plain(Material.LAND), state(60, np.arange(60), yaw=yaw), SHARP)
    hills = images.semantic[:, 0, above] == SemanticClass.TERRAIN
    assert len(np.unique(hills, axis=0)) > 30  # some horizons are flat
    heights = hills.sum(axis=1).astype(int)
    assert 3 < heights.max() < 20
    assert np.abs(np.diff(heights, axis=1)).max() <= 1  # one outline, without a seam
