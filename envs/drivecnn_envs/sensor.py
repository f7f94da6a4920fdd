"""What the camera makes of the light: rain before the lens, blur, and the sensor's noise."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.looks import Light
from drivecnn_envs.noise import mix

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

STREAKS = 0.004  # per pixel of an image, in rain
STREAK_LENGTH = 0.14  # of the image's height
STREAK_LEVELS = 22  # intensity levels
_LOW_32 = np.uint64(0xFFFFFFFF)
_HASH_1, _HASH_2, _SHIFT = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(15)
_BYTE = np.uint32(255)
_RAIN, _NOISE, _BLUR = int(Light.RAIN), int(Light.NOISE), int(Light.BLUR)


@njit(inline="always")
def expose(sharp: Bytes, seed: np.uint64, light: Floats, image: Bytes) -> None:
    """Fill `image` (3, H, W) with what the sensor makes of a `sharp` one, the same for a seed."""
    if light[_RAIN] > 0.0:
        _rain(sharp, mix(seed, 1))
    start = np.uint32(seed & _LOW_32)
    spread = np.int32(2.0 * light[_NOISE] + 1.0)
    blur = np.int32(64.0 * light[_BLUR])  # in 256ths, to each of four neighbours
    rows, columns = sharp.shape[1:]
    for channel in range(3):
        plane = sharp[channel]
        for row in range(rows):
            above, below = plane[max(row - 1, 0)], plane[min(row + 1, rows - 1)]
            line, out = plane[row], image[channel, row]
            out[0], out[columns - 1] = line[0], line[columns - 1]
            if columns > 2:
                _blur(line[:-2], line[1:-1], line[2:], above[1:-1], below[1:-1], blur, out[1:-1])
            _add_noise(np.uint32(start + np.uint32((channel * rows + row) * columns)), spread, out)


@njit(inline="always")
def _blur(
    left: Bytes, line: Bytes, right: Bytes, above: Bytes, below: Bytes, blur: np.int32, out: Bytes
) -> None:
    """Let each pixel of a line have a share of its four neighbours."""
    own = np.int32(256) - np.int32(4) * blur
    for k in range(len(out)):
        beside = np.int32(left[k]) + np.int32(right[k]) + np.int32(above[k]) + np.int32(below[k])
        out[k] = np.uint8((own * np.int32(line[k]) + blur * beside + np.int32(128)) >> np.int32(8))


@njit(inline="always")
def _add_noise(start: np.uint32, spread: np.int32, line: Bytes) -> None:
    """Add even noise of `spread` levels in all.

    The hash is 32 bits wide, and says so at every step, so that it fills vector registers.
    """
    half = spread // np.int32(2)
    for k in range(len(line)):
        bits = np.uint32(np.uint32(start + np.uint32(k)) * _HASH_1)
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT)) * _HASH_2)
        draw = np.int32(np.uint32(bits >> _SHIFT) & _BYTE) * spread
        value = np.int32(line[k]) + np.int32(draw >> np.int32(8)) - half
        line[k] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))


@njit(inline="always")
def _rain(sharp: Bytes, seed: np.uint64) -> None:
    """Draw falling drops as short bright strokes."""
    rows, columns = sharp.shape[1:]
    length = max(int(STREAK_LENGTH * rows), 1)
    for number in range(int(STREAKS * rows * columns)):
        draw = mix(seed, number)
        column = int(draw % np.uint64(columns))
        top = int((draw >> np.uint64(24)) % np.uint64(rows + length)) - length
        level = STREAK_LEVELS // 2 + int((draw >> np.uint64(48)) % np.uint64(STREAK_LEVELS // 2))
        for row in range(max(top, 0), min(top + length, rows)):
            for channel in range(3):
                sharp[channel, row, column] = min(sharp[channel, row, column] + level, 255)
