"""Draws vehicles, obstacles and landmarks into an image, where nothing nearer is drawn yet."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from drivecnn_envs.box_shadows import CAST, SHADOW_REACH, ground_depth, is_ground, shade_ground
from drivecnn_envs.boxes import NEVER, Boxes, Kind, Seen, crossing, seen_from, turned
from drivecnn_envs.looks import Light
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.paintwork import (
    Colour,
    Surface,
    facing,
    light_on,
    paint_of,
    shade_surface,
    surface_at,
    veil_at,
)
from drivecnn_envs.pixels import BLOCK, Camera, Finish, Floats, Pixels, finished
from drivecnn_envs.shapes import FACES, TRACE, Style, style_of, trace_rows

_NEAREST = 0.5  # m
_FAINT = 0.1  # a sun that is weaker casts no shadow
_BORDER = 0.15  # m, white, around a landmark
_FLAT_SUN = 0.8  # how far flat ground looks at the sun
_GOAL = (30.0, 112.0, 190.0)  # a landmark's blue
_LANDMARK, _WHITE, _PAINT = int(Kind.LANDMARK), int(Surface.WARNING_WHITE), int(Surface.PAINT)
_SUN = int(Light.SUN)
_TRUCK, _BUS, _BLOCK = int(Style.TRUCK), int(Style.BUS), int(Style.BLOCK)
_OF_CAR, _OF_TRUCK, _OF_BUS = int(Finish.CAR), int(Finish.TRUCK), int(Finish.BUS)
_OF_OBSTACLE, _OF_LANDMARK = int(Finish.OBSTACLE), int(Finish.LANDMARK)
_PIXELS = np.uint64(BLOCK)


class Sight(NamedTuple):
    """What a camera may see of a box."""

    seen: Seen
    depth: float  # m, of its middle
    reach: float  # m around its middle where it does something to the ground
    cast: float  # m, length of its shadow
    columns: tuple[int, int]  # first that shows it, and the one after the last
    ground: tuple[int, int]  # the same of the columns that show the ground around it
    rows: tuple[int, int]  # and of the rows that do
    top: int  # first row that shows it


@njit(forceinline=True)
def sight_of(
    box: Any,  # noqa: ANN401 - a record of dtype BOX, which has no static type
    camera: Camera,
    light: Floats,
    rows: int,
) -> Sight:
    """What a camera may see of a box in an image of so many rows."""
    seen = seen_from(box, camera)
    depth = (box.x - camera.x) * camera.cos + (box.y - camera.y) * camera.sin
    radius = math.sqrt(seen.half_length**2 + seen.half_width**2)
    cast = CAST * seen.height if light[_SUN] > _FAINT and box.kind != _LANDMARK else 0.0
    reach = radius + max(SHADOW_REACH, cast)
    return Sight(
        seen, depth, reach, cast,
        _columns_of(camera, box.x, box.y, radius), _columns_of(camera, box.x, box.y, reach),
        _rows_of(camera, 0.0, depth, reach, rows),
        _rows_of(camera, seen.height, depth, radius, rows)[0],
    )  # fmt: skip


@njit(cache=True)
def draw_boxes(
    boxes: Boxes, state: int, camera: Camera, light: Floats, sun: tuple[float, float],
    pixels: Pixels,
) -> None:  # fmt: skip
    """Draw the boxes around a state, and what they do to the ground."""
    scratch = np.empty(TRACE, np.float32)
    for number in range(boxes.offset[state], boxes.offset[state + 1]):
        box = boxes.table[number]
        sight = sight_of(box, camera, light, pixels.word.shape[1])
        if not _in_view(pixels, sight):
            continue
        if box.kind == _LANDMARK:
            paint_landmark(sight, sight.ground, camera, light, pixels)
        else:
            shade_ground(
                sight.seen, (sun[0] * sight.cast, sun[1] * sight.cast), sight.ground, sight.rows,
                camera, pixels,
            )  # fmt: skip
            draw_body(box, sight, sight.columns, camera, light, sun, pixels, scratch)


@njit(forceinline=True)
def draw_body(
    box: Any,  # noqa: ANN401 - a record of dtype BOX, which has no static type
    sight: Sight, span: tuple[int, int], camera: Camera, light: Floats, sun: tuple[float, float],
    pixels: Pixels, scratch: Floats,
) -> None:  # fmt: skip
    """Draw what a span of columns shows of a vehicle or an obstacle."""
    style = style_of(box.kind, box.length, box.seed)
    paint = paint_of(style, box.seed)
    veil = veil_at(max(sight.depth, _NEAREST), light)
    for column in range(span[0], span[1]):
        _draw_column(sight.seen, style, paint, column, camera, light, veil, sun, pixels, scratch)


@njit(forceinline=True)
def _columns_of(camera: Camera, x: float, y: float, radius: float) -> tuple[int, int]:
    """The first column that a disc [m] may cover, and the one after the last."""
    east, north = x - camera.x, y - camera.y
    along, left = east * camera.cos + north * camera.sin, north * camera.cos - east * camera.sin
    if along < -radius or along - radius > FAR_DEPTH:
        return 0, 0
    if along - radius < _NEAREST:
        return camera.first, camera.first + camera.columns
    nearer, farther = along - radius, along + radius
    leftmost = (left + radius) / (nearer if left + radius > 0.0 else farther)
    rightmost = (left - radius) / (nearer if left - radius < 0.0 else farther)
    middle, count = 0.5 * camera.columns, float(camera.columns)
    first = int(max(middle - camera.focal * leftmost, 0.0))
    last = int(min(max(middle - camera.focal * rightmost + 1.0, 0.0), count))
    return camera.first + first, camera.first + last


@njit(forceinline=True)
def _rows_of(
    camera: Camera, height: float, depth: float, radius: float, count: int
) -> tuple[int, int]:
    """The first row that a disc at a height, so far ahead [m], may cover, and the one after."""
    rise = (camera.height - height) * camera.focal
    near, far = max(depth - radius, _NEAREST), max(depth + radius, _NEAREST)
    first = camera.horizon + rise / (far if rise > 0.0 else near) - 0.5
    last = camera.horizon + rise / (near if rise > 0.0 else far) + 1.5
    return int(max(first, 0.0)), int(min(max(last, 0.0), float(count)))


@njit(forceinline=True)
def _in_view(pixels: Pixels, sight: Sight) -> bool:
    """Whether anything around a box is as far as it is, so that it may be seen."""
    limit, span = np.float32(sight.depth - sight.reach), sight.ground
    if span[0] >= span[1]:
        return False
    for block in range(span[0] // BLOCK, (span[1] + BLOCK - 1) // BLOCK):
        for row in range(min(sight.top, sight.rows[0]), sight.rows[1]):
            own, line, farthest = np.uint64(block), np.uint64(row), np.float32(0.0)
            for k in range(_PIXELS):
                farthest = max(farthest, pixels.depth[own, line, k])
            if farthest > limit:
                return True
    return False


@njit(forceinline=True)
def _draw_column(
    seen: Seen, style: int, paint: Colour, column: int, camera: Camera, light: Floats,
    veil: tuple[float, float], sun: tuple[float, float], pixels: Pixels, scratch: Floats,
) -> None:  # fmt: skip
    """Draw what one column shows of a box."""
    ahead, left = turned(seen, pixels.forward_x[column], pixels.forward_y[column])
    near, far = crossing(seen, ahead, left)
    if near >= far or near <= 0.0:
        return  # beside it, behind it, or within it
    half, height = seen.half_length, seen.height
    start = seen.ahead / half, seen.left / seen.half_width, camera.height / height
    along, across = ahead / half, left / seen.half_width
    over = camera.height - height
    highest = over * camera.focal / (near if over < 0.0 else far)
    first = max(int(camera.horizon + highest) - 1, 0)
    lowest = int(camera.horizon + camera.height * camera.focal / near) + 2
    last = min(lowest, pixels.word.shape[1])
    code = _OF_CAR
    if style == _BLOCK:
        code = _OF_OBSTACLE
    elif style >= _TRUCK:
        code = _OF_TRUCK if style == _TRUCK else _OF_BUS
    per_row = 1.0 / camera.focal / height
    block_of, k = column // BLOCK, column % BLOCK
    before, up, falls = -1, 0.0, (0.0, 0.0, 0.0)
    for block in range(first, last, BLOCK):
        climb = (camera.horizon - block - 0.5) * per_row, -per_row
        trace_rows(style, start, (along, across), climb, scratch)
        for row in range(block, min(block + BLOCK, last)):
            depth = float(scratch[row - block])
            if depth >= NEVER or pixels.depth[block_of, row, k] <= depth:
                continue
            met = int(scratch[BLOCK + row - block])
            if met != before:
                sunny, up = facing(met // FACES, met % FACES, (seen.cos, seen.sin), sun, style)
                before, falls = met, light_on(sunny, up, veil[0], light)
            point = (
                start[0] + depth * along,
                start[1] + depth * across,
                start[2] + depth * (climb[0] + (row - block) * climb[1]),
            )
            surface = surface_at(style, met // FACES, met % FACES, point, (half, height))
            colour = shade_surface(surface, paint, falls, up, point[2], veil[1], light)
            pixels.word[block_of, row, k] = finished(code, colour[0], colour[1], colour[2])
            pixels.depth[block_of, row, k] = depth


@njit(forceinline=True)
def paint_landmark(
    sight: Sight, span: tuple[int, int], camera: Camera, light: Floats, pixels: Pixels
) -> None:
    """Paint the ground that a landmark covers in a span of columns."""
    seen = sight.seen
    for row in range(sight.rows[0], sight.rows[1]):
        depth = ground_depth(camera, row)
        veil = veil_at(depth, light)
        falls = light_on(_FLAT_SUN, 1.0, veil[0], light)
        for column in range(span[0], span[1]):
            block, k = column // BLOCK, column % BLOCK
            ahead, left = turned(seen, pixels.forward_x[column], pixels.forward_y[column])
            beyond_end = abs(seen.ahead + depth * ahead) - seen.half_length
            beyond = max(beyond_end, abs(seen.left + depth * left) - seen.half_width)
            if beyond <= 0.0 and is_ground(pixels.word[block, row, k]):
                surface = _PAINT if beyond < -_BORDER else _WHITE
                colour = shade_surface(surface, _GOAL, falls, 1.0, 0.0, veil[1], light)
                word = finished(_OF_LANDMARK, colour[0], colour[1], colour[2])
                pixels.word[block, row, k] = word
