"""What each pixel shows: every image column is a vertical plane, marched over the height field.

A column's ray is walked outwards; the highest row reached so far (a y-buffer) tells what a new
texel still adds, so ground, kerbs, houses and trees all come from one walk. Its steps are the
depths at which the ground rows lie, and some between them where rows are far apart, so a step adds
at most one row of ground, the same in every column.

A block of columns is walked together, in stages that fill vector registers; what stands and still
adds something is drawn row by row, where it is open. Indices in the inner loops are unsigned: one
that may be negative would keep them out of those registers.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, SHADED, Material
from drivecnn_envs.pixels import BLOCK, OPEN, Camera, Ints, Pixels, Words

FIRST_DEPTH = 1.0  # m, nearer things are not drawn
FAR_DEPTH = 150.0  # m, the end of the drawn world
SHORTEST_STEP = 1.1  # m, steps between ground rows need not be shorter
STEP_GROWTH = 0.055  # m per metre of depth, how long steps may become far away
SPARE_STEPS = 160  # more steps than there are rows
MIDDLE = 0.5001  # of a row, and a little, so that what meets a row at its very middle counts
LAND_WORD = 0x0000A000  # plain land, middling shade, no paint, flat
STANDS = 2  # height units; what is lower is ground
_NOWHERE = np.uint32(0)  # number of the texel that stands for the land beyond every raster
_LAND = np.uint32(LAND_WORD)
_MATERIAL = np.uint32(SHADED - 1)
_CROWN, _POLE, _TRUNK = (np.uint32(m) for m in (Material.CROWN, Material.POLE, Material.TRUNK))
NO_ROW = np.int32(1 << 30)  # top of what adds nothing
_TOP_ROW, _ONE_ROW = np.int32(0), np.int32(1)
_BYTE, _SIXTEEN = np.uint32(255), np.uint32(16)
_HEIGHT_SHIFT = np.uint32(24)


class Ground(NamedTuple):
    """One world's texels on all mip levels."""

    texels: Words  # (N,) of all worlds; the first is open land
    offset: NDArray[np.int64]  # (L,) of a level's first texel
    shape: NDArray[np.int64]  # (L, 2) rows and columns


class Step(NamedTuple):
    """A step of a walk."""

    depth: np.float32  # m
    slope: np.float32  # rows per metre of height
    reach: np.float32  # texels per unit of the ray
    east: np.float32  # the camera's texel column, and 1
    north: np.float32  # the camera's texel row, and 1
    row: np.int32  # highest row of the ground that is met
    first: np.uint32  # number of the first texel of the level that is read
    columns: np.int32  # of that level
    rows: np.int32


STEP = np.dtype([*Step.__annotations__.items()])
_COLUMNS = np.uint64(BLOCK)
_AHEAD = 4  # steps whose texels are fetched together, as memory takes its time
_MET, _NUMBER, _FLOOR, _SHOWN = (
    np.uint64(row * BLOCK) for row in (0, _AHEAD, _AHEAD + 1, _AHEAD + 2)
)  # the texels that are met, their numbers, the last flat ones, and what the ground shows
_FILLED, _TOP, _BOTTOM, _HUNG_TOP, _HUNG_BOTTOM = (np.uint64(row * BLOCK) for row in range(5))
# rows from here on are filled; between these, something is added; those are filled by what hangs
WALK = (_AHEAD + 3) * BLOCK


@njit(forceinline=True)
def steps_needed(rows: int) -> int:
    """How many steps at most a walk over so many rows has."""
    return rows + SPARE_STEPS


@njit(forceinline=True)
def plan_steps(rows: int, camera: Camera, ground: Ground, steps: NDArray[np.void]) -> int:
    """Fill in the walk of a camera, given from the corner of its world. Returns its steps."""
    height, horizon, focal = camera.height, camera.horizon, camera.focal
    count, depth, row = 0, FIRST_DEPTH, rows - 1
    while depth < FAR_DEPTH and count < len(steps):
        below = row + 0.5 - horizon
        goal = FAR_DEPTH
        if below > 0.0:
            goal = min(height * focal / below, FAR_DEPTH)
        row -= 1
        pieces = int(math.ceil((goal - depth) / max(SHORTEST_STEP, STEP_GROWTH * depth)))
        start = depth
        for piece in range(1, pieces + 1):
            longer = (goal - start) / pieces
            depth = start + piece * longer
            if count < len(steps):
                _plan_step(steps[count], (depth, longer), camera, ground)
                count += 1
    return count


@njit(forceinline=True)
def _plan_step(
    step: Any,  # noqa: ANN401 - a record of dtype STEP, which has no static type
    span: tuple[float, float],
    camera: Camera,
    ground: Ground,
) -> None:
    """Set a step that ends at a depth and has a length [m], and the mip level that it reads."""
    depth, longer = span
    footprint, size, level = max(depth / camera.focal, 0.3 * longer), RESOLUTION, 0
    while level < len(ground.offset) - 1 and footprint > size:
        size, level = 2.0 * size, level + 1
    step.depth = depth
    step.slope = camera.focal / depth
    step.reach = depth / size
    step.east = camera.x / size + 1.0
    step.north = camera.y / size + 1.0
    step.row = int(math.ceil(camera.horizon + camera.height * camera.focal / depth - MIDDLE))
    step.first = ground.offset[level]
    step.columns = ground.shape[level, 1]
    step.rows = ground.shape[level, 0]


@njit(forceinline=True)
def number_under(step: Step, forward_x: np.float32, forward_y: np.float32) -> np.uint32:
    """Number of the texel that a ray meets with a step: the open land's if outside."""
    one = np.int32(1)
    x = np.int32(step.east + step.reach * forward_x) - one  # floor, from -1 on
    y = np.int32(step.north + step.reach * forward_y) - one
    inside = np.uint32(x) < np.uint32(step.columns)
    inside = inside & (np.uint32(y) < np.uint32(step.rows))
    return np.uint32(step.first + np.uint32(y * step.columns + x)) if inside else _NOWHERE


@njit(forceinline=True)
def walk_block(
    steps: NDArray[np.void], count: int, ground: Ground, block: int, camera: Camera,
    pixels: Pixels, words: Words, rows: Ints,
) -> None:  # fmt: skip
    """Fill a block of columns. `words` and `rows` (WALK,) are room to work in."""
    first, bottom = np.uint64(block * BLOCK), np.int32(pixels.word.shape[1])
    middle, height = np.float32(camera.horizon - MIDDLE), np.float32(camera.height)
    for k in range(_COLUMNS):
        words[_FLOOR + k] = _LAND
        rows[_FILLED + k] = bottom
        rows[_HUNG_TOP + k] = rows[_HUNG_BOTTOM + k] = np.int32(0)
    for number in range(count):
        ahead = np.uint64(number % _AHEAD) * _COLUMNS
        if ahead == 0:
            for other in range(number, min(number + _AHEAD, count)):
                step, place = step_of(steps, other), np.uint64(other - number) * _COLUMNS
                for k in range(_COLUMNS):
                    forward_x, forward_y = pixels.forward_x[first + k], pixels.forward_y[first + k]
                    words[_NUMBER + k] = number_under(step, forward_x, forward_y)
                for k in range(_COLUMNS):
                    words[_MET + place + k] = ground.texels[np.uint64(words[_NUMBER + k])]
        step, met = step_of(steps, number), _MET + ahead
        lowest, top, low = _survey(step, middle, height, met, words, rows)
        if step.row < bottom:
            for row in range(max(step.row, _TOP_ROW), bottom):
                _lay_ground(np.uint64(block), np.uint64(row), step.depth, pixels, words)
            bottom = step.row
        if top < low:
            _stand(np.uint64(block), (top, low), step.depth, met, pixels, words, rows)
        if lowest <= 0:
            break


@njit(forceinline=True)
def step_of(steps: NDArray[np.void], number: int) -> Step:
    """A step from its record."""
    step = steps[number]
    return Step(
        step.depth, step.slope, step.reach, step.east, step.north, step.row, step.first,
        step.columns, step.rows,
    )  # fmt: skip


@njit(forceinline=True)
def _survey(
    step: Step, middle: np.float32, height: np.float32, met: np.uint64, words: Words, rows: Ints
) -> tuple[np.int32, np.int32, np.int32]:
    """Take a block's texels. Returns the lowest row that is open, and the rows that change.

    What adds something in a column is marked by its rows from `_TOP` to `_BOTTOM`, for `_stand`.
    """
    lowest, highest, low = np.int32(0), NO_ROW, np.int32(0)
    for k in range(_COLUMNS):
        floor, shown = ground_of(words[met + k], words[_FLOOR + k])
        words[_FLOOR + k], words[_SHOWN + k] = floor, shown
    for k in range(_COLUMNS):
        hung = rows[_HUNG_TOP + k], rows[_HUNG_BOTTOM + k]
        filled = min(rows[_FILLED + k], step.row)
        top, bottom = rows_of(words[met + k], step, middle, height, filled, hung)
        rows[_TOP + k], rows[_BOTTOM + k], rows[_FILLED + k] = top, bottom, filled
        lowest, highest, low = max(lowest, filled), min(highest, top), max(low, bottom)
    return lowest, highest, low


@njit(forceinline=True)
def ground_of(texel: np.uint32, floor: np.uint32) -> tuple[np.uint32, np.uint32]:
    """The last flat texel, and what the ground shows, as a ray that came over a floor goes on."""
    floor = texel if (texel >> _HEIGHT_SHIFT) < STANDS else floor
    material = texel & _MATERIAL
    return floor, floor if is_post(material) | (material == _CROWN) else texel


@njit(forceinline=True)
def rows_of(
    texel: np.uint32, step: Step, middle: np.float32, height: np.float32, filled: np.int32,
    hung: tuple[np.int32, np.int32],
) -> tuple[np.int32, np.int32]:  # fmt: skip
    """The rows where what stands adds something to a column; from `NO_ROW` to 0 if nothing does.

    Rows from `filled` on are, and those between the `hung` ones.
    """
    tall, material = texel >> _HEIGHT_SHIFT, texel & _MATERIAL
    top = max(row_at(tall, step, middle, height), _TOP_ROW)
    under = row_at((texel >> _SIXTEEN) & _BYTE, step, middle, height)
    bottom = min(under, filled) if material == _CROWN else filled
    hidden = (top >= hung[0]) & (bottom <= hung[1])
    adds = (tall >= STANDS) & ~is_post(material) & (top < bottom) & ~hidden
    return (top, bottom) if adds else (NO_ROW, _TOP_ROW)


@njit(forceinline=True)
def is_post(material: np.uint32) -> np.bool_:
    """Whether a texel is drawn as a post, and shows the ground before it meanwhile."""
    return np.bool_((material == _POLE) | (material == _TRUNK))


@njit(forceinline=True)
def row_at(tall: np.uint32, step: Step, middle: np.float32, height: np.float32) -> np.int32:
    """Row of what is so tall [height units] at a step."""
    rise = height - np.float32(np.int32(tall)) * np.float32(HEIGHT_UNIT)
    row = middle + rise * step.slope
    whole = np.int32(row)
    return whole + (_ONE_ROW if np.float32(whole) < row else _TOP_ROW)


@njit(forceinline=True)
def _lay_ground(
    block: np.uint64, row: np.uint64, depth: np.float32, pixels: Pixels, words: Words
) -> None:
    """Show the ground in a row of a block, `depth` [m] ahead, where it is open."""
    for k in range(_COLUMNS):
        before, seen = pixels.word[block, row, k], pixels.depth[block, row, k]
        pixels.word[block, row, k] = words[_SHOWN + k] if before == OPEN else before
        pixels.depth[block, row, k] = depth if before == OPEN else seen


@njit(forceinline=True)
def _stand(
    block: np.uint64, span: tuple[np.int32, np.int32], depth: np.float32, met: np.uint64,
    pixels: Pixels, words: Words, rows: Ints,
) -> None:  # fmt: skip
    """Draw what stands in a block's columns, `depth` [m] ahead, where they are open."""
    for row in range(np.uint64(span[0]), np.uint64(span[1])):
        here = np.int32(row)
        for k in range(_COLUMNS):
            before, seen = pixels.word[block, row, k], pixels.depth[block, row, k]
            free = (before == OPEN) & (here >= rows[_TOP + k]) & (here < rows[_BOTTOM + k])
            pixels.word[block, row, k] = words[met + k] if free else before
            pixels.depth[block, row, k] = depth if free else seen
    for k in range(_COLUMNS):
        span = rows[_TOP + k], rows[_BOTTOM + k]
        hung = rows[_HUNG_TOP + k], rows[_HUNG_BOTTOM + k]
        rows[_FILLED + k], rows[_HUNG_TOP + k], rows[_HUNG_BOTTOM + k] = filled_by(
            span, rows[_FILLED + k], hung
        )


@njit(forceinline=True)
def filled_by(
    span: tuple[np.int32, np.int32], filled: np.int32, hung: tuple[np.int32, np.int32]
) -> tuple[np.int32, np.int32, np.int32]:
    """What is filled of a column after rows were drawn: from which row on, and between which."""
    top, bottom, hung_top, hung_bottom = span[0], span[1], hung[0], hung[1]
    stands, hangs = (top < bottom) & (bottom == filled), (top < bottom) & (bottom < filled)
    touches = (top <= hung_bottom) & (bottom >= hung_top) & (hung_top < hung_bottom)
    larger = hangs & ~touches & (bottom - top > hung_bottom - hung_top)
    joined_top, joined_bottom = min(top, hung_top), max(bottom, hung_bottom)
    hung_top = joined_top if hangs & touches else top if larger else hung_top
    hung_bottom = joined_bottom if hangs & touches else bottom if larger else hung_bottom
    filled = top if stands else filled
    filled = hung_top if (hung_top < filled) & (filled <= hung_bottom) else filled
    return filled, hung_top, hung_bottom
