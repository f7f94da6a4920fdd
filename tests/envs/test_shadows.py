"""Cast shadows: as long as the sun is low, and away from it."""

import numpy as np
import pytest

from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, SHADED, Material
from drivecnn_envs.shadows import cast_shadows
from drivecnn_envs.townscape import Townscape

SIZE, MIDDLE = 240, 120  # texels


def sun_at(azimuth, elevation):
    """A townscape whose sun stands there [rad]."""
    x, y, slope = np.cos(azimuth), np.sin(azimuth), np.tan(elevation)
    return Townscape.of(0)._replace(sun_x=x, sun_y=y, sun_slope=slope)


def shaded(texels):
    return (texels[..., 0] & SHADED) > 0


@pytest.fixture
def land():
    """Flat land."""
    return np.zeros((SIZE, SIZE, 4), np.uint8)


@pytest.fixture
def post(land):
    """A tower of 1 m by 1 m and 6 m on flat land."""
    land[MIDDLE - 2 : MIDDLE + 2, MIDDLE - 2 : MIDDLE + 2] = Material.WALL_A, 200, 0, 60
    return land


def test_flat_land_is_all_lit(land):
    cast_shadows(land, 0, 0, sun_at(0.3, 0.5))
    assert not shaded(land).any()


@pytest.mark.parametrize("azimuth", np.linspace(-np.pi, np.pi, 17))
def test_shadow_points_away_from_the_sun_and_is_as_long_as_the_sun_is_low(post, azimuth):
    elevation = np.radians(35.0)
    cast_shadows(post, 0, 0, sun_at(azimuth, elevation))
    rows, columns = np.nonzero(shaded(post) & (post[..., 3] == 0))
    x, y = (columns + 0.5 - MIDDLE) * RESOLUTION, (rows + 0.5 - MIDDLE) * RESOLUTION
    along = -x * np.cos(azimuth) - y * np.sin(azimuth)
    across = x * np.sin(azimuth) - y * np.cos(azimuth)
    assert along.min() > 0.0
    assert along.max() == pytest.approx(60 * HEIGHT_UNIT / np.tan(elevation), abs=1.2)
    assert np.abs(across).max() < 1.2
    assert len(along) > 0.8 * along.max() / RESOLUTION**2  # a metre wide, without holes


def test_tower_in_the_shadow_of_a_higher_one_is_shaded_and_not_itself(post):
    post[MIDDLE - 2 : MIDDLE + 2, MIDDLE + 10 : MIDDLE + 14] = Material.WALL_A, 200, 0, 200
    cast_shadows(post, 0, 0, sun_at(0.0, np.radians(45.0)))  # the sun in the east
    assert shaded(post)[MIDDLE, MIDDLE]
    assert not shaded(post)[MIDDLE, MIDDLE + 12]


def test_crown_is_dark_on_the_side_away_from_the_sun(land):
    rows, columns = np.indices((SIZE, SIZE)) - MIDDLE
    inside = np.hypot(rows, columns) < 10
    land[inside] = Material.CROWN, 200, 20, 70
    cast_shadows(land, 0, 0, sun_at(np.pi / 2, np.radians(40.0)))  # the sun in the north
    assert not shaded(land)[MIDDLE + 9, MIDDLE]
    assert shaded(land)[MIDDLE - 9, MIDDLE]
