"""What a vehicle can drive on, and what it hits."""

import numpy as np
import pytest

from drivecnn_envs.materials import (
    COLLISION_HEIGHT,
    HEADROOM,
    SHADED,
    Material,
    drives_on,
    is_road,
    stands_in_the_way,
)


@pytest.mark.parametrize("material", Material)
def test_road_is_road_in_the_sun_and_in_the_shade(material):
    road = Material.ROAD <= material <= Material.PUDDLE
    for byte in (int(material), material | SHADED):
        assert drives_on(byte) == road
        assert is_road(np.array([byte], np.uint8))[0] == road


@pytest.mark.parametrize("shade", [0, SHADED])
def test_vehicle_drives_over_kerbs_and_below_high_crowns_only(shade):
    for material in Material:
        byte = material | shade
        assert not stands_in_the_way(byte, 0, COLLISION_HEIGHT - 1)
        assert stands_in_the_way(byte, 0, COLLISION_HEIGHT)
        hangs = material == Material.CROWN
        assert stands_in_the_way(byte, HEADROOM + 1, 80) != hangs
        assert stands_in_the_way(byte, HEADROOM, 80)
