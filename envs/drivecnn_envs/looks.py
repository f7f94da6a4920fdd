"""Colours, light and haze: what an appearance seed decides about an image.

A look is one row of floats so that kernels can carry it: a colour for each material, then the
colours of paints, windows and sky, then haze. Colours are intensities as the camera exposes
them, mostly 0-255.
"""

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.noise import mix, normal, uniform
from drivecnn_envs.world import STOREY, Material

MATERIALS = len(Material)


class Swatch(IntEnum):
    """Colours of a look that are not a material's, by index after the materials."""

    PAINT = MATERIALS
    CENTRE_PAINT = MATERIALS + 1
    WINDOW = MATERIALS + 2
    SKY_LOW = MATERIALS + 3
    SKY_HIGH = MATERIALS + 4


COLOURS = MATERIALS + len(Swatch)
HAZE = 3 * COLOURS
GAIN = HAZE + 1  # of the camera's three channels, for colours that are no swatch
SUN = GAIN + 3  # cosine and sine of the direction the sun shines from
CLARITY = SUN + 2  # 0 under an overcast sky to 1 under a clear one
LOOK_SIZE = CLARITY + 1

SHADE_MIDDLE = 200.0  # a texel of this shade has its material's colour
FULL_HAZE = 0.012  # 1/m, the thickest
WINDOW_SILL, WINDOW_TOP = 0.9, 2.2  # m above each storey's floor

# Two colours for each: a look draws one between them.
_RANGES = np.array(
    [
        [[74, 98, 48], [128, 132, 72]],  # LAND: grass, fresh to dry
        [[108, 96, 66], [152, 138, 104]],  # FIELD: soil
        [[138, 136, 132], [186, 180, 170]],  # PAVEMENT
        [[62, 62, 66], [124, 122, 120]],  # ROAD: new to bleached asphalt
        [[62, 62, 66], [124, 122, 120]],  # ROAD_CENTRE: set to ROAD's below
        [[38, 64, 30], [84, 98, 44]],  # TREE
        [[168, 92, 70], [196, 130, 100]],  # WALL_A: brick
        [[196, 184, 160], [228, 220, 204]],  # WALL_B: plaster
        [[128, 132, 140], [176, 180, 186]],  # WALL_C: concrete
        [[176, 150, 96], [214, 196, 150]],  # WALL_D: sandstone
        [[206, 206, 202], [246, 246, 240]],  # PAINT: white
        [[206, 206, 202], [236, 186, 62]],  # CENTRE_PAINT: white or yellow
        [[42, 50, 62], [92, 108, 124]],  # WINDOW
        [[186, 204, 222], [228, 230, 232]],  # SKY_LOW: clear to overcast
        [[92, 142, 208], [196, 202, 210]],  # SKY_HIGH
    ],
    np.float32,
)
_SKY_LOW, _SKY_HIGH = int(Swatch.SKY_LOW), int(Swatch.SKY_HIGH)
_PAINT, _CENTRE, _WINDOW = int(Swatch.PAINT), int(Swatch.CENTRE_PAINT), int(Swatch.WINDOW)
_ROAD, _ROAD_CENTRE = int(Material.ROAD), int(Material.ROAD_CENTRE)
_TREE, _WALL = int(Material.TREE), int(Material.WALL_A)


@njit(inline="always")
def draw_look(seed: np.uint64, look: NDArray[np.float32]) -> None:
    """Fill a look (LOOK_SIZE,) from an appearance seed."""
    stream = mix(seed, 7)
    overcast = uniform(stream, 900)
    for colour in range(COLOURS):
        blend = uniform(stream, colour)
        if colour == _CENTRE:
            blend = 1.0 if blend > 0.5 else 0.0
        elif colour >= _SKY_LOW:
            blend = overcast
        elif colour == _ROAD_CENTRE:
            blend = uniform(stream, _ROAD)
        for channel in range(3):
            low, high = _RANGES[colour, 0, channel], _RANGES[colour, 1, channel]
            look[3 * colour + channel] = low + blend * (high - low)
    warmth = 0.035 * normal(stream, 901)
    for colour in range(_SKY_LOW):
        look[3 * colour] *= 1.0 + warmth
        look[3 * colour + 2] *= 1.0 - warmth
    look[HAZE] = FULL_HAZE * uniform(stream, 902) ** 2
    exposure = np.exp(min(0.16 * normal(stream, 903), 0.12)) * (1.0 - 0.25 * overcast)
    for k in range(3 * COLOURS):
        look[k] *= exposure
    look[GAIN], look[GAIN + 1], look[GAIN + 2] = 1.0 + warmth, 1.0, 1.0 - warmth
    for channel in range(3):
        look[GAIN + channel] *= exposure
    azimuth = 2.0 * np.pi * uniform(stream, 904)
    look[SUN], look[SUN + 1] = np.cos(azimuth), np.sin(azimuth)
    look[CLARITY] = 1.0 - overcast


@njit(inline="always")
def fog_at(look: NDArray[np.float32], depth: float) -> float:
    """Share of the haze's colour in what is seen `depth` metres away."""
    haze = depth * look[HAZE]
    return float(haze / (1.0 + haze))


@njit(inline="always")
def shade_texel(
    look: NDArray[np.float32], material: int, shade: int, paint: int, z: float, fog: float
) -> tuple[float, float, float]:
    """Colour (red, green, blue) of a point z metres up on a texel, seen through `fog`."""
    light = np.float32(shade) * np.float32(1.0 / SHADE_MIDDLE)
    tint, amount = material, np.float32(0.0)
    if material >= _WALL:
        floor = z % STOREY
        if paint > 0 and WINDOW_SILL < floor < WINDOW_TOP:
            tint, amount = _WINDOW, np.float32(1.0)
    elif material == _TREE:
        light *= np.float32(min(1.1, 0.55 + 0.14 * z))
    elif paint > 0:
        tint = _CENTRE if material == _ROAD_CENTRE else _PAINT
        amount = np.float32(paint) * np.float32(1.0 / 255.0)
    clear = np.float32(1.0 - fog)
    own = clear * light * (np.float32(1.0) - amount)
    other = clear * amount
    haze = np.float32(fog)
    a, b, c = 3 * material, 3 * tint, 3 * _SKY_LOW
    return (
        own * look[a] + other * look[b] + haze * look[c],
        own * look[a + 1] + other * look[b + 1] + haze * look[c + 1],
        own * look[a + 2] + other * look[b + 2] + haze * look[c + 2],
    )


@njit(inline="always")
def shade_sky(look: NDArray[np.float32], height: float, channel: int) -> float:
    """Intensity of the sky at `height`, 0 at the horizon and 1 at the top of a tall image."""
    low, high = look[3 * _SKY_LOW + channel], look[3 * _SKY_HIGH + channel]
    return float(low + min(height, 1.0) * (high - low))
