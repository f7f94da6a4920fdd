"""The street's furniture: lamp posts and sign posts, and what the road has gone through.

Mended rectangles, seams and manhole covers lie in the road; posts stand beside it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.canvas import PAVED, TAKEN, Canvas
from drivecnn_envs.frontage import Side
from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, Material
from drivecnn_envs.noise import uniform
from drivecnn_envs.townscape import Townscape

POST_GAP = 1.25  # m between a post and the edge of the road: turning vehicles sweep beyond it
LAMP_LINES = 14  # grid lines of the frontage between two lamp posts
LAMP_HEIGHT = 6.0, 8.0  # m, least and most
LAMP_WIDTH, SIGN_WIDTH = 0.15, 0.08  # m
SIGN_LINES = 8
SIGN_HEIGHT = 2.2  # m
REPAIR_LINES = 2  # grid lines between two places that may have been dug up
COVER_RADIUS = 0.36  # m, of a manhole's
_POLE, _PATCH = int(Material.POLE), int(Material.PATCH)
_ROAD, _CENTRE = int(Material.ROAD), int(Material.ROAD_CENTRE)
_FULL = 255


@njit(cache=True)
def mend_road(canvas: Canvas, townscape: Townscape, sides: NDArray[np.void]) -> None:
    """Draw mended rectangles, seams across a lane and manhole covers into the outer lanes."""
    for number in range(len(sides)):
        side = sides[number]
        if side.line % REPAIR_LINES != 0:
            continue
        key, half = side.key, side.half
        inward_x, inward_y = side.out * side.along_y, -side.out * side.along_x
        draw = uniform(key, 40)
        if draw < townscape.patches:
            length, width = 0.6 + 3.0 * uniform(key, 41) ** 2, 0.4 + 0.9 * uniform(key, 42)
            middle = (2.0 * half - width) * uniform(key, 43) + width
            shade = 150.0 + 90.0 * uniform(key, 44)
            if draw < 0.25 * townscape.patches:  # a seam all across
                length, width, middle, shade = 0.14, half - 0.1, half, 120.0
            middle += side.lane
            x, y = side.x + middle * inward_x, side.y + middle * inward_y
            box = x, y, side.along_x, side.along_y
            _patch(canvas, box, length, width, shade)
        elif draw > 1.0 - townscape.manholes:
            middle = side.lane + half * (0.5 + uniform(key, 45))
            _cover(canvas, side.x + middle * inward_x, side.y + middle * inward_y)


@njit()
def _patch(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    length: float,
    width: float,
    shade: float,
) -> None:
    """Mend a rectangle: its middle and direction, half length and half width [m]."""
    x, y, along_x, along_y = box
    reach = np.hypot(length, width)
    rows, columns = canvas.uses.shape
    low, high = int((y - reach) / RESOLUTION), int((y + reach) / RESOLUTION) + 1
    left, right = int((x - reach) / RESOLUTION) - 1, int((x + reach) / RESOLUTION) + 1
    for row in range(max(low - 1 - canvas.south, 0), min(high - canvas.south, rows)):
        for column in range(max(left - canvas.west, 0), min(right - canvas.west, columns)):
            dx = (canvas.west + column + 0.5) * RESOLUTION - x
            dy = (canvas.south + row + 0.5) * RESOLUTION - y
            from_end = length - abs(dx * along_x + dy * along_y)
            from_side = width - abs(dy * along_x - dx * along_y)
            if min(from_end, from_side) < 0.0 or canvas.uses[row, column] & PAVED == 0:
                continue
            texel = canvas.texels[row, column]
            seam = min(from_end, from_side) < RESOLUTION and length > RESOLUTION
            texel[0], texel[2] = _PATCH, 0
            texel[1] = np.uint8(0.65 * shade if seam else shade * (0.8 + 0.001 * texel[1]))


@njit()
def _cover(canvas: Canvas, x: float, y: float) -> None:
    """Put a manhole cover at x and y [m]."""
    rows, columns = canvas.uses.shape
    middle_row = int(np.floor(y / RESOLUTION)) - canvas.south
    middle_column = int(np.floor(x / RESOLUTION)) - canvas.west
    for row in range(max(middle_row - 2, 0), min(middle_row + 3, rows)):
        for column in range(max(middle_column - 2, 0), min(middle_column + 3, columns)):
            dx = (canvas.west + column + 0.5) * RESOLUTION - x
            dy = (canvas.south + row + 0.5) * RESOLUTION - y
            if np.hypot(dx, dy) <= COVER_RADIUS and canvas.uses[row, column] & PAVED:
                texel = canvas.texels[row, column]
                texel[0], texel[1], texel[2] = _PATCH, np.uint8(0.5 * texel[1]), 0


@njit(cache=True)
def put_up_posts(canvas: Canvas, townscape: Townscape, sides: NDArray[np.void]) -> None:
    """Put up rows of lamp posts along some streets, on one side or both, and single signs."""
    for number in range(len(sides)):
        side = sides[number]
        street, key = side.street, side.key
        both = uniform(street, 50) < 0.4
        lit = uniform(street, 51) < townscape.lamps
        faces = side.out * (1.0 if abs(side.along_x) > abs(side.along_y) else -1.0)
        faces *= np.sign(side.along_x if abs(side.along_x) > abs(side.along_y) else side.along_y)
        wanted = both or faces * (uniform(street, 52) - 0.5) > 0.0
        phase = LAMP_LINES // 2 if faces > 0.0 else 0
        if lit and wanted and side.line % LAMP_LINES == phase:
            height = LAMP_HEIGHT[0] + (LAMP_HEIGHT[1] - LAMP_HEIGHT[0]) * uniform(street, 53)
            _post(canvas, side, height, LAMP_WIDTH)
        elif side.line % SIGN_LINES == 3 and uniform(key, 54) < townscape.signs:
            _post(canvas, side, SIGN_HEIGHT, SIGN_WIDTH)


@njit()
def _post(canvas: Canvas, side: Side, height: float, width: float) -> None:
    """Put up a post beside the road if nothing else is there: one texel."""
    x = side.x - side.out * side.along_y * POST_GAP
    y = side.y + side.out * side.along_x * POST_GAP
    column = int(np.floor(x / RESOLUTION)) - canvas.west
    row = int(np.floor(y / RESOLUTION)) - canvas.south
    is_near = canvas.distance[row, column] < POST_GAP - 0.5 * RESOLUTION
    if is_near or canvas.uses[row, column] & (PAVED | TAKEN):
        return
    texel = canvas.texels[row, column]
    texel[0], texel[1], texel[2] = _POLE, 200, np.uint8(width / RESOLUTION * _FULL)
    texel[3] = np.uint8(height / HEIGHT_UNIT)
    canvas.uses[row, column] |= TAKEN
