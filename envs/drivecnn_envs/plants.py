"""Trees and bushes: rows along streets, and scattered ones and woods on open land."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.canvas import BAND, PAVED, TAKEN, Canvas, noise_at, place_bits
from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, Material
from drivecnn_envs.noise import mix, uniform
from drivecnn_envs.townscape import Townscape

CELL = 4.0  # m, one tree at most
RAGGED = 0.006  # of a crown's height, for each of 16 steps either way
WOOD_CELLS = 48  # texels, features of the noise that tells where woods are
REACH = 4.0  # m, no crown is wider
CLEAR = 1.3  # m beside the road where nothing stands, and crowns hang high
HIGH_CROWN = 3.2  # m, an underside over the edge of a road
EDGE_WOOD = 30.0  # m from a road beyond which trees get fewer: they are hidden by those before
TRUNK, TRUNK_PER_RADIUS = 0.1, 0.06  # m of its width, and more per metre of the crown's radius
STREET_LINES = 6  # grid lines of the frontage between two street trees
_CROWN, _TRUNK = int(Material.CROWN), int(Material.TRUNK)
_SCATTER, _WOOD = 700, 701  # salts of seeds
_ROUND, _CONE, _BUSH = range(3)
_FULL, _HIGHEST = 255, 250.0


@njit(parallel=True, nogil=True, cache=True)
def plant_woods(canvas: Canvas, townscape: Townscape) -> None:
    """Plant trees and bushes on free land: at most one a cell, woods where noise is high.

    One thread a band of rows; each draws only its rows of trees that reach over a band's edge.
    """
    rows, columns = canvas.uses.shape
    for band in prange((rows + BAND - 1) // BAND):
        span = band * BAND, min(rows, band * BAND + BAND)
        south = (canvas.south + span[0]) * RESOLUTION - REACH
        north = (canvas.south + span[1]) * RESOLUTION + REACH
        west, east = canvas.west * RESOLUTION, (canvas.west + columns) * RESOLUTION
        for j in range(int(np.floor(south / CELL)), int(np.ceil(north / CELL))):
            for i in range(int(np.floor(west / CELL)), int(np.ceil(east / CELL))):
                key = mix(mix(canvas.seed, _SCATTER), int(place_bits(canvas.seed, i, j)))
                x, y = (i + uniform(key, 0)) * CELL, (j + uniform(key, 1)) * CELL
                _plant_cell(canvas, townscape, key, x, y, span)


@njit()
def _plant_cell(
    canvas: Canvas,
    townscape: Townscape,
    key: np.uint64,
    x: float,
    y: float,
    span: tuple[int, int],
) -> None:
    """Plant a tree at x and y [m] if there is room and the key wants one."""
    draw = uniform(key, 2)
    if draw > 0.9:
        return
    column = int(np.floor(x / RESOLUTION)) - canvas.west
    row = int(np.floor(y / RESOLUTION)) - canvas.south
    rows, columns = canvas.uses.shape
    if not (0 <= row < rows and 0 <= column < columns):
        return
    away = canvas.distance[row, column]
    if away < CLEAR + 0.6 or canvas.uses[row, column] & (PAVED | TAKEN):
        return
    wood = noise_at(mix(canvas.seed, _WOOD), x, y, WOOD_CELLS * RESOLUTION)
    likely = townscape.trees if wood < townscape.woods else 0.75
    if draw > likely * min(1.0, np.exp((EDGE_WOOD - away) / 40.0)):
        return
    kind = _CONE if uniform(key, 3) < townscape.conifers else _ROUND
    if uniform(key, 4) < 0.3 or away < CLEAR + 1.6:
        kind = _BUSH
    radius = (0.5 if kind == _BUSH else 1.1) + (0.9 if kind == _BUSH else 2.4) * uniform(key, 5)
    radius = min(radius, away - CLEAR)
    height = radius * (1.2 + 0.9 * uniform(key, 6))
    if kind == _CONE:
        height = radius * (2.6 + 2.0 * uniform(key, 6))
    under = 0.2 if kind == _BUSH else 0.3 if kind == _CONE else 1.2 + 1.6 * uniform(key, 7)
    if kind == _ROUND:
        height = under + 2.0 * height * 0.8
    _plant(canvas, (x, y, radius), (under, height), kind, key, span)


@njit(cache=True)
def plant_streets(canvas: Canvas, townscape: Townscape, sides: NDArray[np.void]) -> None:
    """Plant rows of trees along some streets, on the pavement or the verge."""
    span = 0, canvas.uses.shape[0]
    for number in range(len(sides)):
        side = sides[number]
        street = side.street
        phase = int(STREET_LINES * uniform(street, 20))
        if (
            side.fast
            or side.line % STREET_LINES != phase
            or uniform(street, 21) > townscape.street_trees
            or uniform(side.key, 20) < 0.12
        ):
            continue
        aside = CLEAR + 0.1 + 0.8 * uniform(street, 22)
        x = side.x - side.out * side.along_y * aside
        y = side.y + side.out * side.along_x * aside
        column = int(np.floor(x / RESOLUTION)) - canvas.west
        row = int(np.floor(y / RESOLUTION)) - canvas.south
        away = canvas.distance[row, column]
        if away < CLEAR + 0.2 or canvas.uses[row, column] & (PAVED | TAKEN):
            continue
        radius = 1.0 + 1.0 * uniform(street, 23) + 0.4 * uniform(side.key, 21)
        under = 1.8 + 1.2 * uniform(street, 24)
        if radius > away - CLEAR:
            radius, under = min(radius, away - 0.1), max(under, HIGH_CROWN)
        height = under + radius * (1.5 + 0.9 * uniform(side.key, 22))
        _plant(canvas, (x, y, radius), (under, height), _ROUND, side.key, span)


@njit()
def _plant(
    canvas: Canvas,
    disc: tuple[float, float, float],
    rise: tuple[float, float],
    kind: int,
    key: np.uint64,
    span: tuple[int, int],
) -> None:
    """Draw a tree into a span of rows: x, y, radius [m]; underside and top [m].

    Where crowns meet, the higher one is seen, so that the order of planting does not matter.
    """
    x, y, radius = disc
    low = int(np.floor((y - radius) / RESOLUTION)) - canvas.south
    high = int(np.ceil((y + radius) / RESOLUTION)) - canvas.south
    left = int(np.floor((x - radius) / RESOLUTION)) - canvas.west
    right = int(np.ceil((x + radius) / RESOLUTION)) - canvas.west
    shade = 160.0 + 64.0 * uniform(key, 30)
    thickness = np.uint8(min((TRUNK + TRUNK_PER_RADIUS * radius) / RESOLUTION, 1.0) * _FULL)
    for row in range(max(low, span[0]), min(high, span[1])):
        for column in range(max(left, 0), min(right, canvas.uses.shape[1])):
            dx = (canvas.west + column + 0.5) * RESOLUTION - x
            dy = (canvas.south + row + 0.5) * RESOLUTION - y
            away = np.hypot(dx, dy)
            if away > radius or canvas.uses[row, column] & (PAVED | TAKEN):
                continue
            grain = int(place_bits(key, column + canvas.west, row + canvas.south) >> np.uint32(27))
            under, top = _profile(rise, kind, away / radius, grain)
            texel, height = canvas.texels[row, column], np.uint8(min(top, _HIGHEST))
            is_tree = texel[0] == _CROWN or texel[0] == _TRUNK
            if is_tree and (texel[0] == _TRUNK or texel[3] >= height):
                continue
            texel[0], texel[1] = _CROWN, np.uint8(shade + grain)
            texel[2], texel[3] = np.uint8(under), height
            is_middle = max(abs(dx), abs(dy)) <= 0.5 * RESOLUTION
            if kind != _BUSH and is_middle:
                texel[0], texel[1], texel[2] = _TRUNK, np.uint8(170 + grain), thickness
                texel[3] = np.uint8(rise[0] / HEIGHT_UNIT + 4.0)


@njit(forceinline=True)
def _profile(rise: tuple[float, float], kind: int, share: float, grain: int) -> tuple[float, float]:
    """Underside and top, in height units, of a crown at a share of its radius from the middle."""
    under, top = rise[0] / HEIGHT_UNIT, rise[1] / HEIGHT_UNIT
    ragged = RAGGED * (top - under) * (float(grain) - 16.0)
    if kind == _CONE:
        return under, max(top - share * (top - under) * 0.92 + ragged, under + 2.0)
    middle, half = 0.5 * (under + top), 0.5 * (top - under)
    bulge = half * np.sqrt(max(1.0 - share * share, 0.0))
    if kind == _BUSH:
        return under, max(under + 2.0 * bulge + ragged, under + 2.0)
    return middle - 0.85 * bulge, max(middle + bulge + ragged, middle + 1.0)
