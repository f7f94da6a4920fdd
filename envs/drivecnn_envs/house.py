"""One building: its size and shape, the texels it covers, and how its walls and roof are drawn."""

from typing import NamedTuple

import numpy as np
from numba import njit

from drivecnn_envs.canvas import TAKEN, Canvas, place_bits
from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, SHADED, STOREY, Material
from drivecnn_envs.noise import mix, uniform
from drivecnn_envs.townscape import Townscape

WALL_DEPTH = 1.25  # m, a pitched roof's texels begin so far behind the wall's face
HIGHEST = 250.0  # height units
UNDIVIDED = 1000.0  # m, the section of a front that looks alike all along
VILLA, ROW, BLOCK, HALL = range(4)  # kinds
_WALL, _ROOF = int(Material.WALL_A), int(Material.ROOF_A)
_BLIND_ENDS = 0.3  # share of the buildings without windows in their ends


class House(NamedTuple):
    """A building, for kernels; lengths in metres."""

    x: float  # its middle
    y: float
    along_x: float  # unit vector along the street
    along_y: float
    back_x: float  # unit vector away from the street
    back_y: float
    length: float  # half its front
    depth: float  # half
    eaves: float  # height
    pitch: float  # m that its roof rises per metre, 0 if it is flat
    turned: bool  # whether the ridge points at the street
    section: float  # of front that looks alike
    window: float  # m of wall for each window, 0 if there are none
    setback: float  # from the edge of the road to the front
    kind: int
    key: np.uint64


@njit(forceinline=True)
def part_of(
    house: House,
    aside: float,
    behind: float,
    size: tuple[float, float],
    shape: tuple[float, bool, float],
) -> House:
    """A part of a building with its middle elsewhere [m], half length and depth [m], and shape."""
    return House(
        house.x + aside * house.along_x + behind * house.back_x,
        house.y + aside * house.along_y + behind * house.back_y,
        house.along_x,
        house.along_y,
        house.back_x,
        house.back_y,
        size[0],
        size[1],
        house.eaves,
        shape[0],
        shape[1],
        shape[2],
        house.window,
        house.setback,
        house.kind,
        house.key,
    )


@njit(forceinline=True)
def bounds(canvas: Canvas, house: House, margin: float) -> tuple[int, int, int, int]:
    """First and last row and column (both ends exclusive) of a building and a margin [m]."""
    across = abs(house.along_x) * house.length + abs(house.back_x) * house.depth + margin
    along = abs(house.along_y) * house.length + abs(house.back_y) * house.depth + margin
    return (
        int(np.floor((house.y - along) / RESOLUTION)) - canvas.south,
        int(np.ceil((house.y + along) / RESOLUTION)) - canvas.south,
        int(np.floor((house.x - across) / RESOLUTION)) - canvas.west,
        int(np.ceil((house.x + across) / RESOLUTION)) - canvas.west,
    )


@njit(forceinline=True)
def inside(canvas: Canvas, house: House, row: int, column: int) -> tuple[float, float]:
    """Metres from a building's middle to a texel, along the street and away from it."""
    dx = (canvas.west + column + 0.5) * RESOLUTION - house.x
    dy = (canvas.south + row + 0.5) * RESOLUTION - house.y
    along = dx * house.along_x + dy * house.along_y
    return along, dx * house.back_x + dy * house.back_y


@njit()
def draw_house(canvas: Canvas, townscape: Townscape, house: House) -> None:
    """Draw a building's walls and roof."""
    low, high, left, right = bounds(canvas, house, 0.0)
    sun_along = house.along_x * townscape.sun_x + house.along_y * townscape.sun_y
    sun_back = house.back_x * townscape.sun_x + house.back_y * townscape.sun_y
    roof = _ROOF + (uniform(mix(house.key, 0), 0) < townscape.red_roofs)
    for row in range(low, high):
        for column in range(left, right):
            along, back = inside(canvas, house, row, column)
            from_end, from_front = house.length - abs(along), house.depth - abs(back)
            if from_end < 0.0 or from_front < 0.0:
                continue
            part = int((along + house.length) / house.section)
            key = mix(house.key, part + 1)
            eaves = house.eaves
            if house.kind == ROW:
                eaves += STOREY * (int(uniform(key, 0) * 1.6) - (uniform(key, 1) < 0.2))
            rise = house.pitch * (from_end if house.turned else from_front)
            at_end = from_end < from_front
            gable = at_end != house.turned
            texel, height = canvas.texels[row, column], eaves + (rise if gable else 0.0)
            grain = place_bits(canvas.seed, canvas.west + column, canvas.south + row) >> np.uint32(
                28
            )
            faced = sun_along * np.sign(along) if at_end else sun_back * np.sign(back)
            if house.pitch == 0.0 or min(from_end, from_front) < WALL_DEPTH:
                wall = _WALL + int(4.0 * uniform(key, 2) ** 1.3)
                texel[0] = wall if faced > 0.0 else wall | SHADED
                texel[1] = np.uint8(168.0 + 70.0 * uniform(key, 3) + grain)
                texel[2] = _window_place(house, key, along, back, at_end)
            else:
                sloping = sun_along * np.sign(along) if house.turned else sun_back * np.sign(back)
                bright = townscape.sun_slope + house.pitch * sloping > 0.0
                texel[0] = roof if bright else roof | SHADED
                texel[1] = np.uint8(180.0 + 30.0 * uniform(key, 4) + grain)
                texel[2], height = 0, eaves + rise
            texel[3] = np.uint8(min(height / HEIGHT_UNIT, HIGHEST))
            canvas.uses[row, column] |= TAKEN


@njit(forceinline=True)
def _window_place(house: House, key: np.uint64, along: float, back: float, at_end: bool) -> int:
    """Where a texel of a wall is in its window's period, 1-255; 0 on a blank wall."""
    if house.window == 0.0 or (
        at_end and (house.kind == ROW or uniform(house.key, 12) < _BLIND_ENDS)
    ):
        return 0
    wall, place = 2.0 * house.depth, back + house.depth
    if not at_end:
        wall = min(house.section, 2.0 * house.length)
        place = (along + house.length) % house.section
    period = wall / max(round(wall / house.window), 1)
    return int(1.0 + 254.0 * (place / period % 1.0))
