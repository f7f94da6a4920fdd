"""The world around a road network, as rasters that the cameras march over.

A texel is four bytes: what it is made of and whether the sun reaches it (`materials`), its shade,
a byte whose meaning depends on the material, and its height. Colours are not in it: they come from
the appearance seed of each state, so one world has endless looks.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.buildings import put_up_buildings
from drivecnn_envs.canvas import PAVED, Canvas
from drivecnn_envs.carriageway import lay_road
from drivecnn_envs.errors import MapError
from drivecnn_envs.frontage import sides_of
from drivecnn_envs.ground import lay_ground
from drivecnn_envs.markings import DASH_PERIOD as DASH_PERIOD
from drivecnn_envs.markings import marks_of
from drivecnn_envs.materials import COLLISION_HEIGHT as COLLISION_HEIGHT
from drivecnn_envs.materials import HEIGHT_UNIT as HEIGHT_UNIT
from drivecnn_envs.materials import RESOLUTION as RESOLUTION
from drivecnn_envs.materials import Material as Material
from drivecnn_envs.materials import is_road as is_road
from drivecnn_envs.noise import mix
from drivecnn_envs.parking import park_cars
from drivecnn_envs.plants import plant_streets, plant_woods
from drivecnn_envs.plots import enclose_plots
from drivecnn_envs.raster import halve
from drivecnn_envs.roads import TownNetwork
from drivecnn_envs.shadows import cast_shadows
from drivecnn_envs.streetside import mend_road, put_up_posts
from drivecnn_envs.townscape import Townscape

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

MIP_LEVELS = 4  # 0.25, 0.5, 1 and 2 m per texel
ROAD_RESOLUTION = 1.0  # m per texel of the coarse road map
MARGIN = 60.0  # m of land around the outermost lanes
MAX_TEXELS = 400_000_000  # 25 km2


@dataclass(frozen=True)
class World:
    """A network and its rasters.

    Attributes:
        network: the lanes.
        seed: of everything that the network does not determine.
        levels: mip pyramid, each (R, C, 4) uint8, the first at `RESOLUTION`.
        roads: (R, C) uint8 road coverage at `ROAD_RESOLUTION`.
        origin: (2,) m, the south-west corner.
        sun: rad, where the sun stands, counter-clockwise from east.
        parked: (N,) vehicles beside the roads, of dtype `BOX`.
    """

    network: TownNetwork
    seed: int
    levels: tuple[Bytes, ...]
    roads: Bytes
    origin: Array
    sun: float
    parked: NDArray[np.void]

    @property
    def drivable(self) -> NDArray[np.bool_]:
        """(R, C) whether a texel is road."""
        return is_road(self.levels[0][..., 0])


def build_world(network: TownNetwork, seed: int = 0) -> World:
    """The world around a network: the same for the same network and seed.

    The network's name is part of the seed, so that towns of other names have other townscapes.
    """
    own = np.uint64(mix(np.uint64(seed), zlib.crc32(network.name.encode())))
    townscape = Townscape.of(int(own))
    origin, canvas = _canvas_for(network, np.uint64(mix(own, 0x30B1D)))
    lay_road(canvas, network, marks_of(network, townscape, canvas.seed))
    roads = _coarse(canvas.uses)
    lay_ground(canvas, townscape)
    parked = _furnish(canvas, townscape, network)
    cast_shadows(canvas.texels, canvas.west, canvas.south, townscape)
    levels = [canvas.texels]
    for _ in range(MIP_LEVELS - 1):
        levels.append(halve(levels[-1]))
    sun = float(np.arctan2(townscape.sun_y, townscape.sun_x))
    return World(network, seed, tuple(levels), roads, origin, sun, parked)


def _furnish(canvas: Canvas, townscape: Townscape, network: TownNetwork) -> NDArray[np.void]:
    """Put all that stands onto the canvas. Returns the parked cars, of dtype `BOX`."""
    lanes = list(network.lanes.values())
    sides = sides_of(canvas, [lane for lane in lanes if lane.junction is None] or lanes)
    order = np.argsort(sides["key"], kind="stable")
    mend_road(canvas, townscape, sides)
    put_up_buildings(canvas, townscape, sides, order)
    enclose_plots(canvas, townscape)
    put_up_posts(canvas, townscape, sides)
    plant_streets(canvas, townscape, sides)
    parked = park_cars(canvas, townscape, sides, order)
    plant_woods(canvas, townscape)
    return parked


def _canvas_for(network: TownNetwork, seed: np.uint64) -> tuple[Array, Canvas]:
    """The south-west corner [m] of a raster that holds all lanes, and the raster, empty."""
    points = np.concatenate([lane.points for lane in network.lanes.values()])
    block = RESOLUTION * 16  # a whole number of texels on every mip level and on the road map
    low = np.floor((points.min(axis=0) - MARGIN) / block) * block
    columns, rows = (np.ceil((points.max(axis=0) + MARGIN - low) / block) * 16).astype(int)
    if columns * rows > MAX_TEXELS:
        raise MapError(
            f"{network.name} spans {columns * RESOLUTION / 1000:.1f} x "
            f"{rows * RESOLUTION / 1000:.1f} km, expected at most 25 km2: cut out a smaller part "
            "(of an OpenStreetMap file with ?around=NORTH,EAST&radius=METRES)"
        )
    shape = int(rows), int(columns)
    west, south = np.round(low / RESOLUTION).astype(int).tolist()
    texels, uses = np.zeros((*shape, 4), np.uint8), np.zeros(shape, np.uint8)
    return low, Canvas(texels, uses, np.zeros(shape, np.float32), west, south, seed)


@njit(cache=True)
def _coarse(uses: Bytes) -> Bytes:
    """Mean road coverage at `ROAD_RESOLUTION`; (R, C) uint8."""
    k = int(ROAD_RESOLUTION / RESOLUTION)
    rows, columns = uses.shape[0] // k, uses.shape[1] // k
    out = np.empty((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            block = uses[row * k : (row + 1) * k, column * k : (column + 1) * k]
            out[row, column] = 255 * (block & PAVED).sum() // (PAVED * k * k)
    return out
