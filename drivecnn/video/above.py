"""The view from above: the ground around the route, and the ego with its cameras' fans."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivecnn.video.drawing import (
    ACTION,
    HEIGHT,
    INK,
    NIGHT,
    PAINT,
    ROUTE,
    Box,
    Bytes,
    Colour,
    Points,
    disc,
    polygon,
    polyline,
)
from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.vehicle import VEHICLE_LENGTH, VEHICLE_WIDTH
from drivecnn_envs.world import RESOLUTION, World

TOP_SCALE = 5.0  # px/m of the view from above
TOP_AHEAD = 0.68  # share of that view which lies ahead of the ego
SIGHT = 13.0  # m, how far the cameras' fans reach
ROUTE_WIDTH = 1.6  # m
ROUTE_OPACITY = 0.55
VEHICLE: Colour = (214, 219, 224)
OUTLINE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])  # ahead, left
WINDSCREEN = np.array([[0.45, -0.7], [0.45, 0.7], [0.1, 0.6], [0.1, -0.6]])
SURFACES: dict[Material, Colour] = {
    Material.LAND: (31, 41, 38),
    Material.FIELD: (40, 43, 38),
    Material.GRAVEL: (47, 50, 50),
    Material.PAVEMENT: (52, 59, 67),
    Material.KERB: (64, 71, 79),
    Material.ROAD: (72, 81, 92),
    Material.ROAD_CENTRE: (72, 81, 92),
    Material.PATCH: (64, 72, 82),
    Material.PUDDLE: (66, 80, 98),
    Material.CROWN: (45, 84, 62),
    Material.TRUNK: (58, 70, 52),
    Material.HEDGE: (42, 74, 54),
    Material.POLE: (96, 102, 110),
    Material.FENCE: (92, 84, 70),
    Material.WALL_A: (120, 96, 88),
    Material.WALL_B: (126, 122, 112),
    Material.WALL_C: (104, 111, 120),
    Material.WALL_D: (124, 112, 90),
    Material.ROOF_A: (112, 84, 76),
    Material.ROOF_B: (92, 96, 104),
}


class Ground(NamedTuple):
    """A picture of the world from above, row 0 in the south."""

    picture: Bytes  # (R, C, 3), a pixel a texel
    corner: Points  # (2,) m, the south-west one

    @classmethod
    def around(cls, world: World, line: Points) -> "Ground":
        """The surroundings of a line (N, 2) [m], with the line drawn on it."""
        reach = HEIGHT / TOP_SCALE  # m, farther than any view from the line
        texels = (line - world.origin) / RESOLUTION
        low = np.maximum(texels.min(axis=0) - reach / RESOLUTION, 0).astype(int)
        high = (texels.max(axis=0) + reach / RESOLUTION).astype(int)
        base = world.levels[0][low[1] : high[1], low[0] : high[0]]
        material = base[..., 0] & ~np.uint8(SHADED)
        picture = np.array([SURFACES[kind] for kind in Material], np.uint8)[material]
        painted = (base[..., 2] > 0) & world.drivable[low[1] : high[1], low[0] : high[0]]
        share = base[painted, 2, None] / 255.0
        picture[painted] = (picture[painted] * (1 - share) + np.array(PAINT) * share).astype(
            np.uint8
        )
        walls = (material >= Material.WALL_A).astype(np.uint8)
        rim = walls > cv2.erode(walls, np.ones((3, 3), np.uint8))
        picture[rim] = picture[rim] // 5 * 3
        route = np.zeros(base.shape[:2], np.uint8)
        polyline(route, texels - low, (255,), round(ROUTE_WIDTH / RESOLUTION))
        share = route[route > 0, None] / 255.0 * ROUTE_OPACITY
        under = picture[route > 0]
        picture[route > 0] = (under * (1 - share) + np.array(ROUTE) * share).astype(np.uint8)
        goal = tuple((texels[-1] - low).tolist())
        disc(picture, goal, 1.6 / RESOLUTION, INK)
        disc(picture, goal, 1.0 / RESOLUTION, ROUTE)
        return cls(picture, world.origin + low * RESOLUTION)

    def warp(self, to_panel: Points, box: Box) -> Bytes:
        """The part that a panel shows, given the map (2, 3) from metres to the panel's pixels."""
        offset = to_panel[:, :2] @ (self.corner + 0.5 * RESOLUTION) + to_panel[:, 2] - 0.5
        matrix = np.column_stack([to_panel[:, :2] * RESOLUTION, offset])
        size, land = (box.width, box.height), SURFACES[Material.LAND]
        return np.asarray(cv2.warpAffine(self.picture, matrix, size, borderValue=land), np.uint8)


def metres_to_panel(box: Box, x: float, y: float, yaw: float) -> Points:
    """The affine map (2, 3) from metres to pixels of the view from above, ego upwards."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = TOP_SCALE * np.array([[sin, -cos], [-cos, -sin]])
    return np.column_stack([turn, np.array(_ego_place(box)) - turn @ np.array([x, y])])


def _ego_place(box: Box) -> tuple[float, float]:
    """Where the ego is in the view from above [px]."""
    return 0.5 * box.width, round(TOP_AHEAD * box.height)


def draw_vehicles(panel: Bytes, to_panel: Points, boxes: NDArray[np.void]) -> None:
    """Draw other vehicles (N,), of dtype BOX, their windscreens to the front."""
    for box in boxes:
        cos, sin = np.cos(box["yaw"]), np.sin(box["yaw"])
        half = 0.5 * np.array([[box["length"]], [box["width"]]])  # (2, 1) ahead and left
        turn = np.array([[cos, -sin], [sin, cos]])
        middle = np.array([[box["x"]], [box["y"]]])
        for shape, colour in ((OUTLINE, VEHICLE), (WINDSCREEN, NIGHT)):
            corners = turn @ (shape.T * half) + middle  # (2, 4) m
            polygon(panel, (to_panel[:, :2] @ corners + to_panel[:, 2:]).T, colour)


class Sprite(NamedTuple):
    """The ego and its cameras' fans, seen from above."""

    colour: NDArray[np.float32]  # (H, W, 3)
    cover: NDArray[np.float32]  # (H, W, 1), 0 to 1
    box: Box  # in the view from above

    @classmethod
    def of(cls, panel: Box, yaws: tuple[float, ...], field_of_view: float) -> "Sprite":
        """The sprite for cameras with these yaws and this field of view [rad]."""
        reach = round(SIGHT * TOP_SCALE) + 1
        middle = np.array([reach, reach])
        colour, cover = (
            np.full((2 * reach, 2 * reach, 3), INK, np.uint8),
            np.zeros((2 * reach, 2 * reach), np.uint8),
        )
        for yaw in yaws:
            angles = yaw + np.linspace(-0.5, 0.5, 24) * (field_of_view - 0.04)
            arc = SIGHT * TOP_SCALE * np.stack([-np.sin(angles), -np.cos(angles)], axis=1)
            polygon(cover, middle + np.concatenate([[[0.0, 0.0]], arc]), (34,))
        half = 0.5 * TOP_SCALE * np.array([VEHICLE_WIDTH, VEHICLE_LENGTH])
        corners = middle + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        polygon(cover, corners, (255,))
        polygon(colour, 1.5 * corners - 0.5 * middle, ACTION)
        windscreen = np.array([[-0.7, -0.45], [0.7, -0.45], [0.6, -0.1], [-0.6, -0.1]])
        polygon(colour, middle + windscreen * half, NIGHT)
        left, top = (int(place) - reach for place in _ego_place(panel))
        box = Box(left, top, 2 * reach, 2 * reach)
        return cls(colour.astype(np.float32), (cover[..., None] / 255.0).astype(np.float32), box)
