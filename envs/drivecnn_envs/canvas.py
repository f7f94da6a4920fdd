"""What worlds are drawn on, and random numbers that depend on the place they are drawn at.

Places are counted in texels from the origin of the map's axes, not from the corner of a raster. So
two rasters that overlap, of two pieces of one town, show the same where they do.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.materials import RESOLUTION
from drivecnn_envs.noise import mix

Bytes = NDArray[np.uint8]

BAND = 128  # rows that one thread draws at a time

PAVED = 1  # bit of a texel's use: road surface
DRIVEN = 2  # part of a lane
SWEPT = 4  # nearer to a lane than a parked car may be
TAKEN = 8  # something stands there, or nothing may

DISTRICT = 640  # texels, features of the noise that tells town from country
DISTRICT_SALT = 54  # of its seed

_X, _Y = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)
_MIX_1, _MIX_2 = np.uint32(0x2C1B3C6D), np.uint32(0x297A2D39)
_SHIFT_1, _SHIFT_2 = np.uint32(15), np.uint32(12)
_LOW = np.uint64(0xFFFFFFFF)
_UNIT = np.float32(1.0 / (1 << 32))


class Canvas(NamedTuple):
    """The rasters of a world in the making."""

    texels: Bytes  # (R, C, 4) material, shade, third byte, height
    uses: Bytes  # (R, C) bits PAVED, DRIVEN, SWEPT, TAKEN
    distance: NDArray[np.float32]  # (R, C) m to the nearest paved texel
    west: int  # number of the first column
    south: int  # number of the first row
    seed: np.uint64


@njit(forceinline=True)
def place_bits(seed: np.uint64, x: int, y: int) -> np.uint32:
    """32 random bits of a place on a grid."""
    bits = np.uint32(np.uint32(x) * _X) + np.uint32(np.uint32(y) * _Y)
    bits = np.uint32(np.uint32(bits) ^ np.uint32(seed & _LOW))
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT_1)) * _MIX_1)
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT_2)) * _MIX_2)
    return np.uint32(bits ^ np.uint32(bits >> _SHIFT_1))


@njit(forceinline=True, cache=True)
def place_key(seed: np.uint64, x: float, y: float) -> np.uint64:
    """A key for `uniform` that belongs to the texel at x and y [m]."""
    return mix(mix(seed, int(np.floor(x / RESOLUTION))), int(np.floor(y / RESOLUTION)))


@njit(forceinline=True)
def noise_at(seed: np.uint64, x: float, y: float, cell: float) -> float:
    """Smooth noise in [0, 1) at x and y [m], with features of `cell` metres."""
    i, j = int(np.floor(x / cell)), int(np.floor(y / cell))
    across, along = x / cell - i, y / cell - j
    across, along = across * across * (3 - 2 * across), along * along * (3 - 2 * along)
    low = _blend(place_bits(seed, i, j), place_bits(seed, i + 1, j), across)
    high = _blend(place_bits(seed, i, j + 1), place_bits(seed, i + 1, j + 1), across)
    return float(low + along * (high - low))


@njit(forceinline=True)
def _blend(one: np.uint32, other: np.uint32, share: float) -> float:
    return float(_UNIT * (one + share * (float(other) - float(one))))


@njit(forceinline=True)
def district_at(canvas: Canvas, x: float, y: float) -> float:
    """Noise at x and y [m] that is high downtown and low in open country."""
    return noise_at(mix(canvas.seed, DISTRICT_SALT), x, y, DISTRICT * RESOLUTION)


@njit(cache=True)
def fill_noise(out: NDArray[np.float32], seed: np.uint64, west: int, row: int, cell: int) -> None:
    """Fill one row (C,) of `noise_at`, with cells of so many texels."""
    j = row // cell
    along = np.float32((row - j * cell + 0.5) / cell)
    along = along * along * (np.float32(3) - np.float32(2) * along)
    scale = np.float32(1.0 / cell)
    first = west // cell
    column = 0
    left = _blend(place_bits(seed, first, j), place_bits(seed, first, j + 1), float(along))
    while column < len(out):
        i = (west + column) // cell
        right = _blend(place_bits(seed, i + 1, j), place_bits(seed, i + 1, j + 1), float(along))
        low, rise = np.float32(left), np.float32(right - left)
        start = west + column - i * cell
        end = min(len(out), column + cell - start)
        for k in range(end - column):
            share = (np.float32(start + k) + np.float32(0.5)) * scale
            smooth = share * share * (np.float32(3) - np.float32(2) * share)
            out[column + k] = low + rise * smooth
        left, column = right, end
