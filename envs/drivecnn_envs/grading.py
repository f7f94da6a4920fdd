"""Colour grading: what other cameras, or other software, would make of the same light.

It is for training: whoever has seen one scene in many colours relies less on them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Standard deviations at strength 1, of logarithms where a factor is drawn
GAMMA, SATURATION, EXPOSURE, BALANCE = 0.25, 0.5, 0.25, 0.12
HUE = 0.5  # rad around the grey axis
LIFT, TINT = 15.0, 6.0  # levels of 255, of all channels together and of each
UNTOUCHED = 0.2  # share of the images that stay as they are
LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601: how much of a grey each channel makes
_GREY_AXIS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3.0)
_DARK, _BRIGHT = np.float32(0.0), np.float32(255.0)


class Grades(NamedTuple):
    """A grading for each of B cars: first the curve, then the matrix and the offset."""

    curve: Floats  # (B, 256) level for each level
    matrix: Floats  # (B, 3, 3) channels from channels
    offset: Floats  # (B, 3) levels


def draw_grades(count: int, strength: float, rng: np.random.Generator) -> Grades:
    """Random gradings; 0 is the strength of none, 1 that of strange colours."""
    size = strength * (rng.random(count) >= UNTOUCHED)

    def factor(spread: float, channels: int) -> NDArray[np.float64]:
        return np.exp(spread * size[:, None] * rng.normal(size=(count, channels)))

    curve = 255.0 * (np.arange(256) / 255.0) ** factor(GAMMA, 1)
    hue = (HUE * size * rng.normal(size=count))[:, None, None]
    turn = np.eye(3) + np.sin(hue) * _GREY_AXIS + (1.0 - np.cos(hue)) * (_GREY_AXIS @ _GREY_AXIS)
    saturation = factor(SATURATION, 1)[:, :, None]
    saturate = saturation * np.eye(3) + (1.0 - saturation) * LUMA
    gain = factor(EXPOSURE, 1) * factor(BALANCE, 3)
    offset = LIFT * rng.normal(size=(count, 1)) + TINT * rng.normal(size=(count, 3))
    return Grades(
        curve.astype(np.float32),
        (gain[:, :, None] * (turn @ saturate)).astype(np.float32),
        (offset * size[:, None]).astype(np.float32),
    )


@njit(parallel=True, nogil=True, cache=True, fastmath=True, error_model="numpy")
def grade(cameras: Bytes, grades: Grades) -> None:
    """Grade the images (B, C, 3, H, W) of B cars, in place."""
    for i in prange(len(cameras)):
        for camera in range(cameras.shape[1]):
            image = cameras[i, camera]
            for row in range(image.shape[1]):
                for column in range(image.shape[2]):
                    grade_pixel(image, row, column, grades, i)


@njit(forceinline=True)
def grade_pixel(image: Bytes, row: int, column: int, grades: Grades, i: int) -> None:
    """Grade one pixel of an image (3, H, W) of car `i`, in place."""
    red = grades.curve[i, image[0, row, column]]
    green = grades.curve[i, image[1, row, column]]
    blue = grades.curve[i, image[2, row, column]]
    for channel in range(3):
        row_of = grades.matrix[i, channel]
        level = row_of[0] * red + row_of[1] * green + row_of[2] * blue + grades.offset[i, channel]
        image[channel, row, column] = np.uint8(min(max(level, _DARK), _BRIGHT))
