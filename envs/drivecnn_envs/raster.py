"""Drawing into rasters: antialiased strips of varying width, filled boxes and discs."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Distances = NDArray[np.float32]


@njit(cache=True)
def stamp_strip(raster: Bytes, points: Array, half_widths: Array, value: int) -> None:
    """Draw a strip along a polyline, keeping the larger value where it meets what is there.

    Args:
        raster: (R, C) uint8, changed in place.
        points: (N, 2) column and row of the centre line, in texels.
        half_widths: (N,) texels.
        value: 1-255 at full coverage.
    """
    rows, columns = raster.shape
    for i in range(len(points) - 1):
        ax, ay = points[i]
        bx, by = points[i + 1]
        reach = max(half_widths[i], half_widths[i + 1]) + 1.0
        dx, dy = bx - ax, by - ay
        squared = max(dx * dx + dy * dy, 1e-12)
        for row in range(max(0, int(min(ay, by) - reach)), min(rows, int(max(ay, by) + reach) + 1)):
            left = max(0, int(min(ax, bx) - reach))
            right = min(columns, int(max(ax, bx) + reach) + 1)
            for column in range(left, right):
                px, py = column + 0.5 - ax, row + 0.5 - ay
                t = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
                distance = np.hypot(px - t * dx, py - t * dy)
                half = half_widths[i] + t * (half_widths[i + 1] - half_widths[i])
                coverage = min(max(half + 0.5 - distance, 0.0), 1.0)
                drawn = np.uint8(coverage * value)
                if drawn > raster[row, column]:
                    raster[row, column] = drawn


@njit(cache=True)
def stamp_box(
    texels: Bytes, clearance: Distances, box: Array, texel: Bytes, window_texels: float
) -> bool:
    """Put up a building if no texel of its box is nearer to a road than allowed.

    Args:
        texels: (R, C, 4) uint8 material, shade, paint, height; changed in place.
        clearance: (R, C) texels to the nearest road, negative where built already.
        box: (6,) centre column and row, cosine and sine of its yaw, half length, half depth.
        texel: (4,) uint8 what to write. Shade varies with the side that a texel is next to.
        window_texels: distance between the windows' middles.

    Returns:
        Whether the building stands.
    """
    middle_column, middle_row, cos, sin, length, depth = box
    reach = np.hypot(length, depth)
    top, bottom = int(middle_row - reach), int(middle_row + reach) + 1
    left, right = int(middle_column - reach), int(middle_column + reach) + 1
    if top < 0 or left < 0 or bottom > texels.shape[0] or right > texels.shape[1]:
        return False
    for write in (False, True):
        for row in range(top, bottom):
            for column in range(left, right):
                dx, dy = column + 0.5 - middle_column, row + 0.5 - middle_row
                along, across = dx * cos + dy * sin, dy * cos - dx * sin
                if abs(along) > length or abs(across) > depth:
                    continue
                if not write:
                    if clearance[row, column] < 0:
                        return False
                    continue
                texels[row, column] = texel
                on_long_side = depth - abs(across) < length - abs(along)
                texels[row, column, 1] = texel[1] if on_long_side else np.uint8(texel[1] * 0.72)
                wall = along + length if on_long_side else across + depth
                texels[row, column, 2] = 255 if (wall / window_texels) % 1.0 > 0.45 else 0
                clearance[row, column] = -1.0
    return True


@njit(cache=True)
def stamp_disc(texels: Bytes, clearance: Distances, disc: Array, texel: Bytes) -> None:
    """Plant a tree: a disc (column, row, radius) [texels] of a texel, lower towards its rim."""
    column_0, row_0, radius = disc
    for row in range(int(row_0 - radius), int(row_0 + radius) + 1):
        for column in range(int(column_0 - radius), int(column_0 + radius) + 1):
            if 0 <= row < texels.shape[0] and 0 <= column < texels.shape[1]:
                distance = np.hypot(column + 0.5 - column_0, row + 0.5 - row_0) / radius
                if distance <= 1.0 and clearance[row, column] > 0:
                    texels[row, column, 0] = texel[0]
                    texels[row, column, 1] = texel[1]
                    texels[row, column, 2] = 0
                    texels[row, column, 3] = np.uint8(texel[3] * (1.0 - 0.5 * distance**2))


@njit(cache=True)
def halve(level: Bytes) -> Bytes:
    """The next mip level, (R // 2, C // 2, 4): highest of four texels, mean shade and paint."""
    rows, columns = level.shape[0] // 2, level.shape[1] // 2
    out = np.empty((rows, columns, 4), np.uint8)
    for row in range(rows):
        for column in range(columns):
            shade, paint, highest = 0, 0, 0
            for k in range(4):
                texel = level[2 * row + k // 2, 2 * column + k % 2]
                shade += texel[1]
                paint += texel[2]
                if texel[3] > level[2 * row + highest // 2, 2 * column + highest % 2, 3]:
                    highest = k
            out[row, column] = level[2 * row + highest // 2, 2 * column + highest % 2]
            out[row, column, 1] = shade // 4
            out[row, column, 2] = paint // 4
    return out
