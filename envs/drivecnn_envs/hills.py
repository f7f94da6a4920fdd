"""Wooded hills on the horizon, behind everything else."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.looks import Light
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.materials import Material
from drivecnn_envs.pixels import BLOCK, OPEN, Camera, Finish, Floats, Pixels, finished
from drivecnn_envs.textures import CLOUDS, TEXTURE_SIZE

HILL_FOLDS = TEXTURE_SIZE / 4  # of the hills' outline, to each quarter of the horizon
HILL_HAZE = 0.62  # share of the air's colour in what is seen of them
_HILLS, _PHASE, _FOG = int(Light.HILLS), int(Light.HILL_PHASE), int(Light.FOG)
_AMBIENT, _SUN = int(Light.AMBIENT), int(Light.SUN)
_CROWN, _HILL, _BYTE = int(Material.CROWN), int(Finish.HILL), np.uint32(255)


@njit(forceinline=True)
def hill_word(light: Floats, palette: NDArray[np.uint32]) -> np.uint32:
    """The pixel of a wooded hill on the horizon."""
    red, green, blue = 0.0, 0.0, 0.0
    for channel in range(3):
        woods = np.float64((palette[_CROWN] >> np.uint32(8 * channel)) & _BYTE)
        lit = woods * (light[_AMBIENT + channel] + light[_SUN + channel])
        red, green, blue = green, blue, lit + HILL_HAZE * (light[_FOG + channel] - lit)
    return finished(_HILL, red, green, blue)


@njit(forceinline=True)
def raise_hills(
    camera: Camera, column: int, light: Floats, word: np.uint32, pixels: Pixels
) -> None:
    """Fill what a column leaves open of the horizon, up to the hills' outline."""
    x, y = pixels.forward_x[column], pixels.forward_y[column]
    turn = y / (abs(x) + abs(y))  # -1 to 1 over the half circle ahead, -1 to 1 behind
    place = (turn if x >= 0.0 else 2.0 - turn) * HILL_FOLDS + 10.0 * light[_PHASE] + HILL_FOLDS
    number = int(place)
    near, far = CLOUDS[number % TEXTURE_SIZE], CLOUDS[(number + 1) % TEXTURE_SIZE]
    rise = light[_HILLS] * (near + (place - number) * (float(far) - near)) / 255.0
    horizon = camera.horizon
    ends = int(math.ceil(horizon + camera.height * camera.focal / FAR_DEPTH)) + 1  # of the ground
    bottom = min(ends, pixels.word.shape[1])
    block, k = column // BLOCK, column % BLOCK
    for row in range(max(int(horizon - rise * camera.focal), 0), bottom):
        if pixels.word[block, row, k] == OPEN:
            pixels.word[block, row, k] = word
