"""Cast shadows: texels that the sun does not reach get the bit `SHADED`.

The raster is swept away from the sun along parallel lines. Each line carries how high the shadow
of all that it has passed still is; it falls by the sun's slope on its way. Lines are the same in
all rasters: where two of them overlap, so do their shadows.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, SHADED, Material
from drivecnn_envs.townscape import Townscape

Bytes = NDArray[np.uint8]

LINES = 512  # that one thread sweeps at a time
LOWEST = 2.0  # height units, lower shadows are not seen
STEP = 4.0  # height units from one texel of a building to the next: not yet a shadow
_CROWN, _WALL = int(Material.CROWN), int(Material.WALL_A)


def cast_shadows(texels: Bytes, west: int, south: int, townscape: Townscape) -> None:
    """Set `SHADED` in the material of texels (R, C, 4) in a shadow, in place.

    A crown is in the shadow if half of it is, everything else as a whole. `west` and `south` are
    the numbers of the first column and row, as of a `Canvas`.
    """
    away_x, away_y = -townscape.sun_x, -townscape.sun_y
    if abs(away_y) >= abs(away_x):
        fall = townscape.sun_slope * RESOLUTION / abs(away_y) / HEIGHT_UNIT
        _sweep_rows(texels, south, away_x / abs(away_y), away_y < 0.0, fall)
    else:
        fall = townscape.sun_slope * RESOLUTION / abs(away_x) / HEIGHT_UNIT
        _sweep_columns(texels, west, away_y / abs(away_x), away_x < 0.0, fall)


@njit(parallel=True, nogil=True, cache=True)
def _sweep_rows(texels: Bytes, south: int, drift: float, backwards: bool, fall: float) -> None:
    """Sweep from row to row; lines drift so many columns a row, and fall so many height units."""
    rows, columns = texels.shape[:2]
    begin = -(south + rows - 1) if backwards else south  # steps that lines have behind them
    extra = int(abs(drift) * rows) + 2  # lines that begin beside the raster
    lines = columns + extra
    shift = int(np.floor(drift * begin)) + (extra if drift > 0.0 else 0)
    for chunk in prange((lines + LINES - 1) // LINES):
        first = chunk * LINES
        last = min(lines, first + LINES)
        shadow = np.zeros(LINES, np.float32)
        for step in range(rows):
            row = rows - 1 - step if backwards else step
            offset = int(np.floor(drift * (begin + step))) - shift  # of a line's column
            for line in range(max(first, -offset), min(last, columns - offset)):
                texel = texels[row, line + offset]
                shadow[line - first] = _pass_over(texel, float(shadow[line - first]) - fall)


@njit(parallel=True, nogil=True, cache=True)
def _sweep_columns(texels: Bytes, west: int, drift: float, backwards: bool, fall: float) -> None:
    """The same from column to column, one thread some lines, each line along its rows."""
    rows, columns = texels.shape[:2]
    begin = -(west + columns - 1) if backwards else west
    extra = int(abs(drift) * columns) + 2
    shift = int(np.floor(drift * begin)) + (extra if drift > 0.0 else 0)
    for line in prange(rows + extra):
        shadow = 0.0
        for step in range(columns):
            row = line + int(np.floor(drift * (begin + step))) - shift
            if 0 <= row < rows:
                column = columns - 1 - step if backwards else step
                shadow = _pass_over(texels[row, column], shadow - fall)


@njit(forceinline=True)
def _pass_over(texel: Bytes, shadow: float) -> float:
    """The shadow's height behind a texel, which is `SHADED` if the shadow before it is higher."""
    height = float(texel[3])
    if shadow > LOWEST:
        reached, material = height + 1.0, texel[0] & ~np.uint8(SHADED)
        if material == _CROWN:
            reached = 0.5 * (height + float(texel[2]))
        elif material >= _WALL:
            reached = height + STEP
        if shadow > reached:
            texel[0] |= np.uint8(SHADED)
    return max(shadow, height)
