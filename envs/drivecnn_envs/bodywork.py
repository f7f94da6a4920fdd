"""Draws vehicles, obstacles and landmarks into image columns, and their shadows on the ground."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.boxes import NEVER, SHADOW_REACH, Boxes, Kind, Ray, crossing
from drivecnn_envs.looks import GAIN, Swatch, fog_at
from drivecnn_envs.paintwork import SURFACES, Surface, light_on, shade_surface, surface_at
from drivecnn_envs.shapes import style_of, trace

Bytes = NDArray[np.uint8]
Look = NDArray[np.float32]

_SHADOW = 0.62  # share of the light that the ground right beside a box lacks
_IN_FRONT = 0.8  # of the rows from the horizon to the ground: less, and something hides the ground
_NEAREST = 0.5  # m
_GOAL = np.array([30, 112, 190], np.float32)  # a landmark's blue
_BORDER = 0.15  # m, white, around a landmark
_BRIGHTEST = 255.0  # intensity level
_LANDMARK, _WHITE = int(Kind.LANDMARK), int(Surface.WARNING_WHITE)
_SKY_LOW = int(Swatch.SKY_LOW)


@njit()
def draw_box(
    boxes: Boxes,
    met: tuple[float, int],
    ray: Ray,
    bounds: tuple[int, int],
    look: Look,
    image: Bytes,
) -> tuple[int, int]:
    """Draw one box into the ray's image column above what is nearer.

    Args:
        boxes: the table the box is in.
        met: the depth [m] at which the ray meets it, and its number; see `next_box`.
        ray: what the column sees.
        bounds: the lowest row that stays open, and the row above which ground was drawn since
            the last box.
        look: colours and light.
        image: (3, H, W), the ray's column of it is drawn.

    Returns:
        The bounds after the box.
    """
    filled, floor = bounds
    _shade_ground(boxes, met, ray, bounds, look, image)
    number = met[1]
    near, far = crossing(boxes, number, ray, 0.0)
    if boxes.table[number].kind == _LANDMARK or near >= far:
        return filled, floor
    cos, sin = np.cos(boxes.table[number].yaw), np.sin(boxes.table[number].yaw)
    half, side, height = 0.5 * boxes.table[number].length, 0.5 * boxes.table[number].width, boxes.table[number].height
    x, y = ray.x - boxes.table[number].x, ray.y - boxes.table[number].y
    start = ((x * cos + y * sin) / half, (y * cos - x * sin) / side, ray.height / height)
    along = (ray.forward_x * cos + ray.forward_y * sin) / half
    across = (ray.forward_y * cos - ray.forward_x * sin) / side
    seed = boxes.table[number].seed
    style = style_of(boxes.table[number].kind, boxes.table[number].length, seed)
    row = filled - 1
    while row >= 0:
        slope = (along, across, (ray.horizon - row - 0.5) / ray.focal / height)
        depth, block, face = trace(style, start, slope)
        if depth >= NEVER:
            break
        point = (
            start[0] + depth * slope[0],
            start[1] + depth * slope[1],
            start[2] + depth * slope[2],
        )
        surface = surface_at(style, block, face, point, (half, height))
        bright, up = light_on(look, block, face, cos, sin, style)
        colour = shade_surface(look, style, seed, surface, (bright, up, point[2]))
        fog = fog_at(look, depth)
        for channel in range(3):
            level = colour[channel] * (1.0 - fog) + look[3 * _SKY_LOW + channel] * fog
            image[channel, row, ray.column] = np.uint8(min(level, _BRIGHTEST))
        row -= 1
    return row + 1, row + 1


@njit()
def _shade_ground(
    boxes: Boxes,
    met: tuple[float, int],
    ray: Ray,
    bounds: tuple[int, int],
    look: Look,
    image: Bytes,
) -> None:
    """Darken the ground at a box, or paint it if the box is a landmark.

    Only rows that show ground are touched: those drawn since the last box, unless something
    stands in front of where the ray meets the box.
    """
    depth, number = met
    near, far = crossing(boxes, number, ray, SHADOW_REACH)
    near = max(near, _NEAREST)
    step = ray.height * ray.focal
    if near >= far or bounds[0] < int(ray.horizon + step / depth * _IN_FRONT):
        return
    cos, sin = np.cos(boxes.table[number].yaw), np.sin(boxes.table[number].yaw)
    x, y = ray.x - boxes.table[number].x, ray.y - boxes.table[number].y
    landmark = boxes.table[number].kind == _LANDMARK
    first = max(bounds[0], int(ray.horizon + step / far))
    for row in range(first, min(bounds[1], int(ray.horizon + step / near) + 1)):
        depth = step / max(row + 0.5 - ray.horizon, 1e-3)
        east, north = x + depth * ray.forward_x, y + depth * ray.forward_y
        beyond_end = abs(east * cos + north * sin) - 0.5 * boxes.table[number].length
        beyond_side = abs(north * cos - east * sin) - 0.5 * boxes.table[number].width
        beyond = np.hypot(max(beyond_end, 0.0), max(beyond_side, 0.0))
        if landmark:
            if beyond > 0.0:
                continue
            inside = max(beyond_end, beyond_side) < -_BORDER
            fog = fog_at(look, depth)
            for channel in range(3):
                own = _GOAL[channel] if inside else SURFACES[_WHITE, channel]
                level = own * look[GAIN + channel] * (1.0 - fog)
                level += look[3 * _SKY_LOW + channel] * fog
                image[channel, row, ray.column] = np.uint8(min(level, _BRIGHTEST))
        else:
            shadow = 1.0 - _SHADOW * max(1.0 - beyond / SHADOW_REACH, 0.0)
            for channel in range(3):
                image[channel, row, ray.column] = np.uint8(image[channel, row, ray.column] * shadow)
