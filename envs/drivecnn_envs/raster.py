"""Coarser rasters: what the texels of a block look like from farther away."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.materials import SHADED, Material

Bytes = NDArray[np.uint8]

THIN = 100  # least share of 255 that a kerb fills of a texel that shows it
_KERB, _ROAD, _CENTRE = int(Material.KERB), int(Material.ROAD), int(Material.ROAD_CENTRE)
_POLE, _TRUNK = int(Material.POLE), int(Material.TRUNK)
_WALL, _ROOF = int(Material.WALL_A), int(Material.ROOF_A)
_GROUND = 1  # height units, higher things stand


@njit(parallel=True, nogil=True, cache=True)
def halve(level: Bytes) -> Bytes:
    """The next mip level, (R // 2, C // 2, 4) uint8: each texel stands for four.

    What stands hides the ground: the highest texel decides, but walls hide the roof behind them.
    Of the ground the material most common decides, with mean shade and paint; kerbs are seen as
    long as they fill enough of a texel. Posts and trunks are gone: one texel is far too thick.
    """
    rows, columns = level.shape[0] // 2, level.shape[1] // 2
    out = np.empty((rows, columns, 4), np.uint8)
    for row in prange(rows):
        for column in range(columns):
            _join(level, 2 * row, 2 * column, out[row, column])
    return out


@njit()
def _join(level: Bytes, row: int, column: int, texel: Bytes) -> None:
    """Make the texel what the block (2, 2) of a level at a row and column looks like."""
    first, tallest = level[row, column], 0
    alike = True
    for k in range(4):
        own = level[row + k // 2, column + k % 2]
        tallest = max(tallest, int(own[3]))
        alike = alike and own[0] == first[0]
    if alike and tallest <= _GROUND and first[0] != _KERB:
        shade, paint = 0, 0
        for k in range(4):
            shade += level[row + k // 2, column + k % 2, 1]
            paint += level[row + k // 2, column + k % 2, 2]
        texel[0], texel[1], texel[2], texel[3] = first[0], shade // 4, paint // 4, tallest
    elif tallest <= _GROUND or not _join_standing(level, row, column, texel):
        _join_ground(level, row, column, texel)


@njit(forceinline=True)
def _copy(texel: Bytes, own: Bytes) -> None:
    texel[0], texel[1], texel[2], texel[3] = own[0], own[1], own[2], own[3]


@njit()
def _join_standing(level: Bytes, row: int, column: int, texel: Bytes) -> bool:
    """Make the texel what stands in a block, apart from posts. Returns whether anything does."""
    tallest, highest, wall, high_wall = -1, _GROUND, -1, _GROUND
    for k in range(4):
        own = level[row + k // 2, column + k % 2]
        material, height = int(own[0]) & ~SHADED, int(own[3])
        if height > highest and material not in (_POLE, _TRUNK):
            tallest, highest = k, height
        if height > high_wall and _WALL <= material < _ROOF:
            wall, high_wall = k, height
    if tallest < 0:
        return False
    _copy(texel, level[row + tallest // 2, column + tallest % 2])
    if wall >= 0 and int(texel[0]) & ~SHADED >= _ROOF:
        _copy(texel, level[row + wall // 2, column + wall % 2])
    return True


@njit()
def _join_ground(level: Bytes, row: int, column: int, texel: Bytes) -> None:
    """Make the texel the ground that is most common in a block."""
    common, most, shade, kerb, kerb_at, shaded = -1, 0, 0, 0, 0, 0
    edge, centre, roads, kin = 0, 0, 0, -1
    for k in range(4):
        own = level[row + k // 2, column + k % 2]
        material = int(own[0]) & ~SHADED
        shaded += own[0] >= SHADED
        if material == _KERB:
            kerb, kerb_at = kerb + own[2], k
            continue
        if own[3] > _GROUND:
            continue
        if _ROAD <= material <= _CENTRE:
            roads += 1
            edge += own[2] * (material == _ROAD)
            centre += own[2] * (material == _CENTRE)
        votes, light = 0, 0
        for other in range(4):
            one = level[row + other // 2, column + other % 2]
            if _kin(int(one[0]) & ~SHADED) == _kin(material):
                votes, light = votes + 1, light + one[1]
        if votes > most or (votes == most and _kin(material) > kin):
            common, most, shade, kin = k, votes, light, _kin(material)
    if kerb >= 4 * THIN or common < 0:  # or posts only
        _copy(texel, level[row + kerb_at // 2, column + kerb_at % 2])
        texel[2] = kerb // 4
    else:
        _copy(texel, level[row + common // 2, column + common % 2])
        texel[1] = shade // most
    material = int(texel[0]) & ~SHADED
    if _ROAD <= material <= _CENTRE:
        material = _CENTRE if centre > edge else _ROAD
        texel[2] = (edge + centre) // roads
    texel[0] = material | SHADED if shaded >= 2 else material


@njit(forceinline=True)
def _kin(material: int) -> int:
    """What a material counts as where the most common one is looked for: all lanes are one."""
    return _ROAD if material == _CENTRE else material
