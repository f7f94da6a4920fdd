"""The fronts of suburban plots: hedges, fences and low walls at one distance from the road."""

import numpy as np
from numba import njit, prange

from drivecnn_envs.canvas import BAND, TAKEN, Canvas, district_at, place_bits
from drivecnn_envs.ground import KERB_WIDTH
from drivecnn_envs.materials import RESOLUTION, Material
from drivecnn_envs.noise import mix, uniform
from drivecnn_envs.townscape import Townscape

PLOT = 96  # texels a side of the cells whose plots have the same front
LEAST_GAP = 1.4  # m between the road and a front
PARKED_GAP = 3.0  # m, the same where cars may park between them
FRONT_WIDTH = 1.0  # m, as far as the cameras' rays step, or they would pass through
MARGIN = 0.03  # of the district's noise, a row's front may reach so far into a suburb
_HEDGE, _FENCE, _WALL = int(Material.HEDGE), int(Material.FENCE), int(Material.WALL_A)
_SALT = 900


@njit(forceinline=True)
def front_gap(townscape: Townscape) -> float:
    """Metres between the road and the fronts of plots."""
    least = PARKED_GAP if townscape.parking > 0.0 else LEAST_GAP
    return max(KERB_WIDTH + townscape.pavement + townscape.verge + 0.2, least)


@njit(parallel=True, nogil=True, cache=True)
def enclose_plots(canvas: Canvas, townscape: Townscape) -> None:
    """Draw hedges, fences and walls along the road, except before drives and downtown."""
    rows, columns = canvas.uses.shape
    gap = front_gap(townscape)
    for band in prange((rows + BAND - 1) // BAND):
        for row in range(band * BAND, min(rows, band * BAND + BAND)):
            for column in range(columns):
                beyond = canvas.distance[row, column] - gap
                if 0.0 <= beyond < FRONT_WIDTH and canvas.uses[row, column] & TAKEN == 0:
                    _enclose(canvas, townscape, row, column)


@njit()
def _enclose(canvas: Canvas, townscape: Townscape, row: int, column: int) -> None:
    """Draw a texel of a plot's front, if it has one."""
    x, y = canvas.west + column, canvas.south + row
    district = district_at(canvas, x * RESOLUTION, y * RESOLUTION)
    if not townscape.rural < district < townscape.dense - MARGIN:
        return
    key = mix(canvas.seed, int(place_bits(mix(canvas.seed, _SALT), x // PLOT, y // PLOT)))
    choice, texel = uniform(key, 0), canvas.texels[row, column]
    grain = place_bits(canvas.seed, x, y) >> np.uint32(27)
    if choice < townscape.hedges:
        texel[0], texel[1] = _HEDGE, np.uint8(180 + grain + 20 * uniform(key, 1))
        texel[3] = np.uint8(9 + 9 * uniform(key, 2) + (grain >> np.uint32(4)))
    elif choice < townscape.hedges + townscape.fences:
        is_wall = uniform(key, 3) < 0.35
        texel[0] = _WALL + int(4 * uniform(key, 4)) if is_wall else _FENCE
        texel[1] = np.uint8(150 + 80 * uniform(key, 1) + (grain >> np.uint32(1)))
        texel[3] = np.uint8(7 + 6 * uniform(key, 2))
    else:
        return
    texel[2] = 0
    canvas.uses[row, column] |= TAKEN
