"""What the pixels of an image show before they have colours: a texel and a depth for each."""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.materials import Material, SemanticClass

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Words = NDArray[np.uint32]

BLOCK = 32  # pixels that are worked on together
OPEN = 0  # the word of a pixel that shows nothing but sky
PLACES = 32  # materials and finishes together
SKY_DEPTH = np.float32(1000.0)  # m, as CARLA has it
_BRIGHTEST = 255.0  # intensity level


class Finish(IntEnum):
    """Stands for a `Material` in the words of pixels that have their colour already."""

    HILL = 24
    CAR = 25
    TRUCK = 26
    BUS = 27
    OBSTACLE = 28
    LANDMARK = 29


CLASSES = np.full(PLACES, SemanticClass.TERRAIN, np.uint8)  # of a pixel's material or finish
CLASSES[[Material.PAVEMENT, Material.KERB]] = SemanticClass.SIDEWALK
CLASSES[Material.ROAD : Material.PUDDLE + 1] = SemanticClass.ROAD
CLASSES[[Material.CROWN, Material.TRUNK, Material.HEDGE]] = SemanticClass.VEGETATION
CLASSES[Material.POLE], CLASSES[Material.FENCE] = SemanticClass.POLE, SemanticClass.FENCE
CLASSES[Material.WALL_A : Material.ROOF_B + 1] = SemanticClass.BUILDING
CLASSES[Finish.CAR], CLASSES[Finish.TRUCK] = SemanticClass.CAR, SemanticClass.TRUCK
CLASSES[Finish.BUS], CLASSES[Finish.OBSTACLE] = SemanticClass.BUS, SemanticClass.WALL
CLASSES[Finish.LANDMARK] = SemanticClass.ROAD


class Pixels(NamedTuple):
    """The images of a car's C cameras side by side, level: the horizon is one row in all columns.

    There are `spare` rows more than asked for at each end, from which a rolled image takes what
    lies beyond, and maybe more columns, so that blocks of them are whole. A block lies together.
    """

    word: Words  # (P / BLOCK, R, BLOCK) the texel: material, shade, third byte, height
    depth: Floats  # (P / BLOCK, R, BLOCK) m
    forward_x: Floats  # (P,) m per metre of depth, of each column's ray
    forward_y: Floats  # (P,)
    lift: Ints  # (P,) rows that a column moves up to where it is in the image asked for


class Camera(NamedTuple):
    """A camera, for kernels."""

    x: float  # m
    y: float  # m
    cos: float  # of its yaw
    sin: float
    height: float  # m
    horizon: float  # row [px] of `Pixels`
    focal: float  # px
    first: int  # its first column of `Pixels`
    columns: int


@njit(forceinline=True)
def spare_rows(roll: float, columns: int) -> int:
    """Rows that an image needs more at each end, as its horizon falls by so much a column."""
    return int(math.ceil(0.5 * columns * abs(roll)))


@njit(forceinline=True)
def blank(rows: int, columns: int) -> Pixels:
    """Images with nothing but sky yet, their rays not yet aimed."""
    blocks = (columns + BLOCK - 1) // BLOCK
    return Pixels(
        np.zeros((blocks, rows, BLOCK), np.uint32),
        np.full((blocks, rows, BLOCK), SKY_DEPTH, np.float32),
        np.zeros(blocks * BLOCK, np.float32),
        np.zeros(blocks * BLOCK, np.float32),
        np.zeros(blocks * BLOCK, np.int32),
    )


@njit(forceinline=True)
def aim(pixels: Pixels, camera: Camera, roll: float, column: int) -> None:
    """Aim the ray of a camera's column; `roll` is how many rows the horizon falls a column."""
    aside = column + 0.5 - 0.5 * camera.columns
    right, number = aside / camera.focal, camera.first + column
    pixels.forward_x[number] = camera.cos + right * camera.sin
    pixels.forward_y[number] = camera.sin - right * camera.cos
    pixels.lift[number] = spare_rows(roll, camera.columns) - int(math.floor(aside * roll + 0.5))


@njit(forceinline=True)
def finished(code: int, red: float, green: float, blue: float) -> np.uint32:
    """The word of a pixel whose colour needs nothing more; `code` is a `Finish`."""
    word = np.uint32(code)
    word |= np.uint32(min(max(red, 0.0), _BRIGHTEST)) << np.uint32(8)
    word |= np.uint32(min(max(green, 0.0), _BRIGHTEST)) << np.uint32(16)
    return word | np.uint32(min(max(blue, 0.0), _BRIGHTEST)) << np.uint32(24)
