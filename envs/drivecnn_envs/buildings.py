"""Where buildings stand: rows, villas, blocks and halls on the plots along the roads."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.canvas import PAVED, TAKEN, Canvas, district_at
from drivecnn_envs.frontage import Side
from drivecnn_envs.house import (
    BLOCK,
    HALL,
    HIGHEST,
    ROW,
    UNDIVIDED,
    VILLA,
    House,
    bounds,
    draw_house,
    inside,
    part_of,
)
from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, STOREY, Material
from drivecnn_envs.noise import uniform
from drivecnn_envs.plots import FRONT_WIDTH, front_gap
from drivecnn_envs.townscape import Townscape

PLOT_LINES = 4  # grid lines of the frontage between two plots
CLEARANCE = 3.0  # m between a building and the road, at least
ALLEY = 0.5  # m between two buildings, at least
PARAPET = 0.5  # m
HOUSE_IN_ROW = 8.0  # m of front
DRIVE_HALF_WIDTH = 1.4  # m
SMALLER = 0.55  # a building that does not fit is tried again with this share of its length
FARMS = 0.06  # likelihood that a plot in open country is built on
WINGS = 0.35  # share of the buildings with a wing behind
ROWS = 0.6  # share of the streets downtown with rows, the others have blocks
TURNED = 0.35  # share of the villas whose gable faces the street
BLIND_HALLS = 0.6  # share of the halls without windows
HIGHEST_PITCHED = 4.0  # storeys, higher rows have flat roofs
GARDEN = 1.0  # m between a plot's front and a villa, at least
# by kind, from and to [m]
_FRONTS = np.array([[3.8, 7.4], [7.0, 18.0], [7.0, 16.0], [8.0, 18.0]])  # half
_DEPTHS = np.array([[3.6, 5.4], [4.5, 6.3], [5.5, 7.5], [6.0, 12.0]])  # half
_PITCHES = np.array([0.6, 1.1])  # m per metre
_WINDOWS = np.array([2.0, 4.5])  # m of wall for each
_PAVEMENT, _GRAVEL = int(Material.PAVEMENT), int(Material.GRAVEL)


@njit(cache=True)
def put_up_buildings(
    canvas: Canvas, townscape: Townscape, sides: NDArray[np.void], order: NDArray[np.int64]
) -> None:
    """Put buildings on the plots along the road, where there is room for them.

    Args:
        canvas: with its ground laid, changed in place.
        townscape: what the town is like.
        sides: (M,) of dtype `SIDES`.
        order: numbers of the places to try, most important first.
    """
    for number in order:
        if sides[number].fast or sides[number].line % PLOT_LINES != 0:
            continue
        house = _plan(canvas, townscape, sides[number], 1.0)
        if uniform(house.key, 0) > _likelihood(canvas, townscape, house):
            continue
        if not _fits(canvas, house):
            house = _plan(canvas, townscape, sides[number], SMALLER)
            if not _fits(canvas, house):
                continue
        draw_house(canvas, townscape, house)
        winged = house.kind != HALL and uniform(house.key, 1) < WINGS
        if winged and _fits(canvas, _wing(house, ALLEY + RESOLUTION)):
            draw_house(canvas, townscape, _wing(house, 0.0))
        _pave_front(canvas, townscape, house)


@njit()
def _likelihood(canvas: Canvas, townscape: Townscape, house: House) -> float:
    """How likely a plot is built on."""
    if district_at(canvas, house.x, house.y) < townscape.rural:
        return FARMS
    return townscape.houses


@njit()
def _plan(canvas: Canvas, townscape: Townscape, side: Side, share: float) -> House:
    """The building for a plot, with a share of the front it would like to have."""
    key = side.key
    downtown = max(district_at(canvas, side.x, side.y) - townscape.dense, 0.0) * 2.5
    kind = _kind(townscape, side, downtown)
    length, depth = share * _between(_FRONTS[kind], key, 3), _between(_DEPTHS[kind], key, 4)
    eaves, pitch = _rise(townscape, kind, key, downtown)
    setback = _setback(townscape, kind, side)
    section = UNDIVIDED
    if kind == ROW:
        section = 2.0 * length / max(round(2.0 * length / HOUSE_IN_ROW), 1)
    window = _between(_WINDOWS, key, 8)
    if kind == HALL:
        window = 0.0 if uniform(key, 8) < BLIND_HALLS else _WINDOWS[1]
    back_x, back_y = -side.out * side.along_y, side.out * side.along_x
    return House(
        side.x + back_x * (setback + depth),
        side.y + back_y * (setback + depth),
        side.along_x,
        side.along_y,
        back_x,
        back_y,
        length,
        depth,
        eaves,
        pitch,
        kind == VILLA and uniform(key, 9) < TURNED,
        section,
        window,
        setback,
        kind,
        key,
    )


@njit(forceinline=True)
def _between(ends: NDArray[np.float64], key: np.uint64, draw: int) -> float:
    """A number between two ends (2,)."""
    return float(ends[0] + (ends[1] - ends[0]) * uniform(key, draw))


@njit()
def _kind(townscape: Townscape, side: Side, downtown: float) -> int:
    """What kind of building suits a place: a street has rows or blocks, not both."""
    if uniform(side.key, 2) < townscape.halls:
        return HALL
    if downtown > 0.0:
        return ROW if uniform(side.street, 1) < ROWS else BLOCK
    return VILLA


@njit()
def _rise(townscape: Townscape, kind: int, key: np.uint64, downtown: float) -> tuple[float, float]:
    """Height of the eaves [m], and metres that the roof rises per metre."""
    pitch, draw = _between(_PITCHES, key, 6), uniform(key, 5)
    if kind == ROW:
        storeys = 2.0 + int(0.3 + townscape.tall * min(downtown, 0.6) + draw)
        pitch = pitch if storeys <= HIGHEST_PITCHED else 0.0
    elif kind == BLOCK:
        storeys = 2.0 + int(townscape.tall * (0.3 + downtown) * (0.4 + draw))
        pitch = 0.0
    elif kind == HALL:
        storeys = 1.3 + 1.4 * draw
        pitch = 0.0 if uniform(key, 7) < 0.6 else 0.35
    else:
        storeys = 1.0 if draw < 0.5 else 2.0
        pitch = 0.0 if uniform(key, 7) < 0.1 else pitch
    eaves = STOREY * storeys + (PARAPET if pitch == 0.0 else 0.2)
    return min(eaves, HIGHEST * HEIGHT_UNIT), pitch


@njit()
def _setback(townscape: Townscape, kind: int, side: Side) -> float:
    """Metres from the road's edge to the front: much alike along a street."""
    setback = CLEARANCE + 0.3 + 2.0 * uniform(side.street, 2) ** 2
    if kind == BLOCK:
        return setback + 3.0 * uniform(side.key, 4)
    if kind != ROW:
        setback += 1.0 + 4.0 * uniform(side.street, 3) + 1.5 * uniform(side.key, 5)
        setback = max(setback, front_gap(townscape) + FRONT_WIDTH + GARDEN)
    return setback


@njit()
def _wing(house: House, gap: float) -> House:
    """A wing behind one end of a house, so many metres away from it."""
    length, depth = 0.4 * house.length, 0.5 * house.depth
    aside = house.length - length
    if uniform(house.key, 10) < 0.5:
        aside = -aside
    shape = house.pitch, True, UNDIVIDED
    return part_of(house, aside, house.depth + depth + gap, (length, depth), shape)


@njit()
def _fits(canvas: Canvas, house: House) -> bool:
    """Whether nothing stands where a building would, and no road is too near."""
    low, high, left, right = bounds(canvas, house, ALLEY)
    if low < 0 or left < 0 or high > canvas.uses.shape[0] or right > canvas.uses.shape[1]:
        return False
    for row in range(low, high, 2):
        for column in range(left, right, 2):
            along, back = inside(canvas, house, row, column)
            if abs(along) > house.length + ALLEY or abs(back) > house.depth + ALLEY:
                continue
            near = canvas.distance[row, column] < CLEARANCE
            if near or canvas.uses[row, column] & (PAVED | TAKEN):
                return False
    return True


@njit()
def _pave_front(canvas: Canvas, townscape: Townscape, house: House) -> None:
    """Pave the way from the road to a building: all the front of a row, else a drive."""
    is_drive = house.kind == VILLA or house.kind == HALL
    if not is_drive and townscape.pavement == 0.0:
        return
    half = DRIVE_HALF_WIDTH if is_drive else house.length
    aside = (2.0 * uniform(house.key, 13) - 1.0) * (house.length - half) if is_drive else 0.0
    reach = 0.5 * (house.setback + 1.0)
    behind = -house.depth - reach
    strip = part_of(house, aside, behind, (half, reach), (0.0, False, 1.0))
    material = _GRAVEL if is_drive and uniform(house.key, 14) < 0.4 else _PAVEMENT
    low, high, left, right = bounds(canvas, strip, 0.0)
    for row in range(max(low, 0), min(high, canvas.uses.shape[0])):
        for column in range(max(left, 0), min(right, canvas.uses.shape[1])):
            along, back = inside(canvas, strip, row, column)
            beside = abs(along) > strip.length or abs(back) > strip.depth
            if beside or canvas.uses[row, column] & (PAVED | TAKEN):
                continue
            texel = canvas.texels[row, column]
            is_kerb = texel[3] > 0
            if is_kerb and not is_drive:
                continue
            texel[0], texel[2], texel[3] = material, 0, 0
            if is_drive:
                canvas.uses[row, column] |= TAKEN
