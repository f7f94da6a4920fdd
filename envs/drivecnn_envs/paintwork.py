"""What vehicles and obstacles are made of at each point of their shapes, and how it is lit."""

import math
from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.looks import Light
from drivecnn_envs.noise import uniform
from drivecnn_envs.shading import BEAM_REACH
from drivecnn_envs.shapes import BLOCKS, Face, Style

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]


class Surface(IntEnum):
    """What a point of a vehicle or an obstacle is made of."""

    PAINT = 0
    GLASS = 1
    RUBBER = 2
    RIM = 3
    TRIM = 4
    TAIL_LAMP = 5
    HEAD_LAMP = 6
    PLATE = 7
    WARNING_RED = 8
    WARNING_WHITE = 9
    CONCRETE = 10


WALL_LENGTH = 6.0  # m, an obstacle that is longer is a wall and carries no stripes
_PAINTS = np.array(
    [
        [232, 232, 228],  # white
        [178, 181, 184],  # silver
        [112, 115, 120],  # grey
        [38, 39, 43],  # black
        [42, 66, 120],  # blue
        [158, 30, 32],  # red
        [44, 74, 60],  # green
        [164, 146, 116],  # sand
    ],
    np.float32,
)
_PAINT_SHARES = np.array([0.24, 0.42, 0.57, 0.74, 0.84, 0.92, 0.96, 1.0])  # cumulative
_LIVERIES = np.array(
    [[226, 226, 222], [190, 192, 194], [52, 84, 140], [176, 40, 36], [222, 168, 42]], np.float32
)  # of trucks and buses
SURFACES = np.array(
    [
        [0, 0, 0],  # PAINT: of the vehicle
        [30, 36, 42],  # GLASS
        [22, 22, 24],  # RUBBER
        [150, 152, 156],  # RIM
        [40, 41, 44],  # TRIM
        [206, 22, 18],  # TAIL_LAMP
        [244, 242, 230],  # HEAD_LAMP
        [226, 224, 206],  # PLATE
        [204, 32, 28],  # WARNING_RED
        [238, 238, 234],  # WARNING_WHITE
        [168, 166, 160],  # CONCRETE
    ],
    np.float32,
)
_PAINT_DRAW = 2  # counter of a box's random numbers
_SIDE_SKY = 0.72  # share of the sky's light that falls on an upright face
_LAMPLIGHT = 0.95  # of a lamp that shines
_SUN_HIGH, _SUN_FLAT = 0.8, 0.6  # the sun's direction, upwards and sideways
_TILTS = np.array([0.1, 0.55])  # how far the sides of the lower and the upper block look up
_GLOSS = (0.05, 0.26)  # share of the sky in paint and in glass, on upright faces
_TOP_GLOSS = 0.14  # more on faces that look up
_WHEEL, _RIM = 0.34, 0.19  # m, radii of a car's
_BIG_WHEEL, _BIG_RIM = 0.5, 0.28  # m, of a truck's
_OVERHANG = 0.92  # m from a car's end to the middle of its wheels
_SILL = 0.24  # m, below is shadow
_TRUCK, _BUS, _BLOCK = int(Style.TRUCK), int(Style.BUS), int(Style.BLOCK)
_FRONT, _BACK, _LEFT, _TOP = int(Face.FRONT), int(Face.BACK), int(Face.LEFT), int(Face.TOP)
_PAINT, _GLASS, _RUBBER = int(Surface.PAINT), int(Surface.GLASS), int(Surface.RUBBER)
_RIM_METAL, _TRIM = int(Surface.RIM), int(Surface.TRIM)
_TAIL_LAMP, _HEAD_LAMP = int(Surface.TAIL_LAMP), int(Surface.HEAD_LAMP)
_PLATE, _CONCRETE = int(Surface.PLATE), int(Surface.CONCRETE)
_RED, _WHITE = int(Surface.WARNING_RED), int(Surface.WARNING_WHITE)
_AMBIENT, _SUN, _FOG = int(Light.AMBIENT), int(Light.SUN), int(Light.FOG)
_SKY_LOW, _DENSITY, _BEAM = int(Light.SKY_LOW), int(Light.FOG_DENSITY), int(Light.HEADLIGHTS)


@njit(forceinline=True)
def surface_at(
    style: int, block: int, face: int, point: tuple[float, float, float], size: tuple[float, float]
) -> int:
    """The `Surface` of a point (u, v, w) on a face; `size` is the half length and height [m]."""
    u, v, w = point
    if style == _BLOCK:
        return _obstacle_at(face, point, size)
    up, along = w * size[1], abs(u) * size[0]  # m
    if style >= _TRUCK:
        return _large_at(style, block, face, point, size)
    if block == 1:
        return _cabin_at(style, face, point)
    if face == _TOP:
        return _PAINT
    if face >= _LEFT:
        wheel = (along - (size[0] - _OVERHANG)) ** 2 + (up - _WHEEL + 0.02) ** 2
        if wheel < _WHEEL**2:
            return _RIM_METAL if wheel < _RIM**2 else _RUBBER
        return _TRIM if up < _SILL else _PAINT
    if up < _SILL:
        return _RUBBER if abs(v) > 0.68 else _TRIM
    if face == _BACK:
        if abs(v) > 0.62 and 0.44 < w < 0.60:
            return _TAIL_LAMP
        return _PLATE if abs(v) < 0.27 and 0.36 < w < 0.46 else _PAINT
    if abs(v) > 0.58 and 0.36 < w < 0.49:
        return _HEAD_LAMP
    if abs(v) < 0.25 and 0.2 < w < 0.27:
        return _PLATE
    return _TRIM if abs(v) < 0.5 and 0.18 < w < 0.4 else _PAINT


@njit(forceinline=True)
def _cabin_at(style: int, face: int, point: tuple[float, float, float]) -> int:
    """The surface of a point on a car's cabin: windows between pillars, and the roof."""
    u, v, w = point
    if face == _TOP or w > 0.95:
        return _PAINT
    if face < _LEFT:
        return _GLASS if abs(v) < 0.93 - 0.35 * (w - 0.5) - 0.06 else _PAINT
    rise = (w - 0.5) / 0.5
    back = BLOCKS[style, 1, 0] + rise * (BLOCKS[style, 1, 2] - BLOCKS[style, 1, 0])
    front = BLOCKS[style, 1, 1] + rise * (BLOCKS[style, 1, 3] - BLOCKS[style, 1, 1])
    pillar = u < back + 0.11 or u > front - 0.04 or abs(u + 0.16) < 0.018
    return _PAINT if pillar else _GLASS


@njit(forceinline=True)
def _large_at(
    style: int, block: int, face: int, point: tuple[float, float, float], size: tuple[float, float]
) -> int:
    """The surface of a point on a truck or a bus."""
    u, v, w = point
    up, along = w * size[1], abs(u) * size[0]  # m
    if face == _TOP:
        return _PAINT
    if face >= _LEFT and up < 2.0 * _BIG_WHEEL:
        wheel = (along - (size[0] - 1.6)) ** 2 + (up - _BIG_WHEEL) ** 2
        if wheel < _BIG_WHEEL**2:
            return _RIM_METAL if wheel < _BIG_RIM**2 else _RUBBER
    if up < 0.4 or (style == _TRUCK and block == 1 and up < 0.95 and face != _BACK):
        return _TRIM
    if face == _BACK and not (style == _TRUCK and block == 0):
        if abs(v) > 0.7 and 0.5 < up < 0.95:
            return _TAIL_LAMP
        if up < 1.05 and style == _TRUCK:
            return _TRIM
        if style == _TRUCK:  # the doors' gap
            return _TRIM if abs(v) < 0.015 else _PAINT
        return _GLASS if abs(v) < 0.8 and 0.5 < w < 0.85 else _PAINT
    if face == _FRONT:
        if abs(v) > 0.65 and 0.55 < up < 0.85:
            return _HEAD_LAMP
        low, high = (0.42, 0.68) if style == _TRUCK else (0.35, 0.86)
        return _GLASS if low < w < high and abs(v) < 0.92 else _PAINT
    if style == _TRUCK:
        return _GLASS if block == 0 and 0.46 < w < 0.68 and 0.72 < u < 0.93 else _PAINT
    return _GLASS if 0.42 < w < 0.82 and (abs(u) * size[0]) % 1.6 > 0.12 else _PAINT


@njit(forceinline=True)
def _obstacle_at(face: int, point: tuple[float, float, float], size: tuple[float, float]) -> int:
    """The surface of a point on an obstacle: a red and white barrier, or a wall if it is long."""
    if 2.0 * size[0] > WALL_LENGTH or face == _TOP:
        return _CONCRETE
    u, v, w = point
    if w < 0.3:
        return _CONCRETE
    side = v if face < _LEFT else u
    return _RED if (1.5 * side + 0.8 * w) % 1.0 < 0.5 else _WHITE


@njit(forceinline=True)
def paint_of(style: int, seed: np.uint64) -> Colour:
    """The colour of a vehicle's paint."""
    draw, row = uniform(seed, _PAINT_DRAW), 0
    if style >= _TRUCK:
        row = int(draw * len(_LIVERIES))
        return _LIVERIES[row, 0], _LIVERIES[row, 1], _LIVERIES[row, 2]
    while row < len(_PAINTS) - 1 and draw > _PAINT_SHARES[row]:
        row += 1
    return _PAINTS[row, 0], _PAINTS[row, 1], _PAINTS[row, 2]


@njit(forceinline=True)
def facing(
    block: int, face: int, heading: tuple[float, float], sun: tuple[float, float], style: int
) -> tuple[float, float]:
    """How far a face looks at the sun and how far up, 0 to 1.

    `heading` and `sun` are cosine and sine of where the box points and of where the sun stands.
    """
    up = _TILTS[1] if block == 1 and style < _TRUCK else _TILTS[0]
    if face == _TOP:
        up = 1.0
    flat = math.sqrt(1.0 - up * up)
    x, y = heading
    if face == _BACK:
        x, y = -x, -y
    elif face == _LEFT:
        x, y = -y, x
    elif face != _FRONT:
        x, y = y, -x
    return max(flat * (x * sun[0] + y * sun[1]) * _SUN_FLAT + up * _SUN_HIGH, 0.0), up


@njit(forceinline=True)
def veil_at(depth: float, light: Floats) -> tuple[float, float]:
    """The light of the ego's headlights and the share of haze, `depth` [m] away."""
    haze = depth * light[_DENSITY]
    return light[_BEAM] / (1.0 + depth * depth / BEAM_REACH**2), haze / (1.0 + haze)


@njit(forceinline=True)
def light_on(sunny: float, up: float, beam: float, light: Floats) -> Colour:
    """The light that falls on a face; `sunny` and `up` are how far it looks at the sun and up."""
    share = _SIDE_SKY + (1.0 - _SIDE_SKY) * up
    return (
        light[_AMBIENT] * share + light[_SUN] * sunny + beam,
        light[_AMBIENT + 1] * share + light[_SUN + 1] * sunny + beam,
        light[_AMBIENT + 2] * share + light[_SUN + 2] * sunny + beam,
    )


@njit(forceinline=True)
def shade_surface(
    surface: int, paint: Colour, falls: Colour, up: float, w: float, haze: float, light: Floats
) -> Colour:
    """Colour (red, green, blue) of a surface.

    Args:
        surface: a `Surface`.
        paint: colour of the vehicle.
        falls: light on it.
        up: how far it looks up, 0 to 1.
        w: height as a share of the whole.
        haze: share of the air's colour in what is seen.
        light: the look.
    """
    gloss, shines = 0.0, 0.0
    own = SURFACES[surface, 0], SURFACES[surface, 1], SURFACES[surface, 2]
    if surface == _PAINT:
        own, gloss = paint, _GLOSS[0] + _TOP_GLOSS * up
    elif surface == _GLASS:
        gloss = _GLOSS[1] + _TOP_GLOSS * up + 0.1 * (w - 0.5)
    elif surface in (_TAIL_LAMP, _HEAD_LAMP):
        shines = _LAMPLIGHT
    clear, keep = 1.0 - haze, 1.0 - gloss
    return (
        clear * (keep * max(falls[0], shines) * own[0] + gloss * light[_SKY_LOW])
        + haze * light[_FOG],
        clear * (keep * max(falls[1], shines) * own[1] + gloss * light[_SKY_LOW + 1])
        + haze * light[_FOG + 1],
        clear * (keep * max(falls[2], shines) * own[2] + gloss * light[_SKY_LOW + 2])
        + haze * light[_FOG + 2],
    )
