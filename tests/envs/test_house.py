"""One building: walls with whole windows, roofs that rise to a ridge, and sides in the shade."""

import numpy as np
import pytest

from drivecnn_envs.canvas import Canvas
from drivecnn_envs.house import ROW, UNDIVIDED, VILLA, House, draw_house
from drivecnn_envs.materials import HEIGHT_UNIT, SHADED, STOREY, Material
from drivecnn_envs.townscape import Townscape

SIZE = 200  # texels of the canvas
LENGTH, DEPTH, EAVES = 8.0, 5.0, 6.0  # m


@pytest.fixture
def draw():
    """Draws a house in the middle of a canvas, its back to the north; returns the texels."""

    def run(sun=0.3, **changes):
        canvas = Canvas(
            np.zeros((SIZE, SIZE, 4), np.uint8),
            np.zeros((SIZE, SIZE), np.uint8),
            np.full((SIZE, SIZE), 50.0, np.float32),
            0,
            0,
            np.uint64(3),
        )
        house = House(
            x=25.0,
            y=25.0,
            along_x=1.0,
            along_y=0.0,
            back_x=0.0,
            back_y=1.0,
            length=LENGTH,
            depth=DEPTH,
            eaves=EAVES,
            pitch=0.8,
            turned=False,
            section=UNDIVIDED,
            window=2.5,
            setback=5.0,
            kind=VILLA,
            key=np.uint64(8),
        )._replace(**changes)
        sky = Townscape.of(0)._replace(sun_x=np.cos(sun), sun_y=np.sin(sun), sun_slope=0.7)
        draw_house(canvas, sky, house)
        return canvas.texels

    return run


def material(texels):
    return texels[..., 0] & ~np.uint8(SHADED)


def is_wall(texels):
    bare = material(texels)
    return (bare >= Material.WALL_A) & (bare < Material.ROOF_A)


def front(texels):
    """The texels (N, 4) of the southern facade."""
    row = np.flatnonzero(texels[:, 100, 3])[0]
    return texels[row][texels[row, :, 3] > 0]


def test_house_covers_its_size(draw):
    rows, columns = np.nonzero(draw()[..., 3])
    assert np.ptp(columns) + 1 == 2 * LENGTH / 0.25
    assert np.ptp(rows) + 1 == 2 * DEPTH / 0.25


def test_flat_house_is_all_wall_and_equally_high(draw):
    texels = draw(pitch=0.0)
    high = texels[..., 3] > 0
    assert is_wall(texels)[high].all()
    assert np.unique(texels[high, 3]).tolist() == [round(EAVES / HEIGHT_UNIT)]


@pytest.mark.parametrize("turned", [False, True])
def test_pitched_roof_rises_from_the_eaves_to_the_ridge(draw, turned):
    texels = draw(turned=turned)
    profile = texels[:, 100, 3] if not turned else texels[100, :, 3]
    profile = profile[profile > 0].astype(int)
    half = len(profile) // 2
    span = LENGTH if turned else DEPTH
    assert profile[0] == round(EAVES / HEIGHT_UNIT)
    assert profile.max() == pytest.approx((EAVES + 0.8 * span) / HEIGHT_UNIT, abs=2)
    assert (np.diff(profile[:half]) >= 0).all()
    assert (np.diff(profile[half:]) <= 0).all()
    assert (material(texels) >= Material.ROOF_A).any()


def test_walls_are_deep_enough_for_the_steps_of_a_ray(draw):
    texels = draw()
    assert is_wall(texels)[:, 100].sum() >= 2 * 4
    assert is_wall(texels)[100].sum() >= 2 * 4


def test_windows_come_whole(draw):
    places = front(draw())[:, 2].astype(int)
    starts = (np.diff(places) < 0).sum() + 1
    assert starts == round(2 * LENGTH / 2.5)
    assert places.min() >= 1
    assert places.max() > 230
    assert (np.abs(places - 128) < 62).any()


def test_blank_walls_have_no_windows(draw):
    assert front(draw(window=0.0))[:, 2].max() == 0
    texels = draw(kind=ROW, section=8.0, pitch=0.0)
    column = np.flatnonzero(texels[100, :, 3])[0]
    ends = texels[90:110, column]
    assert ends[:, 2].max() == 0  # of a row
    assert front(texels)[:, 2].max() > 0


@pytest.mark.parametrize(("sun", "lit"), [(-np.pi / 2, True), (np.pi / 2, False)])
def test_facade_is_lit_when_it_faces_the_sun(draw, sun, lit):
    assert ((front(draw(sun=sun))[10:-10, 0] & SHADED == 0) == lit).all()


def test_steep_roof_is_dark_on_the_side_away_from_a_low_sun(draw):
    texels = draw(sun=np.pi / 2)  # in the north, rising 0.7 m a metre
    roof = material(texels) >= Material.ROOF_A
    shaded = (texels[..., 0] & SHADED) > 0
    assert shaded[:100][roof[:100]].all()
    assert not shaded[101:][roof[101:]].any()


def test_houses_of_a_row_differ(draw):
    texels = front(draw(kind=ROW, section=4.0, pitch=0.0))
    assert len(np.unique(texels[:, 3])) > 1
    assert len(np.unique(texels[:, 0] & ~np.uint8(SHADED))) > 1
    steps = np.abs(np.diff(np.unique(texels[:, 3]).astype(int))) * HEIGHT_UNIT
    assert (np.round(steps % STOREY, 3) == 0).all()
