"""What stands around a vehicle of highway-env: the world beside its roads, and other vehicles.

highway-env is y-down; everything that leaves this module is right-handed. Its networks have no
scenery and its vehicles no colours or heights: a seed decides those.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import TypeVar

import numpy as np
from highway_env.road.road import RoadNetwork
from highway_env.vehicle.kinematics import Vehicle
from highway_env.vehicle.objects import Landmark, RoadObject
from numpy.typing import NDArray

from drivecnn_envs.boxes import Box, Kind
from drivecnn_envs.maps.highway import crop_network, mirror_network
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.noise import mix
from drivecnn_envs.roads import TownNetwork
from drivecnn_envs.shapes import height_of
from drivecnn_envs.states import Atlas
from drivecnn_envs.world import MARGIN, build_world

Array = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

WHOLE_AREA = 230_000.0  # m2, a larger world is built in pieces around the vehicle
PIECE_REACH = 280.0  # m from a piece's middle to its sides
PIECE_STEP = 100.0  # m between the middles of pieces
KEPT_WORLDS = 6


class Surroundings:
    """The world around the road network of the present episode; earlier ones are remembered."""

    def __init__(self, seed: int) -> None:
        """Start with no world; `seed` decides about everything that the roads leave open."""
        self._seed = seed
        self._networks: OrderedDict[str, TownNetwork] = OrderedDict()
        self._atlases: OrderedDict[tuple[str, tuple[float, ...]], Atlas] = OrderedDict()
        self._key = ""
        self._points: Array = np.empty((0, 2))  # m, of all lanes
        self._middles: dict[int, Array] | None = None  # of each vehicle's piece, None if one is all

    def begin(self, source: RoadNetwork) -> TownNetwork:
        """The mirror of the network of a new episode."""
        self._key = repr(source.to_config())
        if self._key not in self._networks:
            self._networks[self._key] = mirror_network(source, "highway-env")
        network = _recent(self._networks, self._key)
        self._points = np.concatenate([lane.points for lane in network.lanes.values()])
        whole = np.prod(np.ptp(self._points, axis=0) + 2 * MARGIN) <= WHOLE_AREA
        self._middles = None if whole else {}
        return network

    def atlas(self, vehicle: int, position: Array) -> Atlas:
        """The world around the position (2,) [m] of a vehicle, built if it is not remembered.

        Worlds of up to `WHOLE_AREA` are built whole. Of larger ones a piece is built, and another
        one once the vehicle is `PIECE_STEP` from its middle: roads end beyond what cameras see.
        """
        network = self._networks[self._key]
        place: tuple[float, ...] = ()
        if self._middles is not None:
            middle = self._middles.get(vehicle)
            if middle is None or np.abs(position - middle).max() > PIECE_STEP:
                middle = self._middles[vehicle] = self._piece_at(position)
            place = tuple(middle.tolist())
        if (self._key, place) not in self._atlases:
            if place:
                corner = np.array(place) - PIECE_REACH
                network = crop_network(network, corner, corner + 2 * PIECE_REACH)
            self._atlases[self._key, place] = Atlas.of([build_world(network, self._seed)])
        return _recent(self._atlases, (self._key, place))

    def _piece_at(self, position: Array) -> Array:
        """The middle (2,) [m] of the piece to show at a position: on the grid, near a road."""
        nearest = np.argmin(((self._points - position) ** 2).sum(axis=1))
        return np.asarray(np.round(self._points[nearest] / PIECE_STEP) * PIECE_STEP)


def _recent(store: OrderedDict[Key, Value], key: Key) -> Value:
    """The value of a key, now the youngest; values beyond `KEPT_WORLDS` are forgotten."""
    store.move_to_end(key)
    while len(store) > KEPT_WORLDS:
        store.popitem(last=False)
    return store[key]


class Crowd:
    """The vehicles and obstacles of one episode; each keeps its colour."""

    def __init__(self, seed: int) -> None:
        """Nobody has been seen yet; `seed` decides about colours and shapes."""
        self._seed = np.uint64(seed)
        self._numbers: dict[RoadObject, int] = {}  # also keeps them, so that no two share an id

    def around(self, ego: RoadObject, others: Iterable[RoadObject]) -> list[Box]:
        """What stands around a vehicle as far as the cameras see, without itself."""
        boxes = []
        for thing in others:
            number = self._numbers.setdefault(thing, len(self._numbers))
            reach = FAR_DEPTH + thing.LENGTH
            if thing is not ego and np.abs(thing.position - ego.position).max() < 1.5 * reach:
                boxes.append(_box(thing, int(mix(self._seed, number))))
        return boxes


def _box(thing: RoadObject, seed: int) -> Box:
    """A vehicle, obstacle or landmark as a box."""
    kind = Kind.OBSTACLE
    if isinstance(thing, Vehicle):
        kind = Kind.VEHICLE
    elif isinstance(thing, Landmark):
        kind = Kind.LANDMARK
    x, y = thing.position
    size = thing.LENGTH, thing.WIDTH, height_of(kind, thing.LENGTH, seed)
    return Box(float(x), -float(y), -float(thing.heading), *size, seed, kind)
