"""Draws vehicles, obstacles and landmarks into an image, and their shadows on the ground."""

from typing import Any

import numpy as np
from numba import njit

from drivecnn_envs.boxes import NEVER, SHADOW_REACH, Boxes, Kind, crossing
from drivecnn_envs.looks import Light
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.paintwork import Surface, facing, paint_of, shade_surface, surface_at
from drivecnn_envs.pixels import BLOCK, OPEN, Camera, Finish, Floats, Pixels, finished
from drivecnn_envs.shapes import FACES, TRACE, Style, style_of, trace_rows

_SHADOW = 0.62  # share of the light that the ground right beside a box lacks
_CAST = 1.2  # m of shadow per metre of height
_NEAREST = 0.5  # m
_FAINT = 0.1  # a sun that is weaker casts no shadow
_BORDER = 0.15  # m, white, around a landmark
_GOAL = (30.0, 112.0, 190.0)  # a landmark's blue
_LANDMARK, _WHITE, _PAINT = int(Kind.LANDMARK), int(Surface.WARNING_WHITE), int(Surface.PAINT)
_SUN = int(Light.SUN)
_SHADED, _BYTE, _EIGHT = np.uint32(SHADED), np.uint32(255), np.uint32(8)
_MATERIAL, _CROWN = np.uint32(SHADED - 1), np.uint32(Material.CROWN)
_TRUCK, _BUS, _BLOCK = int(Style.TRUCK), int(Style.BUS), int(Style.BLOCK)
_OF_CAR, _OF_TRUCK, _OF_BUS = int(Finish.CAR), int(Finish.TRUCK), int(Finish.BUS)
_OF_OBSTACLE, _OF_LANDMARK = int(Finish.OBSTACLE), int(Finish.LANDMARK)


@njit(inline="always")
def columns_of(camera: Camera, x: float, y: float, radius: float, count: int) -> tuple[int, int]:
    """The first column that a disc [m] may cover, and the one after the last."""
    east, north = x - camera.x, y - camera.y
    along, left = east * camera.cos + north * camera.sin, north * camera.cos - east * camera.sin
    if along < -radius or along - radius > FAR_DEPTH:
        return 0, 0
    if along - radius < _NEAREST:
        return 0, count
    nearer, farther = along - radius, along + radius
    leftmost = (left + radius) / (nearer if left + radius > 0.0 else farther)
    rightmost = (left - radius) / (nearer if left - radius < 0.0 else farther)
    first = int(max(0.5 * count - camera.focal * leftmost, 0.0))
    return first, int(min(max(0.5 * count - camera.focal * rightmost + 1.0, 0.0), float(count)))


@njit(cache=True)
def draw_boxes(
    boxes: Boxes, state: int, camera: Camera, light: Floats, sun: tuple[float, float],
    pixels: Pixels, columns: int,
) -> None:  # fmt: skip
    """Draw the boxes around a state where nothing nearer is drawn yet."""
    scratch = np.empty(TRACE, np.float32)
    for number in range(boxes.offset[state], boxes.offset[state + 1]):
        box = boxes.table[number]
        reach = SHADOW_REACH
        if light[_SUN] > _FAINT and box.kind != _LANDMARK:
            reach = max(reach, _CAST * box.height)
        radius = 0.5 * np.hypot(box.length, box.width) + reach
        first, last = columns_of(camera, box.x, box.y, radius, columns)
        for column in range(first, last):
            _shade_ground(boxes, number, reach, column, camera, light, sun, pixels)
        if box.kind == _LANDMARK:
            continue
        first, last = columns_of(camera, box.x, box.y, radius - reach, columns)
        style = style_of(box.kind, box.length, box.seed)
        paint = paint_of(style, box.seed)
        for column in range(first, last):
            _draw_column(boxes, number, style, paint, column, camera, light, sun, pixels, scratch)


@njit(inline="always")
def _draw_column(
    boxes: Boxes, number: int, style: int, paint: tuple[float, float, float], column: int,
    camera: Camera, light: Floats, sun: tuple[float, float], pixels: Pixels,
    scratch: Floats,
) -> None:  # fmt: skip
    """Draw what one column shows of a box."""
    box = boxes.table[number]
    ahead_x, ahead_y = pixels.forward_x[column], pixels.forward_y[column]
    near, far = crossing(box, camera.x, camera.y, ahead_x, ahead_y, 0.0)
    if near >= far or near <= 0.0:
        return  # beside it, behind it, or within it
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    half, side, height = 0.5 * box.length, 0.5 * box.width, box.height
    x, y = camera.x - box.x, camera.y - box.y
    start = ((x * cos + y * sin) / half, (y * cos - x * sin) / side, camera.height / height)
    along, across = (ahead_x * cos + ahead_y * sin) / half, (ahead_y * cos - ahead_x * sin) / side
    horizon = camera.horizon + pixels.shift[column]
    over = camera.height - height
    highest = over * camera.focal / (near if over < 0.0 else far)
    first = max(int(horizon + highest) - 1, 0)
    last = min(int(horizon + camera.height * camera.focal / near) + 2, pixels.word.shape[0])
    code = _OF_CAR
    if style == _BLOCK:
        code = _OF_OBSTACLE
    elif style >= _TRUCK:
        code = _OF_TRUCK if style == _TRUCK else _OF_BUS
    per_row = 1.0 / camera.focal / height
    for block in range(first, last, BLOCK):
        climb = (horizon - block - 0.5) * per_row, -per_row
        trace_rows(style, start, (along, across), climb, scratch)
        for row in range(block, min(block + BLOCK, last)):
            depth = float(scratch[row - block])
            open_ = pixels.word[row, column] == OPEN
            if depth >= NEVER or not (open_ or pixels.depth[row, column] > depth):
                continue
            met = int(scratch[BLOCK + row - block])
            point = (
                start[0] + depth * along,
                start[1] + depth * across,
                start[2] + depth * (climb[0] + (row - block) * climb[1]),
            )
            number_of_block, face = met // FACES, met % FACES
            surface = surface_at(style, number_of_block, face, point, (half, height))
            sunny, up = facing(number_of_block, face, (cos, sin), sun, style)
            colour = shade_surface(surface, paint, (sunny, up, point[2]), depth, light)
            pixels.word[row, column] = finished(code, colour[0], colour[1], colour[2])
            pixels.depth[row, column] = depth


@njit(inline="always")
def _shade_ground(
    boxes: Boxes, number: int, reach: float, column: int, camera: Camera, light: Floats,
    sun: tuple[float, float], pixels: Pixels,
) -> None:  # fmt: skip
    """Darken the ground that a column shows beside a box, or paint it if the box is a landmark."""
    box = boxes.table[number]
    ahead_x, ahead_y = pixels.forward_x[column], pixels.forward_y[column]
    near, far = crossing(box, camera.x, camera.y, ahead_x, ahead_y, reach)
    near = max(near, _NEAREST)
    if near >= far:
        return
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    x, y = camera.x - box.x, camera.y - box.y
    horizon = camera.horizon + pixels.shift[column]
    down = camera.height * camera.focal
    cast = _CAST * box.height if reach > SHADOW_REACH else 0.0
    to_sun = (sun[0] * cos + sun[1] * sin) * cast, (sun[1] * cos - sun[0] * sin) * cast
    first = max(int(horizon + down / far), 0)
    for row in range(first, min(int(horizon + down / near) + 1, pixels.word.shape[0])):
        word = pixels.word[row, column]
        if word == OPEN or (word & _MATERIAL) >= _CROWN:
            continue
        depth = down / max(row + 0.5 - horizon, 1e-3)
        east, north = x + depth * ahead_x, y + depth * ahead_y
        along, across = east * cos + north * sin, north * cos - east * sin
        beyond_end = abs(along) - 0.5 * box.length
        beyond_side = abs(across) - 0.5 * box.width
        beyond = np.hypot(max(beyond_end, 0.0), max(beyond_side, 0.0))
        if box.kind == _LANDMARK:
            if beyond == 0.0:
                inside = max(beyond_end, beyond_side) < -_BORDER
                surface = _PAINT if inside else _WHITE
                colour = shade_surface(surface, _GOAL, (0.8, 1.0, 0.0), depth, light)
                pixels.word[row, column] = finished(_OF_LANDMARK, colour[0], colour[1], colour[2])
            continue
        if beyond < SHADOW_REACH:
            kept = 1.0 - _SHADOW * (1.0 - beyond / SHADOW_REACH)
            shade = np.uint32(kept * np.float64((word >> _EIGHT) & _BYTE))
            word = (word & ~(_BYTE << _EIGHT)) | (shade << _EIGHT)
        if cast > 0.0 and _covers(box, (along, across), to_sun):
            word |= _SHADED
        pixels.word[row, column] = word


@njit(inline="always")
def _covers(
    box: Any,  # noqa: ANN401 - a record of dtype BOX, which has no static type
    point: tuple[float, float],
    to_sun: tuple[float, float],
) -> bool:
    """Whether a box stands between a point (ahead, left) in its frame and the sun."""
    near, far = 0.0, 1.0
    for axis in range(2):
        half = 0.5 * (box.length if axis == 0 else box.width)
        start, slope = point[axis], to_sun[axis]
        if abs(slope) < 1e-9:
            if abs(start) > half:
                return False
            continue
        one, other = (-half - start) / slope, (half - start) / slope
        near, far = max(near, min(one, other)), min(far, max(one, other))
    return near <= far
