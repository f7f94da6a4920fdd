"""Colours and strokes: boxes, lines, discs and texts on an RGB image (H, W, 3) uint8."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Bytes = NDArray[np.uint8]
Points = NDArray[np.float64]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 1280, 720  # px, of a frame
SUBPIXEL = 4  # bits, cv2's fixed-point coordinates

INK: Colour = (232, 237, 242)
FAINT: Colour = (132, 144, 157)
NIGHT: Colour = (13, 16, 21)
PANEL: Colour = (23, 28, 35)
LINE: Colour = (54, 63, 74)
ROAD: Colour = (98, 110, 124)
ROUTE: Colour = (56, 189, 248)
ACTION: Colour = (251, 146, 60)
EXPERT: Colour = (163, 230, 53)
GOOD: Colour = (74, 222, 128)
BAD: Colour = (248, 113, 113)
PAINT: Colour = (196, 204, 212)


class Box(NamedTuple):
    """A rectangle of the frame [px]."""

    left: int
    top: int
    width: int
    height: int

    def of(self, canvas: Bytes) -> Bytes:
        """This part of a canvas, as a view."""
        return canvas[self.top : self.top + self.height, self.left : self.left + self.width]


def enlarge(image: Bytes, box: Box, filter_: int) -> Bytes:
    """The image (H, W, 3) at the size of a box, by one of cv2's interpolations."""
    size = (box.width, box.height)
    return np.asarray(
        cv2.resize(np.ascontiguousarray(image), size, interpolation=filter_), np.uint8
    )


def map_colours(route_map: Bytes) -> Bytes:
    """A route map (2, M, M) as people see it: roads, and the route on them; (M, M, 3)."""
    road, route = route_map[:, :, :, None] / 255.0
    colours = PANEL + road * (np.array(ROAD) - PANEL)
    colours += route * (np.array(ROUTE) - colours)
    return np.asarray(colours, np.uint8)


def disc(canvas: Bytes, middle: tuple[float, float], radius: float, colour: Colour) -> None:
    """Fill a disc with a middle (column, row) and radius [px]."""
    angles = np.linspace(0, 2 * np.pi, 33)
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygon(canvas, np.array(middle) + radius * rim, colour)


def polyline(canvas: Bytes, points: Points, colour: Sequence[int], width: int) -> None:
    """Draw a smooth line through points (N, 2) [px]."""
    fixed = np.round((points - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.polylines(canvas, [fixed], False, colour, width, cv2.LINE_AA, SUBPIXEL)


def polygon(canvas: Bytes, points: Points, colour: Sequence[int]) -> None:
    """Fill a polygon with corners (N, 2) [px]."""
    fixed = np.round((points - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, SUBPIXEL)


@lru_cache(maxsize=4096)
def _glyphs(text: str, size: int) -> tuple[NDArray[np.float32], int, int]:
    """A text's cover (H, W, 1), and the offsets of its corner from the baseline's start [px]."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, anchor="ls"))
    image = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font, anchor="ls")
    return np.asarray(image, np.float32)[..., None] / 255.0, left, top


def write(
    canvas: Bytes,
    text: str,
    place: tuple[int, int],
    size: int,
    colour: Colour,
    anchor: float = 0.0,
) -> int:
    """Write a text whose baseline goes through a place; returns its width [px].

    Args:
        canvas: to write on.
        text: what.
        place: column and row of its start (anchor 0), middle (0.5) or end (1).
        size: of the font [px].
        colour: of the text.
        anchor: share of the text that lies left of the place.
    """
    cover, left, top = _glyphs(text, size)
    height, width = cover.shape[:2]
    x, y = place[0] + left - round(anchor * width), place[1] + top
    under = canvas[y : y + height, x : x + width]
    under[:] = under + (np.array(colour) - under) * cover[: under.shape[0], : under.shape[1]]
    return int(width)
