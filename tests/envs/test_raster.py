"""Mip levels: four texels become one that looks like them from farther away."""

import numpy as np
import pytest

from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.raster import halve

ROAD, CENTRE, LAND = Material.ROAD, Material.ROAD_CENTRE, Material.LAND
PAVEMENT, KERB, POLE = Material.PAVEMENT, Material.KERB, Material.POLE
WALL, ROOF, CROWN = Material.WALL_B, Material.ROOF_A, Material.CROWN


def joined(*texels):
    """What four texels (material, shade, third byte, height) become, in whatever order."""
    results = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        block = np.array(texels, np.uint8)[order].reshape(2, 2, 4)
        results.append(tuple(halve(block)[0, 0].tolist()))
    assert len(set(results)) == 1
    return results[0]


def test_alike_ground_keeps_its_mean_shade_and_paint():
    road = [(ROAD, shade, paint, 0) for shade, paint in ((100, 0), (200, 200), (100, 0), (200, 40))]
    assert joined(*road) == (ROAD, 150, 60, 0)


def test_most_common_ground_decides():
    road, land = (ROAD, 100, 80, 0), (LAND, 200, 0, 0)
    assert joined(road, road, road, land) == (ROAD, 100, 80, 0)
    assert joined(road, land, land, land) == (LAND, 200, 0, 0)


def test_lanes_are_one_ground_and_most_paint_gives_its_colour():
    white, yellow, land = (ROAD, 100, 40, 0), (CENTRE, 100, 200, 0), (LAND, 200, 0, 0)
    assert joined(white, yellow, (ROAD, 100, 0, 0), land) == (CENTRE, 100, 80, 0)
    assert joined((ROAD, 100, 200, 0), (CENTRE, 100, 40, 0), land, land) == (ROAD, 100, 120, 0)


def test_highest_texel_hides_the_rest():
    wall, crown, land = (WALL, 180, 120, 90), (CROWN, 150, 22, 60), (LAND, 200, 0, 0)
    assert joined(wall, land, land, land) == wall
    assert joined(crown, land, land, land) == crown
    assert joined(wall, crown, land, land) == wall


def test_wall_hides_the_higher_roof_behind_it():
    wall, roof = (WALL, 180, 120, 60), (ROOF, 200, 0, 75)
    assert joined(wall, roof, roof, roof) == wall


@pytest.mark.parametrize("material", [Material.POLE, Material.TRUNK])
def test_posts_and_trunks_are_gone_instead_of_growing(material):
    post, land, crown = (material, 200, 140, 60), (LAND, 200, 0, 0), (CROWN, 150, 22, 50)
    assert joined(post, land, land, land) == land
    assert joined(post, crown, land, land) == crown


def test_kerb_is_seen_at_half_a_metre_and_gone_at_a_metre():
    strip = np.zeros((4, 8, 4), np.uint8)
    strip[:, :4], strip[:, 4:] = (ROAD, 100, 0, 0), (PAVEMENT, 200, 0, 1)
    strip[:, 4] = KERB, 240, 255, 1
    half = halve(strip)
    assert half[0, :, 0].tolist() == [ROAD, ROAD, KERB, PAVEMENT]
    assert halve(half)[0, :, 0].tolist() == [ROAD, PAVEMENT]


def test_ground_is_shaded_where_half_of_it_is():
    lit, dark = (LAND, 200, 0, 0), (LAND | SHADED, 200, 0, 0)
    assert joined(lit, lit, lit, dark)[0] == LAND
    assert joined(lit, lit, dark, dark)[0] == LAND | SHADED
    assert joined(dark, dark, dark, dark)[0] == LAND | SHADED
