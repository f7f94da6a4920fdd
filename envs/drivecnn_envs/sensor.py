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
    spread = np.int32(2) * np.int32(light[_NOISE]) + np.int32(1)
    blur = np.int32(64.0 * light[_BLUR])  # in 256ths, to each of four neighbours
    rows, columns = sharp.shape[1:]
    light_in, out = sharp.reshape(-1), image.reshape(-1)
    for line in range(3 * rows):
        first, row = np.uint64(line * columns), line % rows
        above = first - np.uint64(columns if row > 0 else 0)
        below = first + np.uint64(columns if row < rows - 1 else 0)
        _blur(light_in, (above, first, below), columns, blur, out)
        _add_noise(start, spread, first, columns, out)


@njit(inline="always")
def _blur(
    sharp: Bytes, lines: tuple[np.uint64, np.uint64, np.uint64], columns: int, blur: np.int32,
    out: Bytes,
) -> None:  # fmt: skip
    """Let each pixel of a line have a share of its four neighbours; `lines` are first pixels."""
    above, line, below = lines
    own, one = np.int32(256) - np.int32(4) * blur, np.uint64(1)
    last = np.uint64(columns - 1)
    out[line], out[line + last] = sharp[line], sharp[line + last]
    for k in range(np.uint64(max(columns - 2, 0))):
        here = line + k
        beside = np.int32(sharp[here]) + np.int32(sharp[here + one + one])
        beside += np.int32(sharp[above + k + one]) + np.int32(sharp[below + k + one])
        level = own * np.int32(sharp[here + one]) + blur * beside + np.int32(128)
        out[here + one] = np.uint8(level >> np.int32(8))


@njit(inline="always")
def _add_noise(
    start: np.uint32, spread: np.int32, first: np.uint64, columns: int, image: Bytes
) -> None:
    """Add even noise of `spread` levels in all to a line that begins with a `first` pixel.

    The hash is 32 bits wide, and says so at every step, so that it fills vector registers.
    """
    half, from_line = spread // np.int32(2), np.uint32(start + np.uint32(first))
    for k in range(np.uint64(columns)):
        bits = np.uint32(np.uint32(from_line + np.uint32(k)) * _HASH_1)
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT)) * _HASH_2)
        draw = np.int32(np.uint32(bits >> _SHIFT) & _BYTE) * spread
        value = np.int32(image[first + k]) + np.int32(draw >> np.int32(8)) - half
        image[first + k] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))


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
