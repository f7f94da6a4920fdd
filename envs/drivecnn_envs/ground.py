"""The ground: grass, soil and gravel, kerbs and pavements, and how old the road's surface is."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.canvas import (
    BAND,
    DISTRICT,
    DISTRICT_SALT,
    PAVED,
    Canvas,
    fill_noise,
    place_bits,
)
from drivecnn_envs.materials import Material
from drivecnn_envs.noise import mix
from drivecnn_envs.townscape import Townscape

Bytes = NDArray[np.uint8]
Noise = tuple[float, float, float, float, float, float, float]  # by number in `CELLS`

# features of the noises that the ground is made of, in texels
ROUGH, MEDIUM, STRETCH, QUARTER = 8, 32, 96, 224
CRACK = 26
CELLS = (ROUGH, MEDIUM, STRETCH, QUARTER, DISTRICT, CRACK, STRETCH)
NOISE_SALT = DISTRICT_SALT - CELLS.index(DISTRICT)  # added to the number of a noise

KERB_WIDTH = 0.3  # m
FURROW = 7  # texels
SLAB = 3  # texels a side
_SHOULDER_FRAY = 1.2  # m, how far gravel reaches unevenly
_LAND, _FIELD, _GRAVEL = int(Material.LAND), int(Material.FIELD), int(Material.GRAVEL)
_PAVEMENT, _KERB = int(Material.PAVEMENT), int(Material.KERB)
_ROAD, _CENTRE = int(Material.ROAD), int(Material.ROAD_CENTRE)
_PUDDLE = int(Material.PUDDLE)
_CELLS = np.array(CELLS)
_DISTRICT = CELLS.index(DISTRICT)
_FULL, _BARE = 255, 20  # levels of paint: all, next to none


@njit(parallel=True, nogil=True, cache=True)
def lay_ground(canvas: Canvas, townscape: Townscape) -> None:
    """Fill material, shade, third byte and height of all texels, of roads as `lay_road` left them.

    One thread a band of rows. What a texel becomes depends on noise at its place, so that
    wear, cracks, puddles and grass have shapes of their own.
    """
    rows, columns = canvas.uses.shape
    for band in prange((rows + BAND - 1) // BAND):
        noises = np.empty((len(_CELLS), columns), np.float32)
        for row in range(band * BAND, min(rows, band * BAND + BAND)):
            for number in range(len(_CELLS)):
                seed = mix(canvas.seed, NOISE_SALT + number)
                fill_noise(noises[number], seed, canvas.west, canvas.south + row, _CELLS[number])
            for column in range(columns):
                x, y = canvas.west + column, canvas.south + row
                grain = float(place_bits(canvas.seed, x, y) >> np.uint32(27))  # 0-31
                texel = canvas.texels[row, column]
                noise = (
                    noises[0, column],
                    noises[1, column],
                    noises[2, column],
                    noises[3, column],
                    noises[4, column],
                    noises[5, column],
                    noises[6, column],
                )
                if canvas.uses[row, column] & PAVED:
                    _surface(texel, townscape, noise, grain)
                else:
                    _land(texel, townscape, noise, grain, x + y // 2)
                    slab = int(place_bits(canvas.seed, x // SLAB, y // SLAB) >> np.uint32(27))
                    _roadside(texel, townscape, noise, canvas.distance[row, column], slab)


@njit(forceinline=True)
def _surface(texel: Bytes, townscape: Townscape, noise: Noise, grain: float) -> None:
    """Finish a texel of the road: `grain` is from 0 to 31."""
    track, paint, oil = np.float32(texel[1]), np.float32(texel[2]), np.float32(texel[3])
    shade = np.float32(178) + np.float32(22) * noise[1] + np.float32(16) * noise[0]
    shade += np.float32(0.6) * (grain - np.float32(16))
    if noise[3] > 0.62:
        shade += np.float32(townscape.repaved)
    shade += np.float32(townscape.tracks / 255) * track * (np.float32(0.4) + noise[1])
    stain = noise[0] + noise[1] - np.float32(0.75)
    if stain > 0:
        shade -= np.float32(townscape.oil / 255) * oil * stain * np.float32(2)
    cracked = abs(noise[5] - np.float32(0.5)) < townscape.cracks and min(noise[1], noise[2]) > 0.45
    if cracked:
        shade -= np.float32(48)
    worn = np.float32(townscape.wear) * (np.float32(0.3) * noise[1] + np.float32(0.9) * noise[0])
    worn += np.float32(0.25 * townscape.wear) * (grain - np.float32(16)) / np.float32(16)
    is_centre = texel[0] == _CENTRE
    stretch = noise[6] if is_centre else noise[2]
    if stretch > townscape.faded:
        worn = max(worn, min(np.float32(1), np.float32(0.75) + worn))
    paint *= min(max(np.float32(1) - worn, np.float32(0)), np.float32(1))
    texel[0] = _CENTRE if is_centre else _ROAD
    hollow = np.float32(0.6) * noise[5] + np.float32(0.4) * noise[1]
    if hollow > townscape.puddles and paint < _BARE:
        texel[0], paint = _PUDDLE, np.float32(0)
    texel[1] = np.uint8(min(max(shade, np.float32(20)), np.float32(_FULL)))
    texel[2] = np.uint8(paint)
    texel[3] = 0


@njit(forceinline=True)
def _land(texel: Bytes, townscape: Townscape, noise: Noise, grain: float, x: int) -> None:
    """Make a texel grass, soil or gravel."""
    shade = np.float32(200) + np.float32(44) * (noise[1] - np.float32(0.5))
    shade += np.float32(36) * (noise[0] - np.float32(0.5)) + grain - np.float32(16)
    texel[0] = _LAND
    if noise[3] > townscape.field:
        texel[0] = _FIELD
        shade += np.float32(8 * (x % FURROW % 4) - 14)  # furrows across the map
    elif noise[2] * np.float32(0.6) + noise[1] * np.float32(0.4) > townscape.gravel:
        texel[0] = _GRAVEL
        shade += grain - np.float32(16)
    texel[1] = np.uint8(min(max(shade, np.float32(90)), np.float32(_FULL)))
    texel[2] = texel[3] = 0


@njit(forceinline=True)
def _roadside(texel: Bytes, townscape: Townscape, noise: Noise, away: float, slab: int) -> None:
    """Lay kerb, verge and pavement `away` metres from the road, or gravel in open country."""
    if townscape.pavement == 0.0 or noise[_DISTRICT] < townscape.rural:
        if away < townscape.shoulder + _SHOULDER_FRAY * (noise[0] - 0.5):
            texel[0] = _GRAVEL
        return
    beyond = away - KERB_WIDTH - townscape.verge
    if away <= KERB_WIDTH:
        texel[0], texel[2] = _KERB, _FULL
        texel[1] = np.uint8(townscape.kerb_shade) - (texel[1] >> 4)
        texel[3] = 1
    elif 0.0 < beyond <= townscape.pavement:
        texel[0] = _PAVEMENT
        texel[1] = np.uint8(172 + slab + (texel[1] >> 3))
        texel[3] = 1
    elif beyond <= 0.0:
        texel[3] = 1
