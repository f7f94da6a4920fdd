"""Two small tiling textures: the grain of all surfaces, and clouds."""

import cv2
import numpy as np
from numpy.typing import NDArray

TEXTURE_SIZE = 128  # texels a side
GRAIN_SCALE = 12.0  # texels of grain per metre


def _tile(octaves: tuple[tuple[int, float], ...], seed: int) -> NDArray[np.uint8]:
    """Smooth noise that repeats, flat (TEXTURE_SIZE ** 2,), 128 in the middle.

    Args:
        octaves: size of features [texels] and weight of each.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.float32)
    for size, weight in octaves:
        count = TEXTURE_SIZE // size
        coarse = np.pad(rng.random((count, count), np.float32), 2, mode="wrap")
        fine = cv2.resize(coarse, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        inside = slice(2 * size, 2 * size + TEXTURE_SIZE)
        total += np.float32(weight) * (fine[inside, inside] - np.float32(0.5))
    level = 128.0 + 45.0 * total / total.std()
    return np.asarray(np.clip(level, 0.0, 255.0), np.uint8).ravel()


GRAIN = _tile(((1, 0.5), (2, 0.6), (4, 0.6), (16, 0.5)), seed=1)
CLOUDS = _tile(((4, 0.1), (8, 0.25), (16, 0.6), (32, 1.0)), seed=2)
