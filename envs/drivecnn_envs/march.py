"""What each pixel shows: every image column is a vertical plane, marched over the height field.

A column's ray is walked outwards; the highest row reached so far (a y-buffer) tells what a new
texel still adds, so ground, kerbs, houses and trees all come from one walk. Its steps are the
depths at which the ground rows lie, and some between them where rows are far apart.

Indices in the inner loops are unsigned: one that may be negative would keep them out of the
processor's vector registers.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.materials import HEIGHT_UNIT, SHADED, Material
from drivecnn_envs.pixels import BLOCK, OPEN, Camera, Floats, Ints, Pixels, Words

RESOLUTION = 0.25  # m per texel of the finest level
FIRST_DEPTH = 1.0  # m, nearer things are not drawn
FAR_DEPTH = 150.0  # m, the end of the drawn world
SHORTEST_STEP = 1.1  # m, steps between ground rows need not be shorter
STEP_GROWTH = 0.055  # m per metre of depth, how long steps may become far away
SPARE_STEPS = 160  # more steps than there are rows
MIDDLE = 0.5001  # of a row, and a little, so that what meets a row at its very middle counts
LAND_WORD = 0x0000A000  # plain land, middling shade, no paint, flat
STANDS = 2  # height units; what is lower is ground
_NOWHERE = np.uint32(0xFFFFFFFF)
_LAND = np.uint32(LAND_WORD)
_MATERIAL = np.uint32(SHADED - 1)
_CROWN, _POLE, _TRUNK = (np.uint32(m) for m in (Material.CROWN, Material.POLE, Material.TRUNK))
_NO_ROW = 1 << 30  # of a step that is not there
_BYTE, _SIXTEEN = np.uint32(255), np.uint32(16)
_HEIGHT_SHIFT = np.uint32(24)


class Ground(NamedTuple):
    """One world's texels on all mip levels."""

    texels: Words  # (N,)
    offset: NDArray[np.int64]  # (L,) of a level's first texel
    shape: NDArray[np.int64]  # (L, 2) rows and columns


class Steps(NamedTuple):
    """The steps of a walk, K of them in a multiple of `BLOCK`, rows of two tables.

    A block of `BLOCK` steps lies together, one quantity after the other, in the order of the
    constants below.
    """

    numbers: Floats  # (5 K,)
    whole: Ints  # (4 K,)


_DEPTH, _SLOPE, _REACH, _EAST, _NORTH = (np.uint64(row * BLOCK) for row in range(5))
# m; rows per metre of height; texels per unit of the ray; the camera's texel, column and row, and 1
_ROW, _FIRST, _COLUMNS, _ROWS = (np.uint64(row * BLOCK) for row in range(4))
# highest row of the ground that is met; first texel of the level that is read, its columns and rows
_NUMBERS, _WHOLES = np.uint64(5), np.uint64(4)


@njit(inline="always")
def plan_steps(lowest: int, camera: Camera, ground: Ground) -> Steps:
    """The walk of a camera, given from the corner of its world, down to a `lowest` row."""
    height, horizon, focal = camera.height, camera.horizon, camera.focal
    room = (lowest + SPARE_STEPS + BLOCK - 1) // BLOCK * BLOCK
    steps = Steps(np.zeros(5 * room, np.float32), np.zeros(4 * room, np.int32))
    count, depth, row = 0, FIRST_DEPTH, lowest
    while depth < FAR_DEPTH and count < room - 1:
        below = row + 0.5 - horizon
        goal = FAR_DEPTH
        if below > 0.0:
            goal = min(height * focal / below, FAR_DEPTH)
        row -= 1
        pieces = int(np.ceil((goal - depth) / max(SHORTEST_STEP, STEP_GROWTH * depth)))
        start = depth
        for piece in range(1, pieces + 1):
            longer = (goal - start) / pieces
            depth = start + piece * longer
            if count < room - 1:
                _plan_step(steps, count, (depth, longer), camera, ground)
                count += 1
    for k in range(count, (count + BLOCK) // BLOCK * BLOCK):
        steps.whole[k // BLOCK * BLOCK * 4 + k % BLOCK] = _NO_ROW
    return steps


@njit(inline="always")
def _plan_step(
    steps: Steps, k: int, span: tuple[float, float], camera: Camera, ground: Ground
) -> None:
    """Set a step that ends at a depth and has a length [m], and the mip level that it reads."""
    depth, longer = span
    footprint, size, level = max(depth / camera.focal, 0.3 * longer), RESOLUTION, 0
    while level < len(ground.offset) - 1 and footprint > size:
        size, level = 2.0 * size, level + 1
    block, place = np.uint64(k // BLOCK * BLOCK), np.uint64(k % BLOCK)
    numbers, whole = _NUMBERS * block + place, _WHOLES * block + place
    steps.numbers[numbers + _DEPTH] = depth
    steps.numbers[numbers + _SLOPE] = camera.focal / depth
    steps.numbers[numbers + _REACH] = depth / size
    steps.numbers[numbers + _EAST] = camera.x / size + 1.0
    steps.numbers[numbers + _NORTH] = camera.y / size + 1.0
    meets = camera.horizon + camera.height * camera.focal / depth - MIDDLE
    steps.whole[whole + _ROW] = int(np.ceil(meets))
    steps.whole[whole + _FIRST] = ground.offset[level] - ground.offset[0]
    steps.whole[whole + _COLUMNS] = ground.shape[level, 1]
    steps.whole[whole + _ROWS] = ground.shape[level, 0]


@njit(inline="always")
def walk(
    steps: Steps, ground: Ground, column: int, camera: Camera, pixels: Pixels, met: Words
) -> None:
    """Fill one column. `met` (BLOCK,) is room for the texels that are met."""
    shift = pixels.shift[column]
    word, depth = pixels.word, pixels.depth
    filled = np.int32(word.shape[0]) - shift  # rows of this walk from here on are filled
    top_row = -shift
    middle = np.float32(camera.horizon - MIDDLE)
    height = np.float32(camera.height)
    hung_top = hung_bottom = np.int32(0)  # rows between them are filled by what hangs
    scattered = False  # whether other rows are, too
    floor = _LAND  # the last flat texel that was met
    forward = pixels.forward_x[column], pixels.forward_y[column]
    block, more = np.uint64(0), True
    while more and filled > top_row:
        _meet(steps, block, forward, met)
        for k in range(np.uint64(BLOCK)):
            numbers, whole = _NUMBERS * block + k, _WHOLES * block + k
            top, bottom = steps.whole[whole + _ROW], filled
            if top == _NO_ROW:
                more = False
                break
            texel = ground.texels[np.uint64(met[k])] if met[k] != _NOWHERE else _LAND
            tall = texel >> _HEIGHT_SHIFT
            if tall < STANDS:
                floor = texel
            else:
                material = texel & _MATERIAL
                slope = steps.numbers[numbers + _SLOPE]
                if material in (_POLE, _TRUNK):  # those are drawn as posts
                    texel = floor
                else:
                    rise = height - np.float32(np.int32(tall)) * np.float32(HEIGHT_UNIT)
                    top = np.int32(np.ceil(middle + rise * slope))
                if material == _CROWN:
                    under = np.float32(np.int32((texel >> _SIXTEEN) & _BYTE))
                    rise = height - under * np.float32(HEIGHT_UNIT)
                    bottom = np.int32(np.ceil(middle + rise * slope))
                    low = max(steps.whole[whole + _ROW], top_row)
                    if low < filled:  # the ground below it is as the ground before it
                        for row in range(np.uint64(low + shift), np.uint64(filled + shift)):
                            if word[row, column] == OPEN:
                                word[row, column] = floor
                                depth[row, column] = steps.numbers[numbers + _DEPTH]
                        filled = low
            if top >= filled:
                continue
            top, bottom = max(top, top_row), min(bottom, filled)
            if top >= bottom or (top >= hung_top and bottom <= hung_bottom):
                continue
            meets_hung = hung_top < hung_bottom and top <= hung_bottom and bottom >= hung_top
            start = hung_bottom if meets_hung and top >= hung_top else top
            end = hung_top if meets_hung and bottom <= hung_bottom else bottom
            for row in range(np.uint64(start + shift), np.uint64(end + shift)):
                if not (meets_hung or scattered) or word[row, column] == OPEN:
                    word[row, column] = texel
                    depth[row, column] = steps.numbers[numbers + _DEPTH]
            if bottom == filled:
                filled = top
            elif meets_hung:
                hung_top, hung_bottom = min(top, hung_top), max(bottom, hung_bottom)
            else:
                scattered = bool(hung_top < hung_bottom)
                if bottom - top > hung_bottom - hung_top:
                    hung_top, hung_bottom = top, bottom
            if hung_top < filled <= hung_bottom:
                filled = hung_top
        block += np.uint64(BLOCK)


@njit(inline="always")
def _meet(
    steps: Steps, block: np.uint64, forward: tuple[np.float32, np.float32], met: Words
) -> None:
    """Numbers (BLOCK,) of the texels under a ray in a block of steps, `_NOWHERE` if outside."""
    one = np.int32(1)
    for k in range(np.uint64(BLOCK)):
        numbers, whole = _NUMBERS * block + k, _WHOLES * block + k
        reach = steps.numbers[numbers + _REACH]
        x = np.int32(steps.numbers[numbers + _EAST] + reach * forward[0]) - one  # floor, from -1
        y = np.int32(steps.numbers[numbers + _NORTH] + reach * forward[1]) - one
        columns = steps.whole[whole + _COLUMNS]
        inside = np.uint32(x) < np.uint32(columns)
        inside = inside & (np.uint32(y) < np.uint32(steps.whole[whole + _ROWS]))
        number = np.uint32(steps.whole[whole + _FIRST] + y * columns + x)
        met[k] = number if inside else _NOWHERE
