"""What the camera makes of the light: rain before the lens, blur, and the sensor's noise.

It works on colours packed in one number, red and blue of it at once.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.looks import Light
from drivecnn_envs.noise import SENSOR, mix
from drivecnn_envs.pixels import Ints, Words

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

STREAKS = 0.004  # per pixel of an image, in rain
STREAK_LENGTH = 0.14  # of the image's height
STREAK_LEVELS = 22  # intensity levels
RAIN_DRAW = 1  # counter of an image's random numbers
_LOW_32 = np.uint64(0xFFFFFFFF)
_HASH_1, _HASH_2, _SHIFT = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(15)
_BYTE, _RED_BLUE, _HALVES = np.uint32(255), np.uint32(0xFF00FF), np.uint32(0x800080)
_HALF, _GREEN, _EIGHT, _SIXTEEN = (np.uint32(n) for n in (128, 0xFF00, 8, 16))
_ONE, _BLACK, _WHITE = np.uint32(1), np.int32(0), np.int32(255)
_RAIN, _NOISE, _BLUR = int(Light.RAIN), int(Light.NOISE), int(Light.BLUR)


@njit(forceinline=True)
def expose(
    sharp: Words, lift: Ints, left: int, seed: np.uint64, light: Floats, line: Words, image: Bytes
) -> None:
    """Fill `image` (3, H, W) with what the sensor makes of a `sharp` one, the same for a seed.

    Args:
        sharp: (R, P) packed colours, level.
        lift: (P,) rows that each column moves up.
        left: the image's first column of them.
        seed: of the noise and the rain.
        light: the look.
        line: (P,) room to work in.
        image: what is filled.
    """
    columns = image.shape[2]
    if light[_RAIN] > 0.0:
        _rain(sharp, left, columns, mix(seed, RAIN_DRAW))
    start, spread, blur = faults_of(seed, light)
    first = 0
    while first < columns:  # as far as columns move alike
        last = first + 1
        while last < columns and lift[left + last] == lift[left + first]:
            last += 1
        for row in range(image.shape[1]):
            level_row = row + lift[left + first]
            _blur(sharp, level_row, left, (first, last), columns, blur, line)
            number = np.uint32(start + np.uint32(level_row * columns))
            _add_noise(number, spread, (first, last), line, np.uint64(row), image)
        first = last


@njit(forceinline=True)
def noise_seed(seed: np.uint64, step: int, camera: int) -> np.uint64:
    """The seed of what a camera's sensor does at a step of an episode."""
    return mix(mix(mix(seed, SENSOR), step), camera)


@njit(forceinline=True)
def faults_of(seed: np.uint64, light: Floats) -> tuple[np.uint32, np.uint32, np.uint32]:
    """Where noise begins, its levels in all, and the 256ths of light that four neighbours get."""
    spread = np.uint32(2) * np.uint32(light[_NOISE]) + np.uint32(1)
    return np.uint32(seed & _LOW_32), spread, np.uint32(64.0 * light[_BLUR])


@njit(forceinline=True)
def _blur(
    sharp: Words, row: int, left: int, span: tuple[int, int], columns: int, blur: np.uint32,
    line: Words,
) -> None:  # fmt: skip
    """Fill a piece of a line, each pixel of a row with a share of its four neighbours."""
    here, first, one = np.uint64(row), np.uint64(left), np.uint64(1)
    above, below = np.uint64(max(row - 1, 0)), np.uint64(min(row + 1, len(sharp) - 1))
    for k in (span[0], span[1] - 1):  # the ends of the image have no neighbours
        line[k] = sharp[row, left + k]
    for k in range(np.uint64(max(span[0], 1)), np.uint64(min(span[1], columns - 1))):
        column = first + k
        before, after = sharp[here, column - one], sharp[here, column + one]
        over, under = sharp[above, column], sharp[below, column]
        line[k] = blurred(sharp[here, column], before, after, over, under, blur)


@njit(forceinline=True)
def blurred(
    own: np.uint32, left: np.uint32, right: np.uint32, above: np.uint32, below: np.uint32,
    blur: np.uint32,
) -> np.uint32:  # fmt: skip
    """A colour with a share of its four neighbours, in 256ths of each."""
    keep = np.uint32(256) - np.uint32(4) * blur
    beside = (left & _RED_BLUE) + (right & _RED_BLUE) + (above & _RED_BLUE) + (below & _RED_BLUE)
    red_blue = keep * (own & _RED_BLUE) + blur * beside + _HALVES
    beside = ((left >> _EIGHT) & _BYTE) + ((right >> _EIGHT) & _BYTE)
    beside += ((above >> _EIGHT) & _BYTE) + ((below >> _EIGHT) & _BYTE)
    green = keep * ((own >> _EIGHT) & _BYTE) + blur * beside + _HALF
    return ((red_blue >> _EIGHT) & _RED_BLUE) | (green & _GREEN)


@njit(forceinline=True)
def _add_noise(
    number: np.uint32, spread: np.uint32, span: tuple[int, int], line: Words, row: np.uint64,
    image: Bytes,
) -> None:  # fmt: skip
    """Copy a piece of a line into a row of the image, with noise."""
    for k in range(np.uint64(span[0]), np.uint64(span[1])):
        colour, draws = line[k], noise_at(np.uint32(number + np.uint32(k)))
        image[np.uint64(0), row, k] = noisy(colour, draws, spread)
        image[np.uint64(1), row, k] = noisy(colour >> _EIGHT, draws >> _EIGHT, spread)
        image[np.uint64(2), row, k] = noisy(colour >> _SIXTEEN, draws >> _SIXTEEN, spread)


@njit(forceinline=True)
def noise_at(number: np.uint32) -> np.uint32:
    """Random bits of a pixel's number.

    The hash is 32 bits wide, and says so at every step, so that it fills vector registers.
    """
    bits = np.uint32(number * _HASH_1)
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT)) * _HASH_2)
    return np.uint32(bits ^ np.uint32(bits >> _SHIFT))


@njit(forceinline=True)
def noisy(level: np.uint32, draw: np.uint32, spread: np.uint32) -> np.uint8:
    """A level with even noise of `spread` levels in all; the lowest byte of both counts."""
    drawn = np.int32(np.uint32((draw & _BYTE) * spread) >> _EIGHT)
    value = np.int32(level & _BYTE) + drawn - np.int32(spread >> _ONE)
    return np.uint8(min(max(value, _BLACK), _WHITE))


@njit(forceinline=True)
def _rain(sharp: Words, left: int, columns: int, seed: np.uint64) -> None:
    """Draw falling drops as short bright strokes."""
    rows = len(sharp)
    for number in range(drops_in(rows, columns)):
        column, top, bottom, level = drop_of(seed, number, rows, columns)
        for row in range(max(top, 0), min(bottom, rows)):
            sharp[row, left + column] = brighter(sharp[row, left + column], level)


@njit(forceinline=True)
def drops_in(rows: int, columns: int) -> int:
    """How many drops are in an image when it rains."""
    return int(STREAKS * rows * columns)


@njit(forceinline=True)
def drop_of(
    seed: np.uint64, number: int, rows: int, columns: int
) -> tuple[int, int, int, np.uint32]:
    """A drop's column, its first row and the one after its last, and how bright it is."""
    draw, length = mix(seed, number), max(int(STREAK_LENGTH * rows), 1)
    top = int((draw >> np.uint64(24)) % np.uint64(rows + length)) - length
    level = STREAK_LEVELS // 2 + int((draw >> np.uint64(48)) % np.uint64(STREAK_LEVELS // 2))
    return int(draw % np.uint64(columns)), top, top + length, np.uint32(level)


@njit(forceinline=True)
def brighter(colour: np.uint32, level: np.uint32) -> np.uint32:
    """A packed colour that is so many levels brighter."""
    red = min((colour & _BYTE) + level, _BYTE)
    green = min(((colour >> _EIGHT) & _BYTE) + level, _BYTE)
    blue = min(((colour >> _SIXTEEN) & _BYTE) + level, _BYTE)
    return red | (green << _EIGHT) | (blue << _SIXTEEN)
