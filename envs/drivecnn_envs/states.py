"""What a simulation is made of: car states, the worlds and the routes they refer to.

A state is a record of some 90 bytes, and 40 more for each place of a vehicle around the ego:
everything an image or an expert label is a function of. The kernels of the cameras, the route map,
the vehicles and the expert all read these three types.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.posts import gather_posts

if TYPE_CHECKING:
    from drivecnn_envs.routes import Route
    from drivecnn_envs.world import World

VEHICLE = np.dtype(
    [
        ("x", np.float32),  # m, its middle
        ("y", np.float32),  # m
        ("yaw", np.float32),  # rad
        ("speed", np.float32),  # m/s
        ("station", np.float32),  # m along its strand
        ("strand", np.int32),  # index into `Strands`, `NOWHERE` where the place is empty
        ("before", np.int32),  # the strand it came from, `NOWHERE` if none
        ("seed", np.uint32),  # of its size, its looks and the way it takes
        ("reserved", np.float32),  # m of its way ahead that others have to leave to it
        ("waited", np.float32),  # s it has stood before a junction
    ]
)
TRAIL_POINT = np.dtype(  # where an ego was before, in its own axes of now
    [
        ("ahead", np.float32),  # m
        ("left", np.float32),  # m
        ("yaw", np.float32),  # rad
    ]
)
NOWHERE = -1
MAX_SEED = 2**62  # of an episode, where one is drawn


@cache
def state_dtype(places: int = 0, past: int = 0) -> np.dtype[np.void]:
    """The dtype of states with places for so many vehicles around the ego and so much past."""
    return np.dtype(
        [
            ("world", np.int32),  # index into the atlas
            ("route", np.int32),  # index into the route table
            ("x", np.float64),  # m
            ("y", np.float64),  # m
            ("yaw", np.float64),  # rad
            ("speed", np.float64),  # m/s
            ("progress", np.float64),  # m along the route
            ("lateral", np.float64),  # m left of the route
            ("map_x", np.float32),  # m, error of the route map's pose, ahead
            ("map_y", np.float32),  # m, the same to the left
            ("map_yaw", np.float32),  # rad
            ("step", np.int32),  # decisions since the start of the episode
            ("departures", np.int32),  # times the vehicle's middle has left its lane
            ("reserved", np.float32),  # m of the route ahead that others have to leave to the ego
            ("waited", np.float32),  # s it has stood before a junction
            ("seed", np.uint64),  # appearance and disturbances of this episode
            ("vehicles", VEHICLE, (places,)),  # around the ego
            ("trail", TRAIL_POINT, (past,)),  # where the ego was, the last decision first
        ]
    )


STATE = state_dtype()  # of an ego that is alone and has no past
States = NDArray[np.void]  # of a dtype that `state_dtype` made

LAND_TEXEL = 0  # number of the texel that stands for the land beyond every world's raster
_LAND = np.array([[0, 160, 0, 0]], np.uint8)  # plain land, middling shade, no paint, flat


class Infraction(StrEnum):
    """What ends an episode before its route does."""

    OFF_ROAD = "off_road"
    OFF_ROUTE = "off_route"
    COLLISION = "collision"  # with what stands: buildings, trees, parked cars
    TIMEOUT = "timeout"
    VEHICLE_COLLISION = "vehicle_collision"  # that the ego caused
    HIT_BY_VEHICLE = "hit_by_vehicle"  # that another one caused


class Atlas(NamedTuple):
    """The rasters of W worlds in flat arrays, for kernels. Row 0 is the south edge."""

    texels: NDArray[np.uint8]  # (N, 4): material, shade, paint, height
    offset: NDArray[np.int64]  # (W, MIP_LEVELS) of a world's first texel
    shape: NDArray[np.int64]  # (W, MIP_LEVELS, 2) rows, columns
    origin: NDArray[np.float64]  # (W, 2) m, x and y of the south-west corner
    roads: NDArray[np.uint8]  # (M,) road coverage at ROAD_RESOLUTION
    road_offset: NDArray[np.int64]  # (W,)
    road_shape: NDArray[np.int64]  # (W, 2)
    sun: NDArray[np.float64]  # (W, 2) unit vector, east and north, to where the sun stands
    words: NDArray[np.uint32]  # (N,) the texels, each in one number
    posts: NDArray[np.void]  # (P,) of dtype POST, those of a cell of the grid side by side
    post_first: NDArray[np.int64]  # (M + 1,) first post of each cell, in rows, world after world
    post_grid: NDArray[np.int64]  # (W, 3) first cell of each world, rows and columns of its cells

    @classmethod
    def of(cls, worlds: "Sequence[World]") -> "Atlas":
        """The worlds in one atlas; a state's `world` is the index in this sequence."""
        sizes = np.array([[len(level.reshape(-1, 4)) for level in w.levels] for w in worlds])
        flat = np.concatenate([[0], np.cumsum(sizes.ravel())[:-1]]) + len(_LAND)
        roads = [world.roads for world in worlds]
        levels = [level.reshape(-1, 4) for world in worlds for level in world.levels]
        sun = np.array([world.sun for world in worlds], np.float64)
        texels = np.concatenate([_LAND, *levels])
        return cls(
            texels,
            flat.reshape(sizes.shape).astype(np.int64),
            np.array([[level.shape[:2] for level in w.levels] for w in worlds], np.int64),
            np.array([world.origin for world in worlds], np.float64),
            np.concatenate([road.ravel() for road in roads]),
            np.concatenate([[0], np.cumsum([road.size for road in roads])[:-1]]).astype(np.int64),
            np.array([road.shape for road in roads], np.int64),
            np.stack([np.cos(sun), np.sin(sun)], axis=1),
            texels.view(np.uint32)[:, 0],
            *gather_posts(worlds),
        )

    def levels(self, world: int) -> tuple[NDArray[np.uint8], ...]:
        """The mip pyramid of a world, each (R, C, 4), as views of this atlas."""
        return tuple(
            self.texels[first : first + rows * columns].reshape(rows, columns, 4)
            for first, (rows, columns) in zip(self.offset[world], self.shape[world], strict=True)
        )


class RouteTable(NamedTuple):
    """R routes in flat arrays, one point a metre, for kernels."""

    x: NDArray[np.float64]  # (N,) m
    y: NDArray[np.float64]  # (N,) m
    yaw: NDArray[np.float64]  # (N,) rad, unwrapped along each route
    curvature: NDArray[np.float64]  # (N,) 1/m
    speed: NDArray[np.float64]  # (N,) m/s that suits the curve
    width: NDArray[np.float64]  # (N,) m, of the lane
    command: NDArray[np.uint8]  # (N,) what a navigator tells there
    offset: NDArray[np.int64]  # (R + 1,) of a route's first point

    @classmethod
    def of(cls, routes: "Sequence[Route]") -> "RouteTable":
        """The routes in one table; a state's `route` is the index in this sequence."""
        columns = [
            np.concatenate([getattr(route, name) for route in routes]) for name in cls._fields[:-1]
        ]
        lengths = [len(route.x) for route in routes]
        offset = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        x, y, yaw, curvature, speed, width, command = columns
        return cls(x, y, yaw, curvature, speed, width, command, offset)
