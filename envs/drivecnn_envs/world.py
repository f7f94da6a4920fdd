"""The world around a road network, as rasters that the cameras march over.

A texel is four bytes: what it is made of (`Material`), its shade, how much paint or window it
carries, and its height. Colours are not in it: they come from the appearance seed of each state,
so one world has endless looks.
"""

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from highway_env.road.lane import LineType
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.errors import MapError
from drivecnn_envs.raster import halve, stamp_box, stamp_disc, stamp_strip
from drivecnn_envs.roads import SampledLane, TownNetwork

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

RESOLUTION = 0.25  # m per texel of a world's raster
MIP_LEVELS = 3  # 0.25, 0.5 and 1 m per texel
ROAD_RESOLUTION = 1.0  # m per texel of the coarse road map
MARGIN = 60.0  # m of land around the outermost lanes
MAX_TEXELS = 400_000_000  # 25 km2
LANE_OVERLAP = 0.15  # m, lanes are drawn this much wider than they are, or gaps would show
CLOSED_GAP = 1.5  # m, islands of land narrower than twice this become road
LINE_WIDTH = 0.15  # m, of a marking
DASH, DASH_PERIOD = 3.0, 7.5  # m
HEIGHT_UNIT = 0.1  # m per height step of a texel
KERB = 1  # height units
KERB_WIDTH = 0.5  # m, fading towards the pavement
KERB_SHADE = 235
STOREY = 3.0  # m
PLOT = 18.0  # m of street for each house
COLLISION_HEIGHT = 5  # height units, lower things can be driven over
BUILDING_CLEARANCE = 4.5  # m between a building and the road
TREE_CLEARANCE = 1.2  # m between a tree's crown and the road


class Material(IntEnum):
    """What a texel is made of; also the semantic class of a pixel."""

    LAND = 0
    FIELD = 1
    PAVEMENT = 2
    ROAD = 3
    ROAD_CENTRE = 4  # road whose paint separates the directions
    TREE = 5
    WALL_A = 6
    WALL_B = 7
    WALL_C = 8
    WALL_D = 9


@dataclass(frozen=True)
class World:
    """A network and its rasters.

    Attributes:
        network: the lanes.
        seed: of everything that the network does not determine.
        levels: mip pyramid, each (R, C, 4) uint8, the first at `RESOLUTION`.
        roads: (R, C) uint8 road coverage at `ROAD_RESOLUTION`.
        origin: (2,) m, the south-west corner.
    """

    network: TownNetwork
    seed: int
    levels: tuple[Bytes, ...]
    roads: Bytes
    origin: Array

    @property
    def drivable(self) -> NDArray[np.bool_]:
        """(R, C) whether a texel is road."""
        return is_road(self.levels[0][..., 0])


def is_road(material: Bytes) -> NDArray[np.bool_]:
    """Whether texels of these materials can be driven on."""
    return np.isin(material, (Material.ROAD, Material.ROAD_CENTRE))


def build_world(network: TownNetwork, seed: int = 0) -> World:
    """The world around a network: the same for the same network and seed."""
    rng = np.random.default_rng([seed, 0x30B1D])
    origin, shape = _extent(network)
    road = _road_mask(network, origin, shape)
    distance = _distance_to(road)
    base = np.zeros((*shape, 4), np.uint8)
    _paint_ground(base, road, distance, rng)
    _paint_lines(base, network, origin, rng)
    _put_up_buildings(base, distance, network, origin, rng)
    _plant_trees(base, distance, rng)
    levels = [base]
    for _ in range(MIP_LEVELS - 1):
        levels.append(halve(levels[-1]))
    return World(network, seed, tuple(levels), _coarse(road), origin)


def _extent(network: TownNetwork) -> tuple[Array, tuple[int, int]]:
    """South-west corner [m], and rows and columns, of a raster that holds all lanes."""
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
    return low, (int(rows), int(columns))


def _texels(points: Array, origin: Array) -> Array:
    """Column and row (N, 2) of points [m]."""
    return (points - origin) / RESOLUTION


def _road_mask(network: TownNetwork, origin: Array, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where there is road: the lanes, paved strips, and the small gaps between them."""
    road = np.zeros(shape, np.uint8)
    strips = [(lane.points, lane.widths) for lane in network.lanes.values()] + network.paved
    for points, widths in strips:
        half_widths = (np.asarray(widths) / 2 + LANE_OVERLAP) / RESOLUTION
        stamp_strip(road, _texels(points, origin), half_widths, 255)
    covered = road >= 128
    near = _distance_to(covered) <= CLOSED_GAP
    return np.asarray(covered | (_distance_to(~near) > CLOSED_GAP))


def _distance_to(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Metres (R, C) from each texel to the nearest one of the mask, 0 on it."""
    away = np.asarray(
        cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32
    )
    away *= RESOLUTION  # in place: a fresh array of this size costs more than the product
    return away


def _noise(shape: tuple[int, int], cell: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise in [0, 1] with features of `cell` texels; (R, C)."""
    coarse = rng.random((shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
    fine = cv2.resize(coarse, (coarse.shape[1] * cell, coarse.shape[0] * cell))
    return np.asarray(fine[: shape[0], : shape[1]])


def _paint_ground(
    base: Bytes,
    road: NDArray[np.bool_],
    distance: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Fill material, shade and height of land, pavements and roads."""
    shape = road.shape
    pavement_width = rng.choice([0.0, 1.5, 2.5, 4.0])
    patches = _noise(shape, 64, rng)
    field = rng.uniform(0.45, 0.8)
    grain = rng.integers(0, 36, size=shape, dtype=np.uint8)
    noises = patches, _noise(shape, 8, rng), _noise(shape, 32, rng)
    _fill_ground(base, road, distance, grain, noises, np.array([pavement_width, field], np.float32))


@njit(parallel=True, cache=True)
def _fill_ground(
    base: Bytes,
    road: NDArray[np.bool_],
    distance: NDArray[np.float32],
    grain: Bytes,
    noises: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    limits: NDArray[np.float32],
) -> None:
    """Fill material, shade and height (R, C) of the ground.

    `noises` have large, small and medium features; `limits` are the pavement's width [m] and how
    high the large noise is where there is field.
    """
    patches, coarse, medium = noises
    for row in prange(base.shape[0]):
        for column in range(base.shape[1]):
            texel, away = base[row, column], distance[row, column]
            fine, patch, rough = grain[row, column], patches[row, column], coarse[row, column]
            if road[row, column]:
                wear = np.float32(190) + np.float32(26) * medium[row, column]
                texel[0] = Material.ROAD
                texel[1] = np.uint8(wear + np.float32(18) * rough) - fine // 3
                continue
            texel[0] = Material.FIELD if patch > limits[1] else Material.LAND
            texel[1] = 150 + fine + np.uint8(np.float32(60) * patch * rough)
            if 0 < away <= limits[0]:
                texel[0], texel[3] = Material.PAVEMENT, KERB
                if away < KERB_WIDTH:
                    bright = np.float32(KERB_WIDTH - away) / np.float32(KERB_WIDTH - RESOLUTION)
                    gain = np.float32(KERB_SHADE - texel[1]) * min(bright, np.float32(1))
                    texel[1] += np.uint8(gain)


def _paint_lines(
    base: Bytes, network: TownNetwork, origin: Array, rng: np.random.Generator
) -> None:
    """Draw the lanes' edges, worn as the town's seed says."""
    edge, centre = np.zeros((2, *base.shape[:2]), np.uint8)
    for (start, end, number), lane in network.lanes.items():
        innermost = len(network.graph[start][end]) - 1 if network.left_hand else 0
        for side, line in enumerate(lane.line_types):
            target = centre if (side, number) == (not network.left_hand, innermost) else edge
            for stretch in _stretches(lane, side, line):
                widths = np.full(len(stretch), LINE_WIDTH / 2 / RESOLUTION)
                stamp_strip(target, _texels(stretch, origin), widths, 255)
    wear = np.float32(rng.uniform(0.0, 0.7))
    _lay_paint(base, edge, centre, _noise(base.shape[:2], 16, rng), wear)


@njit(parallel=True, cache=True)
def _lay_paint(
    base: Bytes, edge: Bytes, centre: Bytes, noise: NDArray[np.float32], wear: np.float32
) -> None:
    """Put lines (R, C) onto the road, worn by up to `wear` where the noise (R, C) is high."""
    for row in prange(base.shape[0]):
        for column in range(base.shape[1]):
            line = max(edge[row, column], centre[row, column])
            if line > 0 and base[row, column, 0] == Material.ROAD:
                worn = np.float32(1) - wear * noise[row, column]
                base[row, column, 2] = np.uint8(np.float32(line) * worn)
                if centre[row, column] > edge[row, column]:
                    base[row, column, 0] = Material.ROAD_CENTRE


def _stretches(lane: SampledLane, side: int, line: int) -> list[Array]:
    """The painted parts of one edge of a lane, each (N, 2) m."""
    if line == LineType.NONE:
        return []
    edge = lane.edge(side)
    if line != LineType.STRIPED:
        return [edge]
    dashes = []
    for start in np.arange(0.0, lane.length - DASH, DASH_PERIOD):
        stations = np.linspace(start, start + DASH, 7)
        dashes.append(
            np.stack([np.interp(stations, lane.stations, axis) for axis in edge.T], axis=1)
        )
    return dashes


def _put_up_buildings(
    base: Bytes,
    distance: NDArray[np.float32],
    network: TownNetwork,
    origin: Array,
    rng: np.random.Generator,
) -> None:
    """Put houses beside the roads, facing them. Marks `distance` negative where they stand."""
    clearance = (distance - BUILDING_CLEARANCE).astype(np.float32)
    density = rng.uniform(0.25, 0.9)
    for lane in network.lanes.values():
        for station in np.arange(rng.uniform(0, PLOT), lane.length, PLOT):
            for side in (-1.0, 1.0):
                box, texel, windows = _house(lane, float(station), side, origin, rng)
                if rng.random() < density:
                    stamp_box(base, clearance, box, texel, windows)
    distance[base[..., 0] >= Material.WALL_A] = -1.0


def _house(
    lane: SampledLane, station: float, side: float, origin: Array, rng: np.random.Generator
) -> tuple[Array, Bytes, float]:
    """A house beside a lane: its box and texel as `stamp_box` wants them, and window distance."""
    length, depth = rng.uniform(4, 11), rng.uniform(4, 8)  # m, half sizes
    setback = BUILDING_CLEARANCE + rng.exponential(3.0)
    aside = side * (lane.width_at(station) / 2 + setback + depth)
    column, row = _texels(lane.position(station, aside), origin)
    heading = lane.heading_at(station)
    storeys = rng.choice([1.25, 2, 3, 4, 6], p=[0.3, 0.3, 0.2, 0.15, 0.05])
    wall, shade = rng.integers(Material.WALL_A, Material.WALL_D + 1), rng.integers(170, 256)
    size = length / RESOLUTION, depth / RESOLUTION
    box: Array = np.array([column, row, np.cos(heading), np.sin(heading), *size], np.float64)
    texel = np.array([wall, shade, 0, round(storeys * STOREY / HEIGHT_UNIT)], np.uint8)
    return box, texel, rng.uniform(2.0, 4.5) / RESOLUTION


def _plant_trees(base: Bytes, distance: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Plant trees and bushes on free land, most of them along the roads."""
    clearance = (distance - TREE_CLEARANCE).astype(np.float32)
    rows, columns = clearance.shape
    count = int(rng.uniform(30, 160) * rows * columns * RESOLUTION**2 / 10_000)  # 30-160 a hectare
    places = rng.random((count, 2)) * (columns, rows)
    gaps = clearance[places[:, 1].astype(int), places[:, 0].astype(int)]
    wanted = rng.random(count) < np.exp(-gaps / 12.0)
    for (column, row), gap in zip(places[wanted], gaps[wanted], strict=True):
        radius = rng.uniform(0.7, 2.6)
        if gap > radius:
            height = round((rng.uniform(1.2, 3.6) * radius + 0.5) / HEIGHT_UNIT)
            texel = np.array([Material.TREE, rng.integers(150, 256), 0, height], np.uint8)
            disc: Array = np.array([column, row, radius / RESOLUTION], np.float64)
            stamp_disc(base, clearance, disc, texel)


@njit(cache=True)
def _coarse(road: NDArray[np.bool_]) -> Bytes:
    """Mean road coverage at `ROAD_RESOLUTION`; (R, C) uint8."""
    k = int(ROAD_RESOLUTION / RESOLUTION)
    rows, columns = road.shape[0] // k, road.shape[1] // k
    out = np.empty((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            covered = road[row * k : (row + 1) * k, column * k : (column + 1) * k].sum()
            out[row, column] = 255 * covered // (k * k)
    return out
