"""What a texel of a world is made of, and which semantic class it shows."""

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

RESOLUTION = 0.25  # m per texel of a world's raster
STOREY = 3.0  # m
SHADED = 0x80  # bit of a texel's material byte: the sun does not reach it
HEIGHT_UNIT = 0.1  # m per height step of a texel
COLLISION_HEIGHT = 5  # height units, lower things can be driven over
HEADROOM = 25  # height units, a vehicle passes below a crown that hangs higher


class Material(IntEnum):
    """What a texel is made of. What its third byte means depends on it."""

    LAND = 0  # grass
    FIELD = 1  # soil
    GRAVEL = 2
    PAVEMENT = 3
    KERB = 4  # third byte of a kerb, trunk or pole: how much of the texel's width it fills
    ROAD = 5  # third byte: how much of it white paint covers
    ROAD_CENTRE = 6  # road whose paint separates the directions: white or yellow
    PATCH = 7  # mended asphalt
    PUDDLE = 8
    CROWN = 9  # of a tree; third byte: height of its underside, in height units
    TRUNK = 10
    HEDGE = 11
    POLE = 12
    FENCE = 13
    WALL_A = 14  # third byte of a wall: 0 where blank, else the place in the window's period, 1-255
    WALL_B = 15
    WALL_C = 16
    WALL_D = 17
    ROOF_A = 18
    ROOF_B = 19


class SemanticClass(IntEnum):
    """Classes of semantic images: the train ids of Cityscapes, and lane markings.

    Source: Cordts et al., "The Cityscapes dataset", CVPR 2016.
    """

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    CAR = 13
    TRUCK = 14
    BUS = 15
    LANE_MARKING = 19


_CROWN, _ROAD, _PUDDLE = int(Material.CROWN), int(Material.ROAD), int(Material.PUDDLE)


def is_road(material: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether texels of these materials can be driven on."""
    bare = material & ~np.uint8(SHADED)
    return (bare >= Material.ROAD) & (bare <= Material.PUDDLE)


@njit(forceinline=True)
def drives_on(material: int) -> bool:
    """Whether a texel can be driven on, given its material byte: `is_road` for kernels."""
    return _ROAD <= material & ~SHADED <= _PUDDLE


@njit(forceinline=True)
def stands_in_the_way(material: int, meaning: int, height: int) -> bool:
    """Whether a vehicle hits a texel, given its material byte, third byte and height byte."""
    if height < COLLISION_HEIGHT:
        return False
    return material & ~SHADED != _CROWN or meaning <= HEADROOM
